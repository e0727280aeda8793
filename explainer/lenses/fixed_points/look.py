"""Fixed points: where the state would stay if nothing came in, and what happens close by.

A fixed point is a state with F(s) = s, F being one step of the cell without input (x = 0). They are found by
minimising q(s) = |F(s) - s|^2 / 2 from states that the network passes through, with noise (Sussillo & Barak 2013,
section 2; Golub & Sussillo 2018), here by Levenberg and Marquardt's method on all starts at once. Where q has a
minimum above zero that is still small the state moves slowly: a slow point.

The algebra is torch's, in float64 on the CPU: it keeps to the threads that the process was given.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from explainer.lenses.fixed_points.cell_jacobians import advance, linearise
from explainer.lenses.fixed_points.record import FixedPointsRecord
from explainer.lenses.look import evaluating, first_rows, stacked
from explainer.models import Recurrent, SequenceModel, observe
from explainer.models.cells import CellWeights
from explainer.models.operated_cell import OperatedCell
from explainer.models.pieces import give_way
from explainer.tasks.base import Batch, Task
from explainer.theory.stability import counts, directions, kinds

FIXED = 1e-20
"""q below which a point counts as fixed: the state moves by less than 2e-10 a step."""
SLOW = 1e-5
"""q below which a minimum counts as a slow point: the state moves by less than 0.0045 a step."""
KINK = 1e-9  # a preactivation this close to 0 is 0: a point is known to sqrt(2 FIXED)
SAME = 0.01  # of the states' spread: points closer than that are one
FAR = 3.0  # times as far from the mean as the farthest state: there the network never is
MOST_POINTS = 96
MOST_EIGENVALUES = 16  # of each point, the longest

ROWS = 64  # sequences whose states the search may start from
STARTS, FEWEST_STARTS = 1024, 128
START_NUMBERS = 2**14  # in the states of all starts together
ROUNDS = 40
NOISE = 0.3  # of the spread of each unit
DAMPING = (1e-3, 1e-12, 1e8)  # at the start, least and most
EASIER, HARDER = 0.2, 4.0


def look(model: SequenceModel, batch: Batch, task: Task) -> FixedPointsRecord:
    """The points of a one-layer network, and the states on the batch's first sequence, weights and `.grad` untouched.

    The search starts from the states of the tape's own sequences, so that the points do not depend on `batch`.
    """
    assert isinstance(model, Recurrent), type(model)
    own = model.operated_cell(0)
    cell = replace(own, weights=CellWeights(*(weight.cpu() for weight in own.weights)))
    device = model.readout.weight.device
    own_batch = first_rows(task.batch(0, split="validation").to(device), ROWS)
    visited, real = states_of(model, own_batch), own_batch.real
    visited = visited.flatten(0, 1) if real is None else visited[real.cpu()]
    points, q = search(cell, visited)
    fixed = (q <= FIXED).numpy()
    eigenvalues = spectra(linearise(cell, points, _silence(cell), KINK).J)
    unstable, neutral = directions(eigenvalues.numpy())
    kind, longest = kinds(fixed, unstable, neutral), eigenvalues.abs().amax(dim=1).numpy()
    order = np.lexsort((-longest, unstable, kind))[:MOST_POINTS]
    kept = torch.from_numpy(order)
    with torch.no_grad():
        said = model.readout(points[kept][:, : task.config.width].to(model.readout.weight))
    return FixedPointsRecord(
        points=points[kept].float().numpy(),
        q=q[kept].float().numpy(),
        fixed=fixed[order],
        unstable=unstable[order].astype(np.int32),
        neutral=neutral[order].astype(np.int32),
        eigenvalues=torch.view_as_real(eigenvalues[kept, :MOST_EIGENVALUES]).float().numpy(),
        says=tuple(_answer(each, task) for each in said),
        counts=counts(kind).astype(np.int32),
        states=states_of(model, first_rows(batch, 1))[0].float().numpy(),
        tokens=tuple(task.axis(batch)),
    )


@torch.no_grad()
def states_of(model: Recurrent, batch: Batch) -> Float[Tensor, "B T M"]:
    """The states that the network passes through, h or (h, c), in float64 on the CPU."""
    names = [f"layer.0.{part}" for part in model.cell.parts]
    with evaluating(model), observe(model, *names) as seen:
        model(batch)
    return torch.cat([stacked(seen[name]) for name in names], dim=-1).double().cpu()


def search(cell: OperatedCell, visited: Float[Tensor, "S M"]) -> tuple[Float[Tensor, "P M"], Float[Tensor, " P"]]:
    """Distinct fixed and slow points and q of each, smallest q first.

    Args:
        cell: with all that surgery holds in it, its weights in float64 on the CPU.
        visited: states that the network passes through; those that are not finite are left out.
    """
    visited = visited[visited.isfinite().all(dim=1)]
    none = visited[:0], visited[:0, 0]
    if not len(visited) or not all(weight.isfinite().all() for weight in cell.weights):
        return none
    M = visited.shape[1]
    starts = starting_points(visited, min(STARTS, max(FEWEST_STARTS, START_NUMBERS // M)))
    points, q = descend(cell, starts)
    centre, spread = visited.mean(dim=0), float(visited.std(dim=0, correction=0).norm())
    reach = FAR * float((visited - centre).norm(dim=1).max()) + SAME
    near = (q <= SLOW) & ((points - centre).norm(dim=1) <= reach)
    points, q = points[near], q[near]
    first = distinct(points, q, SAME * max(spread, SAME))
    return points[first], q[first]


def starting_points(visited: Float[Tensor, "S M"], count: int) -> Float[Tensor, "count M"]:
    """Visited states, and midpoints of two of them (between memories lie the saddles), both with noise; drawn from seed 0."""
    random = torch.Generator().manual_seed(0)
    one, other = torch.randint(len(visited), (2, count), generator=random)
    starts = visited[one]
    half = count // 2
    starts[:half] = (starts[:half] + visited[other[:half]]) / 2
    noise = torch.randn(starts.shape, generator=random, dtype=starts.dtype)
    return starts + NOISE * visited.std(dim=0, correction=0) * noise


def descend(cell: OperatedCell, starts: Float[Tensor, "S M"]) -> tuple[Float[Tensor, "S M"], Float[Tensor, " S"]]:
    """Levenberg-Marquardt from each start on q(s) = |F(s) - s|^2 / 2; returns where it ends, and q there.

    With g = F(s) - s and A = J - 1 the step solves (A^T A + mu 1) d = -A^T g. It is taken if it lowers q, and then
    mu falls; else mu grows.
    """
    x, points = _silence(cell), starts.clone()
    one = torch.eye(points.shape[1], dtype=points.dtype)
    damping = torch.full((len(points),), DAMPING[0], dtype=points.dtype)
    q = (advance(cell, points, x) - points).square().sum(dim=1) / 2
    for _ in range(ROUNDS):
        give_way()
        active = ((q > FIXED) & (damping < DAMPING[2])).nonzero()[:, 0]
        if not len(active):
            break
        s, mu = points[active], damping[active]
        after, J = linearise(cell, s, x)
        A, g = J - one, (after - s)[..., None]
        # Beside huge entries mu is lost and the matrix singular: what comes out then is no number or no better, and mu grows.
        down = torch.linalg.solve_ex(A.mT @ A + mu[:, None, None] * one, -A.mT @ g).result[..., 0]
        tried = s + down
        reached = (advance(cell, tried, x) - tried).square().sum(dim=1) / 2
        better = reached < q[active]
        points[active] = torch.where(better[:, None], tried, s)
        q[active] = torch.where(better, reached, q[active])
        damping[active] = torch.where(better, (mu * EASIER).clamp(min=DAMPING[1]), mu * HARDER)
    return points, q


def distinct(points: Float[Tensor, "S M"], q: Float[Tensor, " S"], apart: float) -> Int[Tensor, " P"]:
    """Which points to keep so that no two are closer than `apart`, those of smallest q first."""
    left, kept = q.argsort(stable=True), []
    while len(left):
        kept.append(left[0])
        left = left[(points[left] - points[left[0]]).norm(dim=1) > apart]
    return torch.stack(kept) if kept else left


def spectra(J: Float[Tensor, "P M M"]) -> Complex[Tensor, "P M"]:
    """Eigenvalues of each matrix, the longest first."""
    values = torch.linalg.eigvals(J)
    # Of a pair the upper one first: their lengths are equal but for rounding.
    order = np.lexsort((-values.imag.numpy(), -values.abs().numpy().round(9)), axis=-1)
    return values.gather(1, torch.from_numpy(order))


def _silence(cell: OperatedCell) -> Float[Tensor, " F"]:
    return torch.zeros(cell.weights.w_input.shape[1], dtype=cell.weights.w_input.dtype)


def _answer(output: Float[Tensor, " outputs"], task: Task) -> str:
    """What the network says in a state: the likeliest token, or the numbers."""
    if task.says_tokens:
        return task.answers[int(output.argmax())]
    numbers = task.in_units(output).tolist()
    return ", ".join(f"{value:.2f}" if math.isfinite(value) else "no finite number" for value in numbers)
