"""The format of a tape's chunks: safetensors, that is a JSON header and raw little-endian arrays.

Nothing is ever unpickled, and a browser reads a chunk in twenty lines. Kinds:

- `metrics`: a batch of steps. Arrays `step` int32 and `loss`, `lr`, `grad_norm`, `clipped`
  float32, all (S,). Row k is update number k, counted from 1: the loss of its batch before the
  update, the rate it used, the gradient's norm before and after clipping. What is measured only
  now and then comes as pairs `metric:<name>:step`, `metric:<name>:value`: on validation batches after
  k updates, and, its name beginning with "training ", on the batch of update k.
- `detail`: arrays `before`, `after` (P,) float32, gradient norm per parameter at update `step`,
  before and after clipping; text `names`, a JSON list.
- `weights`: every tensor of the model after `step` updates, by name.
- `view:<lens>`: the lens's record after `step` updates. Its arrays by field name; its texts, JSON,
  as metadata. An array that came as uint8 or int16 has metadata `scale:<name>`: value = level · scale.
- `event`: no arrays; text `event`, JSON such as {"kind": "lr", "value": 0.01}; it acts between
  update `step` and the next. A run asked for with such changes has them from its beginning.

Weights, views and checkpoints may have a text `format` (see `explainer.upgrade`); `read_chunk` gives them in today's form.
Views that were filled in later have larger numbers than those of later steps: order by `step`.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import safetensors.numpy

from explainer import upgrade
from explainer.lenses import LENSES
from explainer.records import from_arrays, to_arrays
from explainer.runs.rows import Draft
from explainer.theory.looks import WIDE_VIEW

Arrays = dict[str, np.ndarray]

VIEW = "view:"

LARGEST_VIEW = 12_000_000
"""Bytes of a view or an answer that is kept and that a viewer is sent, at most; a tape from a time without limits may hold larger ones."""


def encode(arrays: Mapping[str, np.ndarray], text: Mapping[str, str] | None = None) -> bytes:
    """Named arrays and texts as one safetensors file."""
    tidy = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    # An empty dict, unlike None, makes safetensors write a header that nothing can read.
    return safetensors.numpy.save(tidy, metadata=dict(text) if text else None)


def decode(body: bytes) -> tuple[Arrays, dict[str, str]]:
    """The inverse of `encode`; a ValueError where that is not a whole safetensors file."""
    try:
        arrays = safetensors.numpy.load(body)
    except (safetensors.SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"a part of the tape is damaged ({error})") from error
    header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
    return arrays, header.get("__metadata__", {})


def encode_chunk(kind: str, arrays: Mapping[str, np.ndarray], text: Mapping[str, str] | None = None) -> bytes:
    """A chunk of a kind that has a format, or a checkpoint."""
    return encode(arrays, {**(text or {}), **marked(kind)})


def read_chunk(kind: str, body: bytes) -> tuple[Arrays, dict[str, str]]:
    """The inverse of `encode_chunk`, also of an older version's: arrays, quantised ones as float32 again, and texts.

    Raises:
        ValueError: it is damaged, or of a newer version.
    """
    arrays, text = decode(body)
    for key in [key for key in text if key.startswith("scale:")]:
        name = key.removeprefix("scale:")
        if name not in arrays:
            raise ValueError(f"a part of the tape is damaged (it has no {name!r})")
        arrays[name] = arrays[name].astype(np.float32) * np.float32(text.pop(key))
    return renewed(kind, arrays, text)


def marked(kind: str) -> dict[str, str]:
    """The text that says today's format of a kind; none as long as that is the first."""
    return {name: str(value) for name, value in upgrade.mark(upgrade.CHUNKS.get(kind, ())).items()}


def renewed(kind: str, arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> tuple[Arrays, dict[str, str]]:
    """Arrays and texts in today's form; a ValueError where they can't be brought there."""
    values = upgrade.upgraded({**arrays, **text}, upgrade.CHUNKS.get(kind, ()), f"A part of the tape ({kind})")
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    return {name: value for name, value in values.items() if name not in texts}, texts


def in_form(kind: str, body: bytes) -> bytes:
    """A chunk as today's player reads it: itself, unless it is of an older format. A ValueError as for `read_chunk`."""
    steps = upgrade.CHUNKS.get(kind, ())
    if decode(body)[1].get(upgrade.FORMAT, "1") == str(upgrade.today(steps)):
        return body
    return encode_chunk(kind, *read_chunk(kind, body))


# -- views ------------------------------------------------------------------------------------


def encode_view(lens: str, record: object) -> bytes:
    """A lens's record as the body of a `view:<lens>` chunk."""
    arrays, text = to_arrays(record)
    for name, array in arrays.items():
        if array.ndim > 0 and array.dtype == np.float64:
            arrays[name] = array.astype(np.float32)
    levels: dict[str, type[np.unsignedinteger[Any] | np.signedinteger[Any]]] = {
        name: np.int8 if (arrays[name] < 0).any() else np.uint8 for name in LENSES[lens].levels
    }
    if sum(array.nbytes for array in arrays.values()) > WIDE_VIEW:
        levels |= dict.fromkeys(LENSES[lens].wide, np.int16)
    for name, kind in levels.items():
        largest, most = float(np.abs(arrays[name]).max(initial=0.0)), np.iinfo(kind).max
        if math.isfinite(largest) and largest > 0:
            arrays[name] = np.rint(arrays[name] * (most / largest)).astype(kind)
            text[f"scale:{name}"] = repr(largest / most)
    return encode_chunk(VIEW + lens, arrays, text)


def decode_view(lens: str, body: bytes) -> Any:
    """The record of a `view:<lens>` chunk, quantised arrays as float32 again.

    Raises:
        ValueError: an unknown lens, a view of a newer version, or a damaged one.
    """
    return read_record(lens, *read_chunk(VIEW + lens, body))


def read_record(lens: str, arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> Any:
    """The record of a lens from its fields in today's form.

    Raises:
        ValueError: an unknown lens, or fields that are no record of it.
    """
    if lens not in LENSES:
        raise ValueError(f"there is no lens {lens[:40]!r} in this version")
    try:
        return from_arrays(LENSES[lens].record, arrays, text)
    except KeyError as error:
        why = f"it lacks {error}"
    except AssertionError:
        why = "its shapes contradict each other"
    except (TypeError, ValueError) as error:
        why = str(error)[:100]
    raise ValueError(f"what the lens {lens!r} saw is damaged ({why})")


# -- metrics and events -----------------------------------------------------------------------


def encode_metrics(
    rows: Sequence[tuple[int, float, float, float, float]], measured: Iterable[tuple[str, int, float]] = ()
) -> bytes:
    """Rows (step, loss, lr, grad_norm, clipped) and occasional values (name, step, value)."""
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 5).T
    arrays: Arrays = {"step": columns[0].astype(np.int32)}
    for name, column in zip(("loss", "lr", "grad_norm", "clipped"), columns[1:], strict=True):
        arrays[name] = column.astype(np.float32)
    pairs: dict[str, list[tuple[int, float]]] = {}
    for name, step, value in measured:
        pairs.setdefault(name, []).append((step, value))
    for name, values in pairs.items():
        arrays[f"metric:{name}:step"] = np.array([step for step, _ in values], dtype=np.int32)
        arrays[f"metric:{name}:value"] = np.array([value for _, value in values], dtype=np.float32)
    return encode(arrays)


def join_metrics(bodies: Iterable[bytes]) -> Arrays:
    """All rows of several `metrics` chunks, joined in their order; no chunk, no arrays."""
    parts: dict[str, list[np.ndarray]] = {}
    for body in bodies:
        for name, array in decode(body)[0].items():
            parts.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def encode_detail(names: Sequence[str], before: np.ndarray, after: np.ndarray) -> bytes:
    """Gradient norms per parameter."""
    arrays = {"before": before.astype(np.float32), "after": after.astype(np.float32)}
    return encode(arrays, {"names": json.dumps(list(names))})


def event(step: int, kind: str, **values: Any) -> Draft:
    """Something that a person did to the run after `step` updates."""
    return Draft("event", step, encode({}, {"event": json.dumps({"kind": kind, **values})}))


def decode_event(body: bytes) -> dict[str, Any]:
    """What `event` put in."""
    content = json.loads(decode(body)[1]["event"])
    assert isinstance(content, dict), content
    return content


# -- when to look -----------------------------------------------------------------------------


class Grid:
    """Steps 0, 1, 2, … whose gaps grow in proportion: g' = max(g + 1, floor(g · ratio)).

    Args:
        ratio: above 1.
    """

    def __init__(self, ratio: float) -> None:
        assert ratio > 1, ratio
        self.ratio = ratio
        self._points = [0]

    @classmethod
    def with_at_most(cls, count: int, steps: int, least: float) -> Grid:
        """The finest grid with ratio at least `least` and no more than `count` points up to `steps`."""
        grid = cls(least)
        while grid.count(steps) > max(count, 2) and grid.ratio < steps + 2:
            grid = cls(1 + (grid.ratio - 1) * 1.25)
        return grid

    def __contains__(self, step: int) -> bool:
        return self._points[self._below(step)] == step

    def next(self, step: int) -> int:
        """The first point after `step`."""
        return self._points[self.count(step)]

    def count(self, steps: int) -> int:
        """Points from 0 to `steps`, both included."""
        return self._below(steps + 1)

    def before(self, step: int) -> list[int]:
        """The points below `step`."""
        return self._points[: self._below(step)]

    def _below(self, step: int) -> int:
        """How many points are below `step`: the place of the first that is not, which is computed here."""
        while (last := self._points[-1]) < step:
            self._points.append(max(last + 1, math.floor(last * self.ratio)))
        return bisect_left(self._points, step)


@lru_cache(maxsize=32)
def grid(ratio: float) -> Grid:
    """The grid of this ratio, its points computed once."""
    return Grid(ratio)
