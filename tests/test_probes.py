"""What a readout can tell of whole sequences that it has not seen: against least squares written out, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explainer.config import RunConfig
from explainer.data import digest
from explainer.lenses.gates.look import look
from explainer.models import build
from explainer.tasks.make import make_task
from explainer.theory import probes

S, T, N, Q = 23, 13, 5, 3
rng = np.random.default_rng(11)


def walk(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Neighbours are nearly equal, as a network's states are."""
    return np.cumsum(random.normal(size=shape), axis=1)


def test_the_error_is_that_of_ridge_regressions_that_a_loop_fits_by_least_squares() -> None:
    """Rows sqrt(lambda M) I below the design make numpy's least squares a ridge regression."""
    states, values = walk(rng, S, T, N), walk(rng, S, T, Q) + 40
    found = probes.readout(states, values)
    x = (states - states.mean((0, 1))) / states.std((0, 1))
    fold = [s * 4 // S for s in range(S)]

    def errors(known: list[int], asked: list[int], q: int, penalty: float) -> list[float]:
        rows, target = np.concatenate([x[s] for s in known]), np.concatenate([values[s, :, q] for s in known])
        mean, level = rows.mean(0), target.mean()
        design = np.vstack([rows - mean, np.sqrt(penalty * len(rows)) * np.eye(N)])
        w = np.linalg.lstsq(design, np.append(target - level, np.zeros(N)), rcond=None)[0]
        return [float(sum((values[s, t, q] - level - (x[s, t] - mean) @ w) ** 2 for t in range(T))) for s in asked]

    for q in range(Q):
        for held in range(4):
            asked = [s for s in range(S) if fold[s] == held]
            judge = [s for s in range(S) if fold[s] == (held + 1) % 4]
            rest = [s for s in range(S) if fold[s] not in (held, (held + 1) % 4)]
            penalty = min(probes.SHRINKAGE, key=lambda each: sum(errors(rest, judge, q, each)))
            np.testing.assert_allclose(found.errors[asked, q], errors(rest + judge, asked, q, penalty), rtol=1e-8)
        np.testing.assert_allclose(found.total[:, q], ((values[..., q] - values[..., q].mean()) ** 2).sum(1), rtol=1e-8)
        assert found.score()[0][q] == pytest.approx(1 - found.errors[:, q].sum() / found.total[:, q].sum())


def test_states_that_know_nothing_tell_nothing_however_much_neighbours_are_alike() -> None:
    """Positions held out, these got R^2 .77 here: a readout knew the neighbours of each."""
    scores = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        scores.append(probes.readout(walk(random, 128, 84, 44), walk(random, 128, 84, 1)).score()[0][0])
    assert np.mean(scores) < 0
    assert max(scores) < 0.05


def test_few_sequences_give_no_more_away() -> None:
    random = np.random.default_rng(2)
    scores = [probes.readout(walk(random, 16, 84, 44), walk(random, 16, 84, 7)).score()[0] for _ in range(12)]
    assert np.mean(scores) < 0


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_what_states_have_linearly_is_read_whatever_its_size_and_level(noise: float) -> None:
    """With noise of the variable's own size half of it is left."""
    states = walk(rng, 128, 41, 7)
    value = states @ np.arange(7.0)
    value += noise * value.std() * rng.normal(size=value.shape)
    (score,), (error,) = probes.readout(1e3 * states - 4e4, 1e-3 * value[..., None] + 70).score()
    assert score == pytest.approx(1 / (1 + noise**2), abs=1e-4 + 3 * error)
    assert error < 0.03


def test_the_errors_are_as_large_as_the_scores_and_gains_vary() -> None:
    """Over draws of the sequences; the readouts of the folds share what they learn from, so a third too small is near."""
    scores, errors, gains, gain_errors = [], [], [], []
    random = np.random.default_rng(3)
    for _ in range(150):
        states = walk(random, 64, 11, 3)
        values = states[..., :1] + 2 * walk(random, 64, 11, 1)
        weak = probes.readout(states[..., :1] + walk(random, 64, 11, 1), values)
        full = probes.readout(states, values)
        (score,), (error,) = full.score()
        (gain,), (gain_error,) = full.gain(weak)
        assert gain == pytest.approx(score - weak.score()[0][0])
        for known, value in zip((scores, errors, gains, gain_errors), (score, error, gain, gain_error), strict=True):
            known.append(value)
    assert np.std(scores) == pytest.approx(np.mean(errors), rel=0.35)
    assert np.std(gains) == pytest.approx(np.mean(gain_errors), rel=0.35)


def test_a_ratio_s_error_is_that_of_leaving_out_one_sequence_at_a_time() -> None:
    """The jackknife, another estimate of the same."""
    part, whole = rng.exponential(size=(2, 199, Q))
    r, error = probes.ratio(part, whole)
    without = (part.sum(0) - part) / (whole.sum(0) - whole)
    np.testing.assert_allclose(r, part.sum(0) / whole.sum(0))
    np.testing.assert_allclose(error, np.sqrt(198 / 199 * ((without - without.mean(0)) ** 2).sum(0)), rtol=0.02)
    assert np.isnan(probes.ratio(part[:1], whole[:1])[1]).all()
    assert np.isnan(probes.ratio(part, 0 * whole)).all()


def test_what_never_changes_has_no_score_and_what_changes_in_one_sequence_alone_a_poor_one() -> None:
    states, values = walk(rng, S, T, N), np.ones((S, T, 2))
    values[7, 4:, 1] = 3
    (constant, rare), (error, _) = probes.readout(states, values).score()
    assert np.isnan(constant)
    assert np.isnan(error)
    assert rare < 0.05
    (still,), _ = probes.readout(np.ones((S, T, N)), walk(rng, S, T, 1)).score()
    assert -0.2 < still <= 0


def test_a_wide_state_is_read_by_its_leading_directions() -> None:
    wide = walk(rng, 29, 17, 7) @ rng.normal(size=(7, 307)) + 1e-3 * rng.normal(size=(29, 17, 307))
    assert probes.components(wide).shape == (29, 17, 256)
    assert probes.readout(wide, wide[..., :1]).score()[0][0] > 0.98


def test_sequences_exchange_their_values_and_none_keeps_its_own() -> None:
    given = probes.exchanged(13, 4)
    assert given.shape == (4, 13)
    for row in given:
        assert sorted(row) == list(range(13))
        assert (row != np.arange(13)).all()
    assert len({tuple(row) for row in given}) == 4
    assert probes.exchanged(3, 4).shape == (2, 3)
    assert probes.exchanged(1, 4).shape == (0, 1)


def test_folds_are_blocks_of_nearly_one_size() -> None:
    for count in range(probes.FEWEST, 40):
        fold = probes.folds(count)
        assert (np.diff(fold) >= 0).all()
        sizes = np.bincount(fold, minlength=4)
        assert sizes.min() >= 2
        assert sizes.max() - sizes.min() <= 1


def test_a_correlation_is_numpy_s_and_zero_where_nothing_changes() -> None:
    states, values = walk(rng, S, T, N), walk(rng, S, T, Q)
    states[..., 2], values[..., 1] = 0.1, 7.3
    r = probes.correlations(values, states)
    for q in range(Q):
        for unit in range(N):
            if unit == 2 or q == 1:
                assert r[q, unit] == 0
            else:
                expected = np.corrcoef(values[..., q].ravel(), states[..., unit].ravel())[0, 1]
                assert r[q, unit] == pytest.approx(expected, abs=1e-12)


def test_a_correlation_s_error_is_how_much_it_varies_from_draw_to_draw() -> None:
    """As independent samples its 64 x 11 positions would have .03."""
    found, errors = [], []
    random = np.random.default_rng(4)
    for _ in range(300):
        states, values = walk(random, 64, 11, 1), walk(random, 64, 11, 1)
        values += states
        found.append(probes.correlations(values, states)[0, 0])
        errors.append(probes.correlation_error(values[..., 0], states[..., 0]))
    assert np.std(found) == pytest.approx(np.mean(errors), rel=0.2)
    assert np.mean(errors) > 0.04
    assert np.isnan(probes.correlation_error(values[:1, :, 0], states[:1, :, 0]))


# -- what the lens measures ---------------------------------------------------------------------

TEXT = "".join(f"[{number}] (the '{number % 7}' of {number})\n" for number in range(2003))


def test_sequences_of_a_text_or_a_series_share_no_step() -> None:
    text = make_task(RunConfig(task="text", length=31, data=digest(TEXT)), TEXT)
    kept = TEXT[int(0.9 * len(TEXT)) :]
    for most in (5, 11, 10_000):
        rows = ["".join(text.vocabulary[token] for token in row) for row in text.apart(most).x]
        starts = [kept.index(row.replace("␣", " ").replace("⏎", "\n")) for row in rows]
        assert len(rows) == min(most, (len(kept) - 1) // 31)
        assert np.diff(starts).min() >= 31
    series = make_task(RunConfig(task="forecast", length=29))
    x = series.in_units(series.apart(99).x)[..., 0]
    assert len(x) == (len(series.series.values) - 1) // 29
    np.testing.assert_allclose(x.ravel(), series.series.values[-1 - x.numel() : -1], rtol=1e-4, atol=1e-3)
    drawn = make_task(RunConfig(task="adding", length=11)).apart(7)
    assert drawn.x.shape == (7, 11, 2)


def setting(**more: object) -> tuple[torch.nn.Module, object]:
    config = RunConfig(**{"task": "text", "model": "gru", "length": 17, "width": 7, "data": digest(TEXT)} | more)
    task = make_task(config, TEXT)
    return build(config, task.inputs, task.outputs), task


def test_the_lens_says_what_its_parts_say_of_the_same_sequences() -> None:
    network, task = setting()
    before = build(task.config, task.inputs, task.outputs)
    with torch.no_grad():
        network.rnn.weight_hh_l0 *= 0.3
    record = look(network, task.batch(0, "validation"), task)
    batch = task.apart(256)
    assert record.sequences == 256 == len(batch.x)
    rows = [task.axis(batch, row) for row in range(256)]
    values = np.stack(
        [[rule(row) for row in rows] for rule in RunConfig(task="text").problem.variables.values()], axis=-1
    )

    def states(model: torch.nn.Module) -> np.ndarray:
        return model.rnn(torch.nn.functional.one_hot(batch.x, task.inputs).float())[0].detach().numpy()

    now, then = (probes.readout(states(model), values) for model in (network, before))
    for name, expected in {
        "probes": now.score()[0],
        "probe_errors": now.score()[1],
        "untrained": then.score()[0],
        "gain_errors": now.gain(then)[1],
        "untrained_correlations": np.abs(probes.correlations(values, states(before))).max(axis=1),
    }.items():
        np.testing.assert_allclose(getattr(record, name), expected, atol=2e-4, err_msg=name)
    for q in range(values.shape[2]):
        unit = np.abs(record.correlations[q]).argmax()
        expected = np.corrcoef(values[..., q].ravel(), states(network)[..., unit].ravel())[0, 1]
        assert record.correlations[q, unit] == pytest.approx(expected, abs=1e-4)
    # Another sequence's values: at most what the place in the sequence tells.
    exchanged = [values[given] for given in probes.exchanged(256, 4)]
    control = np.mean([probes.readout(states(network), each).score()[0] for each in exchanged], axis=0)
    np.testing.assert_allclose(record.controls, control, atol=2e-4)
    chance = np.mean([np.abs(probes.correlations(each, states(network))).max(axis=1) for each in exchanged], axis=0)
    np.testing.assert_allclose(record.chance_correlations, chance, atol=2e-4)


def test_what_is_measured_of_the_network_does_not_depend_on_what_it_is_asked() -> None:
    network, task = setting()
    asked, batch = (look(network, each, task) for each in (task.read("(the 3"), task.batch(0, "validation")))
    for name in ("correlations", "probes", "untrained", "controls", "chance_correlations"):
        np.testing.assert_array_equal(getattr(asked, name), getattr(batch, name))
    assert asked.values.shape[1] == 6


def test_an_untrained_network_has_gained_nothing() -> None:
    network, task = setting()
    record = look(network, task.batch(0, "validation"), task)
    np.testing.assert_allclose(record.probes, record.untrained, atol=1e-6)
    np.testing.assert_allclose(record.gain_errors, 0, atol=1e-6)


def test_the_position_is_the_same_everywhere_so_it_has_no_control() -> None:
    config = RunConfig(task="adding", model="gru", length=11, width=7)
    task = make_task(config)
    record = look(build(config, 2, 1), task.batch(0, "validation"), task)
    assert record.variables[2] == "position"
    assert np.isnan(record.controls).tolist() == np.isnan(record.chance_correlations).tolist() == [False, False, True]
    assert np.isfinite(record.probes).all()


@pytest.mark.parametrize(("data", "length", "sequences"), [(TEXT[:2300], 101, 2), (None, 84, 195)])
def test_few_sequences_hold_none_out(data: str | None, length: int, sequences: int) -> None:
    config = RunConfig(task="text", model="lstm", length=length, width=3, data=digest(data) if data else "")
    task = make_task(config, data)
    record = look(build(config, task.inputs, task.outputs), task.batch(0, "validation"), task)
    assert record.sequences == sequences
    assert np.isnan(record.probes).all() == (sequences < probes.FEWEST)
    assert np.isfinite(record.correlations).all()
