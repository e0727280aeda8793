"""Beyond: a Transformer trained at T reads windows of T, 2T, 4T and 8T characters (Press et al. 2022, section 2).

The windows are fixed and come from the validation part of the text; only their last quarter is judged, where
every character has the most to go by. A text of the viewer's own is read from its start to its end.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from explainer.config import RunConfig
from explainer.data import ASKED_CHARACTERS
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord
from explainer.lenses.look import affordable_rows, evaluating, first_rows, model_device
from explainer.lenses.maps import attention_maps
from explainer.models import Residual, SequenceModel
from explainer.models.operate import order
from explainer.models.pieces import give_way
from explainer.tasks.base import Batch, Task, Windowed, next_step
from explainer.theory.encodings import alibi_slopes, dot_kernel, rotary_kernel, sinusoidal
from explainer.theory.followed import mean_by_lag
from explainer.theory.sizes import flops_per_step

FACTORS = (1, 2, 4, 8)
MOST_LENGTH = 2048
MOST_WINDOWS, FEWEST_WINDOWS = 64, 4  # of 8T characters; of fewer, as many more, so that as much text is judged
FLOPS = 3e10  # of one length, counted from above: about a second on one core
SCORES = 2**22  # that a forward pass may hold where attention is not fused
STRETCHES = 32
LOOKED_AT = 4  # windows whose attention weights are taken, at most
MOST_BLOCKS, FEWEST_BLOCKS = 16, 4  # of text that a standard error rests on


def look(model: SequenceModel, batch: Batch, task: Task) -> BeyondTheLengthRecord:
    """Losses and attention at all lengths; the batch is not read, for the windows are always the same."""
    assert isinstance(model, Residual), type(model)
    assert isinstance(task, Windowed), type(task)
    config = task.config
    read: dict[int, Float[np.ndarray, "W length"]] = {}
    why: list[str] = []
    for length in lengths(config):
        why.append(refusal(config, length))
        try:
            if not why[-1]:
                read[length] = losses(model, task.validation_windows(length, windows(task, length)), config)
        except ValueError as error:
            why[-1] = str(error)
    longest = max(read, default=config.length)
    means = [mean_weights(model, task.validation_windows(T, LOOKED_AT), config) for T in (config.length, longest)]
    places, course = stretches(read[longest].mean(axis=0)) if read else (np.zeros(0), np.zeros(0))
    return _record(model, config, read, why, means, spaced(longest), places, course, task.held_out)


def answer(model: SequenceModel, question: str, task: Task) -> BeyondTheLengthRecord:
    """The same of one text, read from its start: `course` has -ln p of each character after the first.

    Windows of T, 2T ... are those that begin with the text. Learned positions read its first T characters.

    Raises:
        ValueError: a character that the vocabulary lacks, fewer than two characters, or too many.
    """
    assert isinstance(model, Residual), type(model)
    assert isinstance(task, Windowed), type(task)
    config = task.config
    tokens = task.numbers(question)
    most = min(FACTORS[-1] * config.length + 1, ASKED_CHARACTERS)
    if not 2 <= len(tokens) <= most:
        raise ValueError(
            f"{len(tokens):,} characters can't be read. Give 2 to {most:,}: windows up to {FACTORS[-1]}T, "
            f"T being the {config.length} of training."
        )
    foretold = len(tokens) - 1
    if config["positions"] == "learned":
        foretold = min(foretold, config.length)
    batch = next_step(torch.tensor([tokens[: foretold + 1]]))
    course = losses(model, batch, config)
    short = f"your text has only {len(tokens):,} characters"
    why = [refusal(config, length) or (short if length > foretold else "") for length in lengths(config)]
    read = {length: course[:, :length] for length, reason in zip(lengths(config), why, strict=True) if not reason}
    mean = mean_weights(model, batch, config)
    near = min(config.length, foretold)  # what comes later changes nothing before it
    means = [None if mean is None else mean[:end, :end] for end in (near, foretold)]
    return _record(
        model, config, read, why, means, spaced(foretold), np.arange(foretold, dtype=np.float64), course[0], held_out=0
    )


def _record(
    model: Residual,
    config: RunConfig,
    read: dict[int, Float[np.ndarray, "W length"]],
    why: list[str],
    means: list[Float[np.ndarray, "T T"] | None],
    distances: Int[np.ndarray, " Q"],
    places: Float[np.ndarray, " P"],
    course: Float[np.ndarray, " P"],
    held_out: int,
) -> BeyondTheLengthRecord:
    """What both kinds of look have found: losses of windows of each length, and mean weights at T and at the longest.

    Args:
        held_out: characters of the text whose windows they are; 0 of an own text, whose losses have no error.
    """
    judged = [read.get(T, np.zeros((0, T)))[:, -quarter(T) :].mean(axis=1) for T in lengths(config)]
    blocks = [count_blocks(held_out, T, len(each)) for T, each in zip(lengths(config), judged, strict=True)]
    attention, looked = zip(*(weight_by_distance(mean, distances) for mean in means), strict=True)
    return BeyondTheLengthRecord(
        kind=config["positions"],
        trained=config.length,
        lengths=np.array(lengths(config), np.int32),
        loss=np.array([each.mean() if len(each) else np.nan for each in judged]),
        error=np.array([standard_error(*found) for found in zip(judged, blocks, strict=True)]),
        blocks=np.array(blocks, np.int32),
        why=tuple(why),
        windows=np.array([len(each) for each in judged], np.int32),
        places=places,
        course=course,
        distances=distances,
        attention=np.stack(attention),
        looked=np.array(looked),
        kernel=kernel(model, config, distances),
    )


def lengths(config: RunConfig) -> list[int]:
    """T, 2T, 4T and 8T."""
    return [factor * config.length for factor in FACTORS]


def refusal(config: RunConfig, length: int) -> str:
    """Why windows of this length can't be read, or ""."""
    if config["positions"] == "learned" and length > config.length:
        return f"has no rows beyond T = {config.length:,}"
    if length > MOST_LENGTH:
        return f"longer than {MOST_LENGTH:,} characters, too much for one look"
    return ""


def quarter(length: int) -> int:
    """Characters of a window that are judged."""
    return length // 4 or 1


def windows(task: Windowed, length: int) -> int:
    """How many windows of this length a second allows: as many characters judged at T as at 8T, none of them twice."""
    config = task.config
    most = MOST_WINDOWS * FACTORS[-1] * config.length // length
    each = flops_per_step(config, task.inputs, task.outputs) / 3 / config.batch * (length / config.length) ** 2
    return int(min(most, max(FEWEST_WINDOWS, FLOPS // each), count_apart(task.held_out, length)))


def count_apart(characters: int, length: int) -> int:
    """How many windows, evenly spaced, a text has whose last quarters don't overlap; at least 1."""
    return 1 + max(0, characters - length - 1) // quarter(length)


def count_blocks(characters: int, length: int, count: int) -> int:
    """Into how many blocks of neighbours `count` windows can be put: at most 16, each of a text as long as a window."""
    return min(MOST_BLOCKS, count, characters // length)


@torch.no_grad()
def losses(model: SequenceModel, batch: Batch, config: RunConfig) -> Float[np.ndarray, "W length"]:
    """-ln p of the right next character at every position."""
    W, length = batch.x.shape
    rows = max(1, SCORES // (max(1, config.network.sites) * length * length))
    device, parts = model_device(model), []
    with evaluating(model):
        for first in range(0, W, rows):
            x, y = batch.x[first : first + rows].to(device), batch.y[first : first + rows].to(device)
            give_way()
            parts.append(cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="none").view(y.shape))
    return torch.cat(parts).double().cpu().numpy()


def standard_error(values: Float[np.ndarray, " W"], blocks: int) -> float:
    """Standard error of the mean of values in the order of their windows, by the means of `blocks` blocks of neighbours.

    s / sqrt(G), with s the sample standard deviation of the means of G blocks (method of batch means, Schmeiser 1982).
    Neighbouring windows are alike, since a hard page is longer than a window; blocks of them are nearly independent. Where
    blocks have m_g windows each, not all as many, sqrt(G / (G - 1) sum_g m_g² (x_g - x)²) / W. NaN of fewer than 4 blocks.
    """
    if blocks < FEWEST_BLOCKS:
        return math.nan
    parts = np.array_split(values, blocks)
    off = np.array([len(part) * (part.mean() - values.mean()) for part in parts])
    return float(math.sqrt(blocks / (blocks - 1) * (off @ off)) / len(values))


def stretches(course: Float[np.ndarray, " length"]) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Means of a curve over at most `STRETCHES` stretches of it, and the middle of each."""
    parts = np.array_split(np.arange(len(course)), min(STRETCHES, len(course)))
    return np.array([part.mean() for part in parts]), np.array([course[part].mean() for part in parts])


def spaced(length: int) -> Int[np.ndarray, " Q"]:
    """Distances 0, 1, 2, ... that grow by a fifth each, up to length - 1."""
    found, grown = [0], 1.0
    while grown <= length - 1:
        found.append(int(grown))
        grown = max(grown + 1, grown * 1.2)
    return np.array(sorted({*found, length - 1}), np.int32)


def weight_by_distance(
    mean: Float[np.ndarray, "T T"] | None, distances: Int[np.ndarray, " Q"]
) -> tuple[Float[np.ndarray, " Q"], float]:
    """Mean weight on the key d tokens back, for the queries of the last quarter; and the mean distance of all weight.

    Args:
        mean: see `mean_weights`.
    """
    if mean is None:
        return np.full(len(distances), np.nan), math.nan
    length = len(mean)
    judged = np.arange(length) >= length - quarter(length)
    by_distance = mean_by_lag(mean, judged)
    back = np.arange(length)[judged, None] - np.arange(length)
    looked = float((mean[judged] * back).sum(axis=1).mean())
    return np.where(distances < length, by_distance[np.minimum(distances, length - 1)], np.nan), looked


def mean_weights(model: Residual, batch: Batch, config: RunConfig) -> Float[np.ndarray, "T T"] | None:
    """The attention weights, a mean over the windows (at most `LOOKED_AT`), blocks and heads; None without blocks."""
    if config.layers == 0:
        return None
    device, T = model_device(model), batch.x.shape[1]
    rows = affordable_rows(config, T, most=min(LOOKED_AT, len(batch.x)))
    total = torch.zeros(T, T, dtype=torch.float64, device=device)
    for _, _, weights in attention_maps(model, first_rows(batch, rows).to(device), config):
        total += weights.sum((0, 1), dtype=torch.float64)
    return np.asarray((total / (rows * config.layers * config.network.sites)).cpu().numpy())


def kernel(model: Residual, config: RunConfig, distances: Int[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
    """What the encoding alone says of two tokens d apart, whatever they are; 1 at d = 0.

    none        1: it says nothing
    sinusoidal  cosine of the angle between PE(0) and PE(d)
    learned     mean cosine of the angle between rows d apart of the trained table; NaN beyond it
    rotary      (2/K) sum_i cos(d omega_i), a query of equal pairs with itself
    alibi       mean over the heads of exp(-slope_h d), the factor on a weight

    Where positions are shuffled it is the mean over all pairs of tokens d apart, at the places that they are given.
    """
    longest = int(distances[-1]) + 1
    if config["positions"] == "learned":
        added = model.placed(config.length).table(config.length)
        assert isinstance(added, Tensor)
        return _by_distance(dot_kernel(added.detach().double().cpu().numpy(), normalised=True), distances)
    alike = _by_offset(config, longest)
    places = order(model.surgery, longest)
    if places is None:
        return alike[distances]
    return _by_distance(alike[(places[:, None] - places).abs().numpy()], distances)


def _by_offset(config: RunConfig, longest: int) -> Float[np.ndarray, " longest"]:
    """The kernel of two places 0, 1, 2, ... apart, of an encoding in which nothing else counts."""
    kind, H = config["positions"], config.network.sites
    if kind == "sinusoidal":
        return dot_kernel(sinusoidal(longest, config.width), normalised=True)[0]
    if kind == "rotary" and config.layers:
        return rotary_kernel(longest, config.width // H)
    if kind == "alibi":
        return np.exp(-alibi_slopes(H)[:, None] * np.arange(longest)).mean(axis=0)
    return np.ones(longest)


def _by_distance(alike: Float[np.ndarray, "T T"], distances: Int[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
    """Means over all pairs of tokens d apart; NaN where there are none."""
    T = len(alike)
    return np.array([alike.diagonal(d).mean() if d < T else np.nan for d in distances.tolist()])
