"""What a head's scores would be by chance: if it looked evenly, and if its tokens stood in another order.

A score of Olsson et al. 2022 is the weight on marked keys, and many a head has some of it without looking for them: where most
keys are marked, evenness is enough; where tokens have habits, so is a liking for one token when reading another, which a
single layer can have. So each score is measured again where only the relation that it is about is broken. A quarter of the places of a
sequence, M, have their tokens changed among each other, the others keep theirs, and the same weights read that: A'.

    previous token   t - 1 in M, t not: the weight of t on where the token that stood before it went, if that is before t
    same token       s in M, t not:     the weight of t on the place s of the earlier token, where another one stands now
    prefix matching  s - 1 in M, t, t - 1 and s not: the weight of t on s, whose token and place are as before; but what stands
                     before it is another token, so that it follows no earlier occurrence of x_t there

A head of the first block knows a key's token and place and nothing of what stands before it; its weight stays, and all of its prefix-matching score
is chance. An induction head's weight goes elsewhere. (Olsson et al. score heads on random tokens said twice, where tokens have no habits;
here the input is the run's own.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.look import affordable_rows
from explainer.lenses.maps import Maps, attention_maps
from explainer.models import SequenceModel
from explainer.tasks.base import Batch, Input
from explainer.theory.head_roles import ROLES

SHUFFLED = 32
"""Sequences that are shuffled, at least: fewer are taken several times, each in another order."""
MOVED = 0.25
"""Share of the places whose tokens change places: p (1 - p)^3, the share of pairs that tell of prefix matching, is largest there."""


def scored_maps(
    model: SequenceModel, batch: Batch, config: RunConfig
) -> Iterator[tuple[Maps, dict[str, Float[Tensor, " h"]], Float[Tensor, "roles h"]]]:
    """The maps of a batch, some heads after the others, with their role scores and entropy, and the chance levels."""
    keys = marked(batch)
    broken = shuffling(batch, keys, affordable_rows(config, batch.x.shape[1], most=SHUFFLED))
    shuffled = attention_maps(model, broken.read, config)
    for maps, others in zip(attention_maps(model, batch, config), shuffled, strict=True):
        scores = {name: mean_weight(maps.weights, each) for name, each in keys.items()}
        scores["entropy"] = over_queries(torch.special.entr(maps.weights).sum(-1), batch.real)
        yield maps, scores, broken.levels(maps.weights, others.weights)


class Shuffling(NamedTuple):
    """Sequences, a quarter of whose tokens have changed places, and what that tells.

    Attributes:
        read: the shuffled sequences, those of the batch so many `times`.
        order: the place that the token at p comes from.
        keys: of each role, the marked keys of the batch.
        telling: of each role, see `pairs`.
        even: of each role, the score of even attention.
    """

    read: Input
    times: int
    order: Int[Tensor, "B T"]
    keys: dict[str, Bool[Tensor, "B T T"]]
    telling: dict[str, Float[Tensor, "B T T"]]
    even: dict[str, Float[Tensor, " 1"]]

    def levels(self, weights: Float[Tensor, "b H T T"], shuffled: Float[Tensor, "B H T T"]) -> Float[Tensor, "roles H"]:
        """The larger one of the two chance levels of every role, in the order of `ROLES`, and of some heads.

        Over the pairs (t, s) that tell, t having k_t marked keys, the level of shuffled tokens is

            score - sum (A_ts - A'_ts) / sum (1 / k_t)    of the same token and prefix matching
            mean A'_ts                                    of the previous one.

        Where no pair tells, as in a run of one letter, no order is another one, and the level is the score itself.
        NaN where the score is.

        Args:
            weights: A, on the batch.
            shuffled: A', on `read`.
        """
        repeated = weights.repeat(self.times, 1, 1, 1) if self.times > 1 else weights
        shuffled = shuffled.to(weights.dtype)
        found = []
        for name in ROLES:
            even, score = self.even[name], mean_weight(weights, self.keys[name])
            left = _shuffled(name, repeated, shuffled, self.order, self.telling[name])
            level = left if name == "previous_token" else score - left
            level = torch.where(level.isnan(), score, level)
            found.append(torch.fmax(even.expand_as(score), level).clamp(0, 1).where(score.isfinite(), torch.nan))
        return torch.stack(found)


def shuffling(batch: Batch, keys: dict[str, Bool[Tensor, "B T T"]], most: int) -> Shuffling:
    """The sequences of a batch shuffled, as often as makes `SHUFFLED` of them or `most`."""
    times = max(1, min(SHUFFLED, most) // len(batch.x))
    x = batch.x.repeat(times, *[1] * (batch.x.ndim - 1))
    ends = None if batch.lengths is None else batch.lengths.repeat(times)
    real = Input(x, lengths=ends).real
    order = shuffles(len(x), x.shape[1], real).to(x.device)
    shuffled = x.gather(1, order if x.ndim == 2 else order[..., None].expand_as(x))
    telling = pairs(x, shuffled, order, {name: each.repeat(times, 1, 1) for name, each in keys.items()})
    even = evenly(x.shape[1], x.device)
    levels = {name: mean_weight(even, each) for name, each in keys.items()}
    return Shuffling(Input(shuffled, lengths=ends), times, order, keys, telling, levels)


def shuffles(B: int, T: int, real: Bool[Tensor, "B T"] | None = None) -> Int[Tensor, "B T"]:
    """[b, p]: the place that the token at p comes from. A quarter of the places, drawn for each sequence, are permuted; always the same.

    Args:
        real: the places that are no padding, which stays where it is; None for all.
    """
    generator = torch.Generator().manual_seed(0)
    moved = torch.rand(B, T, generator=generator) < MOVED
    if real is not None:
        moved &= real.cpu()
    order = torch.arange(T).repeat(B, 1)
    for row, places in zip(order, moved, strict=True):
        at = places.nonzero()[:, 0]
        row[at] = at[torch.randperm(len(at), generator=generator)]
    return order


def pairs(
    x: Tensor, shuffled: Tensor, order: Int[Tensor, "B T"], keys: dict[str, Bool[Tensor, "B T T"]]
) -> dict[str, Float[Tensor, "B T T"]]:
    """[b, t, s] of each role: 0 where the pair does not tell, else 1 / (marked keys of t).

    One that tells has what the score is about broken and all else as it was; that of the previous token is at (t, t - 1), wherever that
    token is now.
    """
    T = x.shape[1]
    moved = order != torch.arange(T, device=x.device)
    stays = ~moved
    same = (
        (shuffled[:, None] == x[:, :, None]).flatten(3).all(-1) if x.ndim == 3 else shuffled[:, None] == x[:, :, None]
    )
    before = stays.roll(1, 1)  # t - 1 stays
    before[:, 0] = True
    other = moved[:, None, :] & ~same  # at s is another token now, and it is not that of t
    follows = other.roll(1, 2)
    follows[:, :, 0] = False
    went = order.argsort(1)
    gone = torch.zeros_like(keys["previous_token"])
    t = torch.arange(1, T, device=x.device)
    gone[:, t, t - 1] = stays[:, 1:] & moved[:, :-1] & (went[:, :-1] < t)
    mask = {
        "previous_token": gone,
        "duplicate_token": stays[:, :, None] & other,
        "prefix_matching": (stays & before)[:, :, None] & stays[:, None, :] & follows,
    }
    return {name: (mask[name] & keys[name]) / keys[name].sum(-1, keepdim=True).clamp(min=1) for name in ROLES}


def _shuffled(
    name: str,
    weights: Float[Tensor, "B H T T"],
    shuffled: Float[Tensor, "B H T T"],
    order: Int[Tensor, "B T"],
    telling: Float[Tensor, "B T T"],
) -> Float[Tensor, " H"]:
    """Mean A'_ts of the previous token, at the place where it is now; sum (A - A') / sum (1 / k) of the others. NaN where no pair tells."""
    mask = (telling > 0).to(weights.dtype)
    if name == "previous_token":
        followed = shuffled.gather(3, order.argsort(1)[:, None, None, :].expand_as(shuffled))
        return marked_sum(followed, mask) / mask.sum()
    return marked_sum(weights - shuffled, mask) / telling.sum()


def evenly(T: int, device: torch.device) -> Float[Tensor, "1 1 T T"]:
    """Attention that is spread evenly over what may be seen: 1 / (t + 1) for s <= t."""
    weights = torch.ones(T, T, device=device).tril()
    return (weights / weights.sum(-1, keepdim=True))[None, None]


def over_queries(values: Float[Tensor, "B H T"], real: Bool[Tensor, "B T"] | None) -> Float[Tensor, " H"]:
    """Mean over sequences and those of their queries that are no padding; None for all."""
    if real is None:
        return values.mean((0, 2))
    return (values * real[:, None]).sum((0, 2)) / real.sum()


def even_entropy(batch: Batch) -> float:
    """Mean of ln(t + 1), the entropy of even attention, over the queries of sequences of unequal lengths; 0 where they are equal."""
    real = batch.real
    if real is None:
        return 0.0
    seen = torch.arange(1, real.shape[1] + 1, device=real.device, dtype=torch.float64)
    return float(over_queries(seen.log().expand(len(real), 1, -1), real))


def mean_weight(weights: Float[Tensor, "#B H T T"], keys: Bool[Tensor, "B T T"]) -> Float[Tensor, " H"]:
    """Weight on the marked keys, a mean over the queries that have any; NaN if none has."""
    queries = keys.any(-1).sum()
    return marked_sum(weights.expand(len(keys), *weights.shape[1:]), keys.to(weights.dtype)) / queries


def marked_sum(weights: Float[Tensor, "B H T T"], marks: Float[Tensor, "B T T"]) -> Float[Tensor, " H"]:
    """Sum over sequences, queries and keys of weight times mark."""
    if len(weights) == 1:  # einsum would copy the weights twice
        return weights[0].flatten(1) @ marks[0].flatten()
    return torch.einsum("bhts,bts->h", weights, marks)


def just_before(B: int, T: int, device: torch.device) -> Bool[Tensor, "B T T"]:
    """[b, t, s]: s is t - 1."""
    return torch.ones(T, T, dtype=torch.bool, device=device).tril(-1).triu(-1).expand(B, T, T)


def earlier_occurrence(batch: Batch) -> Bool[Tensor, "B T T"]:
    """[b, t, s]: position s is where the token of position t stood before.

    One period back where the sequences repeat with a known period, else every s < t with an
    equal token. Real numbers do not repeat.
    """
    T = batch.x.shape[1]
    position = torch.arange(T, device=batch.x.device)
    back = position[:, None] - position
    if batch.period is not None:
        return back == batch.period[:, None, None]
    if batch.x.is_floating_point():
        return torch.zeros(len(batch.x), T, T, dtype=torch.bool, device=batch.x.device)
    return (batch.x[:, :, None] == batch.x[:, None, :]) & (back > 0)


def after_earlier(earlier: Bool[Tensor, "B T T"]) -> Bool[Tensor, "B T T"]:
    """[b, t, s]: position s is the one after an earlier occurrence of the token of position t."""
    after = torch.zeros_like(earlier)
    after[:, :, 1:] = earlier[:, :, :-1]
    return after


def marked(batch: Batch) -> dict[str, Bool[Tensor, "B T T"]]:
    """Of each role the keys that its score adds up; none of a query that is padding."""
    earlier = earlier_occurrence(batch)
    found = {
        "prefix_matching": after_earlier(earlier),
        "previous_token": just_before(len(batch.x), batch.x.shape[1], batch.x.device),
        "duplicate_token": earlier,
    }
    real = batch.real
    return found if real is None else {name: keys & real[:, :, None] for name, keys in found.items()}
