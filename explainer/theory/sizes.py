"""How large a run is before it runs: parameters, memory held for the backward pass, arithmetic.

Exact for parameters and for matrix products, an upper estimate for memory. Nothing is built: the
interface refuses what would not fit without asking torch. The formulas are the families' own (`explainer.families`).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from explainer.families import BYTES, Family, Run

__all__ = ["BYTES", "Architecture", "activation_bytes", "flops_per_step", "parameter_count"]


@runtime_checkable
class Architecture(Run, Protocol):
    """The part of a configuration that sizes depend on; `RunConfig` is one."""

    @property
    def network(self) -> Family: ...


def parameter_count(config: Architecture, inputs: int, outputs: int) -> int:
    """Trained numbers of the model, exactly.

    Args:
        inputs: V for tokens, F for numbers.
        outputs: V, or how many numbers are said at each step.
    """
    return config.network.parameters(config, inputs, outputs)


def activation_bytes(config: Architecture, inputs: int, outputs: int) -> int:
    """Bytes that one training step on a batch holds for its backward pass, estimated from above.

    Counted per token in float32 as torch's CPU kernels save them.
    Weights, their gradients and the optimizer's moments come on top: 4 numbers for each parameter.
    """
    return config.network.activation_bytes(config, inputs, outputs)


def flops_per_step(config: Architecture, inputs: int, outputs: int) -> int:
    """Floating-point operations of the matrix products in one training step.

    A product of (n, k) by (k, m) is 2nkm; the backward pass is counted as two forward ones, and one-hot tokens as the
    product that they are.
    """
    return config.network.flops(config, inputs, outputs)
