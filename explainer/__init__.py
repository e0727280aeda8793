"""Unrolled: small sequence models train live, and every number inside them can be looked at.

`RunConfig` says what to do, `train` does it step by step:

    from explainer import RunConfig, train

    for step in train(RunConfig(task="adding", model="gru", steps=600)):
        if step.number % 100 == 0:
            print(step.number, step.loss)

`train` needs torch, which is imported only when it is asked for: the interface process never does.
"""

import os
from typing import TYPE_CHECKING, Any

# Before numpy: its products have one thread, torch's those that a process was given. On a busy machine numpy's threads wait
# for each other in a loop: eigenvalues of 692 units took 4 s of processor time, and 0.25 s with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from explainer.config import RunConfig

if TYPE_CHECKING:
    from explainer.training import train

__all__ = ["RunConfig", "__version__", "train"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "train":
        from explainer.training import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
