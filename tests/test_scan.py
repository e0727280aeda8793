"""The scan against the loop, and the minGRU against the sum that it is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from explainer.config import RunConfig
from explainer.models import SequenceModel, build, observe
from explainer.models.operated_cell import jacobians
from explainer.models.scan import scan
from explainer.tasks.base import Input

RUN = RunConfig(task="repeat", model="mingru", layers=2, width=7, length=13, batch=3, symbols=5)


def looped(a: Tensor, b: Tensor, start: Tensor | None = None) -> Tensor:
    h = torch.zeros_like(b[:, 0]) if start is None else start
    states = []
    for t in range(b.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


def drawn(T: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    shapes = ((3, T, 5, 2), (3, T, 5, 2), (3, 5, 2))
    a, b, start = (torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes)
    return a, b, start


@pytest.mark.parametrize("T", [1, 2, 3, 4, 13, 16, 17, 53])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_scan_is_the_loop_and_so_is_its_gradient(T: int, dtype: torch.dtype) -> None:
    torch.manual_seed(T)
    inputs, weights = drawn(T, dtype), torch.randn(3, T, 5, 2, dtype=dtype)
    for given in (inputs, inputs[:2]):
        values, expected = scan(*given), looped(*given)
        torch.testing.assert_close(values, expected)
        found, right = (torch.autograd.grad((h * weights).abs().square().sum(), given) for h in (values, expected))
        for one, other in zip(found, right, strict=True):
            torch.testing.assert_close(one, other)


def test_its_gradient_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    assert torch.autograd.gradcheck(scan, drawn(7, torch.float64))


def test_what_is_kept_a_thousand_steps_does_not_drown() -> None:
    a, b = torch.full((1, 4096, 1), 0.999), torch.zeros(1, 4096, 1)
    b[:, 0] = 1.0
    expected = 0.999 ** torch.arange(4096, dtype=torch.float64)
    torch.testing.assert_close(scan(a, b)[0, :, 0].double(), expected, rtol=1e-3, atol=1e-7)


def minGRU(**changes: object) -> SequenceModel:
    return build(RUN.but(**changes), 5, 5).double().eval()


@pytest.mark.parametrize("keep", ["positive", "signed"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_minGRU_that_is_watched_says_what_it_says_unwatched(keep: str, layers: int) -> None:
    model, x = minGRU(keep=keep, layers=layers), torch.randint(5, (3, 13))
    start = (torch.randn(layers, 3, 7, dtype=torch.float64),)
    for initial in (None, start):
        whole = model(Input(x), initial)
        with observe(model):
            torch.testing.assert_close(model(Input(x), initial), whole)


@pytest.mark.parametrize("keep", ["positive", "signed"])
def test_a_layer_is_a_sum_over_what_was_written_and_since_kept(keep: str) -> None:
    """h_t = Σ_s Π_{s<r<=t} a_r (1 - z_s) n_s, entry by entry, from the weights alone (Feng et al. 2024, section 3.1)."""
    model, x = minGRU(keep=keep, layers=1), torch.randint(5, (3, 13))
    weights = dict(model.rnn.named_parameters())
    u = torch.nn.functional.one_hot(x, 5).double() @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
    z, n = 1 / (1 + torch.exp(-u[..., :7])), u[..., 7:]
    a = z if keep == "positive" else z - (1 - z)
    h = torch.zeros(3, 13, 7, dtype=torch.float64)
    for t in range(13):
        for s in range(t + 1):
            h[:, t] += a[:, s + 1 : t + 1].prod(1) * (1 - z[:, s]) * n[:, s]
    with observe(model, "layer.0.hidden") as seen:
        model(x)
    torch.testing.assert_close(torch.stack(seen["layer.0.hidden"], dim=1), h)  # type: ignore[arg-type]


@pytest.mark.parametrize("keep", ["positive", "signed"])
def test_the_jacobian_of_a_step_is_diagonal_and_negative_only_where_it_may_be(keep: str) -> None:
    model, x = minGRU(keep=keep, layers=1), torch.randn(11, 5, dtype=torch.float64) * 3
    J = jacobians(model.operated_cell(0), x, [torch.randn(11, 7, dtype=torch.float64)])
    diagonal = J.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(J, torch.diag_embed(diagonal))
    assert (diagonal.min() < -0.1) == (keep == "signed")
    assert diagonal.abs().max() < 1


def test_it_has_no_recurrent_weights_to_train_or_to_store() -> None:
    model = minGRU()
    assert not [name for name in model.state_dict() if "_hh" in name]
    assert sum(each.numel() for each in model.parameters()) == 2 * 7 * (5 + 1) + 2 * 7 * (7 + 1) + 8 * 5
