"""The box for an own input in Chromium: its examples, what is said of an input of another kind, and the last tile of Layers."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect


def answered(page: Page) -> None:
    """Wait until the own input is answered; a worker that was too slow is asked again."""
    box = page.get_by_role("textbox", name="Your own input")
    text = box.input_value()
    for _ in range(6):
        page.wait_for_function(
            "() => document.querySelector('.unrolled-player .note').textContent.includes('No answer')"
            " || document.querySelector('figure[data-figure=\"logit-lens\"] figcaption').textContent.includes('no colour')"
        )
        if "No answer" not in page.locator(".unrolled-player .note").inner_text():
            return
        for again in ("", text):
            box.fill(again)
            box.press("Enter")


def test_what_is_drawn_until_the_answer_comes_is_greyed_and_says_so(app: str, visit: Callable[..., Page]) -> None:
    page = visit(f"{app}/hidden-states?step=700")
    states, loss = (page.locator(f"figure[data-figure={name}]") for name in ("states", "loss"))
    source = states.locator(".source")
    expect(source).to_have_text("recorded · step 700 · GRU, 32 units")
    waiting: list[Route] = []
    page.route("**/api/look/**", lambda route: waiting.append(route))
    box = page.get_by_role("textbox", name="Your own input")
    box.fill("0.25 0.5* 0.75 1*")
    box.press("Enter")
    expect(source).to_have_text("asking the network … · recorded · step 700")
    expect(states.locator(".plot")).to_have_css("filter", "grayscale(1)")
    expect(loss.locator(".plot")).to_have_css("filter", "none")
    waiting[0].continue_()
    expect(source).to_have_text("computed now · your input · step 700 · GRU, 32 units")
    expect(states.locator(".plot")).to_have_css("filter", "none")


def test_examples_are_of_the_kind_of_training_and_what_is_not_is_said_beside_the_answer(
    app: str, visit: Callable[..., Page], complaints: list[str]
) -> None:
    page = visit(f"{app}/layers?step=800")
    box, note = page.get_by_role("textbox", name="Your own input"), page.locator(".unrolled-player .note")
    sentence = page.get_by_text("Transformer, 2 blocks, step 800: mean loss")
    expect(sentence).to_contain_text("The last column is held against 8, the symbol that follows those shown.")
    button = page.get_by_role("button", name="Example", exact=True)
    button.click()
    expect(box).not_to_have_value("")
    answered(page)
    expect(sentence).to_contain_text("The last column has no colour: nobody knows which symbol comes next.")
    expect(note).to_be_hidden()
    first = box.input_value()
    assert len(first.split()) > 24, "a period of at least 12, twice"
    button.click()
    expect(box).not_to_have_value(first)
    box.fill("7 2 9 4 7 2 9 4 7")
    box.press("Enter")
    answered(page)
    expect(note).to_have_text(
        "Unlike in training, your input has a repetition after 4 symbols instead of 12 to 24: the answer tells how the "
        "network goes beyond what it was trained on, not how well it learnt. computed now · your input"
    )
    page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].some(({data}) => data[0].z?.length === 3"
        " && data[0].z[0].length === 9 && data[0].z.every((row) => !Number.isFinite(row[8]) && Number.isFinite(row[7]))"
        " && data.at(-1).text.join('') === '29472947?')"
    )
    box.fill("7 2 9 4 x")
    box.press("Enter")
    expect(note).to_have_text("'x' is not a symbol. Use 0 to 31.")
    box.fill("")
    box.press("Enter")
    expect(note).to_be_hidden()
    expect(sentence).to_contain_text("held against 8")
    assert not [each for each in complaints if "422" not in each and "503" not in each]
