"""Surgery: its text form, what it refuses, and every operation against hand-edited weights and closed forms."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from explainer.config import RunConfig
from explainer.families.attending import POSITIONS
from explainer.lenses import LENSES
from explainer.lenses.surgery import look as surgery
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.models import Recurrent, SequenceModel, build, observe, operated
from explainer.models.operate import order
from explainer.models.swap import swapped
from explainer.models.transformer import Transformer
from explainer.surgery import MOST_OPERATIONS, Gate, Head, Shuffle, Surgery, Swap, Unit, knock_outs
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from tests.families import ATTENDING, RECURRENT

T, B, N, D, H = 11, 3, 7, 20, 5
GATED = {"lstm": ("input", "forget", "output"), "gru": ("reset", "update")}

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).map(str.strip).filter(bool)
units = st.builds(Unit, st.integers(0, 8), st.integers(0, 999), st.floats(-1e6, 1e6).map(lambda value: value + 0.0))
gates = st.builds(Gate, st.integers(0, 8), st.sampled_from(["forget", "reset"]), st.floats(0, 1).map(abs))
heads = st.builds(Head, st.integers(0, 8), st.integers(0, 15))
shuffles = st.builds(Shuffle, st.integers(0, 10**8))
swaps = st.builds(Swap, st.integers(0, 1023), st.just("") | texts)
surgeries = st.lists(units | gates | heads | shuffles, max_size=MOST_OPERATIONS).map(
    lambda operations: Surgery(tuple(operations))
) | swaps.map(lambda swap: Surgery((swap,)))


def configuration(model: str, task: str = "repeat", **more: Any) -> RunConfig:
    size = {"width": D, "heads": H} if model in ATTENDING else {"width": N}
    return RunConfig(**{"model": model, "task": task, "length": T, "symbols": 5, "batch": B, **size, **more})


def setting(model: str, task: str = "repeat", **more: Any) -> tuple[SequenceModel, Batch, Task]:
    """A model in float64 and eval mode, a batch and its task."""
    made = make_task(configuration(model, task, **more))
    batch = made.batch(2)
    if batch.x.is_floating_point():
        batch = replace(batch, x=batch.x.double(), y=batch.y.double())
    return build(made.config, made.inputs, made.outputs).double().eval(), batch, made


@torch.no_grad()
def output(model: SequenceModel, x: Tensor, text: str = "") -> Tensor:
    with operated(model, Surgery.from_text(text)):
        return model(x)


# -- the text ---------------------------------------------------------------------------------


@given(surgeries)
def test_the_text_gives_the_same_surgery_back(given: Surgery) -> None:
    assert Surgery.from_text(str(given)) == given


@pytest.mark.parametrize(
    ("text", "operations"),
    [
        ("", ()),
        ("layer 1 unit 5 = 0", (Unit(0, 5, 0.0),)),
        (" Layer 2  unit 12 = -0.5 ;", (Unit(1, 12, -0.5),)),
        ("layer 1 gate forget = 1; layer 1 gate input = 0", (Gate(0, "forget", 1.0), Gate(0, "input", 0.0))),
        ("layer 2 head 3 off", (Head(1, 2),)),
        ("positions shuffled seed 3", (Shuffle(3),)),
        ("swap state at 12", (Swap(12),)),
        ("swap state at 12 with 0.3 0.5*; x = 1", (Swap(12, "0.3 0.5*; x = 1"),)),
    ],
)
def test_the_forms_of_the_text(text: str, operations: tuple[Any, ...]) -> None:
    assert Surgery.from_text(text).operations == operations


LSTM, TRANSFORMER = configuration("lstm"), configuration("transformer", layers=2)


@pytest.mark.parametrize(
    ("config", "text", "said"),
    [
        (LSTM, "break it", "is no surgery"),
        (LSTM, "layer 1 unit 7 = 0", "unit 7 is not there. Choose 0 to 6."),
        (LSTM, "layer 2 unit 0 = 0", "layer 2 is not there. Choose 1 to 1."),
        (LSTM, "layer 0 unit 0 = 0", "layer 0 is not there"),
        (LSTM, "layer 1 unit 0 = nan", "finite"),
        (LSTM, "layer 1 unit 0 = inf", "finite"),
        (LSTM, "layer 1 unit 0 = 1e9", "at most 1e+06"),
        (LSTM, "layer 1 gate reset = 1", "input, forget, output"),
        (LSTM, "layer 1 gate forget = 1.5", "between 0 (closed) and 1 (open)"),
        (LSTM, "layer 1 gate forget = nan", "finite"),
        (LSTM, "layer 1 head 1 off", "no heads"),
        (LSTM, "positions shuffled seed 1", "knows the order from reading"),
        (LSTM, "swap state at 11", "t = 11 is not there. Choose 0 to 10."),
        (configuration("rnn"), "layer 1 gate forget = 1", "no gates"),
        (TRANSFORMER, "layer 1 gate forget = 1", "no gates"),
        (TRANSFORMER, "layer 1 unit 1 = 0", "head"),
        (TRANSFORMER, "layer 1 head 6 off", "head 6 is not there. Choose 1 to 5."),
        (TRANSFORMER, "layer 3 head 1 off", "Choose 1 to 2."),
        (configuration("transformer", layers=0), "layer 1 head 1 off", "This model has none."),
        (TRANSFORMER, "swap state at 3; layer 1 head 1 off", "is no surgery"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(config: RunConfig, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Surgery.from_text(text).check(config)


def test_too_much_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 16"):
        Surgery.from_text("; ".join(["layer 1 unit 0 = 0"] * 17))
    with pytest.raises(ValueError, match="at most 2,000"):
        Surgery.from_text("x" * 2001)
    with pytest.raises(ValueError, match="stands alone"):
        Surgery((Swap(3), Unit(0, 0)))
    with pytest.raises(ValueError, match="nothing to train"):
        Surgery((Swap(3),)).check_trainable()


@pytest.mark.parametrize(
    ("text", "layers", "phrase"),
    [
        ("layer 1 unit 5 = 0", 1, "Without unit 5"),
        ("layer 2 unit 5 = 0.5", 2, "With unit 5 of layer 2 set to 0.5"),
        ("layer 1 gate forget = 1", 1, "With the forget gate set to 1"),
        ("layer 2 head 3 off", 2, "Without head 3 of layer 2"),
        ("positions shuffled seed 3", 2, "With the positions shuffled"),
        ("layer 1 unit 5 = 0; layer 1 unit 6 = 0", 1, "Without unit 5, without unit 6"),
    ],
)
def test_a_sentence_begins_with_what_was_done(text: str, layers: int, phrase: str) -> None:
    assert Surgery.from_text(text).phrase(layers) == phrase


# -- operations, against weights edited by hand ---------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", RECURRENT)
def test_without_a_unit_is_with_its_outgoing_weights_zeroed(name: str, layers: int) -> None:
    model, batch, _ = setting(name, "adding", layers=layers)
    for layer in range(layers):
        edited = copy.deepcopy(model)
        assert isinstance(edited, Recurrent)
        with torch.no_grad():
            edited.rnn.get_parameter(f"weight_hh_l{layer}")[:, 3] = 0
            above = (
                edited.readout.weight if layer + 1 == layers else edited.rnn.get_parameter(f"weight_ih_l{layer + 1}")
            )
            above[:, 3] = 0
            expected = edited.readout(edited.rnn(batch.x)[0])  # torch's own fused module
        found = output(model, batch.x, f"layer {layer + 1} unit 3 = 0")
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        assert not torch.allclose(found, output(model, batch.x))


def test_a_unit_held_at_a_number_is_a_bias_to_all_that_reads_it() -> None:
    model, batch, _ = setting("rnn", "adding")
    edited = copy.deepcopy(model)
    assert isinstance(edited, Recurrent)
    with torch.no_grad():
        edited.readout.bias += 0.5 * edited.readout.weight[:, 3]
        edited.readout.weight[:, 3] = 0
        recurrent, bias = edited.rnn.get_parameter("weight_hh_l0"), edited.rnn.get_parameter("bias_hh_l0")
        bias += 0.5 * recurrent[:, 3]
        first = -0.5 * recurrent[:, 3].clone()  # before the first step the unit is 0 and not yet held
        recurrent[:, 3] = 0
        W, b = edited.rnn.get_parameter("weight_ih_l0"), edited.rnn.get_parameter("bias_ih_l0")
        h, outputs = torch.zeros(B, N, dtype=torch.float64), []
        for t in range(T):
            h = torch.tanh(batch.x[:, t] @ W.T + b + h @ recurrent.T + bias + (first if t == 0 else 0))
            outputs.append(edited.readout(h))
    found = output(model, batch.x, "layer 1 unit 3 = 0.5")
    torch.testing.assert_close(found, torch.stack(outputs, dim=1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", GATED)
def test_a_held_gate_is_a_bias_that_shuts_or_opens_it(name: str) -> None:
    """sigma(a) is 0 or 1 to the last bit where a is -1000 or 40: a gate's weights zeroed, its bias set."""
    model, batch, _ = setting(name)
    for number, gate in enumerate(GATED[name]):
        block = number + (1 if gate == "output" else 0)  # i f g o, and r z n
        for value, bias in ((0.0, -1000.0), (1.0, 40.0)):
            edited = copy.deepcopy(model)
            assert isinstance(edited, Recurrent)
            with torch.no_grad():
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    edited.rnn.get_parameter(f"{kind}_l0")[block * N : (block + 1) * N] = bias * (kind == "bias_ih")
                expected = edited(batch.x)
            found = output(model, batch.x, f"layer 1 gate {gate} = {value}")
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_with_the_forget_gate_open_and_the_input_gate_shut_the_cell_never_changes() -> None:
    model, batch, _ = setting("lstm")
    start = (torch.zeros(1, B, N).double(), torch.randn(1, B, N, generator=torch.Generator().manual_seed(3)).double())
    held = Surgery.from_text("layer 1 gate forget = 1; layer 1 gate input = 0")
    assert isinstance(model, Recurrent)
    with torch.no_grad(), operated(model, held), observe(model, "layer.0.cell") as seen:
        model(batch.x, start)
    for cell in seen["layer.0.cell"]:
        assert torch.equal(cell, start[1][0])


@pytest.mark.parametrize("layer", [0, 1])
def test_without_a_head_is_with_its_columns_of_the_projection_zeroed(layer: int) -> None:
    model, batch, _ = setting("transformer", layers=2, positions="rotary")
    edited = copy.deepcopy(model)
    assert isinstance(edited, Transformer)
    with torch.no_grad():
        edited.blocks[layer].attention.project.weight[:, 2 * (D // H) : 3 * (D // H)] = 0
        expected = edited(batch.x)  # the fused path
    found = output(model, batch.x, f"layer {layer + 1} head 3 off")
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(found, output(model, batch.x))


@pytest.mark.parametrize("positions", POSITIONS)
def test_shuffled_positions_are_those_of_a_table_with_its_rows_permuted(positions: str) -> None:
    model, batch, _ = setting("transformer", layers=2, positions=positions)
    whole = output(model, batch.x)
    found = output(model, batch.x, "positions shuffled seed 3")
    if positions == "none":
        torch.testing.assert_close(found, whole, rtol=0, atol=1e-12)
        return
    assert not torch.allclose(found, whole)
    places = order(Surgery.from_text("positions shuffled seed 3"), T)
    assert places is not None
    assert sorted(places.tolist()) == list(range(T))
    if positions == "learned":
        edited = copy.deepcopy(model)
        assert isinstance(edited, Transformer)
        with torch.no_grad():
            edited.positions.weight.copy_(edited.positions.weight[places])
            torch.testing.assert_close(found, edited(batch.x), rtol=1e-12, atol=1e-12)
    # Tokens that stand where their positions say: causal masks apart, a whole model reads the same set.
    with torch.no_grad(), operated(model, Surgery((Shuffle(3),))), observe(model, "block.0.scores") as seen:
        model(batch.x)
    with torch.no_grad(), observe(model, "block.0.scores") as straight:
        model(batch.x[:, places.argsort()])  # the token of each position at that position
    scores = straight["block.0.scores"]
    assert isinstance(scores, Tensor)
    torch.testing.assert_close(seen["block.0.scores"], scores[:, :, places][:, :, :, places], rtol=1e-9, atol=1e-12)


def test_shuffling_twice_is_both_permutations() -> None:
    once, other = (order(Surgery((Shuffle(seed),)), T) for seed in (1, 2))
    assert once is not None
    assert other is not None
    both = order(Surgery((Shuffle(1), Shuffle(2))), T)
    assert torch.equal(both, once[other])  # type: ignore[arg-type]
    assert order(Surgery((Unit(0, 1),)), T) is None


@pytest.mark.parametrize("name", [*RECURRENT, "transformer"])
def test_a_swapped_memory_is_that_of_the_donor(name: str) -> None:
    model, batch, task = setting(name, layers=2)
    donor = task.batch(5).x
    for t in (0, 4, T - 1):
        mixed = torch.cat([donor[:, : t + 1], batch.x[:, t + 1 :]], dim=1)
        with torch.no_grad():
            found = swapped(model, batch.x, donor, t)
            own, fused = model(batch.x), model(mixed)
        torch.testing.assert_close(found[:, :t], own[:, :t], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(found[:, t:], fused[:, t:], rtol=1e-12, atol=1e-12)


def test_a_donor_that_ends_too_early_is_refused() -> None:
    model, batch, _ = setting("gru")
    with pytest.raises(ValueError, match=r"second input has 4 steps, so there is no t = 4\. Swap at 3 or earlier"):
        swapped(model, batch.x, batch.x[:, :4], 4)
    with pytest.raises(ValueError, match="The input has 4 steps"):
        swapped(model, batch.x[:, :4], batch.x, 4)


def test_afterwards_the_model_is_whole_also_when_something_failed() -> None:
    model, batch, _ = setting("gru")
    whole = output(model, batch.x)
    with pytest.raises(RuntimeError, match="inside"), operated(model, Surgery((Unit(0, 1),))):
        raise RuntimeError("inside")
    assert model.surgery == Surgery()
    assert torch.equal(output(model, batch.x), whole)
    with pytest.raises(ValueError, match="nothing to train"), operated(model, Surgery((Swap(3),))):
        pass


def test_an_observed_model_keeps_the_operated_values() -> None:
    model, batch, _ = setting("gru")
    with torch.no_grad(), operated(model, Surgery((Unit(0, 2, 0.5),))), observe(model, "layer.0.hidden") as seen:
        model(batch.x)
    for state in seen["layer.0.hidden"]:
        assert torch.equal(state[:, 2], torch.full((B,), 0.5, dtype=torch.float64))


def test_a_configuration_s_surgery_is_the_model_s() -> None:
    config = configuration("gru", "adding", surgery=" layer 1  unit 2 = 0;")
    assert config.surgery == "layer 1 unit 2 = 0"
    made = make_task(config)
    model = build(config, made.inputs, made.outputs).eval()
    plain = build(config.but(surgery=""), made.inputs, made.outputs).eval()
    x = made.batch(0).x
    assert torch.equal(output(model, x), output(plain, x, config.surgery))
    assert not torch.equal(output(model, x), output(plain, x))


# -- the lens ---------------------------------------------------------------------------------


def looked(model: SequenceModel, batch: Batch, task: Task, text: str = "") -> SurgeryRecord:
    record = surgery.look(model, batch, task, Surgery.from_text(text))
    assert isinstance(record, SurgeryRecord)
    return record


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer sequences, that a loop may go over them one by one."""
    monkeypatch.setattr(surgery, "SCREENED", 13)
    monkeypatch.setattr(surgery, "CHECKED", 23)


@pytest.mark.parametrize(
    ("name", "task"), [("rnn", "adding"), ("lstm", "repeat"), ("gru", "adding"), ("transformer", "repeat")]
)
def test_every_knock_out_at_once_is_each_of_them_alone(name: str, task: str, few: None) -> None:
    model, batch, made = setting(name, task, layers=2)
    record = looked(model, batch, made)
    sites = knock_outs(made.config)
    shown = drawn(made, 0, record.screened)
    effects, errors = zip(*(slow_difference(model, shown, made, str(site)) for site in sites), strict=True)
    np.testing.assert_allclose(record.effects, effects, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(record.errors, errors, rtol=1e-4, atol=1e-9)
    assert record.screened == surgery.SCREENED
    assert record.surgery == str(sites[int(np.argmax(effects))]), "what is missed most, where nothing is asked for"
    assert record.extremes.tolist() == [np.argmax(effects), np.argmin(effects)]


@pytest.mark.parametrize(
    ("name", "task"), [("rnn", "adding"), ("lstm", "repeat"), ("gru", "text"), ("transformer", "repeat")]
)
def test_what_is_chosen_is_measured_again_on_sequences_that_did_not_choose_it(name: str, task: str, few: None) -> None:
    model, batch, made = setting(name, task, layers=2)
    record = looked(model, batch, made)
    fresh, shown = drawn(made, surgery.FRESH, record.sequences), drawn(made, 0, record.screened)
    if task == "adding":  # short sequences of few symbols come twice by chance
        assert not (fresh.x[:, None] == shown.x[None]).flatten(2).all(-1).any(), (
            "none of them is among those that chose"
        )
    sites = knock_outs(made.config)
    for at in (0, 1):
        effect, error = slow_difference(model, fresh, made, str(sites[record.extremes[at]]))
        assert record.checked[at] == pytest.approx(effect, rel=1e-5, abs=1e-9)
        assert record.checked_errors[at] == pytest.approx(error, rel=1e-4, abs=1e-9)
    assert record.operated_loss - record.loss == pytest.approx(record.checked[0], rel=1e-5)
    assert record.operated_error == pytest.approx(record.checked_errors[0], rel=1e-5)
    whole, gone = (slow_losses(model, fresh, made, text) for text in ("", record.surgery))
    counts = [int(row.sum()) for row in fresh.mask]
    assert record.loss == pytest.approx(sum(whole) / sum(counts), rel=1e-9)
    n, m = len(counts), made.independent("validation")
    ratio = sum(gone) / sum(whole)
    left = sum((after - ratio * before) ** 2 for before, after in zip(whole, gone, strict=True))
    assert record.ratio_error == pytest.approx(math.sqrt(n / (n - 1) * (1 + n / m) * left) / sum(whole), rel=1e-6)


def test_the_viewer_s_own_sequence_is_measured_as_it_is() -> None:
    model, batch, task = setting("gru")
    own = replace(batch, x=batch.x[:1], y=batch.y[:1], mask=batch.mask[:1])
    record = looked(model, own, task)
    whole = float(task.loss(output(model, own.x), own))
    gone = float(task.loss(output(model, own.x, record.surgery), own))
    assert (record.loss, record.operated_loss) == (pytest.approx(whole), pytest.approx(gone))
    assert record.sequences == record.screened == 1
    np.testing.assert_allclose(record.checked[0], gone - whole, rtol=1e-5)
    for error in (record.loss_error, record.operated_error, record.ratio_error, *record.errors, *record.checked_errors):
        assert math.isnan(error)


def drawn(task: Task, number: int, rows: int) -> Batch:
    batch = task.batch(number, split="validation", size=rows)
    if number == 0 and rows <= B:
        batch = task.batch(number, split="validation", size=B)
    return replace(batch, x=batch.x.double(), y=batch.y.double()) if batch.x.is_floating_point() else batch


def slow_losses(model: SequenceModel, batch: Batch, task: Task, text: str = "") -> list[float]:
    """Of each sequence, read by itself, the sum of the losses that count."""
    sums = []
    for row in range(len(batch.x)):
        one = Batch(batch.x[row : row + 1], batch.y[row : row + 1], batch.mask[row : row + 1])
        losses = task.loss_per_position(output(model, one.x, text), one)
        sums.append(sum(float(losses[0, t]) for t in range(losses.shape[1]) if one.mask[0, t]))
    return sums


def slow_difference(model: SequenceModel, batch: Batch, task: Task, text: str) -> tuple[float, float]:
    """By how much the mean loss changes and its standard error, with a loop over the sequences."""
    whole, gone = slow_losses(model, batch, task), slow_losses(model, batch, task, text)
    counts = [int(row.sum()) for row in batch.mask]
    assert len(set(counts)) == 1, "then the error is the textbook's"
    means = [(after - before) / counts[0] for before, after in zip(whole, gone, strict=True)]
    n, mean = len(means), sum(means) / len(means)
    variance = sum((each - mean) ** 2 for each in means) / (n - 1)
    return mean, math.sqrt(variance / n + variance / task.independent("validation"))


def test_knock_outs_in_several_passes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch, task = setting("gru", layers=2)
    whole = looked(model, batch, task)
    monkeypatch.setattr(surgery, "NUMBERS", 1)
    np.testing.assert_allclose(looked(model, batch, task).effects, whole.effects, rtol=1e-5, atol=1e-9)


def test_of_a_wide_network_units_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surgery, "MOST_SITES", 4)
    record = looked(*setting("gru"))
    assert record.places.tolist() == [0, 2, 4, 6]
    assert len(record.effects) == 4


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_the_first_sequence_is_shown_untouched_and_operated(name: str) -> None:
    model, batch, task = setting(name, layers=2)
    text = "layer 2 head 1 off" if name in ATTENDING else "layer 2 unit 1 = 0"
    record = looked(model, batch, task, text)
    fresh = drawn(task, surgery.FRESH, record.sequences)
    p, q = (output(model, batch.x, each)[0].softmax(-1).numpy() for each in ("", text))
    y = batch.y[0].numpy()
    np.testing.assert_allclose(record.outputs, [p[range(T), y], q[range(T), y]], rtol=1e-6)
    np.testing.assert_allclose(record.losses, -np.log(record.outputs), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(record.moved, np.abs(p - q).sum(-1) / 2, rtol=1e-4, atol=1e-7)
    assert record.guesses == tuple(task.vocabulary[token] for token in p.argmax(-1))
    assert record.operated_guesses == tuple(task.vocabulary[token] for token in q.argmax(-1))
    assert record.operated_loss == pytest.approx(float(task.loss(output(model, fresh.x, text), fresh)), rel=1e-9)
    assert record.surgery == text


def test_numbers_are_shown_in_the_units_of_the_data() -> None:
    model, _, task = setting("gru", "forecast", length=16)
    batch = task.batch(0, split="validation")
    batch = replace(batch, x=batch.x.double(), y=batch.y.double())
    record = looked(model, batch, task, "layer 1 gate update = 1")
    whole, held = (task.in_units(output(model, batch.x, each)[0, :, 0]) for each in ("", "layer 1 gate update = 1"))
    np.testing.assert_allclose(record.outputs, torch.stack([whole, held]), rtol=1e-5)
    np.testing.assert_allclose(record.moved, (whole - held).abs(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(record.target, task.in_units(batch.y[0, :, 0]), rtol=1e-6)
    assert record.guesses == ()


def test_the_donor_of_a_swap_is_read_or_another_sequence_of_the_task() -> None:
    model, batch, task = setting("gru", "adding")
    first = replace(batch, x=batch.x[:1], y=batch.y[:1], mask=batch.mask[:1])
    typed = "0.25 0.5* 0.75 1*"
    record = looked(model, first, task, f"swap state at 3 with {typed}")
    assert record.donor == ("0.25", "0.50*", "0.75", "1.00*")
    with torch.no_grad():
        expected = swapped(model, first.x, task.read(typed).x.double(), 3)
    np.testing.assert_allclose(record.outputs[1], expected[0, :, 0], rtol=1e-6)
    other = task.batch(1, split="validation", size=1)
    assert looked(model, first, task, "swap state at 3").donor == tuple(task.axis(other)[:4])
    with pytest.raises(ValueError, match="Mark the two"):
        looked(model, first, task, "swap state at 1 with 1 2 3")


@pytest.mark.parametrize("positions", ["none"])
def test_what_changes_nothing_moves_nothing_to_the_bit(positions: str) -> None:
    made = make_task(configuration("transformer", layers=1, positions=positions))
    model = build(made.config, made.inputs, made.outputs)
    record = surgery.look(model, made.batch(0), made, Surgery.from_text("positions shuffled seed 5"))
    assert not record.moved.any()
    assert record.operated_loss == record.loss


def test_an_input_that_leaves_nothing_to_predict_is_refused() -> None:
    model, batch, task = setting("gru")
    with pytest.raises(ValueError, match="at least two steps"):
        looked(model, replace(batch, mask=torch.zeros_like(batch.mask)), task)


def test_fewer_sequences_are_looked_at_where_a_forward_pass_is_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch, task = setting("gru")
    record = looked(model, batch, task)
    assert (record.screened, record.sequences) == (surgery.SCREENED, surgery.CHECKED)
    monkeypatch.setattr(surgery, "FLOPS", 1.0)
    record = looked(model, batch, task)
    assert (record.screened, record.sequences) == (2, 2)


def test_a_model_without_layers_has_nothing_to_switch_off() -> None:
    suits = LENSES["surgery"].suits
    assert not suits(configuration("transformer", layers=0))
    assert suits(configuration("transformer", layers=1))
    record = looked(*setting("transformer", layers=0), "positions shuffled seed 1")
    assert record.effects.size == 0
    assert math.isfinite(record.operated_loss)


def test_the_fused_modules_are_used_where_nothing_is_operated(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch, _ = setting("gru")
    calls = []
    forward = nn.GRU.forward
    monkeypatch.setattr(nn.GRU, "forward", lambda self, *given: calls.append(1) or forward(self, *given))
    output(model, batch.x)
    assert calls == [1]
    output(model, batch.x, "layer 1 unit 0 = 0")
    assert calls == [1]
