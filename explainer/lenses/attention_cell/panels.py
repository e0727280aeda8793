"""One cell of an attention map written out: strips of its query, key and value, its row, and each step as a sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from explainer.charts.panel import Panel, numbers_for_json
from explainer.charts.theme import ATTENTION, DIVERGING, ink, plain
from explainer.charts.traces import bar, coloured, drawn, heatmap
from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.theory.attention_cell import Cell, attention_cell, looked_at, positive
from explainer.theory.ties import first_largest, first_smallest

WRITTEN = 20  # numbers in a row, at most: more do not fit into their cells
NOTHING = r"\text{so its weight is exactly } 0"
TERMS = 3  # products that are written out before the dots


def cell_of(record: AttentionCellRecord, layer: int, head: int, t: int, s: int) -> Cell:
    """The arithmetic of one cell."""
    query, keys, values = record.query[layer, head, t], record.key[layer, head], record.value[layer, head]
    span = (record.window, record.global_tokens)
    slope = float(record.slopes[head])
    return attention_cell(query, keys, values, t, s, slope, record.places, span, record.softmax)


def strips_panel(record: AttentionCellRecord, layer: int, head: int, t: int, s: int, theme: str) -> Panel:
    """q_t, k_s, their products and v_s, number by number."""
    cell = cell_of(record, layer, head, t, s)
    rows = [record.query[layer, head, t], record.key[layer, head, s], cell.products, record.value[layer, head, s]]
    table = np.array(rows, dtype=np.float64)
    most = float(np.abs(table[np.isfinite(table)]).max(initial=0.0)) or 1.0
    K = table.shape[1]
    product = "q<sub>t</sub> × k<sub>s</sub>" if record.softmax else "φ(q<sub>t</sub>) × φ(k<sub>s</sub>)"
    written = {"texttemplate": "%{z:.2f}", "textfont": {"size": 11}} if K <= WRITTEN else {}
    heat = heatmap(
        z=numbers_for_json(table),
        y=["query q<sub>t</sub>", "key k<sub>s</sub>", product, "value v<sub>s</sub>"],
        **coloured("value", -most, most, DIVERGING),
        xgap=1,
        ygap=4,
        hover="%{y}, dimension %{x}: %{z:.6g}",
        **written,
    )
    xaxis = {"title": f"dimension of the head (K = {K})", "showgrid": False, "dtick": max(1, K // 16)}
    yaxis, margin = {"autorange": "reversed", "showgrid": False}, {"l": 76, "r": 14, "t": 6, "b": 40}
    figure = drawn(theme, [heat], xaxis=xaxis, yaxis=yaxis, margin=margin)
    title = "Query, key, their products, and the value, number by number"
    return Panel("strips", title, figure, reading=strips_reading(cell, table), span=7, height=220)


def row_panel(record: AttentionCellRecord, layer: int, head: int, t: int, s: int, theme: str) -> Panel:
    """The weights of the query's whole row, this key's set off."""
    cell = cell_of(record, layer, head, t, s)
    colours = [ATTENTION if at == s else ink(theme).line for at in range(len(cell.row))]
    bars: dict[str, Any] = bar(
        y=numbers_for_json(cell.row),
        marker={"color": colours},
        customdata=[plain(token) for token in record.tokens],
        hover="s = %{x} (%{customdata}): %{y:.6f}",
    )
    xaxis, yaxis = {"title": "key: position s", "showgrid": False}, {"title": "weight", "range": [0, 1.02]}
    figure, said = drawn(theme, [bars], xaxis=xaxis, yaxis=yaxis), row_reading(cell, record, t)
    title = f"The query's row after the {'softmax' if record.softmax else 'division by its sum'}"
    return Panel("row", title, figure, reading=said, span=5, height=220)


def strips_reading(cell: Cell, table: Float[np.ndarray, "4 K"]) -> str:
    """One sentence: which dimension speaks most for this key, and which against it."""
    if not np.isfinite(table).all():
        return "Not all numbers are finite."
    if not cell.products.any():
        return "All products are 0."
    high, low = first_largest(cell.products), first_smallest(cell.products)
    if len(cell.products) == 1:
        return f"The only product is {number(cell.dot)}."
    return (
        f"The products add up to {number(cell.dot)}: largest {number(cell.products[high])} (dimension {high}), "
        f"smallest {number(cell.products[low])} (dimension {low})."
    )


def row_reading(cell: Cell, record: AttentionCellRecord, t: int) -> str:
    """One sentence: where most of the row goes, and that it adds up to 1."""
    if not np.isfinite(cell.row).all():
        return "The row's weights are not finite numbers."
    if t == 0:
        return "The first query has no choice: all of its weight is on itself."
    top, seen = first_largest(cell.row), _seen(record, t)
    before = int((~seen[: t + 1]).sum())
    outside = f"{before} earlier ones outside the window get 0, as do " if before else ""
    return (
        f"Most, {cell.row[top]:.4f}, goes to s = {top} ({record.tokens[top]}); {outside}{len(cell.row) - 1 - t} later keys"
        f"{'' if before else ' get 0'}; together {cell.row.sum():.6f}."
    )


def lines(record: AttentionCellRecord, layer: int, head: int, t: int, s: int) -> list[tuple[str, str]]:
    """Each step: what it is, and a formula (LaTeX) with the actual numbers."""
    cell = cell_of(record, layer, head, t, s)
    K = record.query.shape[-1]
    first = np.stack([record.query[layer, head, t, :TERMS], record.key[layer, head, s, :TERMS]], axis=1)
    first = first if record.softmax else positive(first)
    terms = [rf"{_signed(q)} \cdot {_signed(k)}" for q, k in first.tolist()]
    dots = [r"\cdots"] if len(terms) < K else []
    shuffled = bool((record.places != np.arange(len(record.places))).any())
    whose = "the positions that shuffling gave them" if shuffled else "their positions"
    turned = f", both turned by {whose}" if record.positions == "rotary" else ""
    pair = rf"q_{{{t}}} \cdot k_{{{s}}}" if record.softmax else rf"\varphi(q_{{{t}}}) \cdot \varphi(k_{{{s}}})"
    made = "" if record.softmax else ", after φ(x) = elu(x) + 1 has made every number of them positive"
    steps = [
        (f"The query and the key agree{turned}{made}", rf"{pair} = {' + '.join([*terms, *dots])} = {number(cell.dot)}")
    ]
    if record.softmax:
        scaled = rf"{number(cell.dot)} \cdot {number(cell.scale)} = {number(cell.dot * cell.scale)}"
        steps.append((f"scaled by 1/√K, K = {K}", scaled))
    if record.positions == "alibi":
        slope, places = float(record.slopes[head]), record.places
        distance = str(abs(t - s))
        what = "the bias of ALiBi, which falls with the distance"
        if shuffled:
            distance = rf"\lvert {places[t]} - {places[s]} \rvert"
            what += f", of the places that shuffling gave them: {places[t]} and {places[s]}"
        steps.append(
            (
                what,
                rf"{number(cell.dot * cell.scale)} - {number(slope)} \cdot {distance} = "
                rf"{number(cell.dot * cell.scale + cell.bias)}",
            )
        )
    seen, gone = _seen(record, t), (r"-\infty, \quad " if record.softmax else "") + NOTHING
    if s > t:
        return [*steps, ("the mask: this key lies in the future", gone)]
    if not seen[s]:
        return [*steps, (f"the window: this key is not one of the last {record.window}", gone)]
    return [
        *steps,
        ("the mask: this key is not later than the query, so it stays", rf"s = {s} \le t = {t}"),
        _shared(cell, pair, t, s, int(seen.sum()), record.softmax),
        (
            "this head is off, so zeros are read in the place of the value; it would be this share of the head's output"
            if record.silent[layer, head]
            else "and so much of the value is read, this share of the head's output",
            rf"{number(cell.weight)} \, v_{{{s}}}, \qquad \frac{{A_{{{t},{s}}} \, v_{{{s}}} \cdot o_{{{t}}}}}"
            rf"{{\lVert o_{{{t}}} \rVert^2}} = {number(cell.share)}",
        ),
    ]


def _shared(cell: Cell, pair: str, t: int, s: int, left: int, softmax: bool) -> tuple[str, str]:
    """How a score becomes a weight among the keys that are left."""
    share = rf"\frac{{{number(cell.part)}}}{{{number(cell.total)}}} = {number(cell.weight)}"
    if not softmax:
        total = rf"\sum_{{s' \le {t}}} \varphi(q_{{{t}}}) \cdot \varphi(k_{{s'}})"
        said = f"divided by the sum over the {left} keys that are left"
        return said, rf"A_{{{t},{s}}} = \frac{{{pair}}}{{{total}}} = {share}"
    said = f"the softmax over the {left} keys that are left, the largest score ({number(cell.largest)}) subtracted"
    power = rf"e^{{{number(cell.score)} - {_signed(cell.largest)}}}"
    return said, rf"A_{{{t},{s}}} = \frac{{{power}}}{{\sum_{{s' \le {t}}} e^{{\ldots}}}} = {share}"


def check(record: AttentionCellRecord, layer: int, head: int, t: int, s: int) -> str:
    """One sentence: the weight written out here against the model's own."""
    model, ours = float(record.weights[layer, head, t, s]), cell_of(record, layer, head, t, s).weight
    if not (math.isfinite(model) and math.isfinite(ours)):
        return "The model's own weight is not a finite number."
    apart = f"{abs(model - ours):.0e}" if model != ours else "0"
    return f"The model's own weight of this cell is {model:.7f}; written out it is {ours:.7f} (difference {apart})."


def number(value: float) -> str:
    """A number in LaTeX: four digits, a power of ten where it is very large or small."""
    value = float(value)
    if math.isnan(value):
        return r"\text{not a number}"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    digits, exponent = f"{value:.2e}".split("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}"


def _signed(value: float) -> str:
    """In brackets, if it is negative."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def _seen(record: AttentionCellRecord, t: int) -> Bool[np.ndarray, " T"]:
    return looked_at(t, len(record.tokens), (record.window, record.global_tokens))
