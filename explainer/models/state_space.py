"""State spaces in the place of attention: a linear recurrence in every channel, the same at all steps (S4D) or set by what is read (Mamba).

    h_t = a_t * h_{t-1} + b_t u_t,   y_t = c_t . h_t + d u_t        N numbers h for each of C channels

    B, T, D, C, N  sequences, steps, width of the stream, channels, numbers of state in each channel
    u              what a channel reads                    (B, T, C)
    a, b, c        kept, written and read                  (B, T, C, N), or without B and T where they are the same at all steps

What a channel says at t of what it read at s is c_t . (a_t * ... * a_{s+1} * b_s): an attention map, T x T for each channel (Ali et al. 2025,
"The hidden attention of Mamba models", section 3).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, glu, pad, silu, softplus

from explainer.config import RunConfig
from explainer.families.mamba import Mamba
from explainer.families.s4d import S4D
from explainer.models.observe import Point, observe, unwatched
from explainer.models.positions import Bias
from explainer.models.scan import Recurrence, scan
from explainer.models.transformer import Mixer, Transformer
from explainer.tasks.base import Input

SHORTEST, LONGEST = 1e-3, 0.1
"""Of the step size at the start, drawn evenly in its logarithm (Gu & Dao 2023, section 3.6)."""


class SelectiveSpace(Mixer):
    """Mamba's block (Gu & Dao 2023, sections 3.2 and 3.4): step size, b and c depend on what is read.

    Delta = softplus(W_t W_s u + bias),  a = exp(-Delta exp(A)),  b = Delta B(u),  c = C(u); out = W_o (y * silu(W_z x)).
    As in the published code b is Delta B, and not its exact integral.
    """

    points: ClassVar[dict[str, str]] = {
        "kept": "B T C N",
        "written": "B T C N",
        "read": "B T 1 N",
        "channels": "B T C",
    }

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        family = config.part(Mamba)
        D, C, N, R = family.width, family.sites, family.d_state, family.rank
        self.sizes, self.blocks = (R, N, N), family.layers
        self.enter = nn.Linear(D, 2 * C, bias=False)
        self.conv = nn.Conv1d(C, C, family.conv, groups=C) if family.conv else None
        self.select = nn.Linear(C, R + 2 * N, bias=False)
        self.time = nn.Linear(R, C)
        # One dimension: no matrix, so that neither weight decay nor Muon acts on it.
        self.decay = nn.Parameter(torch.empty(C * N))
        self.skip = nn.Parameter(torch.empty(C))
        self.project = nn.Linear(C, D, bias=False)

    @torch.no_grad()
    def start_(self) -> None:
        """As published: torch's own linear maps, decays 1 ... N, and step sizes between 0.001 and 0.1."""
        for part in (self.enter, self.conv, self.select, self.project):
            if part is not None:
                part.reset_parameters()
        self.project.weight /= math.sqrt(self.blocks)
        scale = self.time.in_features**-0.5
        nn.init.uniform_(self.time.weight, -scale, scale)
        size = log_uniform_(self.time.bias).exp_()
        self.time.bias.copy_(size + torch.log(-torch.expm1(-size)))  # of which softplus makes that size
        C, N = len(self.skip), self.sizes[1]
        self.decay.copy_(torch.arange(1.0, N + 1).log().repeat(C))
        nn.init.ones_(self.skip)

    def forward(self, x: Tensor, angles: Tensor | None, bias: Bias | None, point: Point, prefix: str) -> Tensor:
        """See `Mixer`; there are no positions."""
        u, gate = self.enter(x).chunk(2, dim=-1)
        if self.conv is not None:
            u = self.conv(pad(u.mT, (self.conv.kernel_size[0] - 1, 0))).mT
        u = silu(u)
        found = self.recurrence(u)
        kept, written, read = (point(f"{prefix}.{name}", each) for name, each in found._asdict().items())
        y = (scan(kept, written * u[..., None]) * read).sum(-1) + self.skip * u
        return self.project(point(f"{prefix}.channels", y * silu(gate)))

    def recurrence(self, u: Float[Tensor, "B T C"]) -> Recurrence:
        """a, b and c of each step from what is read there."""
        size, write, read = self.select(u).split(self.sizes, dim=-1)
        size = softplus(self.time(size))[..., None]
        rate = -self.decay.exp().view(len(self.skip), -1)
        return Recurrence(torch.exp(size * rate), size * write[:, :, None], read[:, :, None])


class DiagonalSpace(Mixer):
    """S4D-Lin (Gu et al. 2022, "On the parameterization and initialization of diagonal state space models", sections 3 and 4.2).

    N/2 complex numbers of state in each of D channels stand for themselves and their conjugates: A_n = -1/2 + i pi n at the start,
    a = exp(Delta A), b = (a - 1) / A (zero-order hold), y = 2 Re(c . h) + d u. All steps at once by a convolution with its
    kernel 2 Re(c a^l b), in O(T log T), or where it is watched step by step; then gelu and a gated linear map that mixes the channels.
    """

    points: ClassVar[dict[str, str]] = {"kept": "C N", "written": "C N", "read": "C N", "channels": "B T C"}

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        family = config.part(S4D)
        D, pairs = family.width, family.d_state // 2
        self.conv = nn.Conv1d(D, D, family.conv, groups=D) if family.conv else None
        self.size = nn.Parameter(torch.empty(D))
        # One dimension each: no matrices, so that neither weight decay nor Muon acts on them.
        self.decay = nn.Parameter(torch.empty(D * pairs))
        self.turn = nn.Parameter(torch.empty(D * pairs))
        self.reading = nn.Parameter(torch.empty(D * pairs * 2))
        self.skip = nn.Parameter(torch.empty(D))
        self.project = nn.Linear(D, 2 * D)

    @torch.no_grad()
    def start_(self) -> None:
        """As published: A_n = -1/2 + i pi n, c of unit variance, and step sizes between 0.001 and 0.1."""
        D = len(self.skip)
        if self.conv is not None:
            self.conv.reset_parameters()
        log_uniform_(self.size)
        self.decay.fill_(math.log(0.5))
        self.turn.copy_(math.pi * torch.arange(len(self.turn) // D).repeat(D))
        nn.init.normal_(self.reading, std=0.5**0.5)
        nn.init.normal_(self.skip)
        self.project.reset_parameters()

    def forward(self, x: Tensor, angles: Tensor | None, bias: Bias | None, point: Point, prefix: str) -> Tensor:
        """See `Mixer`; there are no positions."""
        T = x.shape[1]
        if self.conv is not None:
            x = self.conv(pad(x.mT, (self.conv.kernel_size[0] - 1, 0))).mT
        found = self.recurrence()
        kept, written, read = (point(f"{prefix}.{name}", each) for name, each in found._asdict().items())
        if point is not unwatched:  # exact to the last bit: nothing later is in it, not even as rounding
            h = scan(kept.expand(len(x), T, *kept.shape), written * x[..., None])
            y = (2 * (h * read).sum(-1).real).type_as(x) + self.skip * x
            return glu(self.project(gelu(point(f"{prefix}.channels", y))))
        steps = torch.arange(T, device=x.device, dtype=kept.real.dtype)
        powers = torch.exp(kept.log()[..., None] * steps)
        kernel = 2 * torch.einsum("cn,cnt->ct", read * written, powers).real
        longer = 2 * T  # or the end of the convolution would come round to its beginning
        spectrum = torch.fft.rfft(x.mT.type_as(kernel), n=longer) * torch.fft.rfft(kernel, n=longer)
        y = torch.fft.irfft(spectrum, n=longer)[..., :T].mT.type_as(x) + self.skip * x
        return glu(self.project(gelu(point(f"{prefix}.channels", y))))

    def recurrence(self) -> Recurrence:
        """a, b and c, the same at every step; of 16-bit numbers in 32, for there are no complex ones of them."""
        D, wide = len(self.skip), torch.promote_types(self.size.dtype, torch.float32)
        rate = torch.complex(-self.decay.to(wide).exp(), self.turn.to(wide)).view(D, -1)
        kept = torch.exp(self.size.to(wide).exp()[:, None] * rate)
        return Recurrence(kept, (kept - 1) / rate, torch.view_as_complex(self.reading.to(wide).view(D, -1, 2)))


def log_uniform_(sizes: Tensor) -> Tensor:
    """Logarithms of step sizes, drawn evenly between those of the shortest and the longest."""
    return nn.init.uniform_(sizes, math.log(SHORTEST), math.log(LONGEST))


class StateSpace(Transformer):
    """Blocks with a state space on the residual stream."""

    def recurrences(self, read: Input | Tensor) -> list[Recurrence]:
        names = [[f"block.{block}.{name}" for name in Recurrence._fields] for block in range(len(self.blocks))]
        with observe(self, *(name for each in names for name in each)) as seen:
            self(read)
        return [Recurrence(*(_of_first(seen[name]) for name in each)) for each in names]


def _of_first(value: Tensor | list[Tensor]) -> Tensor:
    """The first sequence's; what is the same of all has no dimension for them."""
    assert isinstance(value, Tensor)
    return value[0] if value.ndim > 2 else value


class Selective(StateSpace):
    """One whose recurrence is set by what is read."""

    mixer = SelectiveSpace


class Diagonal(StateSpace):
    """One whose recurrence is the same at every step."""

    mixer = DiagonalSpace
