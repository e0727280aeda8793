"""What a look takes, known before: against the tensors and arrays that were alive at once, and the bytes on a tape."""

from __future__ import annotations

import random
import sys
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from explainer.config import RunConfig
from explainer.families.attending import POSITIONS
from explainer.lenses import LENSES, maps
from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.lenses.costs import look_bytes
from explainer.lenses.head_scores import marked_sum
from explainer.lenses.layers import look as layers_lens
from explainer.lenses.maps import attention_maps, pooled
from explainer.models import build, observe
from explainer.runs import views
from explainer.runs.memory import resident_bytes
from explainer.runs.tape import LARGEST_VIEW, decode_view, encode_view
from explainer.runs.views import room_for, view_batch
from explainer.tasks.base import Input
from explainer.tasks.make import make_task
from explainer.theory import looks
from explainer.theory.attention_cell import asked_head, head_question
from explainer.theory.looks import MAPS, maps_fit, pooling
from explainer.training import Trainer
from tests.families import ATTENDING
from tests.wild import shaken

LARGEST_ON_A_TAPE = 8_000_000  # but for the map of one head, which nobody records
FLOOR = 4_000_000  # bytes of a peak below which nobody minds a factor
VIEW_FLOOR = 20_000


class Alive(TorchDispatchMode):
    """Counts the bytes of all storages that are alive at once, the model's own aside."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.known = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
        self.sizes: dict[int, int] = {}
        self.now = self.peak = 0

    def __torch_dispatch__(self, operation: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        made = operation(*given, **(named or {}))
        for value in tree_leaves(made):
            if isinstance(value, torch.Tensor):
                storage = value.untyped_storage()
                place, size = storage.data_ptr(), storage.nbytes()
                if place and size and place not in self.sizes and place not in self.known:
                    self.sizes[place] = size
                    self.now += size
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self._gone, place)
        return made

    def _gone(self, place: int) -> None:
        self.now -= self.sizes.pop(place, 0)


def drawn(seed: int) -> RunConfig:
    """Some configuration, of the sizes that a test has time for."""
    chance = random.Random(seed)
    while True:
        model = chance.choice(["rnn", "lstm", "gru", "transformer", "transformer"])
        heads = chance.choice([1, 2, 4, 8])
        attends = model in ATTENDING
        try:
            return RunConfig(
                task=chance.choice(["adding", "repeat", "text"]),
                model=model,
                length=round(2 ** chance.uniform(4, 8)),
                symbols=chance.choice([8, 32, 120]),
                layers=chance.randint(0 if attends else 1, 3),
                width=heads * 2 * chance.choice([2, 4, 8]) if attends else round(2 ** chance.uniform(3, 7)),
                heads=heads,
                mlp=chance.random() < 0.5,
                positions=chance.choice(POSITIONS),
                batch=round(2 ** chance.uniform(0, 5)),
                steps=10,
            )
        except ValueError:
            continue


@pytest.mark.parametrize("seed", range(12))
def test_peak_and_view_are_known_within_a_factor_of_two(seed: int) -> None:
    config = drawn(seed)
    trainer = Trainer(config)
    task, batch = trainer.task, view_batch(trainer)
    suited = [name for name, lens in LENSES.items() if lens.suits(config) and name != "beyond_the_length"]
    for name in random.Random(seed).sample(suited, min(4, len(suited))):
        expected = look_bytes(config, name, task.inputs, task.outputs)
        tracemalloc.start()
        try:
            with Alive(trainer.model) as alive:
                record = LENSES[name].look(trainer.model, batch, task)
            taken = alive.peak + tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        view = len(encode_view(name, record))
        assert taken <= 2.5 * max(expected.peak, FLOOR), (name, taken, expected, config)
        assert expected.peak <= 2.5 * max(taken, FLOOR) + 20_000_000, (name, taken, expected, config)
        assert view / 2 <= max(expected.view, VIEW_FLOOR), (name, view, expected, config)
        assert expected.view <= 2 * max(view, VIEW_FLOOR), (name, view, expected, config)


def test_no_view_within_the_limits_is_larger_than_its_limit() -> None:
    edges = [
        RunConfig(task="repeat", symbols=256, model="transformer", length=1024, layers=6, heads=16, width=256),
        RunConfig(task="text", model="transformer", length=1024, layers=1, heads=1, width=1024, mlp=False),
        RunConfig(task="repeat", symbols=256, model="transformer", length=1024, layers=0, width=1024),
        RunConfig(task="text", model="rnn", length=1024, layers=3, width=980),
        RunConfig(task="text", model="rnn", length=1024, layers=1, width=1024),
        RunConfig(task="text", model="lstm", length=1024, layers=3, width=450),
        RunConfig(task="text", model="gru", length=1024, layers=3, width=520),
    ]
    for config in edges:
        for name in LENSES:
            if LENSES[name].suits(config):
                size = look_bytes(config, name, 256, 256)
                assert size.view <= (LARGEST_VIEW if name == "attention_cell" else LARGEST_ON_A_TAPE), (
                    name,
                    size,
                    config,
                )
                assert size.peak <= 300e6, (name, size, config)


def test_the_answer_of_one_large_head_is_kept_in_half_the_bytes_and_nearly_as_it_was() -> None:
    random, T, K = np.random.default_rng(3), 757, 461
    query, key, value = random.normal(size=(3, 1, 1, T, K)).astype(np.float32)
    weights = random.dirichlet(np.ones(T), (1, 1, T)).astype(np.float32)
    record = AttentionCellRecord(
        query, key, value, weights, np.zeros(1), np.arange(T), np.zeros((1, 1), bool), "none", tuple("a" * T)
    )
    body = encode_view("attention_cell", record)
    config = RunConfig(task="repeat", model="transformer", length=T, layers=1, heads=1, width=K + 1)
    assert len(body) < 4 * T * T + 2 * 3 * T * K + 20_000 < LARGEST_VIEW
    assert look_bytes(config, "attention_cell", 7, 7).view == pytest.approx(len(body), rel=0.02)
    seen = decode_view("attention_cell", body)
    assert np.array_equal(seen.weights, weights)
    for name, given in (("query", query), ("key", key), ("value", value)):
        assert np.abs(getattr(seen, name) - given).max() <= np.abs(given).max() / 65_000


def test_a_look_that_the_host_has_no_memory_for_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(RunConfig(task="adding", model="lstm", length=200, width=64, batch=8))
    with room_for(trainer, "gradients"):
        pass
    monkeypatch.setenv("EXPLAINER_MAX_MEMORY_MB", "2")
    with (
        pytest.raises(
            ValueError, match=r"about \d+ MB of memory, and this host allows 2 MB\. Look at a run with a shorter"
        ),
        room_for(trainer, "gradients"),
    ):
        pass


def test_between_its_pieces_a_large_look_gives_back_what_it_holds_beyond_its_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer(RunConfig(task="adding", model="lstm", length=1009, width=256, batch=64))
    held, given = 400e6, list[float]()
    monkeypatch.setattr(views, "resident_bytes", lambda: held)
    monkeypatch.setattr(views, "give_back_freed", lambda: given.append(held))
    views.keep_to_room()
    with room_for(trainer, "gradients"):
        needed = 1e6 * views._megabytes(trainer.config, "gradients", 2, 1)
        assert needed > 1e6 * views.KEPT_MB
        held += 0.9 * needed
        views.keep_to_room()
        held += 0.2 * needed
        views.keep_to_room()
    views.keep_to_room()
    assert given == [pytest.approx(400e6 + 1.1 * needed)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_what_is_resident_grows_with_what_is_held() -> None:
    before = resident_bytes()
    held = np.ones(2**23)
    assert resident_bytes() - before > 0.9 * held.nbytes


# -- pooled maps ------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (6, 16), (2, 7), (5, 11)])
def test_pooling_is_the_finest_that_fits_and_a_record_knows_it(layers: int, heads: int) -> None:
    for T in (1, 2, 7, 100, 333, 1024, 2048):
        cell = pooling(layers, heads, T)
        side = -(-T // cell)
        assert layers * heads * side**2 <= MAPS
        assert cell == 1 or layers * heads * (-(-T // (cell - 1))) ** 2 > MAPS
        assert -(-T // side) == cell, "what a record has tells how many positions share a cell"


def test_a_pooled_cell_is_what_its_queries_give_to_its_keys_together() -> None:
    weights = torch.rand(3, 11, 11, generator=torch.Generator().manual_seed(3)).tril().double()
    weights /= weights.sum(-1, keepdim=True)
    found = pooled(weights, 4)
    assert found.shape == (3, 3, 3)
    for head, t, s in np.ndindex(3, 3, 3):
        block = weights[head, 4 * t : 4 * t + 4, 4 * s : 4 * s + 4].numpy()
        assert float(found[head, t, s]) == pytest.approx(block.sum() / len(block))
    torch.testing.assert_close(found.sum(-1), torch.ones(3, 3, dtype=torch.float64))


def wild(positions: str = "rotary", **more: Any) -> tuple[Any, Any, RunConfig]:
    config = RunConfig(
        **{"task": "repeat", "symbols": 7, "model": "transformer", "length": 22, "layers": 2, "heads": 3, "width": 12}
        | {"positions": positions, "batch": 5}
        | more
    )
    task = make_task(config)
    model = build(config, task.inputs, task.outputs)
    shaken(model, 0.5)
    return model, task, config


@pytest.mark.parametrize("positions", POSITIONS)
def test_maps_of_some_heads_are_those_of_all(positions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, task, config = wild(positions)
    x = task.batch(0).x[:1]
    model.eval()
    with torch.no_grad(), observe(model, *(f"block.{layer}.weights" for layer in range(2))) as seen:
        model(x)
    whole = torch.stack([seen[f"block.{layer}.weights"] for layer in range(2)])  # type: ignore[misc]
    monkeypatch.setattr(maps, "maps_fit", lambda *given: False)
    monkeypatch.setattr(maps, "CHUNK", 2 * x.shape[1] ** 2)
    found = list(attention_maps(model, Input(x), config))
    assert [(each.layer, each.first, each.weights.shape[1]) for each in found] == [
        (0, 0, 2),
        (0, 2, 1),
        (1, 0, 2),
        (1, 2, 1),
    ]
    for each in found:
        expected = whole[each.layer][:, each.first : each.first + each.weights.shape[1]]
        torch.testing.assert_close(each.weights, expected, rtol=1e-5, atol=1e-7)


def as_if_large(monkeypatch: pytest.MonkeyPatch, T: int) -> None:
    """As if two heads' maps at a time, and pooled views, were all that fits."""
    for module in (maps, layers_lens):
        monkeypatch.setattr(module, "maps_fit", lambda *given: False)
    monkeypatch.setattr(maps, "CHUNK", 2 * T * T)


@pytest.mark.parametrize("name", ["attention", "positions", "heads", "layers"])
@pytest.mark.parametrize("surgery", ["", "layer 1 head 2 off"])
def test_a_record_in_chunks_is_the_record(name: str, surgery: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explainer.lenses.head_scores.SHUFFLED", 1)  # as many as of a long sequence
    model, task, _ = wild(surgery=surgery, batch=1)
    batch = task.batch(0)
    whole = LENSES[name].look(model, batch, task)
    as_if_large(monkeypatch, batch.x.shape[1])
    found = LENSES[name].look(model, batch, task)
    for field, value in vars(whole).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(getattr(found, field), value, rtol=1e-4, atol=1e-6, err_msg=field)
        else:
            assert getattr(found, field) == pytest.approx(value) if isinstance(value, float) else True


def test_attention_of_a_long_sequence_is_pooled_and_its_scores_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    model, task, _ = wild(batch=1)
    batch = task.batch(0)
    whole: AttentionRecord = LENSES["attention"].look(model, batch, task)
    monkeypatch.setattr("explainer.lenses.attention.look.pooling", lambda *given: 4)
    found: AttentionRecord = LENSES["attention"].look(model, batch, task)
    assert found.cell == 4
    assert found.weights.shape == (2, 3, 6, 6)
    np.testing.assert_allclose(found.weights.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(found.entropy, whole.entropy)
    np.testing.assert_array_equal(found.chance, whole.chance)


def test_marks_are_summed_as_by_hand() -> None:
    generator = torch.Generator().manual_seed(1)
    for B in (1, 3):
        weights = torch.rand(B, 2, 5, 5, generator=generator)
        marks = (torch.rand(B, 5, 5, generator=generator) > 0.5).float()
        by_hand = (weights * marks[:, None]).sum((0, 2, 3))
        torch.testing.assert_close(marked_sum(weights, marks), by_hand)


# -- one head alone ---------------------------------------------------------------------------


@pytest.mark.parametrize("question", [(0, 0, ""), (5, 15, ""), (2, 3, "1 2 3"), (2, 3, "two\nlines")])
def test_a_question_for_one_head_is_read_as_it_was_written(question: tuple[int, int, str]) -> None:
    assert asked_head(head_question(*question)) == question


@pytest.mark.parametrize("text", ["1 2 3", "cell", "a cell 1,2", "cell 1,2 x", "cell 111,2"])
def test_an_input_is_not_taken_for_a_question(text: str) -> None:
    assert asked_head(text) is None


def test_one_head_is_what_all_heads_have_of_it() -> None:
    model, task, _ = wild()
    answer = LENSES["attention_cell"].answer
    assert answer is not None
    whole: AttentionCellRecord = answer(model, "A B C A B C", task)
    one: AttentionCellRecord = answer(model, head_question(1, 2, "A B C A B C"), task)
    assert (one.layer, one.head, one.tokens) == (1, 2, whole.tokens)
    for field in ("query", "key", "value", "weights"):
        np.testing.assert_allclose(getattr(one, field), getattr(whole, field)[1:, 2:], rtol=1e-6, atol=1e-7)
    assert decode_view("attention_cell", encode_view("attention_cell", one)).head == 2
    with pytest.raises(ValueError, match="no head 9 in layer 1"):
        answer(model, head_question(0, 8), task)


# -- passes that make no map ------------------------------------------------------------------


@pytest.mark.parametrize("positions", ["rotary", "alibi"])
def test_where_nobody_wants_the_maps_of_a_long_sequence_they_are_not_made(
    positions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, task, _ = wild(positions)
    x = task.batch(0).x
    model.eval()
    with torch.no_grad():
        expected = model(x)
        for limit in ("MOST_WEIGHTS", "MOST_BIAS"):
            monkeypatch.setattr(f"explainer.models.transformer.{limit}", 0)
        fused = []
        monkeypatch.setattr(
            "explainer.models.transformer.scaled_dot_product_attention",
            lambda *given, **named: fused.append(1) or scaled_dot_product_attention(*given, **named),
        )
        with observe(model, "block.0.heads", "output") as seen:
            model(x)
    assert fused
    torch.testing.assert_close(seen["output"], expected, rtol=1e-4, atol=1e-5)
    assert maps_fit(task.config, x.shape[1])
    assert looks.CHUNK < MAPS
