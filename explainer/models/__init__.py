"""Sequence models that train through fused kernels and can be observed at named points."""

from explainer.models.build import build
from explainer.models.observe import SequenceModel, Watch, observe, operated
from explainer.models.recurrent import Recurrent
from explainer.models.residual import Residual

__all__ = ["Recurrent", "Residual", "SequenceModel", "Watch", "build", "observe", "operated"]
