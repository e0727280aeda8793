"""Everything slow that happens only once, before the first click: kernels, lazy imports, autograd's threads."""

from __future__ import annotations

import torch

from explainer.config import MODELS, RunConfig
from explainer.data import default_text
from explainer.lenses import LENSES
from explainer.runs.views import view_batch
from explainer.tasks import TASKS
from explainer.training import Trainer


def warm(device: torch.device | None = None) -> None:
    """Train each family of models two tiny steps and look at it through every lens; read the default text."""
    default_text()
    task = next(kind for kind, problem in TASKS.items() if problem.has_tokens and problem.reads is None)
    for model in MODELS:
        config = RunConfig(task=task, length=8, model=model, width=8, heads=2, batch=2, steps=2)
        trainer = Trainer(config, None, device)
        trainer.advance()
        trainer.advance(detail=True)
        trainer.evaluate(1)
        trainer.checkpoint()
        batch = view_batch(trainer)
        for lens in LENSES.values():
            if lens.suits(config):
                lens.look(trainer.model, batch, trainer.task)
