"""Unrolled: small sequence models train live, and every number inside them can be looked at.

`RunConfig` says what to do, `train` does it step by step:

    from explainer import RunConfig, train

    for step in train(RunConfig(task="adding", model="gru", steps=600)):
        if step.number % 100 == 0:
            print(step.number, step.loss)

`train` needs torch, which is imported only when it is asked for: the interface process never does.
"""

from typing import TYPE_CHECKING, Any

from explainer.config import RunConfig

if TYPE_CHECKING:
    from explainer.training import train

__all__ = ["RunConfig", "train"]


def __getattr__(name: str) -> Any:
    if name == "train":
        from explainer.training import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
