"""A linear recurrence at once for all steps, h_t = a_t * h_{t-1} + b_t, and its gradient by the same in reverse.

Nothing in it depends on an earlier state but through a product and a sum, which are associative: the steps of a chunk follow each
other in all chunks at the same time, and then the chunks (Blelloch 1990, section 1.4). With chunks of √T steps about 2√T kernels
follow each other in the place of T. Numbers may be complex.

    a, b, h  (B, T, ...)  what is kept, what is written, and the state after each step
    h_0      (B, ...)     before the first
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


class Recurrence(NamedTuple):
    """h_t = a_t * h_{t-1} + b_t u_t and y_t = c_t . h_t, u_t and y_t being one number of each channel.

    Of complex numbers y is twice the real part: they stand for their conjugates too.

    Attributes:
        kept, written, read: a, b and c of N numbers of state; without the first dimension where they are the same at all steps.
    """

    kept: Shaped[Tensor, "*T C N"]
    written: Shaped[Tensor, "*T C N"]
    read: Shaped[Tensor, "*T C N"]

    def rows(self, T: int) -> Iterator[Float[Tensor, "C T"]]:
        """Of each step t what a channel's y_t is of every u_s: c_t . (a_t * ... * a_{s+1} * b_s), 0 of later ones.

        Ali et al. 2025 ("The hidden attention of Mamba models"), section 3: y = (these rows) u is attention without a softmax.
        """
        shape = self.kept.shape[-2:]
        carried = self.kept.new_zeros(*shape, T)
        for t in range(T):
            kept, written, read = (part[t] if part.ndim == 3 else part for part in self)
            carried = carried * kept[..., None]
            carried[..., t] = written
            row = (carried * read[..., None]).sum(dim=1)
            yield 2 * row.real if row.is_complex() else row

    def of(self, channels: Tensor) -> Recurrence:
        """Some of the channels."""
        return Recurrence(*(part.expand(*part.shape[:-2], self.kept.shape[-2], -1)[..., channels, :] for part in self))


def scan(a: Shaped[Tensor, "B T *N"], b: Shaped[Tensor, "B T *N"], start: Tensor | None = None) -> Tensor:
    """h_1 … h_T, shaped like b.

    Args:
        a: of b's shape.
        start: h_0; zeros if None.
    """
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    h: Tensor = _Scan.apply(a, b)
    return h


class _Scan(torch.autograd.Function):
    """∂L/∂b_t = g_t with g_t = ∂L/∂h_t + ā_{t+1} g_{t+1}, and ∂L/∂a_t = g_t h̄_{t-1}: nothing but a and h is kept."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        h = _chunked(a, b)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(ctx: Any, *received: Tensor) -> tuple[Tensor, Tensor]:
        a, h = ctx.saved_tensors
        (into,) = received
        later = torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], dim=1).conj()
        g = _chunked(later.flip(1), into.flip(1)).flip(1)
        earlier = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1)
        return g * earlier.conj(), g


def _chunked(a: Tensor, b: Tensor) -> Tensor:
    """The recurrence from zeros, without a graph."""
    B, T, *N = b.shape
    size = math.isqrt(T)
    whole = T - T % size
    A, H = a[:, :whole].reshape(B, -1, size, *N).clone(), b[:, :whole].reshape(B, -1, size, *N).clone()
    for step in range(1, size):  # within all chunks at once: H from zeros, A the product of what is kept
        H[:, :, step].addcmul_(A[:, :, step], H[:, :, step - 1])
        A[:, :, step] *= A[:, :, step - 1]
    for chunk in range(1, H.shape[1]):  # and what each gets from those before it
        H[:, chunk].addcmul_(A[:, chunk], H[:, chunk - 1, -1:])
    h = torch.cat([H.reshape(B, whole, *N), b[:, whole:]], dim=1)
    for t in range(whole, T):
        h[:, t].addcmul_(a[:, t], h[:, t - 1])
    return h
