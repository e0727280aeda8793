"""What the pages ask and answer under Try, read from their source: a page runs as soon as it is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from explainer.config import RunConfig
from explainer.lessons import LESSONS, SWEEPS
from explainer.sweep import Sweep, values_from_text

PAGES = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True)
class Experiment:
    """One entry of a page's `EXPERIMENTS`, and the runs that its address leads to.

    Attributes:
        page: the file's name without suffix.
        number: among those of its page, from 1.
        question: what to do.
        query: the address.
        answer: what is said to come of it.
        configs: the runs that the page shows in that state after Train: one for each network, or those of the sweep.
    """

    page: str
    number: int
    question: str
    query: Mapping[str, str]
    answer: str
    configs: tuple[RunConfig, ...]

    @property
    def config(self) -> RunConfig:
        """The one run, or the first."""
        return self.configs[0]

    def one(self, **fields: Any) -> RunConfig:
        """The run with these values.

        Raises:
            ValueError: there isn't exactly one.
        """
        found = [each for each in self.configs if all(each[name] == value for name, value in fields.items())]
        if len(found) != 1:
            raise ValueError(f"{len(found)} runs of {self.page} {self.number} have {fields}. Name what tells one.")
        return found[0]


@dataclass(frozen=True)
class _Opening:
    """What a page opens with, as its source has it: names of lessons, networks, and the lists of a sweep."""

    lessons: tuple[str, ...]
    networks: tuple[str, ...]
    listed: Mapping[str, str]  # name in the address -> field


@cache
def experiments(page: str) -> tuple[Experiment, ...]:
    """All of one page, in their order.

    Raises:
        ValueError: the page's source is not as this reads it.
    """
    tree = ast.parse((PAGES / f"{page}.py").read_text(encoding="utf-8"))
    opening = _opening(tree, page)
    return tuple(
        Experiment(page, number, question, query, answer, _configs(query, opening))
        for number, (question, query, answer) in enumerate(_entries(tree, page), start=1)
    )


def pages() -> list[str]:
    """Those that have experiments."""
    return sorted(path.stem for path in PAGES.glob("*.py") if "EXPERIMENTS" in path.read_text(encoding="utf-8"))


def _entries(tree: ast.Module, page: str) -> Iterator[tuple[str, dict[str, str], str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["EXPERIMENTS"]:
            assert isinstance(node.value, ast.Tuple), page
            for call in node.value.elts:
                assert isinstance(call, ast.Call), page
                question, query, answer = (ast.literal_eval(each) for each in call.args)
                yield question, query, answer
            return
    raise ValueError(f"{page} has no EXPERIMENTS.")


def _opening(tree: ast.Module, page: str) -> _Opening:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {ast.unparse(call.func): call for call in calls if ast.unparse(call.func) in ("Lesson", "SweepPage")}
    for call in named.values():
        given = {each.arg: each.value for each in call.keywords if each.arg}
        if "lesson" in given:
            listed = [each for each in calls if ast.unparse(each.func) == "Listed"]
            fields = [tuple(ast.literal_eval(each) for each in one.args[:2]) for one in listed]
            return _Opening((ast.literal_eval(given["lesson"]),), (), {name: field for field, name in fields})
        shipped = ast.literal_eval(given["shipped"])
        families = tuple(dict.fromkeys(LESSONS[name].config.model for name in shipped))
        return _Opening(shipped, families if len(families) > 1 else (), {})
    for node in tree.body:  # surgery: on a recorded run
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SHIPPED":
            return _Opening(ast.literal_eval(node.value), (), {})
    raise ValueError(f"{page} names neither a lesson nor a sweep to open with.")


def _configs(query: Mapping[str, str], opening: _Opening) -> tuple[RunConfig, ...]:
    asked = query.get("run", "")
    if asked:
        return tuple(LESSONS[name].config for name in asked.split(","))
    if opening.listed:
        recorded = SWEEPS[opening.lessons[0]].sweep
        return _sweep(query, recorded, opening.listed).configs
    recorded_runs = tuple(LESSONS[name].config for name in opening.lessons)
    texts = {name: text for name, text in query.items() if name not in ("surgery",)}
    config = RunConfig.from_query(texts, recorded_runs[0])
    networks = query["networks"].split(",") if "networks" in query else opening.networks
    if config == recorded_runs[0] and "networks" not in query:
        return recorded_runs
    return tuple(config.but(model=name) for name in networks) or (config,)


def _sweep(query: Mapping[str, str], recorded: Sweep, listed: Mapping[str, str]) -> Sweep:
    base = RunConfig.from_query({name: text for name, text in query.items() if name not in listed}, recorded.base)
    asked = {field: values_from_text(field, query[name]) for name, field in listed.items() if name in query}
    return Sweep(base=base, axes=tuple((field, asked.get(field, values)) for field, values in recorded.axes))
