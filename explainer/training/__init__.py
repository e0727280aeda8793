"""From a `RunConfig` to trained weights: an iterator of typed steps, with no I/O and no globals."""

from explainer.training.device import device_name, pick_device, set_threads
from explainer.training.schedule import lr_at
from explainer.training.step import Diverged, GradientDetail, Step
from explainer.training.trainer import Trainer, train
from explainer.training.validation import Validated

__all__ = [
    "Diverged",
    "GradientDetail",
    "Step",
    "Trainer",
    "Validated",
    "device_name",
    "lr_at",
    "pick_device",
    "set_threads",
    "train",
]
