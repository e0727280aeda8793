"""What a user sees: every page opens alive, trains, scrubs, keeps a zoom, stops, is shared; in real Chromium."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from explainer.charts.panel import fill
from explainer.charts.subject import subject
from explainer.charts.theme import DIVERGING
from explainer.lenses.hidden_states.panels import output_panel, path_panel, states_panel
from explainer.player.annotate import Annotator
from explainer.runs.store import Store
from explainer.runs.tape_file import load_tape

Visit = Callable[..., Page]
PROJECT = Path(__file__).resolve().parents[2]

LESSONS = (
    "hidden-states",
    "gates",
    "gradients",
    "microscope",
    "jacobian",
    "fixed-points",
    "memory-horizon",
    "surgery",
    "attention",
    "heads",
    "layers",
    "positions",
    "beyond-the-length",
)
STILL = ("memory-horizon", "beyond-the-length", "runs")
"""Of sweeps, and of the list; what moves is opened in test_one_moment.py."""
DARK = ("hidden-states", "attention", "positions")
#: Small runs that go on for as long as a test watches them; no two alike, since who asks for the same one shares it.
QUICK = {
    "hidden-states": "task=adding&model=gru&length=20&width=17&steps=20000&seed=5",
    "gradients": "task=adding&length=20&width=17&steps=20000&seed=6",
    "attention": "length=24&width=32&steps=20000&seed=5",
}


def plotted(page: Page) -> None:
    """Wait until a figure is drawn."""
    page.locator(".unrolled-player .plot .main-svg").first.wait_for()


def shown_step(page: Page) -> int:
    """The step that the first figure shows."""
    return int(page.evaluate("Number(document.querySelector('.unrolled-player .plot').dataset.step ?? -1)"))


def wait_for_step(page: Page, condition: str) -> None:
    """Wait until `condition`, JavaScript in `step`, holds of the first figure's step."""
    page.wait_for_function(
        f"() => {{ const step = Number(document.querySelector('.unrolled-player .plot')?.dataset.step ?? -1);"
        f" return {condition}; }}"
    )


PICTURE = (
    '((id) => JSON.stringify(document.querySelector(`figure[data-figure="${id}"] .plot`).data'
    ".map((trace) => [trace.x, trace.y, trace.z && Array.from(trace.z, (row) => Array.from(row))])))"
)


def trains(page: Page) -> None:
    """Press Train and wait until the first figure shows the run that trains, not the recorded one any more."""
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile("run="))
    page.wait_for_function("() => document.querySelector('.unrolled-player .step')?.textContent.includes('training')")
    wait_for_step(page, "step > 3")


def picture(page: Page, figure: str) -> str:
    """The arrays of a figure's traces, as text: what the picture is made of."""
    return str(page.evaluate(PICTURE, figure))


def first_figure(page: Page) -> str:
    return str(page.evaluate("document.querySelector('.unrolled-player figure').dataset.figure"))


@pytest.mark.parametrize(("name", "theme"), [*((name, "light") for name in STILL), *((name, "dark") for name in DARK)])
def test_a_page_opens_alive_and_without_a_complaint(
    app: str, visit: Visit, complaints: list[str], name: str, theme: str
) -> None:
    page = visit(f"{app}/{name}", theme=theme)
    if name != "runs":
        plotted(page)
    page.locator("h1").first.wait_for()
    expect(page.locator(".stException")).to_have_count(0)
    assert complaints == []


#: The colours of a table's cells: as the sketch painted them, at the places where plotly puts the cells.
CELLS = """(id) => {
  const { plot, canvas } = window.held[id];
  const { xaxis, yaxis, _size } = plot._fullLayout;
  const z = plot._fullData[0].z;
  const density = canvas.width / parseFloat(canvas.style.width);
  const pen = canvas.getContext("2d");
  return z.map((row, y) => Array.from(row, (value, x) => {
    const [left, top] = [_size.l + xaxis.d2p(x), _size.t + yaxis.d2p(y)];
    return [value, ...pen.getImageData(Math.round(left * density), Math.round(top * density), 1, 1).data];
  }));
}"""


def test_a_figure_is_sketched_while_plotly_is_on_its_way(app: str, visit: Visit, complaints: list[str]) -> None:
    page = visit("about:blank")
    waiting: list[Route] = []
    page.route("**/api/plotly*", lambda route: waiting.append(route))
    page.goto(f"{app}/hidden-states?step=300")
    page.locator(".unrolled-player .sketch").first.wait_for()
    reading = page.locator('figure[data-figure="states"] figcaption').text_content()
    assert shown_step(page) == 300
    page.evaluate(
        """() => {
          const plot = document.querySelector('figure[data-figure="states"] .plot');
          window.held = { states: { plot, canvas: plot.querySelector("canvas") } };
        }"""
    )
    waiting[0].continue_()
    plotted(page)
    expect(page.locator(".sketch")).to_have_count(0)
    assert page.locator('figure[data-figure="states"] figcaption').text_content() == reading
    for value, *colour in (cell for row in page.evaluate(CELLS, "states") for cell in row):
        wanted = [
            np.interp(value, np.linspace(-1, 1, 5), [int(stop[1][at : at + 2], 16) for stop in DIVERGING])
            for at in (1, 3, 5)
        ]
        assert np.abs(np.array(colour[:3]) - wanted).max() < 4, (value, colour)
        assert colour[3] == 255
    assert complaints == []


@pytest.mark.parametrize("name", ["hidden-states", "gradients", "attention"])
def test_a_recorded_run_plays_at_once(app: str, visit: Visit, name: str) -> None:
    page = visit(f"{app}/{name}")
    plotted(page)
    first = shown_step(page)
    wait_for_step(page, f"step > {first}")


@pytest.mark.parametrize("name", sorted(QUICK))
def test_train_moves_the_picture_and_stop_stops(app: str, visit: Visit, complaints: list[str], name: str) -> None:
    page = visit(f"{app}/{name}?{QUICK[name]}")
    plotted(page)
    trains(page)
    figure = first_figure(page)
    for _ in range(2):  # away from the recorded run's picture, then from one of its own
        before = picture(page, figure)
        page.wait_for_function(f"([id, old]) => {PICTURE}(id) !== old", arg=[figure, before], polling=200)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Train again")).to_be_visible()
    assert complaints == []


def test_pause_one_step_and_another_learning_rate(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?task=adding&model=gru&width=13&length=20&steps=20000&seed=11")
    plotted(page)
    trains(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Go on").wait_for()
    page.get_by_role("button", name="Live").click()
    paused = _settled_step(page)
    page.get_by_role("button", name="One step").click()
    wait_for_step(page, f"step == {paused + 1}")
    page.get_by_role("button", name="Go on").click()
    wait_for_step(page, f"step > {paused + 5}")
    page.get_by_role("slider", name="Learning rate").press("ArrowRight")
    expect(page.get_by_text("Learning rate 0.01 from here on")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()


def _settled_step(page: Page) -> int:
    """The step once two polls have brought nothing new."""
    deadline = time.monotonic() + 20
    last = -1
    while time.monotonic() < deadline:
        with page.expect_response(re.compile("/api/tape/")):
            pass
        with page.expect_response(re.compile("/api/tape/")):
            pass
        now = shown_step(page)
        if now == last:
            return now
        last = now
    raise AssertionError("the run goes on though it is paused")


def test_a_run_that_diverges_at_once_says_so_in_sight_and_leaves_nothing_to_stop(app: str, visit: Visit) -> None:
    page = visit(
        f"{app}/hidden-states?model=rnn_relu&optimizer=sgd&lr=10&clip=0&init=gaussian&radius=2&length=50&seed=9&width=19"
    )
    plotted(page)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".unrolled-player .note")).to_contain_text(re.compile(r"diverged at step \d"))
    expect(page.locator(".unrolled-player .note")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("memory-horizon", "lengths=5,7&networks=gru&steps=60&seed=41"),
        ("beyond-the-length", "seeds=41&encodings=alibi,none&steps=20&warmup=1&length=16"),
    ],
)
def test_a_sweep_trains_in_sight_from_nothing_on(
    app: str, visit: Visit, complaints: list[str], name: str, query: str
) -> None:
    """Its charts are empty at first, and have a line when the first networks have ended."""
    page = visit(f"{app}/{name}?{query}")
    plotted(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile("sweep="))
    expect(page.get_by_text("All 2 runs are done.")).to_be_visible()
    page.wait_for_function(
        "() => document.querySelector('.unrolled-player .plot')?.data?.some((trace) => trace.y?.filter(Number.isFinite).length)"
    )
    assert complaints == []


def test_scrubbing_changes_the_picture_and_the_address(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states")
    plotted(page)
    slider = page.get_by_role("slider", name="Training step")
    slider.press("Home")
    wait_for_step(page, "step == 0")
    start = picture(page, "states")
    slider.press("End")
    wait_for_step(page, "step > 100")
    assert picture(page, "states") != start
    page.wait_for_url(re.compile(r"step=\d+"))


def test_a_zoom_survives_the_next_ten_frames(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states")
    plotted(page)
    page.get_by_role("slider", name="Training step").press("Home")
    wait_for_step(page, "step == 0")
    box = page.locator('figure[data-figure="states"] .nsewdrag').first.bounding_box()
    assert box
    axis_range = "() => document.querySelector('figure[data-figure=\"states\"] .plot')._fullLayout.xaxis.range.map((v) => v.toFixed(6)).join()"
    whole = page.evaluate(axis_range)
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.7, steps=5)
    page.mouse.up()
    page.wait_for_function(f"(whole) => ({axis_range})() !== whole", arg=whole)
    zoomed = page.evaluate(axis_range)
    for _ in range(10):
        before = shown_step(page)
        page.get_by_role("button", name="One frame on").click()
        wait_for_step(page, f"step > {before}")
    assert page.evaluate(axis_range) == zoomed
    low, high = (float(edge) for edge in zoomed.split(","))
    assert high - low < 20, "the drag did not zoom"


def test_a_shared_address_shows_the_same_run_at_the_same_step(app: str, visit: Visit) -> None:
    mine = visit(f"{app}/hidden-states?task=adding&model=lstm&width=7&length=12&steps=40&seed=3")
    plotted(mine)
    mine.get_by_role("button", name="Train", exact=True).click()
    mine.wait_for_url(re.compile("run="))
    wait_for_step(mine, "step == 40")
    mine.get_by_role("slider", name="Training step").press("Home")
    mine.get_by_role("button", name="One frame on").click()
    mine.wait_for_url(re.compile(r"[?&]step=[1-9]"))
    step = int(re.findall(r"[?&]step=(\d+)", mine.url)[0])
    wait_for_step(mine, f"step == {step}")
    theirs = visit(mine.url)
    plotted(theirs)
    wait_for_step(theirs, f"step == {step}")
    assert picture(theirs, "states") == picture(mine, "states")
    expect(theirs.get_by_role("slider", name="Learning rate")).to_be_visible()


def test_the_picture_is_what_python_fills_in(app: str, visit: Visit, tmp_path: Path) -> None:
    """The player's own filling of slots against `charts.panel.fill`, on the tape that ships."""
    store = Store(tmp_path)
    run = store.run(load_tape(store, PROJECT / "tapes" / "lesson-hidden.tape"))
    assert run is not None
    reel = Annotator(store).reel(run, ["hidden_states"])
    step = store.steps(run.id, "view:hidden_states")[31]
    page = visit(f"{app}/hidden-states?step={step}")
    plotted(page)
    wait_for_step(page, f"step == {step}")
    seen = subject(run.config, run.meta)
    for panel in (states_panel(seen, "light"), path_panel(seen, "light"), output_panel(seen, "light")):
        ours = fill(panel, [reel], step)["data"]
        theirs = json.loads(picture(page, panel.id))
        for trace, (x, y, z) in zip(ours, theirs, strict=True):
            for name, shown in (("x", x), ("y", y), ("z", z)):
                if name in trace:
                    np.testing.assert_allclose(np.array(shown), np.array(trace[name]), atol=2e-6, err_msg=panel.id)


def test_an_own_input_is_answered_at_any_step_and_nonsense_with_a_sentence(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?step=0")
    plotted(page)
    box = page.get_by_role("textbox", name="Your own input")
    box.fill("0.25 0.5* 0.75 1*")
    box.press("Enter")
    columns = "() => document.querySelector('figure[data-figure=\"states\"] .plot').data[0].z[0].length"
    page.wait_for_function(f"() => ({columns})() === 4")
    start = picture(page, "states")
    page.get_by_role("slider", name="Training step").press("End")
    page.wait_for_function(f"(old) => ({columns})() === 4 && {PICTURE}('states') !== old", arg=start)
    page.wait_for_url(re.compile("input="))
    box.fill("<b>no numbers</b>")
    box.press("Enter")
    expect(page.locator(".unrolled-player .note")).to_contain_text("number")
    expect(page.locator(".unrolled-player .note")).to_be_in_viewport(ratio=1)
    page.wait_for_function(f"() => ({columns})() === 30")


def test_heads_answer_an_own_sequence_at_every_kept_moment_as_dots(app: str, visit: Visit) -> None:
    page = visit(f"{app}/heads?step=800&score=6")
    plotted(page)
    score = "document.querySelector('figure[data-figure=\"score\"] .plot')"
    ends = f"{score}.layout.yaxis.range"
    page.wait_for_function(f"() => {score}?.data?.some((trace) => trace.mode === 'lines' && trace.x?.length > 20)")
    box = page.get_by_role("textbox", name="Your own input")
    box.fill("0 3 1 2 0 3 1 2 0 3")
    box.press("Enter")
    caption = page.locator('figure[data-figure="score"] figcaption')
    expect(caption).to_contain_text("step 800, on your own sequence of 10 (the dots): highest Δloss without the head")
    dots = f"{score}.data.filter((trace) => trace.mode === 'markers')"
    # Not the present moment alone: the others are asked by and by.
    asked_ahead = f"() => {dots}.length > 8 && {dots}.every((trace) => trace.x.length > 2 && trace.x.at(-1) === 800)"
    for _ in range(9):  # a slow answer ends the asking ahead; the same question again finds it answered, and goes on
        try:
            page.wait_for_function(asked_ahead, timeout=7_000)
            break
        except PlaywrightTimeout:
            for text in ("", "0 3 1 2 0 3 1 2 0 3"):
                box.fill(text)
                box.press("Enter")
    page.wait_for_function(asked_ahead)
    values, (low, high) = page.evaluate(f"{dots}.flatMap((trace) => trace.y)"), page.evaluate(ends)
    assert low < min(values) < max(values) < high, "the axis of the tape is widened to hold them"
    page.wait_for_url(re.compile("input=0"))
    box.fill("1 2")
    box.press("Enter")
    page.get_by_role("combobox", name="Score").select_option("0")
    expect(caption).to_contain_text("no induction score, for nothing comes twice here")
    box.fill("")
    box.press("Enter")
    expect(caption).not_to_contain_text("own")
    page.wait_for_function(f"() => {dots}.every((trace) => trace.x.length === 0)")


def test_a_pinned_moment_is_taken_off_the_later_ones(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?step=0")
    plotted(page)
    wait_for_step(page, "step == 0")
    page.get_by_role("button", name="Pin", exact=True).click()
    every = "() => [].concat(...document.querySelector('figure[data-figure=\"states\"] .plot').data[0].z.map((r) => Array.from(r)))"
    page.wait_for_function(f"() => ({every})().every((value) => value === 0)")
    page.get_by_role("slider", name="Training step").press("End")
    page.wait_for_function(f"() => ({every})().some((value) => Math.abs(value) > 0.1)")
    values = [value for row in json.loads(picture(page, "states"))[0][2] for value in row]
    said = page.locator('figure[data-figure="states"] figcaption').text_content()
    assert said is not None
    told = re.findall(r"minus step 0, from (\S+) to (\S+):", said)
    assert [float(each) for each in told[0]] == pytest.approx([min(values), max(values)], rel=0.06)
    page.wait_for_url(re.compile("against=%400"))
    page.get_by_role("combobox", name="How to compare").select_option("beside")
    page.locator('figure[data-figure="states-compared"] .main-svg').first.wait_for()


def test_tables_of_two_sizes_are_not_taken_from_each_other_and_it_is_said(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?step=700&against=lesson-gradients-gru")
    plotted(page)
    caption = page.locator('figure[data-figure="states"] figcaption')
    expect(caption).to_contain_text(
        "Not compared: the table of GRU · length 50 · steps 800 is 32 × 50, that of GRU · length 30 · steps 700 32 × 30."
    )
    expect(page.get_by_role("button", name="Compared with GRU · length 50 · steps 800")).to_be_visible()


def test_a_text_from_a_user_is_never_markup(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?model=<img src=x onerror=window.hacked=1>")
    plotted(page)
    expect(page.get_by_text("is not known", exact=False)).to_be_visible()
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize(
    ("former", "path", "query"),
    [
        ("horizon", "memory-horizon", "lengths=5,7&networks=gru&horizon-score=Right+answers"),
        ("extrapolation", "beyond-the-length", "seeds=41&encodings=none,alibi&steps=20&warmup=1&length=16&note=a%26b"),
    ],
)
def test_an_address_of_before_leads_on_with_all_that_it_holds(
    app: str, visit: Visit, former: str, path: str, query: str
) -> None:
    page = visit(f"{app}/{former}?{query}")
    page.wait_for_url(re.compile(f"/{path}[?]"))
    plotted(page)
    assert parse_qs(query).items() <= parse_qs(urlparse(page.url).query).items()
    page.go_back()
    page.goto(f"{app}/{former}")
    page.wait_for_url(re.compile(f"/{path}$"))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("lr=0", "Choose a value above 0"),
        ("lr=NaN", "must be a finite number"),
        ("width=1e9", "must be a whole number"),
        ("run=0000000000000000", "not recorded here"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_a_sentence(app: str, visit: Visit, query: str, said: str) -> None:
    page = visit(f"{app}/hidden-states?{query}")
    plotted(page)
    expect(page.get_by_text(said, exact=False)).to_be_visible()
    expect(page.locator(".stException")).to_have_count(0)
