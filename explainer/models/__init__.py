"""Sequence models that train through fused kernels and can be observed at named points."""

from explainer.models.build import build
from explainer.models.observe import SequenceModel, Watch, observe, operated
from explainer.models.recurrent import Recurrent
from explainer.models.transformer import Transformer

__all__ = ["Recurrent", "SequenceModel", "Transformer", "Watch", "build", "observe", "operated"]
