"""Bare training loops, written without the project's own: what its speed is compared with.

They do what any such loop must (batch, forward, loss, backward, clip, update) and nothing else: no
number leaves the model, nothing is written. Nothing here is slower than it needs to be; the
optimiser is torch's fused one, although nanoGPT uses the slower default on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explainer.config import RunConfig
from explainer.training.optimizer import Together

Update = Callable[[], None]


class PlainBlock(nn.Module):
    """A pre-norm block as in nanoGPT, without biases."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_2 = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.shape
        q, k, v = self.qkv(self.norm_1(x)).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(B, T, D))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class PlainGPT(nn.Module):
    """Token and position embeddings, blocks, a last norm, and a readout tied to the tokens."""

    def __init__(self, config: RunConfig, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, config.width)
        self.places = nn.Embedding(config.length, config.width)
        self.blocks = nn.Sequential(*(PlainBlock(config.width, config["heads"]) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(config.width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.layers) if residual else 0.02)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        return F.linear(self.norm(self.blocks(h)), self.tokens.weight)


def characters(text: str) -> Tensor:
    """The first nine tenths of a text as numbers into its sorted alphabet."""
    number = {character: i for i, character in enumerate(sorted(set(text)))}
    return torch.tensor([number[character] for character in text[: int(0.9 * len(text))]])


def text_batches(config: RunConfig, data: Tensor) -> Callable[[], tuple[Tensor, Tensor]]:
    """Windows of T characters and the ones that follow, from anywhere in the data."""
    B, T = config.batch, config.length

    def draw() -> tuple[Tensor, Tensor]:
        starts = torch.randint(len(data) - T, (B,)).tolist()
        return (
            torch.stack([data[i : i + T] for i in starts]),
            torch.stack([data[i + 1 : i + 1 + T] for i in starts]),
        )

    return draw


def adding_batches(config: RunConfig) -> Callable[[], tuple[Tensor, Tensor]]:
    """Numbers in [0, 1] with a marked one in each half (B, T, 2), and the sum of the two (B,)."""
    B, T = config.batch, config.length

    def draw() -> tuple[Tensor, Tensor]:
        values = torch.rand(B, T)
        places = torch.stack([torch.randint(T // 2, (B,)), torch.randint(T // 2, T, (B,))], dim=1)
        marks = torch.zeros(B, T).scatter_(1, places, 1.0)
        return torch.stack([values, marks], dim=2), values.gather(1, places).sum(1)

    return draw


def next_token_loss(output: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy over all positions."""
    return F.cross_entropy(output.flatten(0, 1), y.flatten())


def last_step_loss(output: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of the last position."""
    return F.mse_loss(output[:, -1, 0], y)


def adamw(model: nn.Module, config: RunConfig) -> torch.optim.Optimizer:
    """AdamW as in nanoGPT: matrices decay, gains and biases don't."""
    parameters = list(model.parameters())
    groups = [
        {"params": [each for each in parameters if each.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, config["beta2"]), fused=True)


def bare_loop(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | Together,
    draw: Callable[[], tuple[Tensor, Tensor]],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    clip: float,
) -> Update:
    """One update of a model, to be called again and again."""
    parameters: Iterable[Tensor] = list(model.parameters())

    def update() -> None:
        x, y = draw()
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()

    return update


def plain_nanogpt(config: RunConfig, text: str) -> tuple[PlainGPT, Update]:
    """The plain model of a nanoGPT recipe, and one update of it with the recipe's learning rate."""
    model = PlainGPT(config, len(set(text)))
    optimizer = adamw(model, config)
    update = bare_loop(model, optimizer, text_batches(config, characters(text)), next_token_loss, config.clip)
    done = 0

    def scheduled() -> None:
        nonlocal done
        if done < config["warmup"]:
            lr = config.lr * (done + 1) / (config["warmup"] + 1)
        else:
            progress = min(1.0, (done - config["warmup"]) / (config.steps - config["warmup"]))
            lr = config["min_lr"] + (config.lr - config["min_lr"]) * (1 + math.cos(math.pi * progress)) / 2
        for group in optimizer.param_groups:
            group["lr"] = lr
        update()
        done += 1

    return model, scheduled
