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


def lengths_panel(runs: Runs, theme: str) -> Panel:
    """The share of right answers against the length of the sequences; training had one of them."""
    data = []
    for number, run in enumerate(runs):
        seen, label = Seen(LENS, number), plain(run["label"])
        data.append(
            scatter(
                **marked(run["model"]),
                name=label,
                x=seen("lengths"),
                y=seen("right"),
                showlegend=False,
                error_y={"type": "data", "array": seen("error"), "thickness": 1.5, "width": 3},
                line=stroke(FAMILY_COLOURS[run["model"]], 2.6),
                hover=f"{label}<br>T = %{{x}}: %{{y:.1%}} right",
            )
        )
    return Panel(
        id="race-lengths",
        title="And at lengths that training never showed?",
        figure=drawn(
            theme,
            data,
            xaxis={
                "title": f"length T (training: {runs[0]['setting']})",
                "type": "log",
                "tickmode": "array",
                "tickvals": Seen(LENS)("lengths"),
                "minor": {"showgrid": False},
            },
            yaxis=SHARE,
            **_chance(runs, theme),
        ),
        readings=tuple(Reading(LENS, "lengths", run=number) for number in range(len(runs))),
        span=3,
        height=330,
    )


def places_panel(runs: Runs, theme: str) -> Panel:
    """The share of right answers at each step of a sequence of training."""
    data = []
    for number, run in enumerate(runs):
        seen, label = Seen(LENS, number), plain(run["label"])
        data.append(
            scatter(
                **marked(run["model"]),
                name=label,
                x=seen("places"),
                y=seen("by_place"),
                showlegend=False,
                line=stroke(FAMILY_COLOURS[run["model"]], 2),
                hover=f"{label}<br>t = %{{x}}: %{{y:.1%}} right",
            )
        )
    return Panel(
        id="race-places",
        title="Right answers, step by step",
        figure=drawn(theme, data, xaxis="time step t", yaxis=SHARE, **_chance(runs, theme)),
        readings=tuple(Reading(LENS, "places", run=number) for number in range(len(runs))),
        span=3,
        height=330,
    )
