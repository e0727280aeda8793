"""Controls and picture in Chromium: greyed while they disagree, links that start their runs, marks, and comparisons in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import torch
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]

LOSS = """() => {
  const { data } = document.querySelector('figure[data-figure="loss"] .plot');
  const mark = data.find((trace) => trace.yaxis === "y2");
  return { mark: Array.from(mark.x), text: Array.from(mark.text), steps: Array.from(data[0].x), losses: Array.from(data[0].y) };
}"""


def alive(page: Page) -> None:
    page.locator(".unrolled-player .plot .main-svg").first.wait_for()


def greyed(page: Page) -> str:
    """How the first figure is drawn: "none", or a filter."""
    return str(page.locator(".unrolled-player .plot").first.evaluate("(plot) => getComputedStyle(plot).filter"))


def to_the_end(page: Page) -> None:
    page.locator('.unrolled-player input[type="range"]').evaluate(
        "(bar) => { bar.value = bar.max; bar.dispatchEvent(new Event('input')); }"
    )


def test_a_knob_greys_what_is_shown_and_back_again(app: str, visit: Visit, complaints: list[str]) -> None:
    page = visit(f"{app}/hidden-states")
    alive(page)
    line = page.locator(".unrolled-player .shown")
    expect(line).to_have_text("Recorded: GRU, 32 units · Adding problem, length T 30")
    assert greyed(page) == "none"
    width = page.get_by_role("spinbutton", name="Width")
    width.fill("33")
    width.press("Enter")
    expect(page.get_by_text("Shown: recorded GRU, 32 units. You ask for GRU, 33 units: press Train.")).to_be_visible()
    expect(page.locator(".unrolled-player .grid.stale")).to_have_count(1)
    expect(line).to_contain_text("The controls ask for something else.")
    assert "grayscale(1)" in greyed(page)
    page.get_by_role("button", name="Set the controls to what is shown").click()
    expect(page.locator(".unrolled-player .grid.stale")).to_have_count(0)
    expect(width).to_have_value("32")
    assert greyed(page) == "none"
    assert "run=" not in page.url
    assert complaints == []


def test_a_link_under_try_opens_on_its_own_run(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states")
    alive(page)
    page.get_by_role("tab", name="Try").click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open and train").first.click()
    there = opened.value
    there.wait_for_url(re.compile(r"run=[0-9a-f]{16}"))
    alive(there)
    expect(there.locator(".unrolled-player .shown")).to_have_text(
        "Shown: RNN (tanh), 64 units · Adding problem, length T 50"
    )
    assert "start=" not in there.url
    there.get_by_role("button", name="Stop", exact=True).click()
    expect(there.get_by_role("button", name="Train again")).to_be_visible()


def test_a_pinned_moment_is_said_in_the_title_and_the_sentence(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?step=100")
    alive(page)
    step = int(page.locator(".unrolled-player .plot").first.get_attribute("data-step") or -1)
    title = page.locator('figure[data-figure="states"] :is(h2, h3) > :first-child')
    plain = title.text_content()
    page.get_by_role("button", name="Pin").click()
    to_the_end(page)
    minus = f"step 700 minus step {step}"
    expect(title).to_have_text(f"{plain}: {minus}")
    caption = page.locator('figure[data-figure="states"] figcaption')
    expect(caption).to_contain_text(f"The colours are the difference, {minus}, from ")
    expect(page.locator('figure[data-figure="output"] figcaption')).to_contain_text(f"Faint: step {step}.")
    page.get_by_label("How to compare").select_option("beside")
    titles = page.locator('figure[data-figure^="states"] :is(h2, h3) > :first-child')
    expect(titles).to_have_text([f"{plain}: step 700", f"{plain}: step {step}"])
    page.get_by_role("button", name=f"Compared with step {step}").click()
    expect(title).to_have_text(str(plain))


def test_a_rate_set_by_hand_is_marked_at_its_step_and_the_script_below_repeats_the_run(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?width=11&length=20&batch=16&steps=20000&seed=9")
    alive(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile(r"run=[0-9a-f]{16}"))
    page.wait_for_function("() => Number(document.querySelector('.unrolled-player .plot')?.dataset.step ?? -1) > 5")
    page.get_by_role("slider", name="Learning rate").press("ArrowRight")
    page.get_by_text("Learning rate 0.01 from here on: GRU, 11 units").wait_for()
    page.wait_for_function(
        """() => {
          const { data } = document.querySelector('figure[data-figure="loss"] .plot');
          const [at] = data.find((trace) => trace.yaxis === "y2").x;
          return at !== undefined && data[0].x.at(-1) > at + 5;
        }"""
    )
    page.get_by_role("button", name="Stop", exact=True).click()
    line = page.locator(".unrolled-player .shown")
    expect(line).to_contain_text("Recorded: GRU, 11 units, learning rate 0.01 after step ")
    step = int(re.findall(r"after step (\d+)", line.text_content() or "")[0])
    drawn = page.evaluate(LOSS)
    assert drawn["mark"] == [step, step, step, None]
    assert "".join(drawn["text"]).strip("\u00a0") == "lr 0.01"
    page.get_by_role("tab", name="Code").click()
    script = page.get_by_text(f"rates={{{step}: 0.01}}").first.text_content() or ""
    count = len(drawn["losses"])
    assert drawn["steps"] == list(range(1, count + 1))
    assert count > step + 5
    assert np.array_equal(np.float32(losses_of(script, count)), np.float32(drawn["losses"]))


def losses_of(script: str, count: int) -> list[float]:
    """The first losses that a script of the Code tab prints, with as many threads as it says."""
    assert script.count("print(step.number, step.loss)") == 1
    threads = torch.get_num_threads()
    stop = f"print(step.number, step.loss)\n    if step.number == {count}:\n        break"
    try:
        with redirect_stdout(StringIO()) as out:
            exec(script.replace("print(step.number, step.loss)", stop), {})
    finally:
        torch.set_num_threads(threads)
    return [float(line.split()[1]) for line in out.getvalue().splitlines()]


def test_behind_more_stands_what_the_run_has_also_when_it_is_first_opened_after_training(
    app: str, visit: Visit
) -> None:
    """A closed popover's widgets are drawn when it opens, in a later run of the page than the one that set them."""
    page = visit(f"{app}/hidden-states?length=9&steps=60&width=7&init=orthogonal&clip=0.5")
    alive(page)
    line = page.locator(".unrolled-player .shown")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(line).to_have_text("Recorded: GRU, 7 units · Adding problem, length T 9")
    page.get_by_role("button", name="More", exact=True).click()
    more = page.get_by_test_id("stPopoverBody")
    for name, value in {"Length T": "9", "Layers": "1", "Clip norm at": "0.5", "Steps": "60", "Batch": "64"}.items():
        expect(more.get_by_role("spinbutton", name=name)).to_have_value(value)
    expect(more.get_by_role("combobox", name="Start of W_hh")).to_have_value("orthogonal")
    length = more.get_by_role("spinbutton", name="Length T")
    length.fill("12")
    length.press("Enter")
    expect(page.get_by_text("You ask for")).to_contain_text("length T 12")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(line).to_have_text("Recorded: GRU, 7 units · Adding problem, length T 12")
