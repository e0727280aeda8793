"""Tasks: one contract over the whole registry, then what each of them is known for."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from explainer.config import RunConfig
from explainer.data import SUNSPOTS, Series, default_text, digest
from explainer.tasks import TASKS
from explainer.tasks.make import make_task

B = 3
BASE = RunConfig(length=13, batch=5)
RIDDLE = "What walks on four feet in the morning, two at noon, and three in the evening?\n" * 5
TYPED = {
    "copy": "A B C D E F G A B C",
    "adding": "0.25 0.5* 0.125 1*",
    "repeat": "abcdabcd",
    "flipflop": "+1-2 . 0, +3 . -1+2-3",
    "text": "the value",
    "forecast": "5, 11 16\n23",
    "parity": "01101",
    "words": "213 321 132",
    "recall": "A b C d B a D a C A",
    "selective": "AB.C.DEF.GA..",
    "string": "A B C",
    "flipflop-language": "w 1 i 0 r 1",
    "brackets": "[()[]]",
    "count": "97 98 99 100",
}


def task_of(name, **fields):
    return make_task(BASE.but(task=name, **{"symbols": 7, **fields}))


def same(one, other):
    return torch.equal(one.x, other.x) and torch.equal(one.y, other.y) and torch.equal(one.mask, other.mask)


def outputs_like(task, batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*batch.y.shape[:2], task.outputs, generator=generator)


def perfect(task, batch):
    return 100.0 * F.one_hot(batch.y, task.outputs).float() if task.has_tokens else batch.y.clone()


every_task = pytest.mark.parametrize("name", TASKS)
every_split = pytest.mark.parametrize("split", ["train", "validation"])


# -- the contract -----------------------------------------------------------------------------


def test_every_task_of_the_configuration_is_registered():
    assert set(TASKS) == {"copy", "adding", "repeat", "text", "forecast", "flipflop", "parity", "words", "recall",
        "selective", "string", "flipflop-language", "brackets", "count",
    }  # fmt: skip


@every_task
@every_split
def test_shapes_and_types(name, split):
    task = task_of(name)
    batch = task.batch(0, split, size=B)
    T = task.total_length
    assert batch.mask.shape == (B, T)
    assert batch.mask.dtype == torch.bool
    assert batch.mask.any(1).all()
    if task.has_tokens:
        assert batch.x.shape == batch.y.shape == (B, T)
        assert batch.x.dtype == batch.y.dtype == torch.int64
        assert (task.inputs, task.outputs) == (len(task.vocabulary), len(task.answers))
        assert 0 <= batch.x.min() <= batch.x.max() < task.inputs
        assert 0 <= batch.y.min() <= batch.y.max() < task.outputs
    else:
        assert (batch.x.shape, batch.y.shape) == ((B, T, task.inputs), (B, T, task.outputs))
        assert batch.x.dtype == batch.y.dtype == torch.float32
        assert (task.outputs, task.vocabulary) == (3 if name == "flipflop" else 1, ())
    assert task.batch(0).x.shape[0] == BASE.batch


@every_task
@every_split
def test_a_batch_depends_on_seed_split_and_step_alone(name, split):
    batch = task_of(name).batch(11, split, size=B)
    torch.manual_seed(1)
    other = task_of(name, model="transformer", layers=2, width=8, heads=2, lr=0.5, batch=17)
    other.batch(3, split)
    assert same(batch, other.batch(11, split, size=B))
    assert not same(batch, other.batch(12, split, size=B))
    assert not same(batch, task_of(name, seed=2).batch(11, split, size=B))


@every_task
def test_drawing_leaves_the_global_generator_alone(name):
    before = torch.get_rng_state()
    task_of(name).batch(0)
    assert torch.equal(before, torch.get_rng_state())


@every_task
def test_training_and_validation_are_different_streams(name):
    task = task_of(name)
    assert not torch.equal(task.batch(0, size=B).x, task.batch(0, "validation", size=B).x)


@every_task
def test_loss_is_the_mean_over_the_counted_positions(name):
    task = task_of(name)
    batch = task.batch(0, size=B)
    output = outputs_like(task, batch)
    each = task.loss_per_position(output, batch)
    assert each.shape == batch.mask.shape
    assert float(task.loss(output, batch)) == pytest.approx(float(each[batch.mask].mean()), rel=1e-6)
    if task.has_tokens:
        oracle = -output.double().log_softmax(-1).gather(-1, batch.y[..., None]).squeeze(-1)
    else:
        oracle = (output.double() - batch.y.double()).pow(2).sum(-1) / task.outputs
    torch.testing.assert_close(each.double(), oracle, rtol=1e-5, atol=1e-5)


@every_task
def test_what_is_not_counted_does_not_count(name):
    task = task_of(name)
    batch = task.batch(0, size=B)
    output = perfect(task, batch)
    output[~batch.mask] = float("nan")
    assert float(task.loss(output, batch)) == pytest.approx(0, abs=1e-6)


@every_task
@every_split
def test_the_right_answer_beats_the_baseline_and_a_random_one_does_not(name, split):
    task = task_of(name)
    batch = task.batch(0, split)
    right = task.score(perfect(task, batch), batch)
    wrong = task.score(5 * outputs_like(task, batch), batch)
    assert right == pytest.approx(0 if task.lower_is_better else 1, abs=1e-5)
    assert (right < task.baseline) if task.lower_is_better else (right > task.baseline)
    if task.lower_is_better:
        assert wrong > task.baseline
    extras = task.extras(perfect(task, batch), batch)
    assert all(isinstance(value, float) and math.isfinite(value) for value in extras.values())


@every_task
def test_names_and_words_are_there(name):
    task = task_of(name)
    assert task.metric
    assert task.baseline_name
    assert math.isfinite(task.baseline)
    assert next(iter(task.references.items())) == (task.baseline_name, task.baseline)
    assert task.example() == task_of(name).example()
    assert len(task.example()) > 20


@every_task
def test_the_shortest_sequences_have_an_example_too(name):
    asked = 0
    for length in (1, 2, 3, 4, 5, 7, 11, 13):
        try:
            task = task_of(name, length=length, data="")
        except ValueError:  # too short for this task, and said
            continue
        asked += 1
        assert task.example().endswith("."), length
        batch = task.batch(0, size=1)
        assert len(task.axis(batch)) == batch.length_of(0) <= task.total_length
    assert asked >= 2


@every_task
def test_axes_label_every_step_and_only_counted_targets(name):
    task = task_of(name)
    batch = task.batch(0, size=B)
    T = batch.length_of(2)
    assert len(task.axis(batch, row=2)) == T <= task.total_length
    assert all(task.axis(batch, row=2))
    assert [bool(label) for label in task.target_axis(batch, row=2)] == batch.mask[2].tolist()[:T]


@every_task
def test_a_batch_moves_to_a_device_whole(name):
    batch = task_of(name).batch(0, size=B).to("meta")
    assert {batch.x.device.type, batch.y.device.type, batch.mask.device.type} == {"meta"}
    assert batch.period is None or batch.period.device.type == "meta"


@every_task
def test_typed_input_becomes_a_batch_of_one(name):
    task = task_of(name)
    batch = task.read(TYPED[name])
    assert batch.x.shape[0] == batch.y.shape[0] == 1
    assert batch.x.shape[1] <= task.total_length
    assert batch.mask.any()
    assert batch.x.dtype == task.batch(0).x.dtype
    assert math.isfinite(task.score(outputs_like(task, batch), batch))


@every_task
@pytest.mark.parametrize("text", ["", "☃" * 5, "A 1 " * 4000])
def test_impossible_input_is_refused(name, text):
    with pytest.raises(ValueError, match=r"\w"):
        task_of(name).read(text)


@pytest.mark.parametrize("name", ["copy", "repeat", "text"])
def test_a_model_that_knows_nothing_loses_ln_v(name):
    task = task_of(name)
    batch = task.batch(0)
    output = torch.zeros(*batch.y.shape, task.outputs)
    assert float(task.loss(output, batch)) == pytest.approx(math.log(task.outputs), rel=1e-6)


@every_task
def test_echoing_the_input_does_not_pass_for_an_answer(name):
    """A target that was not shifted would make the loss of an echo collapse to 0."""
    task = task_of(name)
    batch = task.batch(0)
    echo = batch.x % task.outputs if task.has_tokens else batch.x[..., : task.outputs].clone()
    output = 100.0 * F.one_hot(echo, task.outputs) if task.has_tokens else echo
    assert float(task.loss(output, batch)) > (1e-3 if name == "count" else 0.05), (
        "one of a hundred numbers is a small step"
    )
    if name in ("repeat", "text", "forecast"):
        assert torch.equal(batch.y[:, :-1], batch.x[:, 1:])


# -- copy -------------------------------------------------------------------------------------


def test_copy_shows_ten_symbols_waits_and_asks_for_them():
    task = task_of("copy", length=19)
    batch = task.batch(0, size=B)
    blank, signal = 7, 8
    assert batch.x.shape == (B, 39)
    assert (batch.x[:, :10] < 7).all()
    assert (batch.x[:, 10:28] == blank).all()
    assert (batch.x[:, 28] == signal).all()
    assert (batch.x[:, 29:] == blank).all()
    assert (batch.y[:, :29] == blank).all()
    assert torch.equal(batch.y[:, 29:], batch.x[:, :10])
    assert batch.mask.all()


@pytest.mark.parametrize(("delay", "expected"), [(20, 0.5199), (50, 0.2971), (100, 0.1733)])
def test_copy_without_a_memory_reaches_the_baseline_exactly(delay, expected):
    task = task_of("copy", length=delay, symbols=8)
    batch = task.batch(0)
    output = torch.zeros(*batch.x.shape, task.outputs)
    output[:, :-10, task.blank] = 100
    output[:, -10:, task.blank :] = -100
    assert task.baseline == pytest.approx(expected, abs=5e-5)
    assert task.score(output, batch) == pytest.approx(task.baseline, rel=1e-5)
    assert task.extras(output, batch)["share of the memoryless loss"] == pytest.approx(1, rel=1e-5)


def test_copy_recall_looks_at_the_last_ten_only():
    task = task_of("copy")
    batch = task.batch(0)
    output = perfect(task, batch)
    output[:, :-10] = 0
    assert task.extras(output, batch)["recall accuracy"] == 1
    output[:, -5:] = -output[:, -5:]
    assert task.extras(output, batch)["recall accuracy"] == 0.5


def test_copy_reads_letters_or_numbers_and_counts_them():
    assert task_of("copy").read("abcdefgabc").x[0, :10].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]
    many = task_of("copy", symbols=30)
    assert many.read("29 0 1 2 3 4 5 6 7 28").x[0, :2].tolist() == [29, 0]
    with pytest.raises(ValueError, match=r"3 symbols can't be copied. Give exactly 10"):
        task_of("copy").read("abc")
    with pytest.raises(ValueError, match=r"'H' is not a symbol. Use A to G"):
        task_of("copy").read("hhhhhhhhhh")


# -- adding -----------------------------------------------------------------------------------


def test_adding_marks_one_value_in_each_half_and_asks_for_their_sum():
    batch = task_of("adding").batch(0, size=101)
    values, marks = batch.x.unbind(-1)
    assert ((values >= 0) & (values < 1)).all()
    assert torch.equal(marks[:, :6].sum(1), torch.ones(101))
    assert torch.equal(marks[:, 6:].sum(1), torch.ones(101))
    torch.testing.assert_close(batch.y, (values * marks).sum(1)[:, None, None].expand(101, 13, 1))
    assert not batch.mask[:, :-1].any()
    assert batch.mask[:, -1].all()


def test_adding_every_place_can_be_marked():
    marks = task_of("adding").batch(0, size=997).x[..., 1]
    assert (marks.sum(0) > 0).all()


def test_adding_answering_one_costs_a_sixth():
    task = task_of("adding")
    batch = task.batch(0, size=20_011)
    assert task.baseline == 1 / 6
    assert task.score(torch.ones_like(batch.y), batch) == pytest.approx(1 / 6, rel=0.03)


def test_adding_right_means_within_four_hundredths():
    task = task_of("adding")
    batch = task.batch(0, size=2)
    output = batch.y + torch.tensor([0.03, 0.05])[:, None, None]
    assert task.extras(output, batch) == {"answers within 0.04": 0.5}


def test_adding_reads_marked_numbers():
    batch = task_of("adding").read("0.25 0.5* 0.125, 1*")
    assert batch.x[0].tolist() == [[0.25, 0], [0.5, 1], [0.125, 0], [1, 1]]
    assert batch.y.unique().tolist() == [1.5]
    assert task_of("adding").read("0.5* 0.2").y[0, -1] == 0.5, "another number of marks is answered"
    assert task_of("adding").read("0.5* 0.2* 0.25*").y[0, -1] == pytest.approx(0.95)
    with pytest.raises(ValueError, match="0 numbers are marked"):
        task_of("adding").read("0.5 0.2")
    with pytest.raises(ValueError, match="'x' is not a number"):
        task_of("adding").read("0.5* x*")
    with pytest.raises(ValueError, match=r"105 numbers can't be read. Give 2 to 104"):
        task_of("adding").read("1* " * 105)


# -- repeat -----------------------------------------------------------------------------------


def test_repeat_draws_a_period_for_each_sequence():
    batch = task_of("repeat", length=48).batch(0, size=499)
    assert set(batch.period.tolist()) == set(range(12, 25))
    for tokens, period in zip(batch.x.tolist(), batch.period.tolist(), strict=True):
        assert tokens[period:] == tokens[:-period]


@pytest.mark.parametrize("length", [8, 9, 11, 13, 37])
def test_repeat_periods_stay_within_a_quarter_and_a_half(length):
    task = task_of("repeat", length=length)
    period = task.batch(0, size=499).period
    assert (int(period.min()), int(period.max())) == (math.ceil(length / 4), length // 2)
    assert task.example()


def test_repeat_metric_counts_only_what_can_be_known():
    task = task_of("repeat")
    batch = task.batch(0, size=53)
    output = perfect(task, batch)
    counted = task.judged(batch)
    assert counted.sum(1).tolist() == (13 - batch.period).tolist()
    output[~counted] = -output[~counted]
    assert task.score(output, batch) == 1
    assert batch.mask.all()


def test_repeat_an_induction_rule_by_hand_is_right_wherever_it_counts():
    task = task_of("repeat", symbols=64, length=41)
    batch = task.batch(0, size=23)
    rows = torch.arange(23)[:, None]
    steps = torch.arange(41)[None]
    guess = batch.x[rows, (steps - batch.period[:, None] + 1).clamp(min=0)]
    assert task.score(F.one_hot(guess, 64).float(), batch) == 1


def test_repeat_chance_is_one_over_v():
    task = task_of("repeat")
    assert task.baseline == 1 / 7
    batch = task.batch(0, size=2003)
    assert task.score(outputs_like(task, batch), batch) == pytest.approx(1 / 7, abs=0.01)


@pytest.mark.parametrize(("typed", "period"), [("abcabca", 3), ("aaa", 1), ("abab", 2), ("abcd", None), ("aa", None)])
def test_repeat_finds_the_period_of_typed_input(typed, period):
    batch = task_of("repeat").read(typed)
    assert (None if batch.period is None else int(batch.period[0])) == period
    assert task_of("repeat").judged(batch).any()
    assert not batch.mask[0, -1]


# -- text -------------------------------------------------------------------------------------


def own_text(text, **fields):
    return make_task(BASE.but(task="text", data=digest(text), **fields), text)


def test_text_windows_come_from_their_own_part():
    text = "".join(map(chr, range(0x100, 0x1C8)))  # each of 200 characters once: a token is a position
    task = own_text(text, length=7)
    train = task.batch(0, "train", size=997)
    held_out = task.batch(0, "validation", size=997)
    assert torch.equal(train.y, train.x + 1)
    assert (int(train.x.min()), int(train.y.max())) == (0, 179)
    assert (int(held_out.x.min()), int(held_out.y.max())) == (180, 199)


def test_text_vocabulary_is_the_sorted_characters_in_visible_form():
    task = own_text("b\ta \n\x07c" * 40)
    assert task.characters == sorted(set("b\ta \n\x07c"))
    assert task.vocabulary == ("U+0007", "⇥", "⏎", "␣", "a", "b", "c")


def test_text_baseline_is_what_the_training_letters_cost_on_the_validation_text():
    """a and b 90 times each, and no c, of which all of the validation text is: p(c) = (0 + 2/3) / (180 + 2)."""
    task = own_text("ab" * 90 + "c" * 20, length=7)
    assert task.baseline == pytest.approx(math.log(273))
    assert task.references["even guess, ln V"] == pytest.approx(math.log(3))


def test_text_letter_frequencies_score_their_baseline_as_a_model_does():
    """A model that says p_1 everywhere has, over many validation batches, the loss that is stated."""
    task = own_text(RIDDLE * 3 + RIDDLE[::-1], length=11)
    counts = np.bincount([task._number[letter] for letter in (RIDDLE * 3 + RIDDLE[::-1])[: len(RIDDLE * 4) * 9 // 10]])
    assert counts.min() > 0
    assert len(counts) == task.outputs
    p = (counts + len(counts) / task.outputs) / (counts.sum() + len(counts))
    batch = task.batch(0, "validation", size=4999)
    output = torch.tensor(np.log(p), dtype=torch.float32).expand(*batch.x.shape, -1)
    assert task.score(output, batch) == pytest.approx(task.baseline, rel=2e-3)
    assert task.loss_references == task.references


def test_text_reads_the_default_reference():
    task = task_of("text")
    assert task.characters == sorted(set(default_text()))
    values = task.references
    assert values["even guess, ln V"] == math.log(task.outputs) > task.baseline > 3
    assert task.baseline > values["one letter back (bigrams)"] > values["two letters back (trigrams)"] > 1.9
    assert task.repeated < 0.001
    assert task_of("copy").repeated is None


def test_text_says_how_much_of_its_validation_part_stands_in_training():
    assert own_text("A passage that is said again and again, word for word. " * 20, length=7).repeated == 1


def test_text_bits_are_nats_over_ln_two():
    task = task_of("text")
    batch = task.batch(0)
    output = outputs_like(task, batch)
    assert task.extras(output, batch)["bits per character"] == pytest.approx(task.score(output, batch) / math.log(2))


def test_text_too_short_for_the_length_names_the_longest_that_fits():
    with pytest.raises(ValueError, match=r"length = 20 .* 20 characters.* at most 19, or a text of 210"):
        own_text("ab" * 100, length=20)
    assert own_text("ab" * 100, length=19).batch(0, "validation").x.shape == (5, 19)


def test_text_refuses_letters_it_does_not_know():
    task = own_text(RIDDLE)
    assert task.read("noon\r\nfeet").x.shape == (1, 9)
    assert task.target_axis(task.read("on")) == ["n", ""]
    with pytest.raises(ValueError, match="'Z' is not in the text"):
        task.read("Zeus")


# -- forecast ---------------------------------------------------------------------------------


def own_series(values, **fields):
    text = Series("level", "m", 1, tuple(map(float, values))).to_text()
    return make_task(BASE.but(task="forecast", data=digest(text), **fields), text)


def test_forecast_states_the_known_numbers_of_the_sunspots():
    task = task_of("forecast")
    assert task.baseline == pytest.approx(32.9, abs=0.05)
    assert task.references["AR(9) by least squares"] == pytest.approx(19.1, abs=0.05)
    assert task.metric == "root mean squared error (sunspots)"


def test_forecast_score_of_the_naive_rule_is_the_naive_baseline():
    task = task_of("forecast")
    batch = task.batch(0, "validation")
    assert task.score(batch.x, batch) == pytest.approx(task.baseline, rel=1e-5)
    assert task.extras(batch.x, batch)["share of the naive error"] == pytest.approx(1, rel=1e-5)
    train = task.batch(0)
    assert task.extras(train.x, train)["share of the naive error"] == 1, "measured on the batch of the model"


def test_forecast_references_are_losses_of_the_same_guesses():
    """The loss is a mean square of standardised values: what a model that says what the rule says is charged."""
    task = task_of("forecast")
    batch = task.batch(0, "validation")
    assert float(task.loss(batch.x, batch)) == pytest.approx(task.loss_references["nothing changes"], rel=1e-5)
    train = np.array(SUNSPOTS.values[:-60])
    past = np.array([SUNSPOTS.values[t - 9 : t] for t in range(9, 309)])
    fit = np.linalg.lstsq(np.c_[np.ones(240), past[:240]], train[9:], rcond=None)[0]
    errors = np.array(SUNSPOTS.values[-60:]) - np.c_[np.ones(60), past[240:]] @ fit
    assert task.loss_references["AR(9) by least squares"] == pytest.approx(np.mean((errors / train.std()) ** 2))


@pytest.mark.parametrize("last", [4.0, 0.1 + 0.2])
def test_forecast_of_a_series_that_ends_without_a_change_has_no_share_of_a_naive_error(last):
    values = [*np.random.default_rng(2).normal(size=89).tolist(), *[last] * 61]
    if last < 1:
        values[-30] = 0.3  # and a change of the last bit is none
    task = own_series(values, length=17)
    batch = task.batch(0, "validation")
    assert task.baseline == pytest.approx(0, abs=1e-15)
    assert task.extras(batch.x + 0.5, batch) == {}
    assert math.isfinite(task.score(batch.x + 0.5, batch))


def test_forecast_asks_for_each_validation_value_once():
    task = task_of("forecast")
    batch = task.batch(0, "validation")
    asked = task.in_units(batch.y)[batch.mask].squeeze(-1)
    np.testing.assert_allclose(asked.numpy(), SUNSPOTS.values[-60:], atol=1e-3)
    assert batch.mask.sum(1).tolist() == [1] * 60


def test_forecast_knows_which_targets_were_filled_in():
    values = [math.sin(place / 3) + place / 50 for place in range(90)]
    series = Series("gaps", "", 1, tuple(values), filled=(3, 4, 70, 88))
    task = make_task(RunConfig(task="forecast", length=11, data=digest(series.to_text())), series.to_text())
    whole = make_task(RunConfig(task="forecast", length=11), None)
    assert (task.filled, whole.filled, whole.batch(0).filled) == (4, 0, None)
    for batch in (task.batch(0), task.batch(0, "validation"), task.apart(3), task.batch(1).to("cpu")):
        targets = task.in_units(batch.y[..., 0]).flatten().tolist()
        places = [min(range(90), key=lambda place: abs(values[place] - target)) for target in targets]
        assert batch.filled.flatten().tolist() == [place in series.filled for place in places]
    assert task.batch(0, "validation").filled.any(), "or the test could not tell"
    assert task.read("1 2 3").filled is None


def test_forecast_parts_are_disjoint_and_standardised_by_the_training_one():
    values = [float(value) ** 2 for value in range(103)]  # every value tells its position
    task = own_series(values)
    train = task.in_units(task.batch(0, "train", size=997).y)
    asked = task.batch(0, "validation")
    held_out = task.in_units(asked.y)[asked.mask]
    assert task.validation == 103 // 5
    assert float(train.max()) == pytest.approx(values[82], rel=1e-5)
    assert float(held_out.min()) == pytest.approx(values[83], rel=1e-5)
    assert (task.mean, task.deviation) == (pytest.approx(np.mean(values[:83])), pytest.approx(np.std(values[:83])))


def test_forecast_can_draw_more_validation_windows_than_there_are_values():
    task = own_series(range(31))
    assert task.batch(0, "validation", size=B).x.shape == (B, 13, 1)
    assert task.batch(0, "validation", size=17).x.shape == (17, 13, 1)


def test_forecast_refuses_a_series_that_is_too_short_or_still():
    with pytest.raises(ValueError, match=r"length = 25 .* 25 of the 31 values .* at most 24"):
        own_series(range(31), length=25)
    assert own_series(range(31), length=24).batch(0).x.shape == (5, 24, 1)
    with pytest.raises(ValueError, match=r"first 32 values of 'level'.* all 7"):
        own_series([7] * 39 + [8])


def test_forecast_reads_numbers_in_the_units_of_the_series():
    task = task_of("forecast")
    batch = task.read("5 11, 16")
    torch.testing.assert_close(task.in_units(batch.x).flatten(), torch.tensor([5.0, 11, 16]))
    assert task.axis(batch) == ["5", "11", "16"]
    assert task.target_axis(batch) == ["11", "16", ""]


# -- data -------------------------------------------------------------------------------------


def test_data_that_is_missing_or_another_is_refused():
    config = BASE.but(task="text", data=digest(RIDDLE))
    with pytest.raises(ValueError, match=r"is not here. Upload it again"):
        make_task(config)
    with pytest.raises(ValueError, match="is not the hash of the data given"):
        make_task(config, RIDDLE + "!")
    with pytest.raises(ValueError, match="Set it to"):
        make_task(config.but(data=""), RIDDLE)


def test_tasks_without_data_ignore_it():
    config = BASE.but(task="adding", data=digest(RIDDLE))
    assert same(make_task(config, RIDDLE).batch(0), task_of("adding").batch(0))


# -- flip-flop --------------------------------------------------------------------------------


def test_flipflop_targets_are_the_last_pulse_of_each_bit():
    batch = task_of("flipflop", bits=5).batch(0, size=B)
    assert batch.x.shape == batch.y.shape == (B, 13, 5)
    assert set(batch.x.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert (batch.x[:, 0] != 0).all()
    for row, bit in [(0, 0), (1, 3), (2, 4)]:
        held = 0.0
        for pulse, target in zip(batch.x[row, :, bit].tolist(), batch.y[row, :, bit].tolist(), strict=True):
            held = pulse or held
            assert target == held
    assert batch.mask.all()


def test_flipflop_pulses_come_with_the_probability_stated():
    pulses = task_of("flipflop").batch(0, size=1009).x[:, 1:]
    assert float(pulses.abs().mean()) == pytest.approx(0.2, abs=0.01)
    assert float(pulses.mean()) == pytest.approx(0, abs=0.01)


def test_flipflop_without_a_memory_reaches_the_baseline():
    task = task_of("flipflop")
    batch = task.batch(0, size=1009)
    assert task.baseline == pytest.approx(0.8 * 12 / 13)
    assert task.score(batch.x, batch) == pytest.approx(task.baseline, rel=0.01)
    assert task.score(0.1 * batch.x, batch) > task.baseline
    assert task.score(batch.x + 0.1, batch) > task.baseline


def test_flipflop_counts_right_signs():
    task = task_of("flipflop")
    batch = task.batch(0, size=2)
    output = 0.3 * batch.y
    output[0] *= -1
    assert task.extras(output, batch) == {"share of right signs": 0.5}


def test_flipflop_reads_pulses_and_says_what_is_wrong_with_them():
    task = task_of("flipflop")
    batch = task.read("+1-3 · . 0, -1")
    assert batch.x[0].tolist() == [[1, 0, -1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [-1, 0, 0]]
    assert batch.y[0, 3].tolist() == [1, 0, -1]
    assert batch.y[0, 4].tolist() == [-1, 0, -1]
    assert task.axis(batch) == ["+1-3", "·", "·", "·", "-1"]
    assert task.target_axis(batch)[-1] == "-0-"
    for word in ("+4", "1", "+", "+1+1", "+1-1", "+0", "x", "+1x", "+" + "1" * 99, "+\u0661"):
        with pytest.raises(ValueError, match="is not a step of 3 bits"):
            task.read(f". {word}")
    with pytest.raises(ValueError, match=r"105 steps can't be read. Give 2 to 104"):
        task.read(". " * 105)


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_flipflop_what_it_writes_it_reads(bits):
    task = task_of("flipflop", bits=bits)
    batch = task.batch(0, size=1)
    assert same(task.read(" ".join(task.axis(batch))), batch)
    assert task.example().startswith("After the pulses ")
