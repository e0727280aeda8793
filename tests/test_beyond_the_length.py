"""Losses, attention and kernels beyond the length of training, against plain loops and closed forms; the sentences."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from torch.nn.functional import cross_entropy

from explainer.charts.panel import Moment
from explainer.charts.theme import ENCODING_LOOKS
from explainer.config import RunConfig
from explainer.data import default_text, digest
from explainer.families.attending import POSITIONS
from explainer.lenses.beyond_the_length import LENS, passage
from explainer.lenses.beyond_the_length import look as beyond
from explainer.lenses.beyond_the_length.look import look
from explainer.lenses.beyond_the_length.notes import (
    Trained,
    attention_reading,
    course_of,
    course_reading,
    kernel_reading,
    length_reading,
    notes,
    verdict,
)
from explainer.lenses.beyond_the_length.panels import attention_panel, kernel_panel, length_panel, page_panels
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord
from explainer.lessons import SWEEPS
from explainer.models import build, observe
from explainer.runs.sweep_file import load_outcomes, shipped
from explainer.tasks.make import make_task

CONFIG = RunConfig(task="text", model="transformer", length=11, layers=2, width=12, heads=3, batch=5)


def seen(config: RunConfig) -> tuple[BeyondTheLengthRecord, torch.nn.Module, object]:
    task = make_task(config)
    torch.manual_seed(3)
    model = build(config, task.inputs, task.outputs)
    for parameter in model.parameters():
        parameter.data.mul_(4)  # so that attention is far from even
    return look(model, task.batch(0, "validation"), task), model, task


def plain_windows(length: int, count: int) -> tuple[list[str], int]:
    """The windows as text, from the default text itself."""
    text = default_text()
    kept = text[int(0.9 * len(text)) :]
    starts = [int(number * (len(kept) - length - 1) / (count - 1)) for number in range(count)]
    return [kept[start : start + length + 1] for start in starts], len(text)


# -- the lens ---------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "rotary", "alibi"])
def test_the_loss_is_that_of_a_plain_loop_over_the_text(positions: str) -> None:
    record, model, _ = seen(CONFIG.but(positions=positions))
    characters = sorted(set(default_text()))
    model.eval()
    for number, factor in enumerate((1, 2, 4, 8)):
        length = 11 * factor
        windows, _ = plain_windows(length, int(record.windows[number]))
        each = []
        for window in windows:
            tokens = torch.tensor([[characters.index(character) for character in window]])
            with torch.no_grad():
                log_p = model(tokens[:, :-1]).log_softmax(-1)[0]
            own = [-float(log_p[t, tokens[0, t + 1]]) for t in range(length)]
            each.append(np.mean(own[length - length // 4 :]))
        assert record.loss[number] == pytest.approx(np.mean(each), rel=1e-5)
        # 64 windows of 8T, and 512 of T: 16 blocks of neighbours.
        count = 512 // factor
        blocks = [np.mean(each[first : first + count // 16]) for first in range(0, count, count // 16)]
        assert (len(each), record.blocks[number]) == (count, 16)
        assert record.error[number] == pytest.approx(np.std(blocks, ddof=1) / 4, rel=1e-4)


def test_learned_positions_have_no_number_beyond_their_table_and_say_why() -> None:
    record, _, _ = seen(CONFIG.but(positions="learned"))
    assert np.isfinite(record.loss).tolist() == [True, False, False, False]
    assert record.why == ("", *["has no rows beyond T = 11"] * 3)
    assert record.windows.tolist()[1:] == [0, 0, 0]
    assert record.distances[-1] == 10
    np.testing.assert_array_equal(record.attention[0], record.attention[1])


def test_the_course_is_the_mean_loss_in_stretches_of_the_longest_window() -> None:
    record, model, task = seen(CONFIG.but(positions="alibi"))
    batch = task.validation_windows(88, int(record.windows[-1]))
    with torch.no_grad():
        loss = cross_entropy(model(batch.x).mT, batch.y, reduction="none").mean(0).numpy()
    assert len(record.course) == 32
    assert record.places[0] == pytest.approx(1.0)  # positions 0, 1, 2
    assert record.course[0] == pytest.approx(loss[:3].mean(), rel=1e-5)
    assert record.course[-1] == pytest.approx(loss[-2:].mean(), rel=1e-5)


def test_attention_by_distance_is_the_mean_of_the_weights_of_the_last_quarter() -> None:
    record, model, task = seen(CONFIG.but(positions="rotary"))
    for row, length in enumerate((11, 88)):
        batch = task.validation_windows(length, 4)
        with torch.no_grad(), observe(model, "block.0.weights", "block.1.weights") as values:
            model(batch.x)
        weights = torch.stack([values[f"block.{block}.weights"] for block in range(2)]).double().mean((0, 1, 2))
        queries = range(length - length // 4, length)
        for place, distance in enumerate(record.distances.tolist()):
            found = [float(weights[t, t - distance]) for t in queries if t >= distance]
            expected = np.mean(found) if found and distance < length else math.nan
            assert record.attention[row, place] == pytest.approx(expected, rel=1e-5, nan_ok=True)
        far = np.mean([sum(float(weights[t, s]) * (t - s) for s in range(t + 1)) for t in queries])
        assert record.looked[row] == pytest.approx(far, rel=1e-5)


def test_the_kernels_are_their_closed_forms() -> None:
    d = seen(CONFIG.but(positions="none"))[0].distances.astype(float)
    expected = {
        "none": np.ones(len(d)),
        "sinusoidal": np.mean([np.cos(d * 10_000 ** (-2 * i / 12)) for i in range(6)], axis=0),
        "rotary": np.mean([np.cos(d * 10_000 ** (-2 * i / 4)) for i in range(2)], axis=0),
        "alibi": np.mean([np.exp(-d / 16), np.exp(-d / 256), np.exp(-d / 4)], axis=0),
    }
    for positions, values in expected.items():
        np.testing.assert_allclose(seen(CONFIG.but(positions=positions))[0].kernel, values, atol=1e-9)


def test_the_learned_kernel_is_the_mean_cosine_of_its_own_rows() -> None:
    record, model, _ = seen(CONFIG.but(positions="learned"))
    rows = dict(model.named_parameters())["positions.weight"].detach().double()
    for place, distance in enumerate(record.distances.tolist()):
        cosines = [float(torch.cosine_similarity(rows[n], rows[n + distance], dim=0)) for n in range(11 - distance)]
        assert record.kernel[place] == pytest.approx(np.mean(cosines), abs=1e-9)


def test_a_text_too_short_for_the_longest_windows_says_so() -> None:
    text = "".join(f"{number} green bottles\n" for number in range(40))
    task = make_task(CONFIG.but(data=digest(text), positions="alibi"), text)
    kept = len(text) - int(0.9 * len(text))
    model = build(CONFIG.but(positions="alibi"), task.inputs, task.outputs)
    record = look(model, task.batch(0), task)
    assert [bool(why) for why in record.why] == [length + 1 > kept for length in (11, 22, 44, 88)]
    assert f"keeps {kept} characters" in record.why[-1]
    assert record.blocks.tolist() == [kept // 11, kept // 22, kept // 44, 0]
    assert np.isfinite(record.error).tolist() == [True, False, False, False], (
        "of fewer than four blocks nothing is said"
    )
    assert np.isnan(record.loss[-1])


def test_windows_that_would_take_too_long_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beyond, "MOST_LENGTH", 44)
    record, _, _ = seen(CONFIG.but(positions="alibi"))
    assert np.isfinite(record.loss).tolist() == [True, True, True, False]
    assert record.why[-1].startswith("longer than 44 characters")
    assert record.distances[-1] == 43


def test_a_model_without_blocks_has_losses_and_no_attention() -> None:
    record, _, _ = seen(CONFIG.but(layers=0, positions="none"))
    assert np.isfinite(record.loss).all()
    assert np.isnan(record.attention).all()
    assert "None no attention" in attention_reading([Trained("none", 0, record)])


# -- the error --------------------------------------------------------------------------------


def judged(course: np.ndarray, length: int, count: int) -> np.ndarray:
    """Mean loss of the last quarter of `count` windows, evenly spaced over the losses of a text's characters."""
    starts = [int(number * (len(course) - length - 1) / max(1, count - 1)) for number in range(count)]
    return np.array([course[start + length - length // 4 : start + length].mean() for start in starts])


def texts(count: int, characters: int, seed: int) -> np.ndarray:
    """Losses along independent texts: neighbours alike with .95 (AR(1)), so that a hard passage has some 40 characters."""
    source, rows = np.random.default_rng(seed), np.zeros((count, characters))
    rows[:, 0] = source.normal(size=count)
    steps = source.normal(size=(characters, count)) * math.sqrt(1 - 0.95**2)
    for t in range(1, characters):
        rows[:, t] = 0.95 * rows[:, t - 1] + steps[t]
    return rows


@pytest.mark.parametrize(("characters", "length"), [(31_000, 32), (31_000, 256), (3001, 256), (1409, 256), (997, 88)])
def test_the_error_is_the_spread_of_the_mean_over_independent_texts(characters: int, length: int) -> None:
    count = min(512, beyond.count_apart(characters, length))
    blocks = beyond.count_blocks(characters, length, count)
    values = [judged(course, length, count) for course in texts(211, characters, 5)]
    spread = np.std([each.mean() for each in values])
    stated = math.sqrt(np.mean([beyond.standard_error(each, blocks) ** 2 for each in values]))
    assert 0.75 < stated / spread < 1.25
    assert blocks >= 4


def test_what_was_stated_before_was_far_too_small() -> None:
    """So the test above can fail: 64 windows that overlap on a short text, counted as independent."""
    values = [judged(course, 256, 64) for course in texts(211, 523, 6)]
    spread = np.std([each.mean() for each in values])
    assert np.mean([each.std(ddof=1) / 8 for each in values]) < spread / 3
    assert beyond.count_apart(523, 256) == 5
    assert math.isnan(beyond.standard_error(np.arange(5.0), beyond.count_blocks(523, 256, 5)))


@pytest.mark.parametrize(("characters", "length"), [(257, 256), (30_000, 32), (523, 256), (90, 3), (41, 7)])
def test_no_character_is_judged_in_two_windows(characters: int, length: int) -> None:
    count = min(beyond.MOST_WINDOWS, beyond.count_apart(characters, length))
    text = "".join(chr(0x100 + number % 200) for number in range(10 * characters))
    task = make_task(CONFIG.but(length=2, data=digest(text)), text)
    assert task.held_out == characters
    starts = task.validation_windows(length, count).x[:, 0].long()
    assert count == 1 or int((starts[1:] - starts[:-1] + 200).remainder(200).min()) >= min(beyond.quarter(length), 199)


def test_blocks_of_unequal_size_weigh_as_many_windows_as_they_have() -> None:
    values = np.array([1.0, 3.0, 2.0, 6.0, 5.0])  # (1, 3) 2 6 5
    off = np.array([2 * (2 - 3.4), 2 - 3.4, 6 - 3.4, 5 - 3.4])
    assert beyond.standard_error(values, 4) == pytest.approx(math.sqrt(4 / 3 * (off**2).sum()) / 5)
    assert beyond.standard_error(values, 5) == pytest.approx(values.std(ddof=1) / math.sqrt(5))


def test_it_leaves_the_model_as_it_found_it() -> None:
    task = make_task(CONFIG)
    model = build(CONFIG, task.inputs, task.outputs).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    look(model, task.batch(0), task)
    assert model.training
    assert torch.equal(random, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_it_suits_transformers_on_text_alone() -> None:
    assert LENS.suits(CONFIG)
    assert not LENS.suits(CONFIG.but(model="gru"))
    assert not LENS.suits(CONFIG.but(task="repeat"))


# -- what the field expects, in the shipped results --------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_alibi_stays_flat_sinusoidal_breaks_and_none_degrades_gently(seed: int) -> None:
    """Press et al. 2022, figure 1, in every seed of the shipped sweep."""
    _, outcomes = load_outcomes(shipped("lesson-beyond"))
    found = {
        outcome.config["positions"]: outcome.last["beyond_the_length"]
        for outcome in outcomes
        if outcome.config.seed == seed
    }
    assert found.keys() == set(POSITIONS)
    rise = {kind: float(np.nanmax(record.loss) - record.loss[0]) for kind, record in found.items()}
    assert rise["alibi"] < 0.2
    assert rise["sinusoidal"] > 0.7
    assert 0 < rise["none"] < 0.4
    assert rise["rotary"] > 0.7
    assert rise["alibi"] < rise["none"] < rise["sinusoidal"]
    assert found["alibi"].loss[0] < found["none"].loss[0] - 0.1, "without positions it is worse from the start"
    assert np.isnan(found["learned"].loss[1:]).all()
    assert verdict(found["alibi"]) == "flat"
    assert verdict(found["none"]) == "degrades"
    assert verdict(found["sinusoidal"]) == verdict(found["rotary"]) == "breaks"


def test_the_lesson_trains_every_encoding_in_three_seeds() -> None:
    sweep = SWEEPS["lesson-beyond"].sweep
    assert len(sweep.values("seed")) == 3
    assert sweep.values("positions") == POSITIONS


# -- sentences and charts ---------------------------------------------------------------------


def made(kind: str, *loss: float, why: tuple[str, ...] = ("",) * 4, **given: object) -> BeyondTheLengthRecord:
    places = np.array([2.0, 6.0, 14.0, 40.0])
    values: dict[str, object] = {
        "kind": kind,
        "trained": 8,
        "lengths": np.array([8, 16, 32, 64]),
        "loss": np.array(loss),
        "error": np.full(4, 0.03),
        "blocks": np.full(4, 7),
        "why": why,
        "windows": np.full(4, 7),
        "places": places,
        "course": np.array([3.0, 2.0, 2.5, 3.5]),
        "distances": np.array([0, 1, 4, 63]),
        "attention": np.array([[0.5, 0.3, 0.1, np.nan], [0.4, 0.2, 0.0, 0.05]]),
        "looked": np.array([2.25, 9.5]),
        "kernel": np.array([1.0, 0.8, 0.5, -0.1]),
    }
    return BeyondTheLengthRecord(**{**values, **given})  # type: ignore[arg-type]


NAN = math.nan
RUNS = [
    Trained("sinusoidal", 0, made("sinusoidal", 1.9, 2.9, 3.0, 3.1)),
    Trained("alibi", 0, made("alibi", 1.9, 1.88, 1.87, 1.95)),
    Trained("alibi", 1, made("alibi", 1.8, 1.84, 1.85, 2.15)),
    Trained("learned", 0, made("learned", 1.85, NAN, NAN, NAN, why=("", *["has no rows beyond T = 8"] * 3))),
    Trained("none", 0, None),
]


def test_the_length_reading_has_every_encoding_best_first() -> None:
    assert length_reading(RUNS) == (
        "ALiBi 1.85 at 8 and 2.05 at 64 (+0.20 ± 0.04, flat in 1 of 2 seeds); Sinusoidal 1.90 at 8 and 3.10 at 64 "
        "(+1.20 ± 0.04, breaks); Learned 1.85 at T = 8, has no rows beyond T = 8 (nats per character; ± a standard "
        "error over stretches of the text)."
    )


def test_where_the_text_is_too_short_for_an_error_the_sentence_and_the_chart_say_so() -> None:
    error, blocks = np.array([0.0314, NAN, NAN, NAN]), np.array([13, 3, 1, 0])
    runs = [Trained("alibi", 0, made("alibi", 1.9, 1.88, 1.87, 1.95, error=error, blocks=blocks))]
    assert length_reading(runs) == (
        "ALiBi 1.90 at 8 and 1.95 at 64 (+0.05, from too little text for a standard error, flat) (nats per character)."
    )
    (trace,) = length_panel(runs, "light").figure["data"]
    few = "too little text for a standard error"
    assert trace["customdata"] == ["standard error 0.031, from 13 stretches of text", few, few, few]


def test_the_other_readings_have_their_numbers() -> None:
    assert course_reading(RUNS[:1]) == (
        "Mean loss after position T against the second half of the first T: Sinusoidal +1.00."
    )
    assert attention_reading(RUNS[:1]) == (
        "Tokens back, on average, at T and in the longest window: Sinusoidal 2.2 and 9.5."
    )
    assert kernel_reading(RUNS[:1]) == "The kernel at distance T/2, and at the farthest: Sinusoidal 0.50 and -0.10."


def test_before_a_run_has_ended_there_is_a_sentence() -> None:
    for read in (length_reading, course_reading, attention_reading, kernel_reading):
        assert read([Trained("none", 0, None)]) == read([]) == "No run has ended yet."
    for panel in page_panels([], "light"):
        assert panel.reading


def test_losses_that_are_no_numbers_are_said_and_left_out() -> None:
    bad = [Trained("rotary", 0, made("rotary", NAN, NAN, NAN, NAN))]
    assert length_reading(bad) == "Rotary: not a finite number at T = 8 (nats per character)."
    assert verdict(bad[0].record) == "nothing to compare"  # type: ignore[arg-type]
    (trace,) = length_panel(bad, "light").figure["data"]
    assert trace["y"] == [None] * 4


@pytest.mark.parametrize(
    ("last", "word"), [(1.0, "flat"), (1.09, "flat"), (1.11, "degrades"), (1.71, "breaks"), (0.2, "flat")]
)
def test_the_verdict_goes_by_the_rise(last: float, word: str) -> None:
    assert verdict(made("none", 1.0, 1.0, 1.0, last)) == word


def test_the_mean_is_bold_and_every_seed_is_behind_it() -> None:
    alibi = [trace for trace in length_panel(RUNS, "light").figure["data"] if trace["name"] == "ALiBi"]
    assert [trace["y"][0] for trace in alibi] == [1.9, 1.8, pytest.approx(1.85)]
    assert [trace["showlegend"] for trace in alibi] == [False, False, True]
    assert alibi[-1]["line"]["width"] > alibi[0]["line"]["width"]


def test_what_cannot_be_read_is_said_on_the_chart_and_not_drawn() -> None:
    figure = length_panel(RUNS, "light").figure
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["Learned: has no rows beyond T = 8"]
    learned = [trace for trace in figure["data"] if trace["name"] == "Learned"]
    assert [trace["y"] for trace in learned] == [[1.85, None, None, None]]


def test_a_short_course_is_drawn_in_stretches_of_a_quarter_of_t() -> None:
    each = made(
        "learned",
        1.8,
        NAN,
        NAN,
        NAN,
        distances=np.array([0, 1, 4, 7]),
        places=np.arange(8.0),
        course=np.arange(8.0) ** 2,
    )
    places, course = course_of([each])
    assert places.tolist() == [0.5, 2.5, 4.5, 6.5]
    assert course.tolist() == [0.5, 6.5, 20.5, 42.5]
    assert course_of([made("alibi", 1, 1, 1, 1)])[0].tolist() == [2, 6, 14, 40]


def test_without_a_longer_window_attention_is_drawn_at_t_alone() -> None:
    short = made("learned", 1.8, NAN, NAN, NAN, distances=np.array([0, 1, 4, 7]))
    (trace,) = attention_panel([Trained("learned", 0, short)], "light").figure["data"]
    assert trace["line"]["dash"] == "dot"
    assert attention_reading([Trained("learned", 0, short)]).endswith("Learned 2.2, and there is no longer window.")


def test_a_weight_of_exactly_zero_is_a_gap_on_the_log_axis() -> None:
    *_, longest = attention_panel(RUNS[:1], "light").figure["data"]
    assert longest["x"] == [1, 4, 63]
    assert longest["y"] == [0.2, None, 0.05]


def test_encodings_are_told_apart_without_colour() -> None:
    assert ENCODING_LOOKS.keys() == set(POSITIONS)
    assert len({(look.symbol, look.dash) for look in ENCODING_LOOKS.values()}) == 5
    assert len({look.symbol for look in ENCODING_LOOKS.values()}) == 5
    assert len(kernel_panel(RUNS, "dark").figure["data"]) == 3


def test_one_run_has_its_sentences() -> None:
    said = notes(RUNS[0].record, Moment({"model": "transformer"}, 7)).readings  # type: ignore[arg-type]
    assert said["length"] == (
        "Sinusoidal 1.90 at 8 and 3.10 at 64 (+1.20 ± 0.04, breaks) (nats per character; ± a standard error "
        "over stretches of the text)."
    )
    assert said["loss"] == "Transformer: no step taken yet."


# -- a text of the viewer's own ---------------------------------------------------------------


def own(text: str, **given: object) -> tuple[BeyondTheLengthRecord, torch.nn.Module]:
    config = replace(CONFIG, **{"positions": "rotary", **given})  # type: ignore[arg-type]
    task = make_task(config)
    torch.manual_seed(3)
    model = build(config, task.inputs, task.outputs)
    for parameter in model.parameters():
        parameter.data.mul_(4)
    return beyond.answer(model, text, task), model


OWN = "The value of a name is what it is bound to, so far."  # 51 characters


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_loss_of_each_own_character_is_that_of_a_plain_loop(positions: str) -> None:
    record, model = own(OWN, positions=positions)
    characters = sorted(set(default_text()))
    read = 11 if positions == "learned" else 50
    model.eval()
    losses = []
    for t in range(read):
        with torch.no_grad():
            log_p = model(torch.tensor([[characters.index(each) for each in OWN[: t + 1]]])).log_softmax(-1)[0, -1]
        losses.append(-float(log_p[characters.index(OWN[t + 1])]))
    np.testing.assert_allclose(record.course, losses, rtol=2e-4)
    assert record.places.tolist() == list(range(read))
    for number, length in enumerate((11, 22, 44, 88)):
        expected = np.mean(losses[length - length // 4 : length]) if length <= read else math.nan
        assert record.loss[number] == pytest.approx(expected, rel=2e-4, nan_ok=True)
        assert bool(record.why[number]) == (length > read)
    assert np.isnan(record.error).all()


def test_the_attention_of_an_own_text_is_that_of_its_first_t_characters_and_of_all() -> None:
    record, model = own(OWN)
    characters = sorted(set(default_text()))
    for row, count in enumerate((11, 50)):
        tokens = torch.tensor([[characters.index(each) for each in OWN[:count]]])
        with torch.no_grad(), observe(model, "block.0.weights", "block.1.weights") as values:
            model(tokens)
        weights = torch.stack([values[f"block.{block}.weights"] for block in range(2)]).double().mean((0, 1, 2))
        queries = range(count - count // 4, count)
        far = np.mean([sum(float(weights[t, s]) * (t - s) for s in range(t + 1)) for t in queries])
        assert record.looked[row] == pytest.approx(far, rel=1e-4)
        one = [float(weights[t, t - 1]) for t in queries]
        assert record.attention[row, 1] == pytest.approx(np.mean(one), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "1 characters can't be read. Give 2 to 89: windows up to 8T, T being the 11 of training."),
        ("", "0 characters can't be read. Give 2 to 89"),
        ("a" * 90, "90 characters can't be read. Give 2 to 89"),
        ("a\0b", r"The character '\x00' is not in the text that this model learns from. Leave it out: use its "),
        (
            "a😀b\ue000\ue001\ue002\ue003\ue004",
            "'😀' is not in the text that this model learns from (nor are '\\ue000', '\\ue001', '\\ue002', 2 more)",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_way_out(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        own(text)


def said_of(record: BeyondTheLengthRecord) -> dict[str, str]:
    readings = notes(record, Moment({"model": "transformer", "metric": "loss"}, 37, asked=True)).readings
    return {name: str(reading) for name, reading in readings.items()}


def read(kind: str, *course: float, trained: int = 3) -> BeyondTheLengthRecord:
    count = len(course)
    lengths = np.array([trained, 2 * trained, 4 * trained, 8 * trained])
    fits = lengths <= count
    return BeyondTheLengthRecord(
        kind=kind,
        trained=trained,
        lengths=lengths,
        loss=np.where(fits, 1.25, NAN),
        error=np.full(4, NAN),
        blocks=np.zeros(4),
        why=tuple("" if each else f"your text has only {count + 1} characters" for each in fits),
        windows=fits.astype(int),
        places=np.arange(count, dtype=float),
        course=np.array(course),
        distances=np.array([0]),
        attention=np.ones((2, 1)),
        looked=np.array([1.5, 2.5]),
        kernel=np.ones(1),
    )


def test_the_sentences_of_one_run_on_an_own_text() -> None:
    long = said_of(read("alibi", 1.0, 2.0, 3.0, 5.0, 6.0, 7.0))
    assert long["course"] == (
        "Your own text, 6 characters foretold: 2.00 nats per character in the first T = 3, 6.00 beyond."
    )
    assert long["length"] == (
        "Last quarter of your own text: 1.25 in its first 3, 1.25 in its first 6 (nats per character). "
        "None at 12 or more: your text has only 7 characters."
    )
    assert long["attention"] == "Tokens back, on average, in your own text: 1.5 at T and 2.5 in all of it."
    short = said_of(read("alibi", 4.0))
    assert short["course"] == (
        "Your own text, 1 character foretold: 4.00 nats per character; it ends within T = 3, so there is no beyond."
    )
    assert short["length"] == (
        "Last quarter of your own text: no window of T fits. None at 3 or more: your text has only 2 characters."
    )
    assert short["attention"] == "Tokens back, on average, in your own text: 2.5."
    learned = said_of(read("learned", 1.0, 2.0, 3.0))
    assert learned["course"].endswith("; learned positions have no rows beyond T = 3, so no more is read.")
    assert "not a finite number beyond" in said_of(read("alibi", 1.0, 1.0, 1.0, NAN))["course"]
    assert "own text" in said_of(own(OWN)[0])["course"]


def test_the_sentences_of_a_sweep_on_an_own_text_name_the_best_first() -> None:
    runs = [
        Trained("sinusoidal", 0, read("sinusoidal", 1.0, 1.0, 1.0, 9.0)),
        Trained("alibi", 0, read("alibi", 2.0, 2.0, 2.0, 3.0)),
        Trained("alibi", 1, read("alibi", 4.0, 2.0, 2.0, 2.0)),
        Trained("learned", 0, read("learned", 1.0, 1.0, 1.6)),
        Trained("rotary", 0, read("rotary", NAN, NAN, NAN, NAN)),
        Trained("none", 0, None),
    ]
    assert passage.course_reading(runs) == (
        "Nats per character in the first T = 3, and beyond: ALiBi 2.33 and 2.50; Sinusoidal 1.00 and 9.00; "
        "Learned 1.20, and it has no rows beyond; Rotary not a finite number."
    )
    within = [Trained("none", 0, read("none", 2.0)), Trained("alibi", 0, read("alibi", 1.0))]
    assert passage.course_reading(within) == (
        "Nats per character (the text ends within T = 3, so there is no beyond): ALiBi 1.00; None 2.00."
    )
    assert passage.course_reading([]) == "No network has read it."
    # Means of those that read so far: 5/3, 4/3, 4.6/3 (seeds are averaged first: 3, 2, 2, 2.5), then 5.75 by two.
    assert passage.characters_reading(runs, "ab\ncd") == (
        "In the mean of all that read so far: hardest is “d” after “ab⏎c” (position 3) with 5.75 nats, "
        "easiest “⏎” after “ab” (position 1) with 1.33."
    )
    assert (
        passage.characters_reading(within, "a<")
        == "“<” after “a” (position 0): 1.50 nats, in the mean of all that read it."
    )
    assert passage.characters_reading([runs[4]], "abcde") == "No character has a finite loss."


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_charts_of_an_own_text_are_ones_that_plotly_takes_and_its_characters_are_no_markup(theme: str) -> None:
    runs = [
        Trained("alibi", 0, read("alibi", 2.0, NAN, 2.0, 3.0)),
        Trained("learned", 0, read("learned", 1.0, 1.0, 1.6)),
    ]
    course, characters = passage.panels(runs, "a<b>c", theme)
    for panel in (course, characters):
        go.Figure(panel.figure)
    heat = characters.figure["data"][0]
    assert heat["z"] == [[2.0, None, 2.0, 3.0], [1.0, 1.0, 1.6, None]]
    assert heat["text"][0] == characters.figure["layout"]["xaxis"]["ticktext"] == ["&lt;", "b", "&gt;", "c"]
    assert characters.figure["layout"]["shapes"][0]["x0"] == 2.5
    assert passage.panels([Trained("alibi", 0, read("alibi", 0.0))], "aa", theme)[1].figure["layout"]["shapes"] == []
