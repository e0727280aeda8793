"""A decoder-only Transformer in the manner of GPT-2 and nanoGPT: fused attention, explicit where a lens looks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import dropout, linear, pad, scaled_dot_product_attention

from explainer.config import RunConfig
from explainer.families.attending import Attending, Blocks
from explainer.models.init import gpt2_
from explainer.models.observe import Point, may_touch, unwatched
from explainer.models.operate import order
from explainer.models.pieces import give_way
from explainer.models.positions import POSITIONS, Bias, Positions, ShuffledPositions, rotate
from explainer.models.residual import Residual
from explainer.tasks.base import Input

MOST_WEIGHTS = 2**22
"""Attention weights of one block that an explicit pass makes where nobody asks for them: 16 MB, and three times that on the way."""
MOST_BIAS = 2**22
"""Numbers of a bias on the scores of all heads at once: 16 MB. Of a larger one each head's is made as it is added."""


class Mixer(nn.Module, ABC):
    """What mixes the steps in a block.

    Attributes:
        points: that its forward pass passes, with their shapes.
    """

    points: ClassVar[dict[str, str]]

    @abstractmethod
    def __init__(self, config: RunConfig) -> None:
        super().__init__()

    @abstractmethod
    def start_(self) -> None:
        """Set what does not start as GPT-2's Gaussians."""

    @abstractmethod
    def forward(
        self,
        x: Float[Tensor, "B T D"],
        angles: Float[Tensor, "T pairs"] | None,
        bias: Bias | None,
        point: Point,
        prefix: str,
    ) -> Float[Tensor, "B T D"]:
        """What each position reads from itself and those before it.

        Args:
            angles: by how much queries and keys are turned (rotary).
            bias: what is added to the scores (ALiBi), or a function from a head to it.
            point: passed by `points` under `prefix`; scores and weights exist only when it is a watch's.
        """


class Attention(Mixer):
    """H heads of causal self-attention: softmax(Q Kᵀ/√K + bias) V   (Vaswani et al. 2017, §3.2)."""

    points: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("query", "key", "value"), "B H T K"),
        **dict.fromkeys(("scores", "weights"), "B H T T"),
        "heads": "B H T K",
    }

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        family = config.part(Attending)
        D = family.width
        self.heads, self.dropout, self.blocks = family.heads, family.dropout, family.layers
        self.query_key_value = nn.Linear(D, 3 * D, bias=False)
        self.conv = nn.Conv1d(3 * D, 3 * D, family.conv, groups=3 * D, bias=False) if family.conv else None
        self.window, self.global_tokens = family.span
        self.project = nn.Linear(D, D, bias=False)

    def start_(self) -> None:
        """What differs from GPT-2's Gaussians: a convolution at first hands on what is there, and a little of what was before."""
        if self.conv is not None:
            nn.init.ones_(self.conv.weight.data[:, :, -1])

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        angles: Float[Tensor, "T pairs"] | None,
        bias: Bias | None,
        point: Point,
        prefix: str,
    ) -> Float[Tensor, "B T D"]:
        """See `Mixer`."""
        B, T, D = x.shape
        mixed = self.query_key_value(x)
        if self.conv is not None:
            mixed = self.conv(pad(mixed.mT, (self.conv.kernel_size[0] - 1, 0))).mT
        q, k, v = (part.view(B, T, self.heads, D // self.heads).transpose(1, 2) for part in mixed.split(D, dim=2))
        if angles is not None:
            q, k = rotate(q, angles), rotate(k, angles)
        p = self.dropout if self.training else 0.0
        q, k, v = point(f"{prefix}.query", q), point(f"{prefix}.key", k), point(f"{prefix}.value", v)
        if self._explicitly(B, T, point, prefix):
            scores = point(f"{prefix}.scores", self.scores(q, k, bias))
            weights = point(f"{prefix}.weights", self.weights(scores, self.unseen(T, x.device)))
            heads = point(f"{prefix}.heads", dropout(weights, p) @ v)
        else:
            heads = point(f"{prefix}.heads", self.fused(q, k, v, bias, p))
        return self.project(heads.transpose(1, 2).reshape(B, T, D))

    @staticmethod
    def scores(q: Float[Tensor, "B H T K"], k: Float[Tensor, "B H T K"], bias: Bias | None) -> Float[Tensor, "B H T T"]:
        """Q Kᵀ/√K + bias: scaled and biased, and not yet masked."""
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if bias is None:
            return scores
        whole = bias if isinstance(bias, Tensor) else torch.cat([bias(head) for head in range(q.shape[1])])
        return scores + whole.to(q.dtype)

    @staticmethod
    def weights(scores: Float[Tensor, "B H T T"], unseen: Bool[Tensor, "T T"]) -> Float[Tensor, "B H T T"]:
        """The softmax of each row over what it may look at."""
        return scores.masked_fill(unseen, -torch.inf).softmax(dim=-1)

    def fused(
        self,
        q: Float[Tensor, "B H T K"],
        k: Float[Tensor, "B H T K"],
        v: Float[Tensor, "B H T K"],
        bias: Bias | None,
        p: float,
    ) -> Float[Tensor, "B H T K"]:
        """What the heads read, without their weights, of which `p` are left out."""
        return _fused(q, k, v, bias, p, self.unseen(q.shape[2], q.device) if self.window else None)

    def unseen(self, T: int, device: torch.device) -> Bool[Tensor, "T T"]:
        """See the function of this name."""
        return unseen(T, self.window, self.global_tokens, device)

    def _explicitly(self, B: int, T: int, point: Point, prefix: str) -> bool:
        """Whether a watched pass makes the weights: where it trains, where somebody may want them, and where they are few."""
        if point is unwatched:
            return False
        held = self.blocks if torch.is_grad_enabled() else 1  # a backward pass needs those of all blocks
        few = held * B * self.heads * T * T <= MOST_WEIGHTS
        return self.training or few or may_touch(point, f"{prefix}.scores", f"{prefix}.weights")


def unseen(T: int, window: int, global_tokens: int, device: torch.device) -> Bool[Tensor, "T T"]:
    """True where row t may not look at column s: at later ones, and in a sliding window at s <= t - w but the first few.

    The window and its global tokens are those of Beltagy et al. 2020 (Longformer, section 3.1), causal.

    Args:
        window: w; 0 for every earlier position.
    """
    places = torch.arange(T, device=device)
    back = places[:, None] - places
    later = back < 0
    return later | (back >= window) & (places >= global_tokens) if window else later


def _fused(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H T K"],
    v: Float[Tensor, "B H T K"],
    bias: Bias | None,
    p: float,
    unseen: Bool[Tensor, "T T"] | None,
) -> Float[Tensor, "B H T K"]:
    """Attention without ever holding the (B, H, T, T) weights, where torch has such a kernel."""
    if bias is None:
        allowed = None if unseen is None else ~unseen
        return scaled_dot_product_attention(q, k, v, dropout_p=p, attn_mask=allowed, is_causal=allowed is None)
    if not isinstance(bias, Tensor):
        heads = range(q.shape[1])
        parts = [_fused(q[:, [h]], k[:, [h]], v[:, [h]], bias(h), p, unseen) for h in heads]
        return torch.cat(parts, dim=1)
    give_way()
    mask = bias.masked_fill(_future(q) if unseen is None else unseen, -torch.inf).to(q.dtype)
    return scaled_dot_product_attention(q, k, v, attn_mask=mask[None], dropout_p=p)


def _future(q: Float[Tensor, "B H T K"]) -> Tensor:
    """(T, T) True where column j lies after row i."""
    T = q.shape[2]
    return torch.ones(T, T, dtype=torch.bool, device=q.device).triu(diagonal=1)


class MLP(nn.Module):
    """W₂ gelu(W₁ x), hidden width 4D."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.width, 4 * config.width, bias=False)
        self.gelu = nn.GELU()
        self.project = nn.Linear(4 * config.width, config.width, bias=False)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.project(self.gelu(self.expand(x)))


class Block(nn.Module):
    """Attention and, if wanted, an MLP, each on a residual branch.

    pre-norm:  x + branch(norm(x))      the residual stream is never rescaled
    post-norm: norm(x + branch(x))      as in the original paper; deep stacks need a warm-up (Xiong et al. 2020)
    """

    def __init__(self, config: RunConfig, mixer: type[Mixer]) -> None:
        super().__init__()
        family = config.part(Blocks)
        self.pre_norm = family.norm == "pre"
        self.attention: Mixer = mixer(config)
        self.attention_norm = nn.LayerNorm(config.width, bias=False)
        self.mlp = MLP(config) if family.mlp else None
        self.mlp_norm = nn.LayerNorm(config.width, bias=False) if family.mlp else None
        self.dropout = nn.Dropout(family.dropout)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        angles: Float[Tensor, "T pairs"] | None,
        bias: Bias | None,
        point: Point,
        prefix: str,
    ) -> Float[Tensor, "B T D"]:
        """The residual stream after the block; the arguments are those of `Attention`."""
        x = point(f"{prefix}.residual_in", x)
        read = self.attention_norm(x) if self.pre_norm else x
        branch = self.attention(read, angles, bias, point, prefix)
        x = x + point(f"{prefix}.attention", self.dropout(branch))
        if not self.pre_norm:
            x = self.attention_norm(x)
        if self.mlp is not None and self.mlp_norm is not None:
            branch = self.mlp(self.mlp_norm(x) if self.pre_norm else x)
            x = x + point(f"{prefix}.mlp", self.dropout(branch))
            if not self.pre_norm:
                x = self.mlp_norm(x)
        return point(f"{prefix}.residual_out", x)


class Transformer(Residual):
    """Embedding, L causal blocks, final norm (pre-norm only) and readout; no biases, as nanoGPT's default recipe.

    With L = 0 it is a bigram model: the embedding read out directly. Numbers enter and leave through
    linear maps with a bias.

    Args:
        config: layers, width, heads, mlp, norm, dropout, positions, tied and the length are read.
        inputs: V for tokens, F for numbers.
        outputs: V, or how many numbers are said at each step.

    Attributes:
        mixer: what mixes the steps in a block.
    """

    mixer: type[Mixer] = Attention

    def __init__(self, config: RunConfig, inputs: int, outputs: int) -> None:
        super().__init__(config)
        family = config.part(Blocks)
        D, L = family.width, family.layers
        self.heads = family.sites
        self.window, self.global_tokens = family.span
        self.embedding = nn.Embedding(inputs, D) if config.has_tokens else nn.Linear(inputs, D)
        self.positions = POSITIONS[family.positions](config)
        self.dropout = nn.Dropout(family.dropout)
        self.blocks = nn.ModuleList(Block(config, type(self).mixer) for _ in range(L))
        self.final_norm = nn.LayerNorm(D, bias=False) if L and family.norm == "pre" else None
        # Tied: there is no second matrix, so none is counted, decayed or saved twice (Press & Wolf 2017).
        self.readout = None if family.tied else nn.Linear(D, outputs, bias=not config.says_tokens)
        gpt2_(self, L)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.attention.start_()

    def forward(self, read: Input) -> Float[Tensor, "B T V"]:
        """Logits or numbers at every position, each from the positions up to it: padding changes nothing before it.

        Raises:
            ValueError: longer than the learned positions.
        """
        watch = self._watching()
        point = unwatched if watch is None else watch.whole
        h = point("embedding", self.entering(read.x))
        return point("output", self.read_out(self.from_block(0, h, point)))

    def entering(self, x: Tensor) -> Float[Tensor, "B T D"]:
        """The residual stream before the first block: embeddings and what is added to them for their places."""
        h: Tensor = self.dropout(self.placed(x.shape[1]).added(self.embedding(x)))
        return h

    def from_block(self, first: int, h: Float[Tensor, "B T D"], point: Point = unwatched) -> Float[Tensor, "B T D"]:
        """The residual stream after the last block, from the one that enters block `first`."""
        positions = self.placed(h.shape[1])
        angles, bias = positions.angles(h), self.biased(h)
        for number in range(first, len(self.blocks)):
            h = self.blocks[number](h, angles, bias, point, f"block.{number}")
        return h

    def biased(self, h: Float[Tensor, "B T D"]) -> Bias | None:
        """What is added to the scores, if anything is; of a long sequence that is only looked at, head by head."""
        positions = self.placed(h.shape[1])
        if self.training or self.heads * h.shape[1] ** 2 <= MOST_BIAS:
            return positions.bias(h)
        return positions.bias_of(h)

    def unseen(self, T: int, device: torch.device) -> Bool[Tensor, "T T"]:
        """True where row t may not look at column s; the same in all blocks."""
        return unseen(T, self.window, self.global_tokens, device)

    def placed(self, T: int) -> Positions | ShuffledPositions:
        """The encoding of the positions of T tokens, in the order that the model's surgery gives them."""
        places = order(self.surgery, T)
        if places is None:
            return self.positions
        return ShuffledPositions(self.positions, places.to(next(self.parameters()).device))

    def read_out(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """Logits or numbers from a residual stream: the final norm (pre-norm only), then the readout."""
        if self.final_norm is not None:
            h = self.final_norm(h)
        return linear(h, self.embedding.weight) if self.readout is None else self.readout(h)

    def points(self) -> dict[str, str]:
        """The embedding, then what each block computes in order, then the output."""
        names = {"embedding": "B T D"}
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            prefix = f"block.{number}"
            names[f"{prefix}.residual_in"] = "B T D"
            names |= {f"{prefix}.{name}": shape for name, shape in block.attention.points.items()}
            names[f"{prefix}.attention"] = "B T D"
            if block.mlp is not None:
                names[f"{prefix}.mlp"] = "B T D"
            names[f"{prefix}.residual_out"] = "B T D"
        return names | {"output": "B T V"}
