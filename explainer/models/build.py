"""From a configuration to a model whose weights depend on it alone."""

from __future__ import annotations

from collections.abc import Callable

import torch

from explainer.config import RECURRENT, RunConfig
from explainer.models.observe import SequenceModel
from explainer.models.recurrent import Recurrent
from explainer.models.transformer import Transformer
from explainer.surgery import Surgery

MODELS: dict[str, Callable[[RunConfig, int, int], SequenceModel]] = {
    **dict.fromkeys(RECURRENT, Recurrent),
    "transformer": Transformer,
}


def build(config: RunConfig, inputs: int, outputs: int) -> SequenceModel:
    """A new model with the configuration's surgery, its weights drawn on the CPU from `config.seed` alone.

    The state of torch's generators is left as it was.

    Args:
        inputs: V for tokens, F for numbers.
        outputs: V, or how many numbers are said at each step.
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(config.seed)  # not torch.manual_seed, which would reseed GPUs too
        model = MODELS[config.model](config, inputs, outputs)
    model.surgery = Surgery.from_text(config.surgery)
    return model
