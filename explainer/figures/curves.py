"""Training curves: loss against step, with the validation loss, the baseline and a line at this moment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from explainer.figures.panel import Moment, Panel, Reading, Slot
from explainer.figures.theme import FAMILY_COLOURS, FAMILY_NAMES, ink, layout, plain

VALIDATION = "validation loss"


def loss_panel(runs: Sequence[Mapping[str, Any]], theme: str, lens: str, *, span: int = 4, height: int = 260) -> Panel:
    """The loss of one or more runs against the training step.

    Args:
        runs: of each, `subject()` gives `model`, `label`, `loss_baseline` (None: not drawn).
        theme: light or dark.
        lens: whose notes carry the sentence `loss`.
        span: columns of twelve.
        height: in pixels.
    """
    shade = ink(theme)
    data: list[dict[str, Any]] = []
    slots: list[Slot] = []
    shapes: list[dict[str, Any]] = [
        {
            "type": "line",
            "x0": 0,
            "x1": 0,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"color": shade.muted, "width": 1},
        }
    ]
    slots += [Slot("layout.shapes.0.x0", "step"), Slot("layout.shapes.0.x1", "step")]
    for number, run in enumerate(runs):
        colour = FAMILY_COLOURS[run["model"]]
        for name, x, dash, width, opacity in (
            ("loss", "step", "solid", 1.2, 0.55 if len(runs) == 1 else 0.9),
            (VALIDATION, f"{VALIDATION}:step", "solid", 2.6, 1.0),
        ):
            label = run["label"] if name == "loss" else f"{run['label']}, validation"
            slots += [
                Slot(f"data.{len(data)}.x", "series", run=number, name=x),
                Slot(f"data.{len(data)}.y", "series", run=number, name=name),
            ]
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": plain(run["label"]),
                    "showlegend": name == VALIDATION,
                    "line": {"color": colour, "width": width, "dash": dash},
                    "opacity": opacity,
                    "hovertemplate": f"{plain(label)}<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
                }
            )
    baseline = runs[0].get("loss_baseline") if runs else None
    annotations: list[dict[str, Any]] = []
    if baseline is not None and math.isfinite(baseline) and baseline > 0:
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": baseline,
                "y1": baseline,
                "line": {"color": shade.muted, "width": 1.5, "dash": "dot"},
            }
        )
        annotations.append(
            {
                "xref": "paper",
                "x": 1,
                "xanchor": "right",
                "y": math.log10(baseline),
                "yanchor": "bottom",
                "showarrow": False,
                "text": plain(str(runs[0]["loss_baseline_name"])),
                "font": {"size": 11, "color": shade.muted},
            }
        )
    return Panel(
        id="loss",
        title="Loss while training" if len(runs) == 1 else "Loss: validation bold, training thin",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={
                    "title": {"text": "loss"},
                    "type": "log",
                    "exponentformat": "power",
                    "minor": {"showgrid": False},
                },
                shapes=shapes,
                annotations=annotations,
                showlegend=len(runs) > 1,
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(lens, "loss", run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def loss_reading(moment: Moment, label: str = "") -> str:
    """One sentence: training and validation loss at this step, where they come from, and the baseline.

    Args:
        moment: with the metrics so far.
        label: of the run; default, its family's name.
    """
    label = label or FAMILY_NAMES[moment.meta["model"]]
    parts = [said for name, said in ((name, trend(moment, name)) for name in ("loss", VALIDATION)) if said]
    if not parts:
        return f"{label}: no step taken yet."
    sentence = f"{label}, step {moment.step}: {', '.join(parts)}"
    baseline = moment.meta.get("loss_baseline")
    if baseline:
        sentence += f" ({moment.meta['loss_baseline_name']}: {baseline:.3g})"
    return " ".join(filter(None, (sentence + ".", moment.meta.get("not_held_out", ""))))


def trend(moment: Moment, name: str) -> str:
    """A loss at this moment, beside where it was first measured: "training loss 0.03, down from 0.8 at step 1"."""
    steps, values = moment.until_now(name)
    if not len(values):
        return ""
    first, last = float(values[0]), float(values[-1])
    said = f"{'training loss' if name == 'loss' else name} {last:.3g}"
    if len(values) == 1 or not (math.isfinite(first) and math.isfinite(last)) or f"{first:.3g}" == f"{last:.3g}":
        return said
    return f"{said}, {'down' if last < first else 'up'} from {first:.3g} at step {int(steps[0])}"
