"""New numbers are put into the drawings that stand: the pictures are those of a page that was opened at that moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError

Visit = Callable[..., Page]
#: Figures that plotly.js need not draw anew from one moment to the next, by page.
RENUMBERED = {
    "hidden-states": {"states", "path"},
    "gates": {"gates", "tracking"},
    "fixed-points": {"front", "side", "spectrum"},
    "gradients": set[str](),
    "microscope": {"matrix"},
    "jacobian": {"plane", "saturation"},
    "attention": {"heads", "map"},
    "layers": {"logit-lens", "rollout", "last"},
    "positions?encoding=Learned": {"positions-table", "positions-likeness", "positions-profile", "positions-distance"},
    "surgery": set[str](),
}
WHOLE = "() => document.querySelector('.unrolled-player .plot .main-svg') && !document.querySelector('.sketch')"
#: The step that the bar of the player that moves stands on, once all its figures show it.
SETTLED = """() => {
  const moving = [...document.querySelectorAll(".unrolled-player")].find((each) => each.querySelector(".bar")?.hidden === false);
  const plots = [...moving?.querySelectorAll(".plot") || []];
  const step = moving?.querySelector(".step").textContent.match(/\\d+/)?.[0];
  const settled = plots.every((plot) => plot.querySelector(".main-svg") && plot.dataset.step === step);
  return plots.length && moving.querySelector(".bar").dataset.late === "false" && settled ? step : null;
}"""
COUNT = """() => {
  const react = Plotly.react;
  window.drawnAnew = [];
  Plotly.react = (plot, data, ...more) => {
    if (data !== plot.data) drawnAnew.push(plot.closest("figure").dataset.figure);
    return react(plot, data, ...more);
  };
}"""
#: Of each figure its drawing, without names by chance and in which order marks lie, and what hovering over a cell or a point says.
PICTURES = r"""() => Object.fromEntries([...document.querySelectorAll(".unrolled-player figure")].map((figure) => {
  const plot = figure.querySelector(".plot");
  for (const marks of plot.querySelectorAll(".shapelayer")) {
    marks.replaceChildren(...[...marks.children].sort((a, b) => a.dataset.index - b.dataset.index));
  }
  const drawn = [...plot.querySelectorAll(".main-svg")].map((svg) => svg.innerHTML).join("\n")
    .replaceAll(plot._fullLayout._uid, "uid").replace(/(trace|cb)[0-9a-f]{6}/g, "$1").replaceAll('"errorbar" style="opacity: 1;"', '"errorbar"');
  const table = plot.data[0].type === "heatmap";
  Plotly.Fx.hover(plot, [{ curveNumber: 0, pointNumber: table ? [1, 2] : 2 }]);
  const said = plot.querySelector(".hoverlayer").textContent;
  Plotly.Fx.unhover(plot);
  return [figure.dataset.figure, { drawn, said }];
}))"""


@pytest.mark.parametrize("path", RENUMBERED)
def test_a_figure_that_was_moved_is_the_same_as_one_that_was_opened_there(app: str, visit: Visit, path: str) -> None:
    address = f"{app}/{path}{'&' if '?' in path else '?'}step="
    page = visit(f"{address}90")
    page.wait_for_function(WHOLE)
    page.wait_for_load_state("networkidle")  # the tape is whole
    page.evaluate(COUNT)
    slider = page.get_by_role("slider", name="Training step").first
    for _ in range(3):
        slider.press("ArrowRight")
        step = page.wait_for_function(SETTLED).json_value()
    assert int(step) > 90
    moved = page.evaluate(PICTURES)
    anew = set(page.evaluate("drawnAnew"))
    assert RENUMBERED[path] <= moved.keys()
    assert not RENUMBERED[path] & anew
    page.goto(address + step)
    page.wait_for_function(WHOLE)
    assert page.wait_for_function(SETTLED).json_value() == step
    with suppress(TimeoutError):  # what differs in the end is said below
        page.wait_for_function(
            f"(moved) => JSON.stringify(({PICTURES})()) === JSON.stringify(moved)", arg=moved, polling=200
        )
    opened = page.evaluate(PICTURES)
    for name, picture in opened.items():
        assert moved[name]["said"] == picture["said"], name
        assert moved[name]["drawn"] == picture["drawn"], name


def test_a_figure_follows_the_width_of_its_page(app: str, visit: Visit) -> None:
    page = visit(f"{app}/layers?step=90", width=1440)
    page.wait_for_function(WHOLE)
    page.set_viewport_size({"width": 760, "height": 900})
    page.wait_for_function(
        """() => [...document.querySelectorAll(".unrolled-player .plot")].every((plot) =>
          Math.abs(plot.querySelector(".main-svg").getBoundingClientRect().width - plot.getBoundingClientRect().width) < 1)"""
    )
