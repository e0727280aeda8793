"""Families: what each says of itself is what its torch half does, and no shared module names one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from explainer.config import RunConfig
from explainer.extensions import named
from explainer.families import FAMILIES, Family, Recurrent
from explainer.models import build, observe
from explainer.models.cells import cell_of
from explainer.tasks.make import make_task
from explainer.tasks.problem import Problem

PROJECT = Path(__file__).resolve().parents[1]
T, B, N = 7, 3, 12
DEPTHS = [(name, layers) for name in FAMILIES for layers in (1, 2, 3)] + [("transformer", 0)]


def config_of(name: str, layers: int) -> RunConfig:
    return RunConfig(task="repeat", length=11, model=name, layers=layers, width=N, batch=B)


@pytest.mark.parametrize(("name", "layers"), DEPTHS)
def test_every_point_that_has_a_role_is_passed_with_the_shape_of_that_role(name: str, layers: int) -> None:
    config = config_of(name, layers)
    task = make_task(config)
    model, roles = build(config, task.inputs, task.outputs).eval(), config.network.roles
    named_points = {
        *roles.states, *roles.entered, *roles.attention, *roles.residual, *roles.sites,
        *(point for pair in roles.carried for point in pair), *(point for each in roles.gates for point in each.values()),
    }  # fmt: skip
    assert named_points <= model.points().keys()
    x = task.batch(0).x
    with observe(model) as seen:
        model(x)
    steps = x.shape[1]
    for point in (*roles.states, *roles.entered):
        assert isinstance(seen[point], list) == roles.steps, point
        value = torch.stack(list(seen[point]), dim=1) if roles.steps else seen[point]
        assert value.shape == (B, steps, N), point  # type: ignore[union-attr]
    for point in roles.attention:
        weights = seen[point]
        assert isinstance(weights, torch.Tensor)
        torch.testing.assert_close(weights.sum(-1), torch.ones(B, config.network.sites, steps))
    for layer, (path, gate) in enumerate(roles.carried):
        kept, after = (torch.stack(list(seen[each])) for each in (gate, path))
        assert ((kept > 0) & (kept < 1)).all(), layer
        assert after.shape == (steps, B, N)
    assert len(roles.sites) == layers
    assert len(roles.gates) == (layers if config.network.settable else 0)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_gate_that_keeps_multiplies_the_state(name: str) -> None:
    """Held at 1 with everything else held at 0, the layer's memory stays as it is: from the cell's own step."""
    family = FAMILIES[name]
    if not any(gate.keeps for gate in family.gates):
        assert all(not gate.keeps for gate in family.gates)
        return
    config = config_of(name, 1)
    (keeper,) = [gate for gate in family.gates if gate.keeps]
    assert keeper.opened
    assert config.network.keeper == keeper
    model = build(config, 5, 5).double()
    cell = cell_of(config.part(Recurrent))
    held = {gate.point: 1.0 if gate.keeps else 0.0 for gate in family.gates if gate.settable}
    state = tuple(torch.randn(B, N, dtype=torch.float64) for _ in cell.parts)
    weights = model.weights(0)  # type: ignore[operator]
    after = cell.step(
        torch.zeros(B, 5, dtype=torch.float64),
        state,
        weights,
        lambda point, value: torch.full_like(value, held[point]) if point in held else value,
    )
    torch.testing.assert_close(after[-1], state[-1])


def test_each_looks_and_is_called_differently() -> None:
    for what in ("title", "colour", "symbol", "good_for", "kind"):
        assert len({getattr(family, what) for family in FAMILIES.values() if what != "good_for"} or {0}) in (
            1,
            len(FAMILIES),
        )
    assert all(family.good_for for family in FAMILIES.values())


@pytest.mark.parametrize("name", FAMILIES)
def test_its_torch_half_is_where_it_says(name: str) -> None:
    config = config_of(name, 1)
    assert type(build(config, 5, 5)) is named(FAMILIES[name].made_by)


# -- nothing shared knows one of them -------------------------------------------------------------

OWN = {
    "explainer/families",
    *(f"{family.made_by.partition(':')[0].replace('.', '/')}.py" for family in FAMILIES.values()),
    *(f"{family.cell.partition(':')[0].replace('.', '/')}.py" for family in FAMILIES.values() if issubclass(family, Recurrent)),
    "explainer/lessons.py",
}  # fmt: skip
"""A family's own files, and what a lesson was recorded with."""
SHARED = [
    path
    for path in sorted([*(PROJECT / "explainer").rglob("*.py"), *(PROJECT / "pages").glob("*.py")])
    if not any(str(path.relative_to(PROJECT)).startswith(own) for own in OWN)
]
ALSO = {"linear": ("recipes.py", "head_curves.py")}
"""Words that mean something else in other places: a schedule, and the scale of an axis."""
CLASSES = {family.__name__ for family in FAMILIES.values()}


def namings(source: str, kinds: set[str], classes: set[str]) -> Iterator[str]:
    """Where code, not prose, names one of these: a text that is its word, or its class; experiments of a lesson are its own."""
    tree = ast.parse(source)
    lessons = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Experiment"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in lessons:
            continue
        if isinstance(node, ast.Constant) and node.value in kinds:
            yield f"line {node.lineno}: {node.value!r}"
        elif isinstance(node, ast.Name) and node.id in classes:
            yield f"line {node.lineno}: {node.id}"
        elif isinstance(node, ast.ImportFrom):
            words = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
            yield from (f"line {node.lineno}: {word}" for word in sorted(words & (kinds | classes)))


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_shared_module_names_a_family(path: Path) -> None:
    kinds = {kind for kind in FAMILIES if path.name not in ALSO.get(kind, ())}
    assert list(namings(path.read_text(), kinds, CLASSES)) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("if config.model == 'lstm':\n    pass", "line 1: 'lstm'"),
        ("x = 1\nstate = {'transformer': 'x'}", "line 2: 'transformer'"),
        ("from explainer.families.gru import GRU", "line 1: GRU"),
        ("isinstance(config.network, LSTM)", "line 1: LSTM"),
    ],
)
def test_a_naming_is_found(source: str, found: str) -> None:
    assert found in list(namings(source, set(FAMILIES), CLASSES))


def test_prose_and_a_lesson_s_experiments_are_no_naming() -> None:
    said = '"""What an LSTM does."""\nEXPERIMENTS = (Experiment("Train it.", {"model": "rnn"}, "It forgets."),)'
    assert list(namings(said, set(FAMILIES), CLASSES)) == []


def test_a_family_or_a_task_without_what_it_must_say_says_so_when_it_is_made() -> None:
    with pytest.raises(TypeError, match=r"abstract methods activation_bytes, arrays, .* roles, update_bytes, work"):
        Family()
    with pytest.raises(TypeError, match="abstract methods example, words"):
        Problem()
