"""One cell of an attention map, step by step: from a query and a key to a weight and its share of the output."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Cell(NamedTuple):
    """softmax(q_t K' / sqrt(K) + bias) V at one t and s, with everything on the way (Vaswani et al. 2017, section 3.2).

    Or of linear attention phi(q_t) . phi(k_s) / sum_s phi(q_t) . phi(k_s) (Katharopoulos et al. 2020, section 3.2), of which the
    score, its part and `dot` are the same number.

    Attributes:
        products: q_i k_i, or phi(q)_i phi(k)_i; their sum is `dot`.
        scale: 1 / sqrt(K); 1 of linear attention.
        bias: -m |p_t - p_s| (ALiBi; else 0), p being the positions that the tokens are given.
        score: dot scale + bias; -infinity where the query may not look at the key.
        largest: of the row's scores that count; it is subtracted before exp, so that nothing overflows.
        part: exp(score - largest), or the score.
        total: the sum of the row's parts.
        weight: part / total.
        row: the weights of the whole row.
        output: o_t = sum_s weight_ts v_s.
        share: weight v_s . o_t / |o_t|^2: how much of the output is this cell's; over the row they add up to 1.
    """

    products: Float[np.ndarray, " K"]
    dot: float
    scale: float
    bias: float
    score: float
    largest: float
    part: float
    total: float
    weight: float
    row: Float[np.ndarray, " T"]
    output: Float[np.ndarray, " K"]
    share: float


def attention_cell(
    query: Float[np.ndarray, " K"],
    keys: Float[np.ndarray, "T K"],
    values: Float[np.ndarray, "T K"],
    t: int,
    s: int,
    slope: float = 0.0,
    places: Int[np.ndarray, " T"] | None = None,
    span: tuple[int, int] = (0, 0),
    softmax: bool = True,
) -> Cell:
    """The cell of the query at t and the key at s of one head.

    Args:
        query: q_t, already turned where positions are rotary; `keys` likewise.
        slope: m, by how much the head's scores fall with each position between (ALiBi).
        places: p, the position that each token is given; default, its own, 0, 1, 2, ...
        span: w and the global tokens of a sliding window; w = 0 for none.
        softmax: false for linear attention.
    """
    query, keys, values = (np.asarray(each, dtype=np.float64) for each in (query, keys, values))
    if not softmax:
        query, keys = positive(query), positive(keys)
    T, K = keys.shape
    assert 0 <= t < T, (t, T)
    assert 0 <= s < T, (s, T)
    scale = 1 / math.sqrt(K) if softmax else 1.0
    back = t - np.arange(T)
    apart = np.abs(back if places is None else places[t] - places)
    seen = looked_at(t, T, span)
    with np.errstate(invalid="ignore", over="ignore"):
        scores = np.where(seen, keys @ query * scale - slope * apart, -np.inf)
        largest = scores.max() if softmax else 0.0
        parts = np.where(seen, np.exp(scores - largest) if softmax else scores, 0.0)
        row = parts / parts.sum()
        output = row @ values
        length = float(output @ output)
        share = row[s] * float(values[s] @ output) / length if length > 0 else math.nan
    return Cell(
        products=query * keys[s],
        dot=float(query @ keys[s]),
        scale=scale,
        bias=float(-slope * apart[s]),
        score=float(scores[s]),
        largest=float(largest),
        part=float(parts[s]),
        total=float(parts.sum()),
        weight=float(row[s]),
        row=row,
        output=output,
        share=share,
    )


def looked_at(t: int, T: int, span: tuple[int, int] = (0, 0)) -> Bool[np.ndarray, " T"]:
    """Which of T keys the query at t may look at: none later, and in a window of w the last w and the global tokens."""
    window, first = span
    back = t - np.arange(T)
    near = (back < window) | (np.arange(T) < first) if window else True
    return (back >= 0) & near


def positive(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """phi(x) = elu(x) + 1: x + 1 above 0, exp(x) below (Katharopoulos et al. 2020, equation 7)."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


_ONE_HEAD = re.compile(r"cell (\d{1,2}),(\d{1,2})(?:\n(.*))?", re.DOTALL)


def head_question(layer: int, head: int, text: str = "") -> str:
    """What asks the lens `attention_cell` for one head alone, of an input or (none) of the tape's own sequence."""
    return f"cell {layer},{head}" + (f"\n{text}" if text else "")


def asked_head(question: str) -> tuple[int, int, str] | None:
    """Layer, head and input that a question asks for; None for one that is an input itself."""
    match = _ONE_HEAD.fullmatch(question)
    return (int(match[1]), int(match[2]), match[3] or "") if match else None
