"""What a lens saw (`lenses.<name>.record`) as named arrays and texts, and back, without torch.

A record is a frozen dataclass of arrays, numbers, and labels (tuples of text). A field that does
not apply to a run is empty: an array of size 0 or `()`. Values that overflowed in the model
stay in the record as NaN or infinity, so that a chart can show where it happened.

`to_arrays` and `from_arrays` carry any record through a file of named arrays and texts; a tape
needs to know no more about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TypeVar

import numpy as np

Record = TypeVar("Record")

DTYPES = {"Float": "f", "Int": "iu", "Bool": "b"}
"""Of each of jaxtyping's names, the kinds of numpy's."""


def to_arrays(record: object) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A record as named arrays (numbers become arrays of no dimension) and named JSON texts."""
    arrays: dict[str, np.ndarray] = {}
    text: dict[str, str] = {}
    for item in fields(record):  # type: ignore[arg-type]
        value = getattr(record, item.name)
        if isinstance(value, (str, tuple)):
            text[item.name] = json.dumps(value)
        else:
            arrays[item.name] = np.asarray(value)
    return arrays, text


def from_arrays(cls: type[Record], arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> Record:
    """The inverse of `to_arrays`; entries that are not fields of `cls` are ignored.

    Raises:
        KeyError: a field without a default is missing.
        TypeError: a field is of another type, or has another number of dimensions.
        AssertionError: the shapes contradict each other.
    """
    values: dict[str, object] = {}
    for item in fields(cls):  # type: ignore[arg-type]
        if item.name in text:
            value = json.loads(text[item.name])
            values[item.name] = tuple(value) if isinstance(value, list) else value
        elif item.name not in arrays and (item.default, item.default_factory) != (MISSING, MISSING):
            continue
        elif item.type in ("int", "float", "bool"):
            values[item.name] = arrays[item.name].item()
        else:
            values[item.name] = arrays[item.name]
        _check(item.name, str(item.type), values[item.name])
    return cls(**values)


def _check(name: str, declared: str, value: object) -> None:
    """Refuse, by a TypeError, a value that is not as its field is declared, such as `Float[np.ndarray, "L T"]`."""
    kind, _, shape = declared.partition("[")
    if isinstance(value, np.ndarray):
        dimensions = shape.rpartition(", ")[2].strip("\"']").split()
        fits = value.dtype.kind in DTYPES.get(kind, "") and value.ndim == len(dimensions)
    elif kind == "tuple":
        fits = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    else:
        fits = type(value).__name__ in (("int", "float") if kind == "float" else (kind,))
    if not fits:
        raise TypeError(f"{name} is not {declared}")
