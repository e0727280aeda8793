"""One moment on the whole page, at every frame; each sentence says of which step and run it is; the bar names its steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from test_pages import STILL

from explainer.runs.store import Store
from explainer.runs.tape import VIEW
from explainer.runs.tape_file import load_tape
from explainer.ui.places import PLACES

Visit = Callable[..., Page]
PROJECT = Path(__file__).resolve().parents[2]
FRAMES = 50
#: The pages on which something moves by itself.
MOVING = [
    *(place.path for place in PLACES if place.path not in STILL),
    "positions?encoding=Learned",
    "beyond-the-length?run=lesson-positions&step=0",  # it has three moments, which are over soon
]

#: The moments that a player's bar and its figures in sight show, in each of many frames of the screen, and of three moments, from Play on.
SEEN = """(frames) => new Promise((done) => {
  const seen = [];
  const moving = [...document.querySelectorAll(".unrolled-player")].find(
    (player) => player.querySelector(".bar")?.hidden === false && !player.querySelector(".bar").matches(".only"));
  const inSight = (plot) => {
    const { top, bottom, width } = plot.getBoundingClientRect();
    return width && bottom > 0 && top < innerHeight;
  };
  const look = () => {
    const said = moving.querySelector(".step").textContent.match(/\\d+/)?.[0];
    const steps = [...moving.querySelectorAll(".plot")].filter((plot) => plot.dataset.step && inSight(plot)).map((plot) => plot.dataset.step);
    seen.push([said, ...steps]);
    const moments = new Set(seen.map(([step]) => step)).size;
    seen.length < frames || (moments < 3 && seen.length < 60 * frames) ? requestAnimationFrame(look) : done(seen);
  };
  moving.querySelector("button[aria-label='Play the recording']")?.click();
  requestAnimationFrame(look);
})"""
READY = """() => [...document.querySelectorAll(".unrolled-player")].some(
  (player) => player.querySelector(".bar")?.hidden === false && /\\d/.test(player.querySelector(".step").textContent)
    && player.querySelector(".plot .main-svg") && !player.querySelector(".sketch"))"""
WHOLE = "() => document.querySelector('.unrolled-player .plot .main-svg') && !document.querySelector('.sketch')"
STEPS = "[...document.querySelectorAll('.unrolled-player .plot')].map((plot) => plot.dataset.step)"


@pytest.mark.parametrize("path", MOVING)
def test_a_page_opens_without_a_complaint_and_shows_one_moment_at_every_frame(
    app: str, visit: Visit, complaints: list[str], path: str
) -> None:
    page = visit(f"{app}/{path}")
    page.wait_for_function(READY)
    expect(page.locator(".stException")).to_have_count(0)
    page.locator("h1").first.wait_for()
    page.get_by_role("button", name=re.compile("(Play|Hold) the recording")).first.wait_for()
    frames: list[list[Any]] = page.evaluate(SEEN, FRAMES)
    assert len(frames) >= FRAMES
    assert all(len(frame) > 1 for frame in frames)
    assert [frame for frame in frames if len(set(frame)) > 1] == []
    few = path == "glasses"  # whose recordings are of a single update
    assert len({frame[0] for frame in frames}) > (1 if few else 2), "it does not move"
    assert complaints == []


def test_what_is_out_of_sight_follows_when_playing_stops(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states", width=390)
    page.wait_for_function(WHOLE)
    page.wait_for_function(f"() => new Set({STEPS}).size > 1", polling=20)  # while it plays, only what is seen is drawn
    page.get_by_role("button", name="Hold the recording").click()
    page.wait_for_function(f"() => new Set({STEPS}).size === 1", polling=50)
    (step,) = set(page.evaluate(STEPS))
    expect(page.locator(".unrolled-player .step")).to_contain_text(f"step {step} of 700")
    for source in page.locator(".unrolled-player .source").all():
        assert source.text_content() == f"recorded · step {step} · GRU, 32 units"


def test_a_view_of_another_step_says_so_beside_its_title(app: str, visit: Visit, tmp_path: Path) -> None:
    store = Store(tmp_path)
    load_tape(store, PROJECT / "tapes" / "lesson-hidden.tape")
    kept = store.steps("lesson-hidden", VIEW + "hidden_states")
    wanted = next(step for step in range(100, 700) if step not in kept)
    before = max(step for step in kept if step <= wanted)
    page = visit(f"{app}/hidden-states?step={wanted}")
    page.wait_for_function(WHOLE)
    expect(page.locator(".unrolled-player .step")).to_contain_text(f"step {wanted} of")
    states = page.locator("figure[data-figure=states]")
    expect(states.locator(".aside")).to_have_text(f"step {before}")
    expect(states.locator(".source")).to_have_text(f"recorded · step {before} · GRU, 32 units")
    page.get_by_role("slider", name="Training step").press("End")
    expect(states.locator(".source")).to_have_text("recorded · step 700 · GRU, 32 units")
    expect(states.locator(".aside")).to_have_text("")
    box = page.get_by_role("textbox", name="Your own input")
    box.fill("0.3 0.5* 0.1 0.8*")
    box.press("Enter")
    expect(states.locator(".source")).to_have_text("computed now · your input · step 700 · GRU, 32 units")
    store.close()


def test_what_trains_says_so(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?task=adding&model=gru&length=11&width=7&steps=20000&seed=41")
    page.wait_for_function(WHOLE)
    page.get_by_role("button", name="Train", exact=True).click()
    source = page.locator("figure[data-figure=states] .source")
    expect(source).to_have_text(re.compile(r"^training now · step \d+ · GRU, 7 units$"))
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(source).to_have_text(re.compile(r"^recorded · step \d+ · GRU, 7 units$"))


def test_the_bar_names_steps_at_their_places_and_says_that_it_is_not_even(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?step=700")
    page.wait_for_function(WHOLE)
    ticks = page.locator(".unrolled-player .ticks i")
    page.wait_for_function("() => document.querySelectorAll('.unrolled-player .ticks i').length > 4")
    boxes = sorted(
        (int(str(tick.text_content())), tick.bounding_box() or {"x": 0.0, "width": 0.0}) for tick in ticks.all()
    )
    assert [step for step, _ in boxes][:: len(boxes) - 1] == [0, 700]
    assert all(left["x"] + left["width"] < right["x"] for (_, left), (_, right) in pairwise(boxes)), "side by side"
    slider = page.get_by_role("slider", name="Training step")
    assert "not even in steps" in str(slider.get_attribute("title"))
    track = slider.bounding_box()
    assert track is not None
    for step, box in boxes[1:-1]:  # the thumb stands above the name of its step
        before = page.locator(".unrolled-player .step").text_content()
        page.mouse.click(box["x"] + box["width"] / 2, track["y"] + track["height"] / 2)
        page.wait_for_function(
            "(before) => document.querySelector('.unrolled-player .step').textContent !== before"
            " && document.querySelector('.unrolled-player .bar').dataset.late === 'false'",
            arg=before,
        )
        at = int(re.findall(r"\d+", str(page.locator(".unrolled-player .step").text_content()))[0])
        assert abs(at - step) <= max(1, 0.06 * step), (at, step)
