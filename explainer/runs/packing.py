"""A tape's chunks arranged so that a compressor finds what is alike in them; not a bit is lost.

Chunks of one kind have nearly the same header, and nearly the same numbers as their neighbours in
time. So a kind's headers go behind each other, and its data become the rows of one table, whose
bytes are laid out by one of eight rules: whichever comes out smallest.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from explainer.runs.rows import Draft

MEMORY = 16_000_000  # bytes that unpacking may take beside its output
_FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 22, "pb": 0},)
_COLUMNS = ("kind", "step", "head", "data")


class Layout(NamedTuple):
    """How the bytes of a table with a row for each chunk are laid out.

    Attributes:
        width: bytes of a number; first bytes of all numbers come first, then the second ones, ….
        change: a row holds only what differs from the one before (exclusive or).
        across: a number's bytes of all rows lie beside each other, else those of a row do.
    """

    width: int
    change: bool
    across: bool


LAYOUTS = tuple(Layout(*rule) for rule in product((4, 1), (False, True), (False, True)))
Table = NDArray[np.uint8]
"""Bytes, (S, n): a row for each chunk."""


def compress(body: bytes) -> bytes:
    """An .xz file, with a checksum."""
    return lzma.compress(body, lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=_FILTERS)


def decompress(packed: bytes, most: int) -> bytes:
    """The inverse of `compress`.

    Raises:
        ValueError: cut off, followed by something, or more than `most` bytes.
        lzma.LZMAError: damaged, or it would take more memory than ours do.
    """
    unpack = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    body = unpack.decompress(packed, most + 1)
    if len(body) > most or not unpack.eof or unpack.unused_data:
        raise ValueError("it is cut off or too large")
    return body


def pack(chunks: Sequence[Draft]) -> tuple[dict[str, np.ndarray], list[list[object]]]:
    """Chunks as a few arrays and, of each kind, its name and layout.

    Arrays `kind`, `step`, `head` and `data` say of each chunk which kind it is, its step, and how many bytes of
    header and data it has; `0:head` and `0:data` are those of all chunks of the first kind.
    """
    names = list(dict.fromkeys(chunk.kind for chunk in chunks))
    parts = [_split(chunk.body) for chunk in chunks]
    rows = [(names.index(chunk.kind), chunk.step, *map(len, part)) for chunk, part in zip(chunks, parts, strict=True)]
    arrays = dict(zip(_COLUMNS, np.array(rows, np.int64).reshape(-1, 4).T, strict=True))
    kinds: list[list[object]] = []
    for number, name in enumerate(names):
        own = [part for chunk, part in zip(chunks, parts, strict=True) if chunk.kind == name]
        arrays[f"{number}:head"] = np.frombuffer(b"".join(head for head, _ in own), np.uint8)
        rows_here = _rows([len(data) for _, data in own])
        table = np.frombuffer(b"".join(data for _, data in own), np.uint8).reshape(rows_here, -1)
        tried = {layout: arranged(table, layout) for layout in LAYOUTS}
        best = min(LAYOUTS, key=lambda layout: len(compress(tried[layout])))
        arrays[f"{number}:data"] = np.frombuffer(tried[best], np.uint8)
        kinds.append([name, *best])
    return arrays, kinds


def unpack(arrays: dict[str, np.ndarray], kinds: Sequence[Sequence[object]]) -> list[Draft]:
    """The inverse of `pack`.

    Raises:
        KeyError, TypeError, ValueError: the arrays and kinds don't fit together.
    """
    columns = [arrays[name].tolist() for name in _COLUMNS]
    bodies: dict[int, Iterator[bytes]] = {}
    for number, (_, *rule) in enumerate(kinds):
        layout = Layout(*rule)  # type: ignore[arg-type]
        if layout not in LAYOUTS:
            raise ValueError(f"no layout {layout}")
        own = [at for at, kind in enumerate(columns[0]) if kind == number]
        heads, data = ([columns[column][at] for at in own] for column in (2, 3))
        table = restored(arrays[f"{number}:data"].tobytes(), _rows(data), layout)
        parts = zip(_cut(arrays[f"{number}:head"].tobytes(), heads), _cut(table.tobytes(), data), strict=True)
        bodies[number] = iter([head + rest for head, rest in parts])
    return [Draft(str(kinds[kind][0]), step, next(bodies[kind])) for kind, step, *_ in zip(*columns, strict=True)]


def arranged(table: Table, layout: Layout) -> bytes:
    """The table's bytes in the layout's order; those beyond the last whole number of a row come last."""
    if layout.change:
        table = np.concatenate([table[:1], table[1:] ^ table[:-1]])
    S, n = table.shape
    whole = n - n % layout.width
    numbers = table[:, :whole].reshape(S, -1, layout.width)
    return numbers.transpose(_order(layout)).tobytes() + table[:, whole:].tobytes()


def restored(body: bytes, S: int, layout: Layout) -> Table:
    """The inverse of `arranged`, for S rows; a ValueError where the bytes don't fill them."""
    if S == 0 or len(body) % S:
        raise ValueError(f"{len(body)} bytes are not {S} rows")
    n = len(body) // S
    whole = n - n % layout.width
    flat = np.frombuffer(body, np.uint8)
    order = _order(layout)
    shape = (S, whole // layout.width, layout.width)
    numbers = flat[: S * whole].reshape([shape[axis] for axis in order]).transpose(np.argsort(order))
    table = np.concatenate([numbers.reshape(S, whole), flat[S * whole :].reshape(S, n - whole)], axis=1)
    return np.bitwise_xor.accumulate(table, axis=0) if layout.change else table


def _order(layout: Layout) -> tuple[int, int, int]:
    return (2, 1, 0) if layout.across else (2, 0, 1)


def _split(body: bytes) -> tuple[bytes, bytes]:
    """A chunk's header with its length, and its data; of other bytes some and the rest."""
    end = 8 + int.from_bytes(body[:8], "little")
    return body[:end], body[end:]


def _rows(lengths: Sequence[int]) -> int:
    """Chunks of one length are a row each; others are all in one."""
    return len(lengths) if len(set(lengths)) == 1 else 1


def _cut(whole: bytes, lengths: Sequence[int]) -> list[bytes]:
    """Pieces of these lengths; a ValueError where together they are not the whole."""
    if min(lengths, default=0) < 0 or sum(lengths) != len(whole):
        raise ValueError("its parts don't fit together")
    ends = np.cumsum([0, *lengths]).tolist()
    return [whole[start:end] for start, end in pairwise(ends)]
