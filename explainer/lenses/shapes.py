"""How the arrays of a record fit together."""

from __future__ import annotations

from dataclasses import fields

import numpy as np


def sizes_of(record: object) -> dict[str, int]:
    """The size of each dimension that a record's fields name, such as L and T of `Float[np.ndarray, "L T"]`.

    Raises:
        AssertionError: an array has other dimensions than are declared, or two arrays differ in one of the same name.
    """
    sizes: dict[str, int] = {}
    for item in fields(record):  # type: ignore[arg-type]
        array = getattr(record, item.name)
        if isinstance(array, np.ndarray):
            names = str(item.type).rpartition(", ")[2].strip("\"']").split()
            assert array.ndim == len(names), (item.name, array.shape)
            for name, size in zip(names, array.shape, strict=True):
                known = sizes.setdefault(name, int(name) if name.isdigit() else size)
                assert size == known, (item.name, array.shape, sizes)
    return sizes
