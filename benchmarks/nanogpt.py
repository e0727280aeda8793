"""nanoGPT's CPU recipe on a real text: does it learn as it should, and as fast as a plain loop?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from benchmarks.recipes import NANOGPT, read_text
from benchmarks.row import Row, Settings, at_least, between, say

LOW, HIGH = 1.85, 1.95
LEAST = 0.95
BLOCK = 20  # updates of one loop before it is the other's turn


def measure(settings: Settings) -> Iterator[Row]:
    """The validation loss after the whole recipe, and the speed of its first quarter beside a plain loop's.

    Raises:
        Missing: no text.
    """
    import torch

    from benchmarks.plain import plain_nanogpt
    from explainer.runs.inputs import prepare
    from explainer.training import Trainer, device_name

    text = read_text(settings)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    prepared = prepare(NANOGPT.but(steps=settings.pick(2000, 120)), text)
    config = prepared.config
    trainer = Trainer(config, prepared.body, "cpu")
    model, update = plain_nanogpt(config, prepared.body)
    size = sum(parameter.numel() for parameter in trainer.model.parameters())
    assert size == sum(parameter.numel() for parameter in model.parameters()), "the two are not the same model"

    def advance() -> None:
        trainer.advance()

    ours: list[float] = []
    plain: list[float] = []
    seconds_of(advance, 5)  # warm
    seconds_of(update, 5)
    while trainer.step + BLOCK <= config.steps // 4:
        if len(ours) % 2:
            ours.append(seconds_of(advance, BLOCK))
            plain.append(seconds_of(update, BLOCK))
        else:
            plain.append(seconds_of(update, BLOCK))
            ours.append(seconds_of(advance, BLOCK))
    say(f"nanogpt: step {trainer.step} of {config.steps}, speed measured")
    start, first = time.perf_counter(), trainer.step
    while trainer.step < config.steps:
        trainer.advance()
        if trainer.step % 500 == 0:
            say(f"nanogpt: step {trainer.step} of {config.steps}")
    seconds = (time.perf_counter() - start) * config.steps / (config.steps - first)
    batches = settings.pick(400, 10)
    loss = trainer.evaluate(batches)["validation loss"]
    yield between(
        "nanoGPT's CPU recipe: validation loss",
        loss,
        LOW,
        HIGH,
        "nats per character",
        steps=config.steps,
        batches=batches,
        characters=len(prepared.body),
        vocabulary=len(set(prepared.body)),
        parameters=size,
        seconds=seconds,
    )
    yield at_least(
        "nanoGPT's CPU recipe: speed",
        statistics.median([theirs / mine for theirs, mine in zip(plain, ours, strict=True)]),
        LEAST,
        "of a plain loop's steps a second",
        ms_a_step={"ours": 1e3 * statistics.median(ours) / BLOCK, "plain": 1e3 * statistics.median(plain) / BLOCK},
        all_blocks=sum(plain) / sum(ours),
        blocks=len(ours),
        threads=torch.get_num_threads(),
        device=device_name("cpu"),
    )


def seconds_of(update: Callable[[], None], times: int) -> float:
    """Time of some updates."""
    start = time.perf_counter()
    for _ in range(times):
        update()
    return time.perf_counter() - start
