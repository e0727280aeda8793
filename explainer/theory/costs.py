"""What a run costs before it is built: processor time and memory, as physical terms with measured constants.

One update of a network takes so many time steps, numbers read and written, multiplications and so on (`update_work`), each kind
at a price (`PRICES`: seconds on one thread of a server's CPU, fitted to some two hundred random networks by
`python -m benchmarks.estimates --calibrate`). Small networks pay for kernels, narrow ones for the numbers that pass through
memory, wide ones for multiplications; which of them it is, nobody need tell. Memory is counted in numbers that
torch holds for a token (`update_bytes`), in the same way.

    B, T, V, F   sequences, time steps, outputs, inputs of one-hot tokens
    N, D, L, H   units, width, layers or blocks, heads;  G gates of a cell
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from explainer.theory.look_sizes import FORECAST_WINDOWS, MAPS, LookSize
from explainer.theory.sizes import BYTES, GATES, Architecture, flops_per_step, parameter_count

Work = dict[str, float]

PRICES: Mapping[str, Mapping[str, float]] = {
    "rnn": {
        "update": 5.6e-4, "kernels": 3.3e-5, "numbers": 1.1e-8, "rows": 3.5e-8, "outputs": 1.4e-9, "losses": 1.0e-7,
        "flops": 4.8e-12, "parameters": 2.2e-9, "reloaded": 7.0e-10, "faulted": 4e-9,
    },
    "gru": {
        "update": 6.3e-4, "kernels": 9.0e-5, "numbers": 1.3e-8, "rows": 6.4e-8, "outputs": 1.0e-9, "losses": 1.2e-7,
        "flops": 3.9e-12, "parameters": 3.7e-9, "reloaded": 1.0e-9, "faulted": 3e-9,
    },
    "lstm": {
        "update": 9.3e-4, "kernels": 2.1e-6, "numbers": 6.3e-9, "rows": 2.2e-7, "outputs": 1.4e-9, "losses": 5.0e-8,
        "flops": 8.3e-12, "parameters": 4.7e-9, "reloaded": 0.0, "faulted": 1e-9,
    },
    "operated": {
        "update": 5.0e-4, "kernels": 1.3e-4, "numbers": 1.3e-8, "rows": 5.0e-8, "outputs": 2.0e-9, "losses": 1.0e-7,
        "flops": 4.8e-12, "parameters": 3.7e-9, "reloaded": 1.4e-9, "faulted": 3e-9,
    },
    "transformer": {
        "update": 5.0e-4, "kernels": 4.4e-4, "numbers": 3.1e-9, "rows": 4.5e-8, "heads": 1.2e-6, "embedded": 1.2e-9,
        "outputs": 1.1e-9, "losses": 3.6e-7, "flops": 4.7e-12, "parameters": 3.8e-9, "fused": 2.2e-9,
        "masked": 3.7e-9, "explicit": 1.6e-8, "attended": 1.1e-11, "mask": 2.6e-9, "turned": 6.7e-8, "faulted": 1.5e-9,
    },
}  # fmt: skip
"""Seconds of a unit of each kind of work, forward and backward together."""

NUMBERS = {"rnn": 6, "rnn_relu": 6, "gru": 12, "lstm": 13}
"""That a recurrent layer holds for each unit and token, with those of the backward pass."""
READ_NUMBERS = {"rnn": 2.2, "rnn_relu": 2.2, "gru": 4.2, "lstm": 1.0}
"""The same where it is only read, with what the heap loses between arrays; and 1.25 for each layer."""
PADDED = 84
"""Numbers by which an LSTM's kernel rounds up, for each layer and token."""
STEP_BYTES = {"rnn": 500, "rnn_relu": 500, "gru": 9_500, "lstm": 0}
"""Of a recurrent layer's time step, whatever its size: the records of a dozen kernels."""
OPERATED_BYTES = 16_000
PROCESS_BYTES = 3_000_000
"""That any run makes the process grow by."""
LOOKED = 1.2
"""Times a look's peak, by which a process grows for it: what is freed between looks of different sizes is not all used again."""
GAPS_SHARE = 0.1
"""Of what else comes and goes, for the gaps that it leaves between what stays."""
TEXT_BYTES = 12_000_000
"""While the default text becomes numbers."""
READ_PRICES: Mapping[str, Mapping[str, float]] = {
    "rnn": {
        "batch": 3.5e-4, "kernels": 9.4e-7, "numbers": 1.0e-8, "rows": 2.3e-8, "outputs": 3.5e-9, "flops": 3.2e-12,
    },
    "gru": {
        "batch": 4.5e-4, "kernels": 1.8e-6, "numbers": 8.0e-9, "rows": 2.4e-8, "outputs": 1.5e-9, "losses": 3.1e-7,
        "flops": 2.8e-12, "reloaded": 1.1e-10,
    },
    "lstm": {
        "batch": 4.6e-4, "numbers": 2.3e-9, "rows": 9.6e-8, "outputs": 1.6e-9, "flops": 3.5e-12, "reloaded": 4.5e-11,
    },
    "operated": {
        "batch": 7.3e-4, "kernels": 1.2e-5, "numbers": 8.0e-9, "rows": 2.0e-7, "outputs": 1.1e-9, "losses": 6.1e-9,
        "flops": 3.2e-12, "reloaded": 1.7e-10,
    },
    "transformer": {
        "batch": 1.8e-4, "kernels": 1.0e-4, "numbers": 1.1e-9, "rows": 9.9e-8, "heads": 3.1e-7, "embedded": 3.0e-9,
        "outputs": 5.7e-9, "losses": 1.4e-8, "flops": 3.2e-12, "fused": 1.8e-9, "masked": 1.7e-9, "explicit": 1.0e-9,
        "attended": 6.1e-11, "turned": 6.1e-9,
    },
}  # fmt: skip
"""Seconds of a unit of each kind of an update's work (`update_work`) where a batch is only read and judged; `batch`: of any."""
READ_ON_GPU = 0.4  # of the time of an update
ONCE = ("kernels", "mask", "reloaded")
"""Work that does not grow with the sequences of a batch."""
FAULTED = 2**25
"""Bytes of an array beyond which the system clears its pages each time anew: the most that glibc keeps (mallopt(3))."""
TOGETHER = 2**15
"""Tokens of validation that pass through a model at once, or one batch (`training.trainer.AT_ONCE`)."""


@runtime_checkable
class Trained(Architecture, Protocol):
    """The part of a configuration that costs depend on beyond its architecture; `RunConfig` is one."""

    @property
    def task(self) -> str: ...
    @property
    def surgery(self) -> str: ...
    @property
    def steps(self) -> int: ...


def update_seconds(config: Trained, inputs: int, outputs: int, device: str = "cpu") -> float:
    """Time of one update, on the processor; on a GPU of a data centre roughly."""
    if device == "cuda":
        steps = 0 if config.model == "transformer" else config.layers * config.total_length
        each = 3e-4 if config.surgery else 2e-6
        return 2e-3 + steps * each + flops_per_step(config, inputs, outputs) / (5e12 if config.surgery else 1e13)
    prices = PRICES[kind(config)]
    return sum(prices[name] * amount for name, amount in update_work(config, inputs, outputs).items())


def update_work(config: Trained, inputs: int, outputs: int) -> Work:
    """How much of each kind of work one update is; the kinds are those of `PRICES`."""
    tokens = config.batch * config.total_length
    V = outputs
    work = {
        "update": 1.0,
        "outputs": float(tokens * (3 * V if config.has_tokens else V)),
        "losses": tokens * (1.0 if config.has_tokens else 0.1),
        "parameters": float(parameter_count(config, inputs, outputs)),
    }
    work |= (_attending if config.model == "transformer" else _recurring)(config, inputs, outputs)
    return work | {"faulted": float(sum(n * count for n, count in _arrays(config, V) if BYTES * n > FAULTED))}


def _arrays(config: Trained, V: int) -> Iterator[tuple[int, int]]:
    """The largest arrays of an update: the numbers in each, and about how many of that size come and go."""
    tokens, T, L, width = config.batch * config.total_length, config.total_length, config.layers, config.width
    yield tokens * V, 3 if config.has_tokens else 1
    if config.model != "transformer":
        yield tokens * GATES[config.model] * width, 2 * L
        yield tokens * width, 4 * L
        return
    yield tokens * width, 8 + 10 * L
    if config.mlp:
        yield tokens * 4 * width, 5 * L
    if config.surgery or config.dropout:
        yield config.batch * config.heads * T * T, 6 * L


def _recurring(config: Trained, inputs: int, outputs: int) -> Work:
    G, N, LT = GATES[config.model], config.width, config.layers * config.total_length
    return {
        "kernels": LT,
        "numbers": config.batch * LT * G * N,
        "rows": config.batch * LT,
        "flops": flops_per_step(config, inputs, outputs),
        "reloaded": LT * G * N * N,  # the recurrent weights, at every step
    }


def _attending(config: Trained, inputs: int, outputs: int) -> Work:
    B, T, D, L, H = config.batch, config.total_length, config.width, config.layers, config.heads
    weights, products = B * H * L * T * T, 3 * 2 * 2 * B * L * T * T * D
    explicit = bool(config.surgery) or config.dropout > 0
    masked = config.positions == "alibi" and not explicit
    return {
        "kernels": L,
        "numbers": B * T * L * D * (18 if config.mlp else 8),
        "rows": B * T * (2 * L + 1),
        "heads": B * H * L * max(1.0, T / 32),
        "embedded": B * T * D,
        "flops": flops_per_step(config, inputs, outputs) - products,
        "attended": weights * (D / H),
        "explicit": weights * explicit,
        "masked": weights * masked,
        "fused": weights * (not explicit and not masked),
        "mask": H * T * T * L * (config.positions == "alibi"),
        "turned": B * T * L * D * (config.positions == "rotary"),
    }


def kind(config: Trained) -> str:
    """The family in `PRICES`."""
    if config.model == "transformer":
        return config.model
    return "operated" if config.surgery else config.model.removesuffix("_relu")


def update_bytes(config: Trained, inputs: int, outputs: int) -> float:
    """Bytes that one update holds at its peak, beside weights, gradients and moments."""
    tokens, V = config.batch * config.total_length, outputs
    if config.model == "transformer":
        return _transformer_bytes(config, V)
    N, L, T = config.width, config.layers, config.total_length
    numbers = NUMBERS[config.model] * N + (PADDED if config.model == "lstm" else 0) + (2 * N if config.dropout else 0)
    kernels = STEP_BYTES[config.model]
    if config.surgery:
        numbers += 12 * N
        kernels = OPERATED_BYTES
    return BYTES * tokens * (L * numbers + 9 * V + 13) + kernels * L * T


def _transformer_bytes(config: Trained, V: int) -> float:
    T, D, L, H = config.total_length, config.width, config.layers, config.heads
    block = D * (6 + (9.2 if config.positions == "rotary" else 0) + (14.6 if config.mlp else 0))
    block += 5 * D if config.dropout else 0
    maps = 4.8 * H * T if config.dropout or config.surgery else 0
    masks = (1.1 * L + 1.9) * H * T * T if config.positions == "alibi" else 0
    ends = (4 if L else 2.2) * D
    return BYTES * (config.batch * T * (L * (block + maps) + ends + 4.4 * V + 13) + masks)


def reading_bytes(config: Trained, outputs: int, batch: int, batches: int) -> float:
    """Bytes that validation holds at its peak, beside its batches."""
    each = batch * config.total_length
    tokens = each * min(batches, max(1, TOGETHER // each))
    judged = outputs * (2.5 * tokens + 3 * each)  # all outputs at once, the losses of one batch after the other
    if config.model == "transformer":
        D, H, T = config.width, config.heads, config.total_length
        wide = D * (2 if not config.layers else 10 if config.mlp else 7)
        explicit = config.surgery and config.layers and tokens * H * T <= MAPS  # of more, none are made
        maps = 3 * H * T if explicit else 0
        masks = 4 * H * T * T if config.positions == "alibi" else 0
        return BYTES * (tokens * (wide + maps + 6) + judged + masks)
    held = READ_NUMBERS[config.model] + 1.25 * config.layers
    return BYTES * (tokens * (config.width * held + 6) + judged)


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
    token = 17 if config.has_tokens else BYTES * (inputs + outputs) + 1  # of a batch
    kept = FINAL_BATCHES * batch * config.total_length * token
    comes = (
        update_bytes(config, inputs, outputs),
        reading_bytes(config, outputs, batch, FINAL_BATCHES),
        written_bytes(config, inputs, outputs),
        LOOKED * look,
        TEXT_BYTES if config.task == "text" else 0.0,
    )
    most = max(comes)
    return PROCESS_BYTES + held_bytes(config, inputs, outputs) + kept + most + GAPS_SHARE * (sum(comes) - most)


# -- reading validation data ----------------------------------------------------------------------

FINAL_BATCHES = 8
GAPS = 24
SEQUENCES, MOST_BATCHES, STEPS_A_BATCH = (32, 64), 4, 150


def reading(config: Trained) -> tuple[int, int]:
    """Sequences of a validation batch, and batches of a measurement (see `runs.validating`)."""
    batch = FORECAST_WINDOWS if config.task == "forecast" else config.batch
    fewest, most = (math.ceil(count / batch) for count in SEQUENCES)
    batches = min(MOST_BATCHES, max(fewest, min(most, config.steps // STEPS_A_BATCH)))
    return batch, 1 if config.task == "forecast" else batches


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
    final = 1 if config.task == "forecast" else FINAL_BATCHES
    count = measurements(config.steps) * batches + final
    if device == "cuda":
        return count * READ_ON_GPU * update_seconds(config, inputs, outputs, device) * batch / config.batch
    work, more = update_work(config, inputs, outputs), batch / config.batch
    prices = READ_PRICES[kind(config)]
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
        each: seconds of a look through each (`theory.look_costs`).
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
