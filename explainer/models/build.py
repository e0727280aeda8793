"""From a configuration to a model whose weights depend on it alone."""

from __future__ import annotations

import torch

from explainer.config import RunConfig
from explainer.extensions import named
from explainer.models.observe import SequenceModel
from explainer.surgery import Surgery


def build(config: RunConfig, inputs: int, outputs: int) -> SequenceModel:
    """A new model with the configuration's surgery, its weights drawn on the CPU from `config.seed` alone.

    The state of torch's generators is left as it was.

    Args:
        inputs: V for tokens, F for numbers.
        outputs: V, or how many numbers are said at each step.
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(config.seed)  # not torch.manual_seed, which would reseed GPUs too
        model: SequenceModel = named(config.network.made_by)(config, inputs, outputs)
    model.surgery = Surgery.from_text(config.surgery)
    return model
