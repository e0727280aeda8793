"""Attention: the maps of all heads at once, the chosen one large, and what each head is like, in words.

What curves of heads share is in `charts.head_curves`, their numbers and sentences are in `notes`.
"""

from __future__ import annotations

import math

from explainer.charts.head_curves import head_lines, key, loss_panel, metric_curves, metric_of, over_steps
from explainer.charts.panel import Panel, Slot
from explainer.charts.rates import rate_marks
from explainer.charts.theme import FAMILY_COLOURS, SEQUENTIAL, ink, level, level_name, plain, stroke
from explainer.charts.traces import Run, Runs, Seen, coloured, drawn, heatmap, over_training, scatter
from explainer.lenses.attention.notes import SCORES, gap_of
from explainer.theory.head_roles import ROLES

LABELLED_HEADS = 6  # so many maps side by side are wide enough for words

LENS = "attention"
SEEN = Seen(LENS)


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return page_panels([run], theme)


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """The maps of the first run, and its curves with those of the others beside."""
    metric = metric_panel(runs, theme)
    return [
        mosaic_panel(runs[0], theme),
        map_panel(theme),
        score_panel(runs, theme, "previous_token"),
        score_panel(runs, theme, "prefix_matching"),
        *([metric] if metric else []),
        loss_panel(runs, theme, LENS, span=6 if metric else 12),
    ]


def selections(run: Run) -> dict[str, tuple[str, int]]:
    """What a viewer chooses: the head that is shown large."""
    return {"layer": ("Layer", run["layers"]), "head": ("Head", run["heads"])}


def mosaic_panel(run: Run, theme: str, *, span: int = 6) -> Panel:
    """The weights of every head, a row of maps for each layer; a click chooses the one shown large."""
    L, H = run["layers"], run["heads"]
    gap, named = gap_of(run), H <= LABELLED_HEADS
    heat = heatmap(
        z=SEEN("weights", kind="mosaic", gap=gap),
        colorscale=SEQUENTIAL,
        zmin=0,
        zmax=1,
        showscale=False,
        hoverongaps=False,
        hover="weight %{z:.4f}<br>click to see this head large",
    )
    words = [
        {"text": "", "x": SEEN("columns", 1, number % H), "y": SEEN("rows", 0, number // H)}
        | {"showarrow": False, "yanchor": "bottom", "borderpad": 0, "font": {"size": 11}}
        for number in range(L * H if named else 0)
    ]
    columns = {"x0": SEEN("columns", 0, "head"), "x1": SEEN("columns", 2, "head")}
    rows = {"y0": SEEN("rows", 0, "layer"), "y1": SEEN("rows", 2, "layer")}
    frame = {"type": "rect", **columns, **rows, "line": stroke(FAMILY_COLOURS[run["model"]], 3)}
    names = [f"head {head + 1}" if named else str(head + 1) for head in range(H)]
    layers = [f"layer {layer + 1}" for layer in range(L)]
    axis = {"showgrid": False, "showline": False, "tickmode": "array", "ticks": ""}
    places = {"tickvals": SEEN("rows", 1), "range": SEEN("row_range")}
    figure = drawn(
        theme,
        [heat],
        xaxis={**axis, "ticktext": names, "tickvals": SEEN("columns", 1)} | ({} if named else {"title": "head"}),
        yaxis={**axis, **places, "ticktext": layers, "tickangle": -90},
        margin={"l": 30, "r": 6, "t": 4, "b": 24 if named else 40},
        shapes=[frame],
        annotations=words,
    )
    slots = tuple(
        Slot(f"layout.annotations.{number}.text", "labels", lens=LENS, name="roles", index=(number,))
        for number in range(len(words))
    )
    click, hint = {"run": 0, "lens": LENS, "name": "weights", "gap": gap}, "click one to see it large"
    height = min(420, max(180, 40 + 90 * L))
    return SEEN.panel("heads", "Every head", figure, slots=slots, click=click, hint=hint, span=span, height=height)


def map_panel(theme: str) -> Panel:
    """[t, s] of the chosen head: how much the query at t takes from the key at s."""
    heat = heatmap(
        z=SEEN("weights", "layer", "head"),
        text=SEEN("cells", kind="across", transpose=True),
        customdata=SEEN("cells", kind="across"),
        **coloured("weight", 0, 1),
        hover="query t = %{text}<br>key s = %{customdata}<br>weight %{z:.4f}<br>click to write it out",
    )
    future = {"xref": "paper", "yref": "paper", "x": 0.75, "y": 0.78, "showarrow": False}
    ticks = {**SEEN.ticks(), "showgrid": False, "tickfont": {"size": 10, "color": ink(theme).muted}}
    figure = drawn(
        theme,
        [heat],
        xaxis={**ticks, "title": "key: position s, and its token"},
        yaxis={**ticks, "title": "query: position t, and its token", "autorange": "reversed"},
        annotations=[{**future, "text": "the future is masked", "font": {"color": "#B9AFC9", "size": 12}}],
    )
    title, chosen = "The chosen head: which token looks at which", ("layer", "head")
    return SEEN.panel("map", title, figure, reading_index=chosen, rows=2, height=470, click={"cell": True})


def score_panel(runs: Runs, theme: str, score: str) -> Panel:
    """One of `SCORES` of every head against the step; the chosen stands out, by chance dashed, other runs dotted."""
    names = {"head": score, "layer": f"layer_{score}", "best": f"best_{score}", "chance": "chance"}
    data = [
        scatter(
            x=Seen(LENS, run).history("step"),
            y=Seen(LENS, run).history(names[what], *([ROLES.index(score)] if what == "chance" else []), *index),
            hover=f"{label}<br>step %{{x}}: {SCORES[score]} %{{y:.3f}}",
            line=look,
        )
        for run, what, index, label, look in head_lines(runs, theme, "its strongest head")
    ]
    axis, margin = {"title": "score", "range": [0, 1.02], "nticks": 4}, {"l": 44, "r": 8, "t": 20, "b": 40}
    figure = over_training(theme, data, yaxis=axis, annotations=[key(runs, theme)], margin=margin)
    title = f"{SCORES[score].capitalize()} of each head"
    return SEEN.panel(score.replace("_", "-"), title, figure, score, runs, span=3, height=180)


def metric_panel(runs: Runs, theme: str) -> Panel | None:
    """What the runs are good for, against the step; None where the loss says it all.

    Validation is seldom while a run trains, so its line has the first run's training batches beside it.
    """
    name = metric_of(runs[0])
    if not name or any(metric_of(run) != name for run in runs):
        return None
    data = metric_curves(runs, theme, name, (f"training {name}:step", f"training {name}"))
    lines, notes, muted = [], [], ink(theme).muted
    baseline = runs[0].get("baseline") if name == runs[0].get("metric") else None
    if baseline is not None and math.isfinite(baseline):
        lines.append(level(baseline, **stroke(muted, 1.2, "dash")))
        notes.append(level_name(plain(str(runs[0].get("baseline_name", "baseline"))), baseline, muted))
    yaxis = {"title": "accuracy", "range": [0, 1.02]}
    figure = over_steps(theme, [*data, rate_marks(theme)], yaxis, lines, notes)
    title = f"{name[:1].upper()}{name[1:]}: validation bold, training thin"
    return SEEN.panel("metric", title, figure, runs=runs, height=230)
