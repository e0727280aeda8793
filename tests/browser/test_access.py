"""Who sees little, hears the page or has no mouse: axe-core on every page in both themes, the way to Play, keys, what is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from conftest import as_new
from playwright.sync_api import Browser, Page, expect

from explainer.ui.places import PLACES

Read = Callable[[str], Page]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()

#: What is Streamlit's own: the rule, where it is found, and why it is not ours to mend.
STREAMLITS = {
    ("region", '[role="listbox"]'): "The list of a select box is put behind the page, outside its landmarks.",
    ("region", ':is(#stFloatingOverlayPortal, [data-floating-ui-portal]):has([role="tooltip"])'): "So is the help of a button that the mouse is over.",
    ("aria-dialog-name", '[data-testid="stToast"]'): "A toast is an alertdialog that is named by a title which st.toast has no way to give.",
}  # fmt: skip
WITHOUT_PLAY = {"memory-horizon", "beyond-the-length", "runs"}
"""Pages where nothing moves in time."""
TABS = 10

#: Without what a picture is made of, which has one name and one sentence; its colours are in tests/test_settings.py.
RUN_AXE = """async ([rules, streamlits]) => {
  const options = { resultTypes: ["violations"], ...(rules.length ? { runOnly: { type: "rule", values: rules } } : {}) };
  const { violations } = await axe.run({ exclude: [".main-svg > *"] }, { ...options, rules: { "target-size": { enabled: !rules.length } } });
  const found = { ours: [], streamlits: [] };
  for (const { id, nodes } of violations)
    for (const { target, html, any, all, none } of nodes) {
      const element = document.querySelector(target[0]);
      const known = streamlits.findIndex(([rule, where]) => rule === id && element?.matches(where));
      if (known >= 0) found.streamlits.push(known);
      else found.ours.push(`${id}: ${html.slice(0, 200)} (${[...any, ...all, ...none][0]?.message})`);
    }
  return found;
}"""
FOCUSED = "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"


@pytest.fixture(scope="module")
def still(chromium: Browser) -> Iterator[Page]:
    """A page with axe-core in it, on which nothing moves by itself."""
    context = chromium.new_context(bypass_csp=True)  # axe makes scripts from texts
    context.add_init_script(AXE)
    yield context.new_page()
    context.close()


@pytest.fixture
def read(app: str, still: Page) -> Iterator[Read]:
    """Open a page of the app as somebody who was never there, standing still: read(path)."""

    def open_page(path: str) -> Page:
        page = still
        page.set_default_timeout(60_000)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.goto(f"{app}/{path}")
        page.locator("h1").first.wait_for()
        if path.partition("?")[0] != "runs":
            drawn(page)
        return page

    yield open_page
    as_new(still)


def drawn(page: Page) -> None:
    """Wait until each figure is plotly's, and Streamlit has nothing to do."""
    page.wait_for_function(
        "() => { const plots = [...document.querySelectorAll('.unrolled-player .plot')];"
        " return plots.length && plots.every((plot) => plot.querySelector('.main-svg'))"
        " && document.querySelector('.stApp').dataset.testScriptState !== 'running'; }"
    )


def axe(page: Page, *rules: str) -> dict[str, list[Any]]:
    """What axe finds: sentences on what is ours, and the numbers of what is in `STREAMLITS`.

    Args:
        rules: to be tried; all where there are none.
    """
    page.wait_for_function(  # a popover fades in
        "() => document.getAnimations().every((each) => each.playState !== 'running'"
        " || each.effect.getComputedTiming().iterations === Infinity)"
    )
    found: dict[str, list[Any]] = page.evaluate(RUN_AXE, [list(rules), list(STREAMLITS)])
    return found


def darkened(page: Page) -> None:
    """Change the system to dark, and wait until Streamlit, the stylesheet and the figures have followed."""
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.wait_for_function(
        """() => {
          const background = (selector) => getComputedStyle(document.querySelector(selector)).backgroundColor;
          const seen = (plot) => plot.closest("figure").panel.visible; // others are drawn when they come into sight
          const plots = [...document.querySelectorAll(".unrolled-player .plot")].filter(seen);
          const button = document.querySelector("[data-testid=stBaseButton-primary] p");
          return background(".stApp") === "rgb(17, 22, 29)" && plots.every((plot) => plot.layout?.font.color === "#E6EAF0")
            && (!button || getComputedStyle(button).color === "rgb(17, 22, 29)");
        }"""
    )


def presses_to_play(page: Page) -> int:
    """How many keys a person presses from the page's beginning until Play has the focus: Tab, and Enter on a link to it."""
    for pressed in range(1, TABS + 1):
        link = page.evaluate(FOCUSED) == "Skip to the player"
        page.keyboard.press("Enter" if link else "Tab")
        if page.evaluate(FOCUSED) == "Play the recording":
            return pressed
    raise AssertionError(f"after {TABS} keys the focus is on {page.evaluate(FOCUSED)}")


@pytest.mark.parametrize("path", [place.path for place in PLACES])
def test_axe_finds_nothing_of_ours_in_either_theme_and_play_is_near(read: Read, path: str) -> None:
    page = read(path)
    if path not in WITHOUT_PLAY:
        assert presses_to_play(page) <= TABS
    else:
        expect(page.get_by_role("button", name="Play the recording")).to_have_count(0)
    assert axe(page)["ours"] == []
    assert page.locator(".unrolled-player .plot").locator("button, a, [tabindex]").evaluate_all(
        "(each) => each.filter((stop) => stop.tabIndex >= 0).length"
    ) == 0, "a chart's own buttons are no stops of Tab"  # fmt: skip
    darkened(page)
    assert axe(page, "color-contrast")["ours"] == []
    assert ("Unrolled" if not path else next(place.title for place in PLACES if place.path == path)) in page.title()


def test_axe_finds_nothing_of_ours_in_what_opens_and_all_that_is_excused(app: str, read: Read) -> None:
    excused: set[int] = set()

    def look(page: Page) -> None:
        found = axe(page)
        assert found["ours"] == []
        excused.update(found["streamlits"])

    page = read("hidden-states")
    page.get_by_role("button", name="More").hover()
    page.wait_for_function(
        "() => { const tip = document.querySelector('[role=tooltip]'); return tip && getComputedStyle(tip).opacity === '1'; }"
    )
    look(page)
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Pin", exact=True).click()
    page.get_by_role("tab", name="Math").click()
    page.locator(".katex").first.wait_for()
    page.get_by_role("button", name="More").click()
    page.locator("[data-floating-ui-portal] [data-testid=stNumberInput]").first.wait_for()
    look(page)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Code").click()
    page.locator(".stCode").first.wait_for()
    for _ in range(10):  # a list that opens while Streamlit makes the page anew is closed again
        page.get_by_role("combobox", name="Task").press("ArrowDown")
        page.wait_for_timeout(1000)
        if page.locator("[role=listbox]").count():
            break
    expect(page.locator("[role=listbox]").first).to_be_visible()
    look(page)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Try").click()
    page.get_by_role("button", name="Answer").first.click()
    look(page)
    page = read("attention")
    page.locator('figure[data-figure="map"] .nsewdrag').first.click()
    page.get_by_text("This cell is written out below").wait_for()
    look(page)
    page = read("runs?run=lesson-gradients-gru,lesson-gradients-lstm")
    drawn(page)
    page.get_by_test_id("stExpander").locator("summary").click()
    look(page)
    darkened(page)
    look(page)
    page.goto(f"{app}/hidden-states")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_function("() => new URL(location).searchParams.has('run')")
    page.goto(f"{app}/runs?{urlsplit(page.url).query}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").wait_for()
    look(page)
    assert excused == set(range(len(STREAMLITS))), "what no longer occurs goes from the list"


def test_axe_would_find_what_is_ours_also_where_streamlit_is_excused(read: Read) -> None:
    page = read("hidden-states")
    page.get_by_role("button", name="More").click()
    page.locator("[data-floating-ui-portal] [data-testid=stNumberInput]").first.wait_for()
    page.evaluate(
        """() => {
          const button = document.createElement("button");
          document.querySelector("[data-floating-ui-portal] [data-testid=stVerticalBlock]").append(button);
          const caption = document.querySelector(".unrolled-player figcaption");
          caption.style.color = "#999999";
          caption.after(document.createElement("h6"));
          document.querySelector(".unrolled-player h6").textContent = "too deep";
        }"""
    )
    rules = sorted({sentence.partition(":")[0] for sentence in axe(page)["ours"]})
    assert rules == ["button-name", "color-contrast", "heading-order"]


def test_a_figure_is_a_named_picture_with_its_sentence(read: Read) -> None:
    page = read("hidden-states?step=0")
    title = "Its path through state space"
    figure = page.get_by_role("figure", name=title)
    expect(figure.get_by_role("heading", level=2, name=title)).to_have_count(1)
    picture = figure.get_by_role("img", name=title)
    expect(picture).to_have_count(1)
    expect(picture).to_have_accessible_description(" ".join(figure.locator("figcaption").inner_text().split()))


def step_of(page: Page) -> int:
    """The step that the first player shows, once that is the one that it was asked for."""
    page.wait_for_function("() => document.querySelector('.unrolled-player .bar').dataset.late === 'false'")
    return int(page.evaluate("() => document.querySelector('.unrolled-player .step').textContent.match(/\\d+/)[0]"))


def test_keys_move_the_player_wherever_the_page_has_no_use_for_them(read: Read) -> None:
    page = read("hidden-states?step=0")
    steps = [step_of(page)]
    for key in ("l", "ArrowRight", "l", "ArrowLeft", "j", "j"):
        page.keyboard.press(key)
        steps.append(step_of(page))
    assert steps[0] == steps[-1] == 0
    assert steps[1] < steps[2] < steps[3]
    assert (steps[2], steps[1]) == (steps[4], steps[5])
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Hold the recording")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play the recording")).to_be_visible()
    held = step_of(page)
    for key in ("Control+l", "Alt+l", "Meta+l", "Shift+ArrowRight"):
        page.keyboard.press(key)
    box = page.get_by_role("textbox", name="Your own input")
    box.press("j")
    box.press("ArrowLeft")
    assert box.input_value() == "j"
    box.fill("")
    page.get_by_role("combobox", name="Speed").press("k")
    for role, name, key in (
        ("tab", "Explain", "ArrowRight"),
        ("slider", "Learning rate", "ArrowRight"),
        ("spinbutton", "Width", "ArrowLeft"),
    ):
        page.get_by_role(role, name=name).press(key)  # type: ignore[arg-type]
        page.wait_for_timeout(1000)  # Streamlit answers a while after the key,
        drawn(page)  # and an element that it has just replaced has no focus
    page.get_by_role("button", name="More").click()
    page.locator("[data-floating-ui-portal] [data-testid=stNumberInput]").first.wait_for()
    page.keyboard.press("k")
    page.keyboard.press("Escape")
    assert step_of(page) == held
    expect(page.get_by_role("button", name="Play the recording")).to_be_visible()


def test_the_slider_has_its_keys_and_the_others_can_be_kept_in_the_player(read: Read) -> None:
    page = read("hidden-states?step=0")
    slider = page.get_by_role("slider", name="Training step")
    slider.press("End")
    last = step_of(page)
    slider.press("PageDown")
    assert 0 < step_of(page) < last
    tenth = step_of(page)
    slider.press("ArrowDown")
    assert 0 < step_of(page) < tenth
    slider.press("PageUp")
    slider.press("Home")
    assert step_of(page) == 0
    slider.press("ArrowUp")
    first = step_of(page)
    assert first > 0
    slider.press("Space")
    expect(page.get_by_role("button", name="Hold the recording")).to_be_visible()
    slider.press("Space")
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("checkbox", name="work anywhere").uncheck()
    slider.press("Home")
    page.locator("h1").click()
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("l")
    assert step_of(page) == 0
    page.get_by_role("button", name="Keys").press("l")
    assert step_of(page) == first
    page.reload()
    drawn(page)
    before = step_of(page)
    page.keyboard.press("l")
    assert step_of(page) == before < last, "the browser remembers it"


def test_a_moment_is_told_once_it_stands_still_and_not_while_it_plays(read: Read) -> None:
    page = read("hidden-states?step=0")
    page.evaluate(
        """() => {
          window.told = [];
          const told = document.querySelector(".unrolled-player .told");
          new MutationObserver(() => window.told.push(told.textContent)).observe(told, { childList: true });
        }"""
    )
    slider = page.get_by_role("slider", name="Training step")
    for _ in range(5):
        slider.press("ArrowRight")
    page.wait_for_function("() => window.told.length === 1")
    caption = page.locator("figure[data-figure=states] figcaption > :first-child").inner_text()
    assert page.evaluate("() => window.told[0]") == f"{slider.get_attribute('aria-valuetext')}. {caption}"
    before = step_of(page)
    page.keyboard.press("k")
    page.wait_for_function(
        f"() => Number(document.querySelector('.unrolled-player .step').textContent.match(/\\d+/)[0]) > {before} + 20"
    )
    assert slider.get_attribute("aria-valuetext") == "playing"
    assert page.evaluate("() => window.told.length") == 1
    page.keyboard.press("k")
    page.wait_for_function("() => window.told.length === 2")


def test_the_way_to_the_player_goes_with_it(read: Read) -> None:
    page = read("hidden-states")
    expect(page.locator("#unrolled-skip")).to_have_count(1)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_role("menuitem", name="Runs").or_(page.get_by_role("link", name="Runs")).first.click()
    page.get_by_role("heading", name="What ran here?").wait_for()
    expect(page.locator("#unrolled-skip:not([hidden])")).to_have_count(0)
