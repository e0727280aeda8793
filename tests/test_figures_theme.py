"""What every figure has in common: axes in the theme, and a colour bar's title where it can be read."""

from __future__ import annotations

import pytest

from explainer.charts.theme import axis, colour_bar, ink, layout


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_axis_with_a_title_of_its_own_keeps_the_theme_s_size_and_distance(theme: str) -> None:
    made = layout(theme, xaxis={"title": {"text": "training step"}, "type": "log"}, yaxis={})
    assert made["xaxis"]["title"] == {"standoff": 4, "font": {"size": 12}, "text": "training step"}
    assert made["xaxis"]["type"] == "log"
    assert made["xaxis"]["gridcolor"] == ink(theme).grid
    assert made["yaxis"] == axis(theme)


@pytest.mark.parametrize(
    ("title", "side"), [("h", "top"), ("weight", "top"), ("", "right"), ("log₁₀ of the norm", "right")]
)
def test_a_word_stands_above_the_colour_bar_and_more_runs_along_it(title: str, side: str) -> None:
    assert colour_bar(title)["title"] == {"text": title, "side": side, "font": {"size": 11}}
