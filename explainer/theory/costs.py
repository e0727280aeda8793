"""What a run costs before it is built: processor time and memory, as physical terms with measured constants.

One update of a network takes so many time steps, numbers read and written, multiplications and so on (`update_work`), each kind
at a price (`Family.prices`: seconds on one thread of a server's CPU, fitted to some two hundred random networks by
`python -m benchmarks.estimates --calibrate`). Small networks pay for kernels, narrow ones for the numbers that pass through
memory, wide ones for multiplications; which of them it is, nobody need tell. Memory is counted in numbers that
torch holds for a token (`update_bytes`), in the same way.

    B, T, V, F   sequences, time steps, outputs, inputs of one-hot tokens
    N, D, L, H   units, width, layers or blocks, heads;  G gates of a cell
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from explainer.families.base import Work
from explainer.theory.looks import MAPS, LookSize, Sequences
from explainer.theory.sizes import BYTES, Architecture, flops_per_step, parameter_count

PROCESS_BYTES = 3_000_000
"""That any run makes the process grow by."""
LOOKED = 1.2
"""Times a look's peak, by which a process grows for it: what is freed between looks of different sizes is not all used again."""
GAPS_SHARE = 0.1
"""Of what else comes and goes, for the gaps that it leaves between what stays."""
READ_ON_GPU = 0.4  # of the time of an update
ONCE = ("kernels", "mask", "reloaded")
"""Work that does not grow with the sequences of a batch."""
FAULTED = 2**25
"""Bytes of an array beyond which the system clears its pages each time anew: the most that glibc keeps (mallopt(3))."""
TOGETHER = 2**15
"""Tokens of validation that pass through a model at once, or one batch (`training.trainer.AT_ONCE`)."""


class Rule(Protocol):
    """What costs depend on in an optimiser (see `recipes.Rule`)."""

    def turning(self, matrices: int, width: int, parameters: int) -> float: ...


@runtime_checkable
class Trained(Architecture, Protocol):
    """The part of a configuration that costs depend on beyond its architecture; `RunConfig` is one."""

    @property
    def problem(self) -> Sequences: ...
    @property
    def says_tokens(self) -> bool: ...
    @property
    def steps(self) -> int: ...
    @property
    def rule(self) -> Rule: ...


def update_seconds(config: Trained, inputs: int, outputs: int, device: str = "cpu") -> float:
    """Time of one update, on the processor; on a GPU of a data centre roughly."""
    if device == "cuda":
        steps, each = config.network.follows(config), 3e-4 if config.surgery else 2e-6
        return 2e-3 + steps * each + flops_per_step(config, inputs, outputs) / (5e12 if config.surgery else 1e13)
    prices = config.network.costs(config)
    drawn = (config.problem.drawing * config.batch + config.problem.stepping) * config.total_length
    turned = config.rule.turning(
        config.network.matrices, config.network.width, parameter_count(config, inputs, outputs)
    )
    return drawn + turned + sum(prices[name] * amount for name, amount in update_work(config, inputs, outputs).items())


def update_work(config: Trained, inputs: int, outputs: int) -> Work:
    """How much of each kind of work one update is; the kinds are those of `Family.prices`."""
    tokens = config.batch * config.total_length
    V = outputs
    work = {
        "update": 1.0,
        "outputs": float(tokens * (3 * V if config.says_tokens else V)),
        "losses": tokens * (1.0 if config.says_tokens else 0.1),
        "parameters": float(parameter_count(config, inputs, outputs)),
    }
    arrays = [(tokens * V, 3 if config.says_tokens else 1), *config.network.arrays(config)]
    faulted = sum(numbers * count for numbers, count in arrays if BYTES * numbers > FAULTED)
    return {**work, **config.network.work(config, inputs, outputs), "faulted": float(faulted)}


def update_bytes(config: Trained, inputs: int, outputs: int) -> float:
    """Bytes that one update holds at its peak, beside weights, gradients and moments."""
    return config.network.update_bytes(config, inputs, outputs)


def reading_bytes(config: Trained, outputs: int, batch: int, batches: int) -> float:
    """Bytes that validation holds at its peak, beside its batches."""
    each = batch * config.total_length
    tokens = each * min(batches, max(1, TOGETHER // each))
    judged = outputs * (2.5 * tokens + 3 * each)  # all outputs at once, the losses of one batch after the other
    return config.network.read_bytes(config, tokens, MAPS) + BYTES * judged


def held_bytes(config: Trained, inputs: int, outputs: int) -> float:
    """What stays between updates: weights, gradients, moments, and the weights of the best moment."""
    return 5 * BYTES * parameter_count(config, inputs, outputs)


def written_bytes(config: Trained, inputs: int, outputs: int) -> float:
    """What a checkpoint takes while it is made: copies of weights and moments, those as bytes, and these on their way to the disk.

    The weights of earlier moments may wait for the same transaction.
    """
    return 17 * BYTES * parameter_count(config, inputs, outputs)


def memory_bytes(config: Trained, inputs: int, outputs: int, look: float = 0.0) -> float:
    """Bytes by which a run makes its process grow: what stays, and the largest of what comes and goes.

    Args:
        look: the peak of its largest look.
    """
    batch, _ = reading(config)
    read, said = (8 if config.has_tokens else BYTES * inputs), (8 if config.says_tokens else BYTES * outputs)
    token = read + said + 1  # of a batch
    kept = FINAL_BATCHES * batch * config.total_length * token
    comes = (
        update_bytes(config, inputs, outputs),
        reading_bytes(config, outputs, batch, FINAL_BATCHES),
        written_bytes(config, inputs, outputs),
        LOOKED * look,
        config.problem.preparing_bytes,
    )
    most = max(comes)
    return PROCESS_BYTES + held_bytes(config, inputs, outputs) + kept + most + GAPS_SHARE * (sum(comes) - most)


# -- reading validation data ----------------------------------------------------------------------

FINAL_BATCHES = 8
GAPS = 24
SEQUENCES, MOST_BATCHES, STEPS_A_BATCH = (32, 64), 4, 150


def reading(config: Trained) -> tuple[int, int]:
    """Sequences of a validation batch, and batches of a measurement (see `runs.validating`)."""
    windows = config.problem.validation_windows
    batch = windows or config.batch
    fewest, most = (math.ceil(count / batch) for count in SEQUENCES)
    batches = min(MOST_BATCHES, max(fewest, min(most, config.steps // STEPS_A_BATCH)))
    return batch, 1 if windows else batches


def measurements(steps: int) -> int:
    """How many moments of a run are measured at least: 0, 1, 2, 4, 8 …, then each 24th part, and the last."""
    gap, step, count = max(1, steps // GAPS), 0, 1
    while step < steps:
        step = min(steps, 1 << step.bit_length(), step + gap) if step else 1
        count += 1
    return count


def reading_seconds(config: Trained, inputs: int, outputs: int, device: str = "cpu") -> float:
    """Time of all validation of a run: its measurements and the final numbers."""
    batch, batches = reading(config)
    final = 1 if config.problem.validation_windows else FINAL_BATCHES
    count = measurements(config.steps) * batches + final
    if device == "cuda":
        return count * READ_ON_GPU * update_seconds(config, inputs, outputs, device) * batch / config.batch
    work, more = update_work(config, inputs, outputs), batch / config.batch
    prices = config.network.costs(config, reading=True)
    amounts = {name: amount * (1 if name in ONCE else more) for name, amount in work.items()} | {"batch": 1.0}
    return count * sum(price * amounts[name] for name, price in prices.items())


# -- looking and recording ------------------------------------------------------------------------

RUN_SECONDS = 0.03
"""That any run takes: its rows in the store, its first and last moment."""
LOOK_SHARE = 0.03
LOOKS_AT_ONCE = 4
"""Of the lens that a page moves by: the moment before the first update, and the first ones; the last. Others: first and last."""
RECORDED = 1.15
"""Times an update's own time, with its row and the gradient norms of each parameter at growing steps."""
VIEWS, FEWEST_VIEWS, TAPE_BYTES = 400, 8, 32_000_000
ROW_BYTES = 40
MOMENTS, LONG, A_TENFOLD = 51, 300, 23.5
"""Kept moments of a run of so many steps, and how many more ten times as many steps have (see `runs.moments`)."""


def kept_moments(steps: int) -> int:
    """About how many moments of a run are kept where its weights are small."""
    return min(steps + 1, MOMENTS + round(A_TENFOLD * math.log10(max(1.0, steps / LONG))))


def looking_seconds(
    config: Trained, updates: float, looks: Sequence[LookSize], each: Sequence[float], weights: int = 0
) -> float:
    """Time that lenses take: a share of the updates' (`runs.views.Pace`), what is looked at in any case, and afterwards.

    Args:
        updates: their seconds.
        looks: the lenses' sizes, that of the page's own lens first.
        each: seconds of a look through each (`theory.looks`).
        weights: bytes of the network's; with these, the page's own lens sees all kept moments for which its share was too small.
    """
    seconds = LOOK_SHARE * updates * bool(looks) + 2 * sum(each) + sum(each[:1]) * (LOOKS_AT_ONCE - 2)
    if not looks or not weights:
        return seconds
    kept = min(
        kept_moments(config.steps), max(2, TAPE_BYTES // weights), max(FEWEST_VIEWS, TAPE_BYTES // looks[0].view)
    )
    return seconds + max(0.0, (kept - LOOKS_AT_ONCE) * each[0] - LOOK_SHARE * updates / len(looks))


def tape_bytes(config: Trained, inputs: int, outputs: int, views: Sequence[int]) -> float:
    """Bytes that a run leaves in the store: views, weights, numbers and a checkpoint, each at most.

    Args:
        views: bytes of a view of each lens.
    """
    moments = min(config.steps + 1, VIEWS)
    pictures = sum(min(moments, max(FEWEST_VIEWS, TAPE_BYTES // size)) * size for size in views)
    weights = BYTES * parameter_count(config, inputs, outputs)
    kept = min(config.steps + 1, max(2, TAPE_BYTES // weights)) * weights
    return pictures + kept + 4 * weights + ROW_BYTES * config.steps
