"""Inside the gates: what an LSTM's or GRU's gates do, how long each unit remembers, what it keeps track of."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explainer.lenses.lens import Lens, evaluating, first_rows
from explainer.models import SequenceModel, observe
from explainer.records import GatesRecord
from explainer.tasks import Batch, Task
from explainer.theory.variables import VARIABLES, correlation, probe

GATES = {"lstm": ("input", "forget", "output"), "gru": ("reset", "update")}
KEEP = {"lstm": "forget", "gru": "update"}
"""The gate that says which share of the old state a unit keeps."""

ROWS = 16  # sequences that correlations and probes are measured on


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> GatesRecord:
    """Gates and states of the batch's first sequence; saturation, time constants and probes over up to 16."""
    config = task.config
    batch = first_rows(batch, ROWS)
    names = GATES[config.model]
    points = [f"layer.{layer}.gates.{name}" for layer in range(config.layers) for name in names]
    hidden = f"layer.{config.layers - 1}.hidden"
    with evaluating(model), observe(model, *points, hidden) as seen:
        model(batch.x)
    gates = np.stack([_sequence(seen[point]) for point in points])
    _, B, T, N = gates.shape
    gates = gates.reshape(config.layers, len(names), B, T, N)
    kept = gates[:, names.index(KEEP[config.model])].mean(axis=(1, 2))
    states = _sequence(seen[hidden])
    tokens = [tuple(task.axis(batch, row)) for row in range(B)]
    variables = {name: np.stack([rule(row) for row in tokens]) for name, rule in VARIABLES[config.task].items()}
    flat = states.reshape(B * T, N)
    probes = [probe(flat, values.reshape(-1)) for values in variables.values()]
    return GatesRecord(
        gates=gates[:, :, 0],
        gate_names=names,
        kept=kept,
        closed=(gates < 0.1).mean(axis=(2, 3, 4)),
        opened=(gates > 0.9).mean(axis=(2, 3, 4)),
        states=states[0],
        tokens=tokens[0],
        variables=tuple(variables),
        values=np.stack([values[0] for values in variables.values()]).astype(np.float32),
        correlations=np.stack(
            [correlation(values.reshape(-1), flat) for values in variables.values()],
        ).astype(np.float32),
        probes=np.array([told for told, _ in probes], np.float32),
        controls=np.array([control for _, control in probes], np.float32),
    )


def _sequence(value: Tensor | list[Tensor]) -> Float[np.ndarray, "B T N"]:
    """A point that has one (B, N) for each time step."""
    assert isinstance(value, list)
    return torch.stack(value, dim=1).float().cpu().numpy()


LENS = Lens("gates", look, suits=lambda config: config.model in GATES)
