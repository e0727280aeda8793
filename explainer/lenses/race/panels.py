"""The race: right answers while training, by length, and by place. A network has its colour and its marker on all charts."""

from __future__ import annotations

from typing import Any

from explainer.charts.panel import Panel, Reading
from explainer.charts.references import HALOES
from explainer.charts.theme import FAMILY_COLOURS, ink, level, level_name, marked, plain, stroke
from explainer.charts.traces import Run, Runs, Seen, drawn, over_training, scatter, series

LENS = "race"
SHARE = {"title": "right answers", "range": [-0.03, 1.04], "tickformat": ".0%"}


def panels(run: Run, theme: str) -> list[Panel]:
    """The figures for one run alone."""
    return race_panels([run], theme)


def race_panels(runs: Runs, theme: str) -> list[Panel]:
    """The three charts, in reading order."""
    return [solved_panel(runs, theme), lengths_panel(runs, theme), places_panel(runs, theme)]


def _chance(runs: Runs, theme: str) -> dict[str, list[dict[str, Any]]]:
    """A line across at the best guess without a memory, where all runs have the same one."""
    guesses = {(run.get("baseline"), str(run.get("baseline_name", ""))) for run in runs}
    baseline, name = guesses.pop()
    if guesses or baseline is None:
        return {}
    muted = ink(theme).muted
    label = level_name(f"{plain(name)}: {baseline:.0%}", baseline, muted)
    label["font"]["shadow"] = HALOES[theme]
    return {
        "shapes": [level(baseline, color=muted, width=1.5, dash="dot")],
        "annotations": [label],
    }


def solved_panel(runs: Runs, theme: str) -> Panel:
    """The share of right answers on validation against the training step."""
    data = [
        scatter(
            **marked(run["model"]),
            name=plain(run["label"]),
            x=series(f"{run.get('metric', '')}:step", number),
            y=series(str(run.get("metric", "")), number),
            line=stroke(FAMILY_COLOURS[run["model"]], 2.6),
            hover=f"{plain(run['label'])}<br>step %{{x}}: %{{y:.1%}} right",
        )
        for number, run in enumerate(runs)
    ]
    chance = _chance(runs, theme)
    figure = over_training(theme, data, yaxis=SHARE, annotations=chance.get("annotations", []), showlegend=True)
    figure["layout"]["shapes"] = [*figure["layout"]["shapes"], *chance.get("shapes", [])]
    return Panel(
        id="race-solved",
        title="Who has learnt it?",
        figure=figure,
        readings=tuple(Reading(LENS, "solved", run=number) for number in range(len(runs))),
        span=6,
        height=330,
        click={"seek": True},
    )


def _curves(runs: Runs, x: str, y: str, width: float, hover: str, errors: str = "") -> list[dict[str, Any]]:
    """A line of every network from two arrays of the lens, which the first chart names."""
    data = []
    for number, run in enumerate(runs):
        seen, label = Seen(LENS, number), plain(run["label"])
        more = {"error_y": {"type": "data", "array": seen(errors), "thickness": 1.5, "width": 3}} if errors else {}
        line = stroke(FAMILY_COLOURS[run["model"]], width)
        looks = {**marked(run["model"]), "name": label, "showlegend": False, "line": line, **more}
        data.append(scatter(**looks, x=seen(x), y=seen(y), hover=f"{label}<br>{hover}: %{{y:.1%}} right"))
    return data


def lengths_panel(runs: Runs, theme: str) -> Panel:
    """The share of right answers against the length of the sequences; training had one of them."""
    data = _curves(runs, "lengths", "right", 2.6, "T = %{x}", errors="error")
    ticks = {"tickmode": "array", "tickvals": Seen(LENS)("lengths"), "minor": {"showgrid": False}}
    xaxis = {"title": f"length T (training: {runs[0]['setting']})", "type": "log", **ticks}
    figure, title = (
        drawn(theme, data, xaxis=xaxis, yaxis=SHARE, **_chance(runs, theme)),
        "And at lengths that training never showed?",
    )
    return Seen(LENS).panel("race-lengths", title, figure, "lengths", runs, span=3, height=330)


def places_panel(runs: Runs, theme: str) -> Panel:
    """The share of right answers at each step of a sequence of training."""
    data = _curves(runs, "places", "by_place", 2, "t = %{x}")
    figure = drawn(theme, data, xaxis="time step t", yaxis=SHARE, **_chance(runs, theme))
    return Seen(LENS).panel("race-places", "Right answers, step by step", figure, "places", runs, span=3, height=330)
