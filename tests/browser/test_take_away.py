"""What a figure gives away: its picture with title, sentence and step, its numbers, and an address that opens as such."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Page, expect
from test_pages import plotted, wait_for_step

from explainer.player.annotate import Annotator
from explainer.runs.store import Store
from explainer.runs.tape_file import load_tape

Visit = Callable[..., Page]
PROJECT = Path(__file__).resolve().parents[2]
STATES = 'figure[data-figure="states"]'
RANGE = f"() => document.querySelector('{STATES} .plot')._fullLayout.xaxis.range"


def taken(page: Page, figure: str, kind: str) -> Download:
    """The file that the menu of a figure gives."""
    page.locator(f'figure[data-figure="{figure}"] .head button').click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=kind).click()
    return download.value


def rows_of(download: Download) -> list[dict[str, str]]:
    """A CSV file as any reader has it."""
    return list(csv.DictReader(io.StringIO(download.path().read_text("utf-8-sig"))))


def recorded(tmp_path: Path, tape: str, lens: str, step: int) -> dict[str, np.ndarray]:
    """The arrays of a recorded view, as the tape has them."""
    store = Store(tmp_path)
    run = store.run(load_tape(store, PROJECT / "tapes" / f"{tape}.tape"))
    assert run is not None
    frame = Annotator(store).reel(run, [lens]).at(lens, step)
    assert frame is not None
    assert frame.step == step
    return {name: np.asarray(array) for name, array in frame.arrays.items()}


def maps_of(rows: list[dict[str, str]], like: np.ndarray) -> np.ndarray:
    """The maps in a file, as an array of another one's shape."""
    assert list(rows[0]) == ["layer", "head", "query", "key", "value"]
    table = np.full(like.shape, np.nan, np.float32)
    for row in rows:
        table[int(row["layer"]) - 1, int(row["head"]) - 1, int(row["query"]), int(row["key"])] = float(row["value"])
    return table


def test_a_picture_carries_its_title_its_sentence_and_the_step(
    app: str, visit: Visit, complaints: list[str], tmp_path: Path
) -> None:
    page = visit(f"{app}/hidden-states?step=400", theme="dark")
    plotted(page)
    figure = page.locator(STATES)
    title, sentence = (
        figure.locator(part).text_content() or ""
        for part in (":is(h2, h3) > :first-child", "figcaption > :first-child")
    )
    drawing = taken(page, "states", "Drawing (SVG)")
    assert drawing.suggested_filename == "hidden-states-states-400.svg"
    root = ElementTree.fromstring(drawing.path().read_text())
    space = "{http://www.w3.org/2000/svg}"
    said = " ".join(text.text or "" for text in root.findall(f"{space}text"))
    assert title in said
    assert " ".join(sentence.split()) in said
    assert "step 400 of 700 · GRU, 32 units · Adding problem (run lesson-hidden) · Unrolled" in said
    bottom = max(float(text.attrib["y"]) for text in root.findall(f"{space}text"))
    assert bottom < float(root.attrib["height"]), "nothing is cut off"
    picture = taken(page, "states", "Picture (PNG)")
    assert picture.suggested_filename == "hidden-states-states-400.png"
    image = Image.open(picture.path()).convert("RGBA")
    plot = page.locator(f"{STATES} .plot").bounding_box()
    assert plot
    assert image.width > 2 * plot["width"]
    assert image.height > 2 * plot["height"] + 2 * 60, "title and sentences have room of their own"
    cells = np.asarray(image)
    assert (cells[..., 3] == 255).all()
    assert cells[0, 0, :3].tolist() == cells[-1, -1, :3].tolist() == [0x11, 0x16, 0x1D], "the theme's ground"
    heading = cells[40:100, :, :3].astype(int)
    assert (np.abs(heading - [0x11, 0x16, 0x1D]).sum(-1) > 200).any(), "the title is written in it"
    assert complaints == []


def test_the_numbers_are_those_of_the_tape(app: str, visit: Visit, tmp_path: Path) -> None:
    view = recorded(tmp_path / "hidden", "lesson-hidden", "hidden_states", 700)
    page = visit(f"{app}/hidden-states?step=700")
    plotted(page)
    wait_for_step(page, "step == 700")
    rows = rows_of(taken(page, "states", "Numbers (CSV)"))
    x, label, y, value = rows[0]
    assert (y, value, label) == ("hidden unit", "h", f"{x}: label")
    states = view["states"][0]
    table = np.full(states.shape, np.nan, np.float32)
    for row in rows:
        table[int(row[x]), int(row[y])] = float(row[value])
    np.testing.assert_array_equal(table, states, "to the last bit of what is shown")
    assert len({row[label] for row in rows if row[label].endswith("*")}) == 2, "what is read where"


def test_many_maps_are_told_apart_by_layer_and_head(app: str, visit: Visit, tmp_path: Path) -> None:
    weights = recorded(tmp_path / "attention", "lesson-attention", "attention", 800)["weights"]
    page = visit(f"{app}/attention?step=800")
    plotted(page)
    wait_for_step(page, "step == 800")
    rows = rows_of(taken(page, "heads", "Numbers (CSV)"))
    np.testing.assert_allclose(maps_of(rows, weights), weights, atol=1e-7)


def test_what_a_user_typed_is_neither_a_formula_nor_markup(app: str, visit: Visit, tmp_path: Path) -> None:
    typed = "=1<b>&@x"
    page = visit(f"{app}/hidden-states?run=lesson-text&step=4000")
    plotted(page)
    box = page.get_by_role("textbox", name="Your own input")
    box.fill(typed)
    box.press("Enter")
    page.wait_for_function(f"() => document.querySelector('{STATES} .plot')?.data[0].z[0].length === {len(typed)}")
    cells = [
        cell
        for row in csv.reader(io.StringIO(taken(page, "states", "Numbers (CSV)").path().read_text("utf-8-sig")))
        for cell in row
    ]
    assert {"'=", "'@", "<", "&"} <= set(cells)
    assert not [cell for cell in cells if re.match(r"[=@]|[+-](?![\d.])", cell)]
    root = ElementTree.fromstring(taken(page, "states", "Drawing (SVG)").path().read_text())
    assert f"own input: {typed}" in " ".join(root.itertext())
    assert not [each for each in root.iter() if each.tag.endswith(("}b", "}script", "}foreignObject"))]


def test_a_copied_link_opens_just_this_figure_as_zoomed_elsewhere(app: str, visit: Visit) -> None:
    copying = visit(f"{app}/hidden-states?step=400")
    copying.context.grant_permissions(["clipboard-read", "clipboard-write"])
    plotted(copying)
    box = copying.locator(f"{STATES} .nsewdrag").first.bounding_box()
    assert box
    copying.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    copying.mouse.down()
    copying.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    copying.mouse.up()
    copying.wait_for_url(re.compile("zoom=states"))
    copying.get_by_role("button", name="Pin", exact=True).click()
    copying.get_by_role("combobox", name="How to compare").select_option("beside")
    copying.get_by_role("button", name="One frame on").click()
    copying.wait_for_url(re.compile("compare=beside"))
    copying.locator(f"{STATES} .head button").click()
    copying.get_by_role("menuitem", name="Copy link to this figure").click()
    expect(copying.get_by_role("menuitem", name="Copied")).to_be_visible()
    link = copying.evaluate("() => navigator.clipboard.readText()")
    theirs = visit(link)
    plotted(theirs)
    step = int(re.findall(r"[?&]step=(\d+)", link)[0])
    wait_for_step(theirs, f"step == {step}")
    assert step > 400
    shown = theirs.locator(".unrolled-player figure").evaluate_all("(all) => all.map((each) => each.dataset.figure)")
    assert shown == ["states", "states-compared"]
    mine, other = copying.evaluate(RANGE), theirs.evaluate(RANGE)
    assert other == pytest.approx(mine, rel=1e-5)
    assert other[1] - other[0] < 12, "nearer than all 30 places"
    theirs.get_by_role("button", name="All figures").click()
    expect(theirs.locator('figure[data-figure="loss"]')).to_be_visible()
    theirs.wait_for_url(lambda url: "figure=" not in url and "zoom=states" in url)


def test_the_keyboard_reaches_the_same_from_the_bar_alone(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?step=400")
    plotted(page)
    buttons = page.locator(".unrolled-player figure button")
    assert buttons.count() == 4
    assert set(buttons.evaluate_all("(all) => all.map((each) => each.tabIndex)")) == {-1}
    assert page.locator(".modebar").count() == 0
    page.get_by_role("button", name="Take away").focus()
    page.keyboard.press("Enter")
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitem")).to_have_count(4)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu", name="Its path through state space")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Numbers (CSV)").press("Enter")
    assert download.value.suggested_filename == "hidden-states-path-400.csv"
    expect(menu).to_have_count(0)
    expect(page.get_by_role("button", name="Take away")).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu).to_have_count(1)
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    wait_for_step(page, "step == 400")
