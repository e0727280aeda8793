"""The training loop: the same bits every time, resumed, interleaved or watched; and what it refuses to go on with."""

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from explainer import train
from explainer.config import MODELS, TASKS, RunConfig
from explainer.families.attending import POSITIONS
from explainer.recipes import OPTIMIZERS
from explainer.training import Diverged, Step, Trainer, device_name, lr_at, pick_device, set_threads

TINY = RunConfig(task="adding", length=11, batch=5, width=14, steps=13, lr=0.01)


def _config(model: str, **values: object) -> RunConfig:
    return TINY.but(model=model, **{"heads": 2, **values})  # type: ignore[arg-type]


def _trainer(config: RunConfig) -> Trainer:
    return Trainer(config, device="cpu")


def _advance(trainer: Trainer, count: int) -> list[Step]:
    return [trainer.advance() for _ in range(count)]


def _same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


# -- one update ------------------------------------------------------------------------------------


def _by_hand(config: RunConfig, count: int) -> tuple[list[float], list[float], dict[str, np.ndarray]]:
    """Losses, gradient norms and final weights of the loop that any tutorial would write, with torch's defaults."""
    trainer = _trainer(config)  # only its task and its fresh model are used
    task, model = trainer.task, trainer.model
    decayed = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=config.lr,
        betas=(0.9, config["beta2"]),
        foreach=False,
    )
    losses, norms = [], []
    for step in range(count):
        for group in optimizer.param_groups:
            group["lr"] = lr_at(step, config)
        batch = task.batch(step)
        loss = task.loss(model(batch.x), batch)
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip or math.inf).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms, {name: p.detach().numpy() for name, p in model.named_parameters()}


@pytest.mark.parametrize("model", ["gru", "transformer"])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_an_update_is_that_of_a_loop_written_by_hand(model: str, clip: float) -> None:
    config = _config(model, clip=clip, weight_decay=0.3, beta2=0.95, schedule="cosine", warmup=3, min_lr=0.001)
    losses, norms, weights = _by_hand(config, 7)
    trainer = _trainer(config)
    steps = _advance(trainer, 7)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.lr for step in steps] == [lr_at(number, config) for number in range(7)]
    assert [step.loss for step in steps] == pytest.approx(losses, rel=1e-4)
    assert [step.grad_norm for step in steps] == pytest.approx(norms, rel=1e-4)
    expected = [min(norm, clip) if clip else norm for norm in norms]
    assert [step.clipped for step in steps] == pytest.approx(expected, rel=1e-4)
    for name, array in trainer.weights().items():
        np.testing.assert_allclose(array, weights[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_sgd_adds_momentum_and_decays_matrices_apart_from_the_gradient() -> None:
    config = _config("rnn", optimizer="sgd", momentum=0.7, weight_decay=0.3, lr=0.1, clip=0.0)
    trainer = _trainer(config)
    expected = trainer.weights()
    momentum = {name: np.zeros_like(array) for name, array in expected.items()}
    for step in range(3):
        batch = trainer.task.batch(step)
        loss = trainer.task.loss(trainer.model(batch.x), batch)
        gradients = torch.autograd.grad(loss, list(trainer.model.parameters()))
        for name, gradient in zip(trainer.parameter_names, gradients, strict=True):
            decay = 0.3 if gradient.ndim >= 2 else 0.0
            momentum[name] = 0.7 * momentum[name] + gradient.numpy()
            expected[name] = (1 - 0.1 * decay) * expected[name] - 0.1 * momentum[name]
        trainer.advance()
        for name, array in trainer.weights().items():
            np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_detail_gives_each_parameters_gradient_norm_before_and_after_clipping() -> None:
    config = _config("gru", clip=0.03)
    plain, detailed = _trainer(config), _trainer(config)
    step = detailed.advance(detail=True)
    assert replace(step, detail=None, metrics={}) == plain.advance()
    assert _same(plain.checkpoint(), detailed.checkpoint())

    fresh = _trainer(config)
    batch = fresh.task.batch(0)
    output = fresh.model(batch.x)
    gradients = torch.autograd.grad(fresh.task.loss(output, batch), list(fresh.model.parameters()))
    norms = [gradient.norm().item() for gradient in gradients]
    assert step.detail is not None
    assert step.detail.names == fresh.parameter_names == tuple(name for name, _ in fresh.model.named_parameters())
    np.testing.assert_allclose(step.detail.before, norms, rtol=1e-5)
    np.testing.assert_allclose(step.detail.after, np.array(norms) * 0.03 / math.hypot(*norms), rtol=1e-4)
    assert step.grad_norm == pytest.approx(math.hypot(*norms), rel=1e-5)
    assert step.clipped == pytest.approx(0.03, rel=1e-4)
    assert step.metrics[fresh.task.metric] == pytest.approx(fresh.task.score(output, batch))


def test_no_clipping_leaves_small_gradients_alone() -> None:
    step = _trainer(_config("gru", clip=1e6)).advance(detail=True)
    assert step.clipped == step.grad_norm > 0
    assert step.detail is not None
    assert np.array_equal(step.detail.before, step.detail.after)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("layers", [0, 1])
def test_every_parameter_of_every_transformer_is_trained(positions: str, layers: int) -> None:
    config = _config("transformer", task="repeat", positions=positions, layers=layers, width=12, mlp=False)
    trainer = _trainer(config)
    before = trainer.weights()
    _advance(trainer, 2)
    assert all((array != before[name]).any() for name, array in trainer.weights().items())


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_learnt_from_and_evaluated(task: str) -> None:
    trainer = _trainer(_config("gru", task=task))
    steps = _advance(trainer, 13)
    assert all(math.isfinite(step.loss) for step in steps)
    values = trainer.evaluate(batches=2)
    assert {"validation loss", trainer.task.metric} <= values.keys()
    assert all(math.isfinite(value) for value in values.values())


def test_a_gru_learns_to_add() -> None:
    config = RunConfig(task="adding", length=7, width=31, batch=37, lr=0.01, steps=400)
    trainer = _trainer(config)
    before = trainer.evaluate()["validation loss"]
    _advance(trainer, config.steps)
    after = trainer.evaluate()["validation loss"]
    assert after < 0.2 * trainer.task.baseline < before


def test_train_yields_every_step_and_ends() -> None:
    steps = list(train(TINY, device="cpu"))
    assert [step.number for step in steps] == list(range(1, 14))
    assert steps[0].detail is None
    assert next(train(TINY, device="cpu", detail=True)).detail is not None


# -- the same bits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_one_seed_gives_the_same_bits_and_another_does_not(model: str) -> None:
    def final(seed: int) -> dict[str, np.ndarray]:
        torch.rand(seed + 3)  # what was drawn before must not matter
        trainer = _trainer(_config(model, seed=seed, dropout=0.2))
        _advance(trainer, 5)
        return trainer.weights()

    first = final(0)
    assert _same(first, final(0))
    assert not _same(first, final(1))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_a_run_resumed_from_a_checkpoint_ends_with_the_same_bits(model: str, optimizer: str, dropout: float) -> None:
    config = _config(
        model, optimizer=optimizer, dropout=dropout, layers=2, weight_decay=0.1, schedule="cosine", warmup=2, clip=0.1
    )
    whole = _trainer(config)
    steps = _advance(whole, 5)

    interrupted = _trainer(config)
    _advance(interrupted, 3)
    checkpoint = interrupted.checkpoint()
    _advance(interrupted, 1)  # work that is lost must not reach into the checkpoint

    resumed = _trainer(config)
    resumed.restore(checkpoint)
    assert resumed.step == 3
    assert _advance(resumed, 2) == steps[3:]
    assert _same(resumed.checkpoint(), whole.checkpoint())

    # Back to the same moment in a trainer that is past it.
    interrupted.restore(checkpoint)
    assert _advance(interrupted, 2) == steps[3:]


def test_a_fresh_checkpoint_begins_anew() -> None:
    config = _config("gru", optimizer="sgd")
    trainer = _trainer(config)
    start = trainer.checkpoint()
    steps = _advance(trainer, 3)
    trainer.restore(start)
    assert _advance(trainer, 3) == steps


def test_interleaved_runs_are_those_that_ran_alone() -> None:
    one, other = _config("gru", dropout=0.3, layers=2), _config("transformer", dropout=0.2, task="repeat")
    alone = [list(islice(train(config, device="cpu"), 5)) for config in (one, other)]
    pair = [_trainer(one), _trainer(other)]
    together: list[list[Step]] = [[], []]
    for _ in range(5):
        for trainer, steps in zip(pair, together, strict=True):
            steps.append(trainer.advance())
            trainer.evaluate(batches=1)
            torch.rand(3)
    assert together == alone


def test_two_models_of_one_seed_are_shown_the_same_batches() -> None:
    for step in (0, 17):
        gru, transformer = (_trainer(_config(model)).task.batch(step) for model in ("gru", "transformer"))
        assert torch.equal(gru.x, transformer.x)
        assert torch.equal(gru.y, transformer.y)


def test_training_draws_nothing_from_the_global_generator() -> None:
    trainer = _trainer(_config("transformer", dropout=0.4))
    state = torch.get_rng_state()
    _advance(trainer, 2)
    trainer.evaluate(batches=2)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_differs_from_step_to_step() -> None:
    trainer = _trainer(_config("transformer", dropout=0.5))
    start = trainer.weights()
    batch = trainer.task.batch(0)
    trainer.task.batch = lambda step, *_, **__: batch  # type: ignore[method-assign]
    losses = set()
    for _ in range(3):
        losses.add(trainer.advance().loss)
        trainer.load_weights(start)
    assert len(losses) == 3


# -- steering and looking --------------------------------------------------------------------------


def test_a_new_learning_rate_counts_from_the_next_step_and_scales_the_schedule() -> None:
    config = _config("gru", schedule="cosine", warmup=2, min_lr=0.002)
    trainer = _trainer(config)
    _advance(trainer, 4)
    trainer.set_lr(0.05)
    assert trainer.lr_now() == pytest.approx(5 * lr_at(4, config))
    assert trainer.advance().lr == pytest.approx(5 * lr_at(4, config))
    again = _trainer(config)
    again.restore(trainer.checkpoint())
    assert again.lr_now() == trainer.lr_now() == pytest.approx(5 * lr_at(5, config))


def test_a_constant_rate_set_by_hand_is_exactly_that_rate() -> None:
    trainer = _trainer(_config("gru", lr=0.003))
    trainer.set_lr(0.1)
    assert trainer.advance().lr == 0.1


@pytest.mark.parametrize("lr", [0.0, -1.0, math.nan, math.inf, 11.0])
def test_a_rate_that_can_not_be_is_refused_and_nothing_changes(lr: float) -> None:
    trainer = _trainer(TINY)
    with pytest.raises(ValueError, match=r"lr = .* (Choose|at most)"):
        trainer.set_lr(lr)
    assert trainer.lr_now() == TINY.lr


def test_evaluation_is_repeatable_and_leaves_no_trace() -> None:
    trainer = _trainer(_config("transformer", dropout=0.4))
    before = trainer.checkpoint()
    assert trainer.evaluate(batches=3) == trainer.evaluate(batches=3)
    assert trainer.model.training
    assert all(parameter.grad is None for parameter in trainer.model.parameters())
    assert _same(trainer.checkpoint(), before)


def test_evaluation_is_the_mean_over_validation_batches() -> None:
    trainer = _trainer(_config("gru"))
    losses = []
    for number in range(3):
        batch = trainer.task.batch(number, split="validation")
        losses.append(trainer.task.loss(trainer.model(batch.x), batch).item())
    assert trainer.evaluate(batches=3)["validation loss"] == pytest.approx(sum(losses) / 3)


def test_an_evaluation_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="batches = 0"):
        _trainer(TINY).evaluate(batches=0)


def test_weights_are_copies_and_can_be_loaded_into_another_trainer() -> None:
    one, other = _trainer(TINY), _trainer(TINY.but(seed=5))
    weights = one.weights()
    other.load_weights(weights)
    one.advance()
    assert _same(other.weights(), weights)
    assert not _same(one.weights(), weights)


def test_a_tied_matrix_is_kept_once() -> None:
    config = _config("transformer", task="repeat")
    tied, untied = _trainer(config.but(tied=True)), _trainer(config)
    assert len(untied.parameter_names) - len(tied.parameter_names) == 1
    _advance(tied, 2)
    assert tied.weights().keys() == set(tied.parameter_names)


def test_weights_of_another_model_are_refused_and_nothing_changes() -> None:
    trainer, wider = _trainer(TINY), _trainer(TINY.but(width=17))
    before = trainer.checkpoint()
    with pytest.raises(ValueError, match=r"another model: .* has shape .* Load them"):
        trainer.load_weights(wider.weights())
    with pytest.raises(ValueError, match="another model"):
        trainer.restore(wider.checkpoint())
    assert _same(trainer.checkpoint(), before)


# -- divergence ------------------------------------------------------------------------------------


def test_a_run_that_diverges_says_at_which_step_and_keeps_the_weights_before_it() -> None:
    config = _config("rnn_relu", init="gaussian", radius=3.0, optimizer="sgd", lr=10.0, clip=0.0, steps=97)
    trainer = _trainer(config)
    steps: list[Step] = []
    kept: list[dict[str, np.ndarray]] = []

    def go() -> None:
        while trainer.step < config.steps:
            kept.append(trainer.checkpoint())
            steps.append(trainer.advance())

    with pytest.raises(Diverged) as end:
        go()
    assert end.value.step == trainer.step + 1 == len(steps) + 1
    assert str(end.value).startswith(f"diverged at step {end.value.step}: ")
    assert str(end.value).endswith((" is nan", " is inf"))
    assert all(math.isfinite(step.loss) and math.isfinite(step.grad_norm) for step in steps)
    assert _same(trainer.checkpoint(), kept[-1])
    with pytest.raises(Diverged, match=f"step {end.value.step}:"):
        trainer.advance()


@pytest.mark.parametrize(("value", "sentence"), [(math.nan, "loss is nan"), (1e30, "loss is inf")])
def test_divergence_names_the_loss(value: float, sentence: str) -> None:
    trainer = _trainer(TINY)
    weights = trainer.weights()
    weights["readout.weight"] = np.full_like(weights["readout.weight"], value)
    trainer.load_weights(weights)
    with pytest.raises(Diverged, match=f"diverged at step 1: {sentence}"):
        trainer.advance()
    assert trainer.step == 0


def test_a_gradient_without_end_is_divergence_though_the_loss_is_finite() -> None:
    trainer = _trainer(TINY)
    trainer.model.get_parameter("readout.weight").register_hook(lambda gradient: gradient * math.inf)
    before = trainer.checkpoint()
    with pytest.raises(Diverged, match=r"gradient norm is (inf|nan)") as end:
        trainer.advance()
    assert math.isfinite(end.value.loss)
    assert _same(trainer.checkpoint(), before)


# -- devices ---------------------------------------------------------------------------------------


def test_the_device_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device() == torch.device("cpu")


def test_the_processor_has_a_name_and_its_threads() -> None:
    name = device_name("cpu")
    assert name.endswith(", 1 thread")
    assert len(name) > len(", 1 thread")


def test_one_core_is_left_free() -> None:
    try:
        threads = set_threads()
        assert threads == torch.get_num_threads() >= 1
    finally:
        torch.set_num_threads(1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("model", MODELS)
def test_a_gpu_trains_and_resumes(model: str) -> None:
    config = _config(model, layers=2)
    one = Trainer(config, device="cuda")
    _advance(one, 3)
    other = Trainer(config, device="cuda")
    other.restore(one.checkpoint())
    assert other.advance().loss == pytest.approx(one.advance().loss, rel=1e-3)
    assert "NVIDIA" in device_name("cuda")
