"""How large a run is before it runs: parameters, memory held for the backward pass, arithmetic.

Exact for parameters and for matrix products, an upper estimate for memory. Nothing is built: the
interface refuses what would not fit without asking torch.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

GATES = {"rnn": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}
BYTES = 4  # of a float32


@runtime_checkable
class Architecture(Protocol):
    """The part of a configuration that sizes depend on; `RunConfig` is one."""

    @property
    def model(self) -> str: ...
    @property
    def layers(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def mlp(self) -> bool: ...
    @property
    def norm(self) -> str: ...
    @property
    def dropout(self) -> float: ...
    @property
    def positions(self) -> str: ...
    @property
    def tied(self) -> bool: ...
    @property
    def batch(self) -> int: ...
    @property
    def has_tokens(self) -> bool: ...
    @property
    def total_length(self) -> int: ...


def parameter_count(config: Architecture, inputs: int, outputs: int) -> int:
    """Trained numbers of the model, exactly.

    A recurrent layer with G gates has G·(N·F + N² + 2N), F being N above the first layer; a
    Transformer block 4D² + D for attention with its norm and 8D² + D for the MLP with its norm.

    Args:
        inputs: V for tokens, F for numbers.
        outputs: V, or how many numbers are said at each step.
    """
    if config.model in GATES:
        G, N, L = GATES[config.model], config.width, config.layers
        first, above = (G * (N * features + N * N + 2 * N) for features in (inputs, N))
        return first + (L - 1) * above + (N + 1) * outputs
    D, L = config.width, config.layers
    block = 4 * D * D + D + (8 * D * D + D if config.mlp else 0)
    final_norm = D if L and config.norm == "pre" else 0
    positions = config.total_length * D if config.positions == "learned" else 0
    bias = 0 if config.has_tokens else 1
    readout = 0 if config.tied else (D + bias) * outputs
    return (inputs + bias) * D + positions + L * block + final_norm + readout


def activation_bytes(config: Architecture, inputs: int, outputs: int) -> int:
    """Bytes that one training step on a batch holds for its backward pass, estimated from above.

    Counted per token in float32 as torch's CPU kernels save them. A recurrent layer keeps its states
    and gates; an LSTM's kernel also keeps its input for each gate and pads to 16 numbers. A block keeps
    8D for attention with its norm (12D when rotary) and 10D for the MLP with its norm; dropout makes
    it keep 2D more, and the T weights of each head before and after. ALiBi adds three (H, T, T) masks.
    Weights, their gradients and the optimizer's moments come on top: 4 numbers for each parameter.
    """
    T = config.total_length
    if config.model in GATES:
        N = config.width
        layers = sum(_layer_numbers(config.model, F, N) for F in (inputs, *[N] * (config.layers - 1)))
        dropped = 2 * N * config.layers if config.dropout else 0
        return BYTES * config.batch * T * (inputs + layers + dropped + 3 * outputs)
    D, H, L = config.width, config.heads, config.layers
    block = (12 if config.positions == "rotary" else 8) * D + (10 * D if config.mlp else 0)
    block += 2 * D + 4 * H * T if config.dropout else 0
    masks = 3 * H * T * T if L and config.positions == "alibi" else 0
    return BYTES * (config.batch * T * (inputs + 3 * D + L * block + 3 * outputs) + masks)


def _layer_numbers(model: str, F: int, N: int) -> int:
    """How many numbers a recurrent layer keeps for each token."""
    if model == "lstm":
        return 14 * _padded(N) + 7 * _padded(max(F, N))
    return {"rnn": 3, "rnn_relu": 3, "gru": 9}[model] * N


def _padded(numbers: int) -> int:
    return -(-numbers // 16) * 16


def flops_per_step(config: Architecture, inputs: int, outputs: int) -> int:
    """Floating-point operations of the matrix products in one training step.

    A product of (n, k) by (k, m) is 2nkm; the backward pass is counted as two forward ones, the
    causal half of attention as a whole, and one-hot tokens as the product that they are.
    """
    tokens = config.batch * config.total_length
    if config.model in GATES:
        G, N, L = GATES[config.model], config.width, config.layers
        per_token = G * N * (inputs + N) + (L - 1) * G * N * 2 * N + N * outputs
        return 3 * 2 * tokens * per_token
    D, T, L = config.width, config.total_length, config.layers
    block = 4 * D * D + 2 * T * D + (8 * D * D if config.mlp else 0)
    embedding = 0 if config.has_tokens else inputs * D
    return 3 * 2 * tokens * (embedding + L * block + D * outputs)
