"""The Jacobian dial: what one step of a recurrent network does to a small change of its state, and many steps do.

s_t is the top layer's state, h or (h, c), and J_t = ds_t/ds_(t-1) at the states that the network passes
through as it reads one sequence. The gradient of the last loss, k steps back, is g J_T J_(T-1) ... J_(T-k+1)
with g = dL*/ds_T (a row vector). Pascanu, Mikolov, Bengio 2013, section 2.

The algebra is torch's, in float64 on the CPU: it keeps to the threads that the process was given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import embedding

from explainer.lenses.jacobian.record import JacobianRecord
from explainer.lenses.look import as_float32, check_counts, evaluating, first_rows
from explainer.models import Recurrent, SequenceModel, observe
from explainer.models.operated_cell import OperatedCell, jacobians
from explainer.tasks.base import Batch, Task
from explainer.theory.followed import horizon, moments

SATURATED = 0.1  # of an activation's largest slope
ROUNDING = 1e-10  # of the largest singular value: what is smaller in a product is rounding
AT_ONCE = 2**17  # entries of Jacobians, beside which autograd holds some ten to twenty for each


SLOPES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda value: 4 * value * (1 - value),
    "tanh": lambda value: 1 - value.square(),
    "relu": lambda value: torch.where(value.isnan(), value, (value > 0).to(value.dtype)),
}
"""The slope of an activation, from its value, as a share of the largest slope."""


class Product(NamedTuple):
    """exp(log_scale) * matrix, the matrix's largest entry being about 1, so that long products are not lost."""

    matrix: Float[Tensor, "M M"]
    log_scale: float


class Passage(NamedTuple):
    """One sequence through the top layer: what went in, the states, the activations, and the loss's gradient."""

    inputs: Float[Tensor, "T F"]
    states: tuple[Float[Tensor, "T N"], ...]
    activations: dict[str, Float[Tensor, "T N"]]
    gradient: Float[Tensor, " M"]


def look(model: SequenceModel, batch: Batch, task: Task) -> JacobianRecord:
    """The Jacobians on the batch's first sequence, with weights and `.grad` untouched.

    Raises:
        ValueError: no position of the sequence counts in the loss (a text of one character).
    """
    assert isinstance(model, Recurrent), type(model)
    config = task.config
    batch = first_rows(batch, 1)
    check_counts(batch)
    last, plain = int(batch.mask[0].nonzero().max()), config.network.plain
    passage = _passage(model, batch, task, last)
    cell = model.operated_cell(config.layers - 1)
    size = config.network.state_size
    K = horizon(last, size)
    back = _along(cell, passage, last - K + 1 if K else 0, last).flip(0)
    products = products_back(back[:K])

    singles, spans = moments(last, size)
    chosen = [(Product(back[last - t], 0.0), 1) for t in singles] + [(products[span], span) for span in spans]
    spectra = [per_step(product, span) for product, span in chosen]
    nothing = torch.zeros_like(passage.inputs[:1])
    theory = cell.recurrence.cpu() if plain else jacobians(cell, nothing, cell.at_rest())[0].cpu()
    radius, sigma = largest_eigenvalue(theory), largest_singular(theory)
    parts, slope = _saturation(cell, passage.activations, config.network.activations)
    with np.errstate(all="ignore"):
        factors = np.array([sigma if plain else largest_singular(each) for each in back[:K]])
        kept = np.array([float((passage.gradient @ matrix).norm()) * np.exp(scale) for matrix, scale in products])
        return JacobianRecord(
            eigenvalues=np.stack([eigenvalues for eigenvalues, _ in spectra]),
            singular=np.stack([singular for _, singular in spectra]),
            steps=np.array((*singles, *(last for _ in spans)), dtype=np.int32),
            spans=np.array([span for _, span in chosen], dtype=np.int32),
            rate=as_float32(radius ** np.arange(K + 1)),
            bound=as_float32(np.concatenate([[1.0], np.exp(np.cumsum(np.log(factors)))])),
            largest=as_float32(np.array([largest_singular(matrix) * np.exp(scale) for matrix, scale in products])),
            measured=as_float32(kept / kept[0]),
            radius=radius,
            sigma=sigma,
            theory="W_hh" if plain else "rest",
            saturated=np.mean(list(parts.values()), axis=0),
            slope=slope,
            parts=np.stack(list(parts.values())),
            part_names=tuple(parts),
            last=last,
            tokens=tuple(task.axis(batch)),
        )


def products_back(J: Float[Tensor, "K M M"]) -> list[Product]:
    """1, J_T, J_T J_(T-1), ... for J in this order, backwards in time: K + 1 products."""
    current = Product(torch.eye(J.shape[-1], dtype=J.dtype), 0.0)
    products = [current]
    for step in J:
        matrix, scale = current.matrix @ step, current.log_scale
        size = float(matrix.abs().max())
        if 0 < size < math.inf:
            matrix, scale = matrix / size, scale + math.log(size)
        current = Product(matrix, scale)
        products.append(current)
    return products


def per_step(product: Product, span: int) -> tuple[Float[np.ndarray, "M 2"], Float[np.ndarray, " M"]]:
    """Eigenvalues (real and imaginary part, longest first) and singular values of a product of `span` steps.

    The span-th root of every length is taken; angles stay. What rounding hides is NaN.
    """
    matrix, scale = product
    if not matrix.isfinite().all():
        return np.full((len(matrix), 2), np.nan), np.full(len(matrix), np.nan)
    singular = torch.linalg.svdvals(matrix).numpy()
    values = torch.linalg.eigvals(matrix).numpy()
    values = values[np.lexsort((values.imag, -np.abs(values)))]
    if span > 1:
        floor = ROUNDING * singular[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            lengths, singular = (
                np.where(sizes > floor, np.exp((np.log(sizes) + scale) / span), np.nan)
                for sizes in (np.abs(values), singular)
            )
            values = lengths * np.exp(1j * np.angle(values))
    return np.stack([values.real, values.imag], axis=1), singular


def largest_singular(matrix: Float[Tensor, "M M"]) -> float:
    """sigma_max; NaN if an entry is not finite."""
    return float(torch.linalg.svdvals(matrix).max()) if matrix.isfinite().all() else math.nan


def largest_eigenvalue(matrix: Float[Tensor, "M M"]) -> float:
    """The spectral radius; NaN if an entry is not finite."""
    return float(torch.linalg.eigvals(matrix).abs().max()) if matrix.isfinite().all() else math.nan


def _passage(model: Recurrent, batch: Batch, task: Task, last: int) -> Passage:
    """The sequence through the model, and dL*/ds at step `last`: the loss reads h alone, so that of c is zero."""
    config = task.config
    top = config.layers - 1
    states, activations = model.cell.parts, config.network.activations
    kept = [f"layer.{top}.{name}" for name in dict.fromkeys((*states, *activations))]
    *below, hidden = model.roles.states[-2:]
    with evaluating(model), torch.enable_grad():
        with observe(model, *kept, *below) as seen:
            output = model(batch)
        loss = task.loss_per_position(output, batch)[0, last]
        (gradient,) = torch.autograd.grad(loss, [seen[hidden][last]])
    value = {name: torch.stack([step[0] for step in steps]).detach().double() for name, steps in seen.items()}
    features = embedding(batch.x, model.eye) if model.has_tokens else batch.x
    end = torch.zeros(model.cell.states, config.width, dtype=torch.float64)
    end[0] = gradient[0]
    return Passage(
        inputs=value[below[0]] if below else features[0].double(),
        states=tuple(value[f"layer.{top}.{name}"] for name in states),
        activations={name: value[f"layer.{top}.{name}"] for name in activations},
        gradient=end.flatten(),
    )


def _along(cell: OperatedCell, passage: Passage, first: int, last: int) -> Float[Tensor, "S M M"]:
    """J_t for t = first ... last; before t = 0 the state is zero."""
    before = tuple(torch.cat([torch.zeros_like(state[:1]), state])[first : last + 1] for state in passage.states)
    together = max(1, AT_ONCE // len(passage.gradient) ** 2)
    pieces = zip(*(each.split(together) for each in (passage.inputs[first : last + 1], *before)), strict=True)
    return torch.cat([jacobians(cell, inputs, states).cpu() for inputs, *states in pieces])


def _saturation(
    cell: OperatedCell, activations: Mapping[str, Tensor], kinds: Mapping[str, str]
) -> tuple[dict[str, Float[np.ndarray, " T"]], Float[np.ndarray, " T"]]:
    """Of each kind of activation the share that is saturated, and the mean slope of all, at each step.

    A gate that is held is no activation, and neither is a held unit of a plain cell; where all are, nothing is
    saturated and the slope is 0.
    """
    shares: dict[str, Float[np.ndarray, " T"]] = {}
    slopes: list[Float[np.ndarray, " T"]] = []
    for point, kind in kinds.items():
        name = point.removeprefix("gates.")
        if name in cell.held.gates:
            continue
        steep = SLOPES[kind](activations[point])
        flat = torch.where(steep.isnan(), steep, (steep < SATURATED).to(steep.dtype))
        if name == "hidden":
            none = torch.zeros_like(steep[:, :1])
            steep, flat = (each[:, cell.free] if cell.free.any() else none for each in (steep, flat))
        shares[name] = flat.mean(-1).cpu().numpy()
        slopes.append(steep.mean(-1).cpu().numpy())
    return shares, np.mean(slopes, axis=0)
