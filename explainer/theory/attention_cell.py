"""One cell of an attention map, step by step: from a query and a key to a weight and its share of the output."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Cell(NamedTuple):
    """softmax(q_t K' / sqrt(K) + bias) V at one t and s, with everything on the way (Vaswani et al. 2017, section 3.2).

    Attributes:
        products: q_i k_i; their sum is `dot`.
        scale: 1 / sqrt(K).
        bias: -m |p_t - p_s| (ALiBi; else 0), p being the positions that the tokens are given.
        score: dot scale + bias; -infinity where the key is later than the query.
        largest: of the row's scores that count; it is subtracted before exp, so that nothing overflows.
        part: exp(score - largest).
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
) -> Cell:
    """The cell of the query at t and the key at s of one head.

    Args:
        query: q_t, already turned where positions are rotary; `keys` likewise.
        slope: m, by how much the head's scores fall with each position between (ALiBi).
        places: p, the position that each token is given; default, its own, 0, 1, 2, ...
    """
    query, keys, values = (np.asarray(each, dtype=np.float64) for each in (query, keys, values))
    T, K = keys.shape
    assert 0 <= t < T, (t, T)
    assert 0 <= s < T, (s, T)
    scale = 1 / math.sqrt(K)
    back = t - np.arange(T)
    apart = np.abs(back if places is None else places[t] - places)
    with np.errstate(invalid="ignore", over="ignore"):
        scores = np.where(back >= 0, keys @ query * scale - slope * apart, -np.inf)
        largest = scores.max()
        parts = np.where(back >= 0, np.exp(scores - largest), 0.0)
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


_ONE_HEAD = re.compile(r"cell (\d{1,2}),(\d{1,2})(?:\n(.*))?", re.DOTALL)


def head_question(layer: int, head: int, text: str = "") -> str:
    """What asks the lens `attention_cell` for one head alone, of an input or (none) of the tape's own sequence."""
    return f"cell {layer},{head}" + (f"\n{text}" if text else "")


def asked_head(question: str) -> tuple[int, int, str] | None:
    """Layer, head and input that a question asks for; None for one that is an input itself."""
    match = _ONE_HEAD.fullmatch(question)
    return (int(match[1]), int(match[2]), match[3] or "") if match else None
