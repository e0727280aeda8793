"""Chance levels of a head's scores: against loops, on hand-made heads with known roles, and on trained networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from explainer.charts import head_roles
from explainer.config import RunConfig
from explainer.data import digest
from explainer.lenses import LENSES
from explainer.lenses import head_scores as chance
from explainer.lenses.attention import notes as head_notes
from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.head_scores import marked
from explainer.lessons import LESSONS
from explainer.models import build
from explainer.models.transformer import Transformer
from explainer.runs.store import Store
from explainer.runs.tape import decode
from explainer.runs.tape_file import SHIPPED, load_tape
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.theory.head_roles import ROLES
from explainer.training import Trainer

B, T, V = 23, 37, 7
LIKED = (3, 0, 5, 6, 1, 2, 4)  # what a token of a text with habits is mostly followed by

Rule = Callable[[list[int], int], list[int]]
"""Which keys a query looks at, given the tokens; none: at all that it may see."""

RULES: dict[str, Rule] = {
    "even": lambda x, t: [],
    "previous": lambda x, t: [t - 1] if t else [],
    "induction": lambda x, t: [s for s in range(1, t + 1) if x[s - 1] == x[t] and s - 1 < t],
    "same": lambda x, t: [s for s in range(t) if x[s] == x[t]],
    "liking": lambda x, t: [s for s in range(t + 1) if x[s] == LIKED[x[t] % V]],
    "nine back": lambda x, t: [t - 9] if t >= 9 else [],
    "itself": lambda x, t: [t],
}


class Heads:
    """A network of one block whose heads follow rules to the letter."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def weights(self, x: Tensor) -> Tensor:
        found = torch.zeros(len(x), len(self.names), x.shape[1], x.shape[1], dtype=torch.float64)
        for b, row in enumerate(x.tolist()):
            for h, name in enumerate(self.names):
                for t in range(len(row)):
                    keys = RULES[name](row, t) or list(range(t + 1))
                    found[b, h, t, keys] = 1 / len(keys)
        return found


def levels(batch: Batch, *names: str) -> dict[str, dict[str, tuple[float, float]]]:
    """Of each head, each role's score and chance level."""
    heads, keys = Heads(*names), marked(batch)
    weights = heads.weights(batch.x)
    broken = chance.shuffling(batch, keys, chance.SHUFFLED)
    found = broken.levels(weights, heads.weights(broken.read.x))
    return {
        name: {
            role: (float(chance.mean_weight(weights, keys[role])[h]), float(found[at, h]))
            for at, role in enumerate(ROLES)
        }
        for h, name in enumerate(names)
    }


def batch_of(x: Tensor, period: int | None = None) -> Batch:
    periods = None if period is None else torch.full((len(x),), period)
    return Batch(x, x, torch.ones(x.shape, dtype=torch.bool), periods)


def text(seed: int, habit: float = 0.9, rows: int = B) -> Batch:
    """Sequences in which a token is mostly followed by the one that it likes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(V, (rows, T), generator=generator)
    for t in range(1, T):
        follows = torch.rand(rows, generator=generator) < habit
        x[follows, t] = torch.tensor(LIKED)[x[follows, t - 1]]
    return batch_of(x)


def repeated(seed: int, period: int = 9) -> Batch:
    once = torch.randint(97, (B, period), generator=torch.Generator().manual_seed(seed))
    return batch_of(once[:, torch.arange(T) % period], period)


def role(scores: dict[str, tuple[float, float]]) -> str:
    found = head_roles.role_among(scores)
    return found[0] if found else ""


# -- hand-made heads --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_heads_that_follow_a_rule_on_random_tokens_have_its_role(seed: int) -> None:
    found = levels(repeated(seed, period=19), "induction", "same", "previous", "even", "itself")
    roles = {name: role(scores) for name, scores in found.items()}
    expected = {"induction": "prefix_matching", "same": "duplicate_token", "previous": "previous_token"}
    assert roles == {**expected, "even": "", "itself": ""}
    for name, of in expected.items():
        score, by_chance = found[name][of]
        assert score > 0.8
        assert by_chance < 0.2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_to_like_what_mostly_follows_is_no_induction(seed: int) -> None:
    """A single layer can do that. On a text with habits it has a high score, and all of it is chance."""
    found = levels(text(seed), "liking", "induction")
    score, by_chance = found["liking"]["prefix_matching"]
    assert score > 0.5, "as high as that of the real one"
    assert by_chance == pytest.approx(score, abs=0.06)
    assert role(found["liking"]) == ""
    score, by_chance = found["induction"]["prefix_matching"]
    assert score > 0.9
    assert by_chance < score / 2
    assert role(found["induction"]) == "prefix_matching"


def test_to_look_so_many_back_is_no_same_token_head() -> None:
    """Where all sequences have one period, position is enough."""
    found = levels(repeated(3), "nine back", "same")
    score, by_chance = found["nine back"]["duplicate_token"]
    assert score == 1
    assert by_chance == pytest.approx(1, abs=1e-9)
    assert role(found["nine back"]) == ""
    assert role(found["same"]) == "duplicate_token"


@pytest.mark.parametrize("name", RULES)
def test_a_run_of_one_letter_gives_no_role_by_content(name: str) -> None:
    for period in (None, 1):
        found = levels(batch_of(torch.zeros(1, T, dtype=torch.long), period), name)[name]
        assert role(found) == ("previous_token" if name == "previous" else "")


def test_even_attention_is_what_it_is_by_a_loop() -> None:
    batch = text(5)
    found = levels(batch, "even")["even"]
    shares: dict[str, list[float]] = {name: [] for name in ROLES}
    for row in batch.x.tolist():
        for t in range(T):
            same = [s for s in range(t) if row[s] == row[t]]
            if t:
                shares["previous_token"].append(1 / (t + 1))
            if same:
                shares["duplicate_token"].append(len(same) / (t + 1))
                shares["prefix_matching"].append(len(same) / (t + 1))
    for name in ROLES:
        score, by_chance = found[name]
        assert score == pytest.approx(np.mean(shares[name]), rel=1e-6)
        assert by_chance == pytest.approx(score, rel=0.25)
        assert by_chance >= score * (1 - 1e-6)  # both are float32


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kind", ["text", "repeated"])
def test_a_chance_level_is_that_of_loops_over_pairs(name: str, kind: str) -> None:
    batch = text(7) if kind == "text" else repeated(7)
    assert chance.SHUFFLED < 2 * len(batch.x), "each is shuffled once"
    found = levels(batch, name)[name]
    heads = Heads(name)
    A = heads.weights(batch.x)[:, 0].tolist()
    order = chance.shuffles(*batch.x.shape).tolist()
    x = batch.x.tolist()
    y = [[row[at] for at in places] for row, places in zip(x, order, strict=True)]
    A2 = heads.weights(torch.tensor(y))[:, 0].tolist()
    drop = {"prefix_matching": [0.0, 0.0], "duplicate_token": [0.0, 0.0]}
    went_to: list[float] = []
    for b, row in enumerate(x):

        def stays(t: int, b: int = b) -> bool:
            return order[b][t] == t

        for t in range(T):
            if batch.period is not None:
                earlier = [t - int(batch.period[b])] if t >= int(batch.period[b]) else []
            else:
                earlier = [s for s in range(t) if row[s] == row[t]]
            if not stays(t):
                continue
            for s in earlier:
                changed = not stays(s) and y[b][s] != row[t]
                if changed:
                    drop["duplicate_token"][0] += A[b][t][s] - A2[b][t][s]
                    drop["duplicate_token"][1] += 1 / len(earlier)
                if changed and stays(t - 1) and stays(s + 1):
                    drop["prefix_matching"][0] += A[b][t][s + 1] - A2[b][t][s + 1]
                    drop["prefix_matching"][1] += 1 / len(earlier)
            if t and not stays(t - 1):
                now = order[b].index(t - 1)
                if now < t:
                    went_to.append(A2[b][t][now])
    for of in ROLES:
        score, by_chance = found[of]
        even = float(chance.mean_weight(chance.evenly(T, batch.x.device), marked(batch)[of])[0])
        level = np.mean(went_to) if of == "previous_token" else score - drop[of][0] / drop[of][1]
        assert by_chance == pytest.approx(min(1.0, max(even, level)), rel=1e-5), of


def test_a_shuffle_moves_a_quarter_and_keeps_every_token() -> None:
    order = chance.shuffles(1009, T)
    assert torch.equal(order, chance.shuffles(1009, T))
    assert torch.equal(order.sort(-1).values, torch.arange(T).expand(1009, T))
    assert float((order != torch.arange(T)).float().mean()) == pytest.approx(0.25 * (1 - 1 / (0.25 * T)), abs=0.02)


# -- networks ---------------------------------------------------------------------------------


def looked(model: Any, batch: Batch, task: Task) -> AttentionRecord:
    record = LENSES["attention"].look(model, batch, task)
    assert isinstance(record, AttentionRecord)
    return record


def roles_of(record: AttentionRecord) -> list[str]:
    L, H = record.entropy.shape
    found = [head_notes.role_of(record, layer, head) for layer in range(L) for head in range(H)]
    return [each[0] if each else "" for each in found]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_block_with_a_liking_has_a_high_score_and_no_role(seed: int) -> None:
    """Real weights: a query of token a asks for the token that a likes, wherever it stands."""
    config = RunConfig(
        task="repeat", symbols=V, length=T, model="transformer", layers=1, heads=1, width=8, mlp=False, norm="post"
    )
    config = config.but(positions="none")
    task = make_task(config)
    model = build(config, task.inputs, task.outputs)
    assert isinstance(model, Transformer)
    with torch.no_grad():
        model.embedding.weight.copy_(torch.eye(V, 8))
        asks, key, value = torch.zeros(8, 8), torch.eye(8), torch.eye(8)
        for token, liked in enumerate(LIKED):
            asks[liked, token] = 6 * math.sqrt(8)
        model.blocks[0].attention.query_key_value.weight.copy_(torch.cat([asks, key, value]))
    record = looked(model, text(seed), task)
    score, by_chance = head_notes.scores_of(record, 0, 0)["prefix_matching"]
    assert score > 0.5
    assert by_chance > 0.9 * score
    assert roles_of(record) == [""]
    assert head_notes.heads_reading(record).startswith("The only head has no role (induction score 0.")


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("layers", [1, 2])
def test_an_untrained_network_has_no_role_whatever_it_reads(layers: int, seed: int) -> None:
    config = RunConfig(task="text", length=32, model="transformer", layers=layers, heads=4, width=32, seed=seed)
    task = make_task(config)
    model = build(config, task.inputs, task.outputs)
    random = torch.randint(task.inputs, (16, 32), generator=torch.Generator().manual_seed(seed))
    for batch in (task.read("e" * 31), task.read("ab" * 13), task.batch(0, split="validation"), batch_of(random)):
        record = looked(model, batch, task)
        assert roles_of(record) == [""] * 4 * layers
        assert (record.chance[np.isfinite(record.chance)] >= 0).all()
    letters = head_notes.heads_reading(looked(model, task.read("e" * 31), task))
    assert "none has a role" in letters


MUSIC = "X:{0}\nK:G\n|: {1} | {2} | {1} | {2} :|\n|: {2} | {1} | {2} | {1} :|\n"
BARS = ("G2 B2 d2 g2", "A2 c2 e2 a2", "D2 F2 A2 d2", "B2 d2 g2 b2", "G4 D4", "e2 d2 c2 B2")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_block_that_learnt_music_has_no_induction_head(seed: int) -> None:
    generator = np.random.default_rng(seed)
    notes = "".join(MUSIC.format(number, *generator.choice(BARS, 2, replace=False)) for number in range(120))
    config = RunConfig(
        task="text", length=48, model="transformer", layers=1, heads=4, width=32, mlp=False, lr=5e-3, batch=16,
        steps=150, seed=seed,
    )  # fmt: skip
    config = config.but(data=digest(notes))
    trainer = Trainer(config, notes, device="cpu")
    for _ in range(config.steps):
        trainer.advance()
    record = looked(trainer.model, trainer.task.batch(0, split="validation"), trainer.task)
    assert "prefix_matching" not in roles_of(record)
    # No head of a first block can know what stood before a key: but for noise its score is all chance.
    assert (record.prefix_matching - record.chance[0]).max() < 0.08


def test_the_lesson_keeps_its_induction_heads_from_the_step_on_at_which_they_form(tmp_path: Any) -> None:
    store = Store(tmp_path)
    found = {}
    for name in ("lesson-attention", "lesson-attention-one-layer"):
        load_tape(store, SHIPPED / f"{name}.tape")
        trainer = Trainer(LESSONS[name].config, device="cpu")
        for step in store.steps(name, "weights"):
            chunk = store.chunk_at(name, "weights", step)
            assert chunk is not None
            trainer.load_weights(decode(chunk.body)[0])
            record = looked(trainer.model, trainer.task.batch(0, split="validation"), trainer.task)
            found[name, step] = roles_of(record)
            strong = record.prefix_matching >= 0.25
            assert (record.chance[0][strong] < 0.15).all(), "no weight is left where nothing is to be matched"
    store.close()
    assert found["lesson-attention", 209] == [""] * 8
    assert found["lesson-attention", 265].count("prefix_matching") in (1, 2)
    assert found["lesson-attention", 800] == ["previous_token", "", "", "", "", *["prefix_matching"] * 3]
    assert all(roles == [""] * 4 for (name, _), roles in found.items() if name.endswith("one-layer"))


def test_numbers_that_never_repeat_have_a_chance_level_of_the_previous_token_alone() -> None:
    config = RunConfig(task="adding", length=12, model="transformer", layers=2, heads=2, width=14)
    task = make_task(config)
    record = looked(build(config, task.inputs, task.outputs), task.batch(0, split="validation"), task)
    assert np.isnan(record.chance[[0, 2]]).all()
    assert np.isfinite(record.chance[1]).all()


def test_one_typed_sequence_is_shuffled_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    shuffles = chance.shuffles
    monkeypatch.setattr(chance, "shuffles", lambda B, T, real: seen.append(B) or shuffles(B, T, real))
    config = RunConfig(task="repeat", length=24, model="transformer", layers=1, heads=2, width=14)
    task = make_task(config)
    looked(build(config, task.inputs, task.outputs), task.read("A B C D A B C D"), task)
    assert seen == [chance.SHUFFLED]
