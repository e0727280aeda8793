"""Recurrent networks: torch's fused modules to train, our own cells with the same weights to look at."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

from explainer import families
from explainer.config import RunConfig
from explainer.models.cells import CellWeights, State, Weights, cell_of
from explainer.models.init import forget_bias_, recurrent_
from explainer.models.observe import SequenceModel, Watch, observe
from explainer.models.operated_cell import OperatedCell
from explainer.models.scan import Recurrence
from explainer.tasks.base import Input


class Recurrent(SequenceModel):
    """L recurrent layers of N units and a linear readout of the top one at every step.

    Tokens enter one-hot, so a column of the first W_ih is a token's embedding. Dropout acts on
    the output of every layer, never along time (Zaremba et al. 2014).

    Args:
        config: its family's knobs are read.
        inputs: V for tokens, F for numbers.
        outputs: V, or how many numbers are said at each step.
    """

    eye: Tensor

    def __init__(self, config: RunConfig, inputs: int, outputs: int) -> None:
        super().__init__(config)
        family = config.part(families.Recurrent)
        self.cell = cell_of(family)
        self.has_tokens = config.has_tokens
        L, N = family.layers, family.width
        self.rnn: nn.RNNBase | Weights = (
            Weights(family.products, inputs, N, L, family.recurrent_weights)
            if self.cell.fused is None
            else self.cell.fused(inputs, N, L, batch_first=True, dropout=family.dropout if L > 1 else 0.0)
        )
        self.dropout = nn.Dropout(family.dropout)
        self.readout = nn.Linear(family.width, outputs)
        self.register_buffer("eye", torch.eye(inputs if config.has_tokens else 0), persistent=False)
        recurrent_(self.rnn, family.init, family.radius)
        if (start := family.forget_gate) is not None:
            forget_bias_(self.rnn, start)

    def forward(self, read: Input, initial: State | None = None) -> Float[Tensor, "B T V"]:
        """The readout at every step.

        Args:
            read: tokens or numbers. No step depends on later ones, so padding changes nothing before it.
            initial: the state before the first step, (h,) or for an LSTM (h, c), each (L, B, N); default zeros.
        """
        watch = self._watching()
        output = self.readout(self._top(read.x, initial, watch))
        return output if watch is None else watch.whole("output", output)

    def top_states(self, x: Int[Tensor, "B T"] | Float[Tensor, "B T F"]) -> Float[Tensor, "B T N"]:
        """What the readout reads: the top layer's states, after dropout."""
        return self._top(x, None, self._watching())

    def points(self) -> dict[str, str]:
        """Per layer the cell's own points, one (B, N) for each time step, then the output."""
        names = [f"layer.{layer}.{point}" for layer in range(self.rnn.num_layers) for point in self.cell.points]
        return dict.fromkeys(names, "T B N") | {"output": "B T V"}

    def weights(self, layer: int) -> CellWeights:
        """The weights of one layer, shared with the fused module."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return CellWeights(*(getattr(self.rnn, f"{name}_l{layer}") for name in names))

    def recurrences(self, read: Input | Tensor) -> list[Recurrence]:
        layers, update = range(self.rnn.num_layers), self.cell.recurrence
        assert update is not None
        names = [[f"layer.{layer}.{point}" for point in self.cell.points] for layer in layers]
        with observe(self, *(name for each in names for name in each)) as seen:
            self(read)
        values = [
            {name.split(".", 2)[2]: torch.stack([step[0] for step in seen[name]]) for name in each} for each in names
        ]
        return [update(each) for each in values]

    def operated_cell(self, layer: int) -> OperatedCell:
        """One layer's cell as it runs under the model's surgery, with its weights in float64 and detached."""
        weights = CellWeights(*(weight.detach().double() for weight in self.weights(layer)))
        return OperatedCell(self.cell, weights, self.surgery.held(layer), self.standing(f"layer.{layer}."))

    def _top(self, x: Tensor, initial: State | None, watch: Watch | None) -> Float[Tensor, "B T N"]:
        features = embedding(x, self.eye) if self.has_tokens else x
        if watch is None and self.cell.scan is not None:
            return self._scanned(features, initial)
        if watch is not None or isinstance(self.rnn, Weights):
            return self._unrolled(features, initial, watch or Watch(()))
        start = initial if initial is None or self.cell.states > 1 else initial[0]
        top, _ = self.rnn(features, start)
        return self.dropout(top)

    def _scanned(self, x: Float[Tensor, "B T F"], initial: State | None) -> Float[Tensor, "B T N"]:
        """The same as `_unrolled`, each layer for all steps at once."""
        assert self.cell.scan is not None
        L, B, N = self.rnn.num_layers, x.shape[0], self.rnn.hidden_size
        (start,) = (x.new_zeros(L, B, N),) if initial is None else initial
        for layer in range(L):
            x = self.dropout(self.cell.scan(x, start[layer], self.weights(layer)))
        return x

    def _unrolled(self, x: Float[Tensor, "B T F"], initial: State | None, watch: Watch) -> Float[Tensor, "B T N"]:
        """The top layer's states after dropout, layer by layer and step by step."""
        L, B, N = self.rnn.num_layers, x.shape[0], self.rnn.hidden_size
        if initial is None:
            initial = (x.new_zeros(L, B, N),) * self.cell.states
        steps = list(x.unbind(dim=1))
        for layer in range(L):
            weights = self.weights(layer)
            state = tuple(part[layer] for part in initial)

            def point(name: str, value: Tensor, prefix: str = f"layer.{layer}.") -> Tensor:
                return watch.step(prefix + name, value)

            for t, x_t in enumerate(steps):
                state = self.cell.step(x_t, state, weights, point)
                steps[t] = self.dropout(state[0])
        return torch.stack(steps, dim=1)
