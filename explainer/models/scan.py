"""A linear recurrence at once for all steps, h_t = a_t * h_{t-1} + b_t, and its gradient by the same in reverse.

Nothing in it depends on an earlier state but through a product and a sum, which are associative: the steps of a chunk follow each
other in all chunks at the same time, and then the chunks (Blelloch 1990, section 1.4). With chunks of √T steps about 2√T kernels
follow each other in the place of T. Numbers may be complex.

    a, b, h  (B, T, ...)  what is kept, what is written, and the state after each step
    h_0      (B, ...)     before the first
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor


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
