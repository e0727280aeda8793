"""The training loop, one update at a time, so that a worker can run several in turn and stop between any two.

What a run does next depends on its configuration, its weights, its optimizer's moments, the number of updates
done and the learning rate set by hand, and on nothing else: batch k is a pure function of k, and the noise of
dropout is drawn from (seed, k). So runs may be interleaved, killed and resumed without a change of one bit
on the CPU: on the same processor, with the same versions and the same number of threads. With other threads a sum is
made of other parts, and its last bit may differ; training carries that on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.models.build import build
from explainer.models.pieces import give_way
from explainer.tasks.base import Batch, together
from explainer.tasks.make import make_task
from explainer.training.device import pick_device
from explainer.training.optimizer import clip_factor, load_optimizer_arrays, make_optimizer, optimizer_arrays
from explainer.training.schedule import lr_at
from explainer.training.step import Diverged, GradientDetail, Step
from explainer.training.validation import Validated

AT_ONCE = 2**15
"""Steps of validation sequences that go through the model together, at most: activations are kept for none of them."""


class Trainer:
    """A task, a model, and the updates between them.

    Attributes:
        config: the run.
        task: where the batches come from.
        model: in training mode between updates.
        device: where the model is.
        step: updates done; 0 before the first.
        parameter_names: (P,) in the order of the model; a tied weight counts once.

    Args:
        config: the run.
        data: the text or series that `config.data` is the hash of; None for the task's default.
        device: default, CUDA where torch finds it.

    Raises:
        ValueError: `config.data` is set and `data` is missing or can't be used.
    """

    def __init__(self, config: RunConfig, data: str | None = None, device: str | torch.device | None = None) -> None:
        self.config = config
        self.device = pick_device() if device is None else torch.device(device)
        self.task = make_task(config, data)
        self.model = build(config, self.task.inputs, self.task.outputs).to(self.device).train()
        self.step = 0
        self._parameters: dict[str, Tensor] = dict(self.model.named_parameters())
        self._optimizer = make_optimizer(config, self._parameters.values())
        self._lr = config.lr
        self._drawn: list[Batch] = []

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(self._parameters)

    # -- one update ---------------------------------------------------------------------------

    def advance(self, detail: bool = False) -> Step:
        """Do one update: see `_advance`. Numbers below 1.2e-38 count as 0 meanwhile, as they do on a GPU.

        Gradients that vanish through time end there, and a processor takes ten times as long for each: three LSTM layers of
        111 units over 315 steps took 3.3 s an update, and take 0.31. What looks at a model (`lenses`) sees them all.
        """
        torch.set_flush_denormal(True)
        try:
            return self._advance(detail)
        finally:
            torch.set_flush_denormal(False)

    def _advance(self, detail: bool) -> Step:
        """Do one update: loss of the next batch, gradient, clipping by the total norm, optimizer.

        Args:
            detail: also give gradient norms for each parameter and the task's metric on this batch.

        Raises:
            Diverged: loss or gradient is not finite. Nothing has changed, so to try again raises again.
        """
        batch = self.task.batch(self.step).to(self.device)
        self._optimizer.zero_grad()
        with self._own_noise():
            output = self.model(batch)
        loss = self.task.loss(output, batch)
        loss.backward()

        gradients = [parameter.grad for parameter in self._parameters.values() if parameter.grad is not None]
        assert len(gradients) == len(self._parameters), "every parameter takes part in the loss"
        # All numbers in one transfer: on a GPU each one would wait for all the work that is queued.
        value, *norms = torch.stack([loss.detach(), *torch._foreach_norm(gradients)]).tolist()
        norm = math.hypot(*norms)
        if not (math.isfinite(value) and math.isfinite(norm)):
            self._optimizer.zero_grad()
            raise Diverged(self.step + 1, value, norm)

        factor = clip_factor(norm, self.config.clip)
        if factor < 1.0:
            torch._foreach_mul_(gradients, factor)
        lr = self.lr_now()
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()
        self.step += 1

        if not detail:
            return Step(self.step, value, lr, norm, norm * factor)
        before = np.array(norms, dtype=np.float32)
        return Step(
            number=self.step,
            loss=value,
            lr=lr,
            grad_norm=norm,
            clipped=norm * factor,
            metrics=self._metrics(output.detach(), batch),
            detail=GradientDetail(self.parameter_names, before, before * np.float32(factor)),
        )

    def lr_now(self) -> float:
        """The learning rate of the next update."""
        return lr_at(self.step, self.config, self._lr)

    def set_lr(self, lr: float) -> None:
        """From the next update on, go by the schedule as if `config.lr` were `lr`.

        Raises:
            ValueError: not a learning rate that a configuration could have.
        """
        self._lr = RunConfig(lr=lr).lr

    @contextmanager
    def _own_noise(self) -> Iterator[None]:
        """Inside, dropout draws from (seed, step); outside, torch's generators are as they were before."""
        if self.config["dropout"] == 0:
            yield
            return
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            source = f"dropout {self.config.seed} {self.step}"
            torch.manual_seed(int.from_bytes(hashlib.sha256(source.encode()).digest()[:8], "little"))
            yield

    # -- looking ------------------------------------------------------------------------------

    def evaluate(self, batches: int = 8) -> dict[str, float]:
        """Means over the first `batches` validation batches, or all of fewer: "validation loss", the task's metric, its extras.

        Raises:
            ValueError: `batches` is below 1.
        """
        return dict(self.validate(int(min(batches, self.task.validation_batches))).values)

    @torch.no_grad()
    def validate(self, batches: int) -> Validated:
        """The first `batches` validation batches, read by the model as it is now.

        Changes nothing: the model's mode is put back, and no generator is drawn from. All sequences go through the
        model at once, which for small networks takes half the time of one batch after the other.

        Raises:
            ValueError: `batches` is below 1.
        """
        if batches < 1:
            raise ValueError(f"batches = {batches} is too few to evaluate. Choose at least 1.")
        drawn = self._validation_batches(batches)
        training = self.model.training
        self.model.eval()
        try:
            judged = [each for group in _groups(drawn) for each in self._judged(group)]
        finally:
            self.model.train(training)
        rows, losses = zip(*judged, strict=True)
        return Validated(
            values={name: math.fsum(row[name] for row in rows) / batches for name in rows[0]},
            losses=torch.cat(losses).double().cpu().numpy(),
        )

    def _judged(self, group: Sequence[Batch]) -> list[tuple[dict[str, float], Float[Tensor, " B"]]]:
        """The numbers of each batch and the losses of its sequences. No more outputs than a group's are held at once."""
        give_way()
        outputs = self.model(together(group)).split(len(group[0].x))
        judged = []
        for output, batch in zip(outputs, group, strict=True):
            own = output[:, : batch.x.shape[1]]
            values = {"validation loss": self.task.loss(own, batch).item(), **self._metrics(own, batch)}
            judged.append((values, self.task.loss_per_sequence(own, batch)))
        return judged

    def _validation_batches(self, count: int) -> list[Batch]:
        """Drawn once, and kept: they are the same at every moment."""
        for number in range(len(self._drawn), count):
            self._drawn.append(self.task.batch(number, split="validation").to(self.device))
        return self._drawn[:count]

    def _metrics(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> dict[str, float]:
        return {self.task.metric: self.task.score(output, batch), **self.task.extras(output, batch)}

    # -- state --------------------------------------------------------------------------------

    def weights(self) -> dict[str, np.ndarray]:
        """Every parameter by name, as copies."""
        return {name: parameter.detach().cpu().numpy().copy() for name, parameter in self._parameters.items()}

    @torch.no_grad()
    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Put weights into the model; all else stays as it is.

        Raises:
            ValueError: names or shapes are not those of this model. Then nothing has changed.
        """
        shapes = {name: tuple(parameter.shape) for name, parameter in self._parameters.items()}
        given = {name: array.shape for name, array in weights.items()}
        for name in sorted(shapes.keys() | given.keys()):
            if shapes.get(name) != given.get(name):
                raise ValueError(
                    f"The weights are of another model: {name} has shape {given.get(name)}, and this model's is "
                    f"{shapes.get(name)}. Load them into a run of the same configuration."
                )
        for name, parameter in self._parameters.items():
            parameter.copy_(torch.tensor(weights[name]))

    def checkpoint(self) -> dict[str, np.ndarray]:
        """All that is needed to go on, as copies: on the same CPU and as many threads, bit for bit.

        "step" and "lr" are numbers; "weights/<parameter>" and "optimizer/<key>/<parameter>" are arrays.
        """
        optimizer = optimizer_arrays(self._optimizer, self._parameters)
        return {
            "step": np.array(self.step, dtype=np.int64),
            "lr": np.array(self._lr, dtype=np.float64),
            **{f"weights/{name}": array for name, array in self.weights().items()},
            **{f"optimizer/{name}": array for name, array in optimizer.items()},
        }

    def restore(self, checkpoint: Mapping[str, np.ndarray]) -> None:
        """Go back, or on, to where `checkpoint` was taken from a trainer of the same configuration.

        Raises:
            ValueError: the checkpoint is of another model. Then nothing has changed.
        """
        self.load_weights(_under("weights/", checkpoint))
        load_optimizer_arrays(self._optimizer, self._parameters, _under("optimizer/", checkpoint))
        self.step = int(checkpoint["step"])
        self._lr = float(checkpoint["lr"])


def train(
    config: RunConfig,
    data: str | None = None,
    device: str | torch.device | None = None,
    *,
    detail: bool = False,
    rates: Mapping[int, float] | None = None,
) -> Iterator[Step]:
    """Train a run to its last step, yielding each update as soon as it is done.

    Args:
        config: the run.
        data: the text or series that `config.data` is the hash of; None for the task's default.
        device: default, CUDA where torch finds it.
        detail: with gradient norms for each parameter and the task's metric on each batch.
        rates: {120: 0.003}: after 120 updates the learning rate is 0.003, see `Trainer.set_lr`.

    Raises:
        ValueError: `config.data` is set and `data` is missing or can't be used, or the run starts from
            the weights of another one.
        Diverged: loss or gradient is not finite.
    """
    if config.parent:
        raise ValueError(
            f"This run goes on from the weights of {config.parent}, which are in a store. Train it with "
            "python -m explainer train, or load them into a Trainer."
        )
    trainer = Trainer(config, data, device)
    while trainer.step < config.steps:
        if rates and trainer.step in rates:
            trainer.set_lr(rates[trainer.step])
        yield trainer.advance(detail)


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _groups(batches: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
    """The batches, as many at once as have `AT_ONCE` steps in all."""
    B, T = batches[0].x.shape[:2]
    count = max(1, AT_ONCE // (B * T))
    for start in range(0, len(batches), count):
        yield batches[start : start + count]
