"""What stands below the pictures is about the run that is shown: its task, its networks, its sizes, and nothing of others."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explainer.config import MODELS, TASKS, RunConfig
from explainer.lessons import LESSONS, SWEEPS
from explainer.player import backend
from explainer.runs.store import Store
from explainer.tasks.make import make_task
from explainer.ui import tabs
from explainer.ui.controls import knob_of
from explainer.ui.places import LESSON_PLACES
from explainer.ui.source import cells_of
from tests.families import GATES, RECURRENT

PAGES = Path(__file__).resolve().parents[1] / "pages"

#: Words that only a run on this task may have below it.
OF_TASK = {
    "adding": r"\bstar(red|s)?\b|\bthe sum\b|mean sum",
    "copy": r"▸|silence|ten symbols|\bdelay\b|copy memory",
    "repeat": r"first round|\brepeats?\b|repetition",
    "flipflop": r"\bbits?\b|\bpulses?\b|flip-flop",
    "text": r"\bcharacters?\b|\bletters?\b|\ba text\b",
    "forecast": r"sunspot|\bseries\b|\bforecast",
    "parity": r"\bparity\b|number of ones",
    "words": r"word problem|rearranges",
    "recall": r"associative|a key and a value",
    "selective": r"selective copy|anywhere among",
    "string": r"string copy|\bA string of",
    "flipflop-language": r"flip-flop language|behind r\b",
    "brackets": r"nested at most|\bBrackets of",
    "count": r"counting on|Numbers that follow",
}
#: Tasks that share words with another one.
ALIKE = {
    "flipflop-language": ("flipflop",),
    "parity": ("flipflop",),
    "selective": ("copy",),
    "string": ("copy",),
    "count": ("forecast",),
}
#: Words that only a page which shows such a network may have.
OF_MODEL = {
    "lstm": r"forget gate|LSTM|cell state",
    "gru": r"(?<!min)GRU",
    "mingru": r"minGRU",
    "update": r"update gate",
    "transformer": r"Transformer|residual|\bheads?\b",
    "rnn": r"plain RNN",
    "tanh": r"tanh",
    "rnn_relu": r"ReLU",
}
#: On what each page can be shown: a task or any; one network of a family at once, or several.
ANY = TASKS
ONE = {"hidden_states": RECURRENT, "gates": ("lstm", "gru", "mingru"), "fixed_points": RECURRENT, "surgery": MODELS}
SEVERAL = {"gradients": MODELS, "microscope": MODELS, "jacobian": RECURRENT, "race": MODELS, "glasses": MODELS}
TRANSFORMER = ("attention", "heads", "layers", "positions")
#: Of these a part is about another network, which reads a text.
ELSEWHERE = {"gates": "**Where else are these units on?**"}


@cache
def page(name: str) -> dict[str, Any]:
    """A page's functions and its constants, without running it: all of its definitions but what is done at the top."""
    tree = ast.parse((PAGES / f"{name}.py").read_text(encoding="utf-8"))
    kept = [
        node
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper())
    ]
    found: dict[str, Any] = {"__name__": name}
    exec(compile(ast.Module(kept, []), f"pages/{name}.py", "exec"), found)
    return found


def explain(name: str) -> Callable[..., str]:
    found: Callable[..., str] = page(name)["explain"]
    return found


def sizes(config: RunConfig) -> Iterator[RunConfig]:
    """The run with other numbers of what its task and network have."""
    yield config
    for layers in (1, 2, 3):
        yield config.but(layers=layers)
    yield config.but(length=17)
    if config.task == "flipflop":
        yield from (config.but(bits=bits) for bits in range(1, 7))
    if config.task in ("copy", "repeat"):
        yield config.but(symbols=31)


def shown() -> Iterator[tuple[str, RunConfig, set[str], str]]:
    """Every page, run, its networks, and the text."""
    for task, (name, models) in product(TASKS, ONE.items()):
        for model in models:
            for config in sizes(RunConfig(task=task, model=model, length=23, layers=1)):
                yield name, config, {model}, explain(name)(config)
    for task, name in product(TASKS, TRANSFORMER):
        for config in sizes(RunConfig(task=task, model="transformer", length=23)):
            given = ("learned", config) if name == "positions" else (config,)
            yield name, config, {"transformer"}, explain(name)(*given)
    for task, (name, models) in product(TASKS, SEVERAL.items()):
        for chosen in (*[(model,) for model in models], models[:2], models[2:], models):
            for config in sizes(RunConfig(task=task, model=chosen[0], length=23, layers=1)):
                yield name, config, set(chosen), explain(name)([config.but(model=model) for model in chosen])
    for task in ("adding", "copy"):
        config = RunConfig(task=task, length=20)
        yield "memory_horizon", config, {"lstm", "gru"}, explain("memory_horizon")(config, recorded=False)
    recorded = SWEEPS["lesson-horizon"].sweep.base
    yield "memory_horizon", recorded, {"rnn", "lstm", "gru"}, explain("memory_horizon")(recorded, recorded=True)
    beyond = SWEEPS["lesson-beyond"].sweep
    one = RunConfig(task="text", model="transformer", length=24)
    for told, alone in product((False, True), (None, one)):
        yield "beyond_the_length", beyond.base, {"transformer"}, explain("beyond_the_length")(beyond, told, alone)


SHOWN = list(shown())


def foreign(text: str, words: dict[str, str], own: Sequence[str]) -> list[str]:
    """Words of others than `own` in a text, each with where it stands."""
    return [
        f"{kind}: …{text[max(0, found.start() - 40) : found.end() + 20]}…"
        for kind, pattern in words.items()
        if kind not in own
        for found in re.finditer(pattern, text)
    ]


def test_every_lesson_page_is_read_here() -> None:
    assert {f"{name}.py" for name, *_ in SHOWN} == {place.file for place in LESSON_PLACES}
    assert {config.task for _, config, _, _ in SHOWN} == set(TASKS)


def test_no_text_has_a_word_of_another_task() -> None:
    found = {
        (name, config.task, said)
        for name, config, _, text in SHOWN
        for said in foreign(
            text.partition(ELSEWHERE.get(name, "\0"))[0],
            OF_TASK,
            [
                config.task,
                *ALIKE.get(config.task, ()),
                *(["flipflop"] if name == "glasses" else []),
            ],  # the bits of a number
        )
    }
    assert not found


def test_each_text_says_what_the_run_learns() -> None:
    for name, config, _, text in SHOWN:
        if name != "beyond_the_length":  # it has one task, which its first paragraph names
            words = config.problem.words
            assert words.name in text, (name, config.task)
            assert name == "memory_horizon" or words.asks in text, (name, config.task)  # its runs have several lengths
            assert re.search(OF_TASK[config.task], text), (name, config.task)


#: What a page may say of a family that it does not show, since it explains a choice or a comparison.
SAID_ANYWAY = {"memory_horizon": set(MODELS), "race": set(MODELS), "glasses": set(MODELS)}


def test_no_text_has_a_word_of_a_network_that_is_not_shown() -> None:
    found = {
        (name, tuple(sorted(models)), said)
        for name, config, models, text in SHOWN
        for said in foreign(
            text.partition(ELSEWHERE.get(name, "\0"))[0],
            OF_MODEL,
            [
                *models,
                *SAID_ANYWAY.get(name, ()),
                *(["tanh"] if models & {"rnn", "lstm", "gru"} else []),
                *(["update"] if models & {"gru", "mingru"} else []),
                *(["transformer"] if "linear" in models else []),
            ],
        )
    }
    assert not found


def test_a_word_of_another_task_or_network_is_found() -> None:
    assert foreign("the two starred columns", OF_TASK, ["forecast"])
    assert foreign("8 memories for 3 bits", OF_TASK, ["adding"])
    assert foreign("the next character", OF_TASK, ["copy"])
    assert not foreign("the next character", OF_TASK, ["text"])
    assert foreign("the forget gate", OF_MODEL, ["gru"])


def test_no_text_has_a_blank_where_something_was_left_out() -> None:
    for name, _, _, text in SHOWN:
        assert not re.search(
            r"\{|\}\}|\bNone\b(?!\*)|TASK|  \S|\s[.,;:]\s| \)|\(\s", re.sub(r"\$[^$]*\$|^- |^  ", "x", text, flags=re.M)
        ), name


# -- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 7))
def test_a_network_of_so_many_bits_needs_so_many_stable_points(bits: int) -> None:
    """Counted: the places of {-1, 0, 1}^bits, by how many of their numbers are 0."""
    zeros = [place.count(0) for place in product((-1, 0, 1), repeat=bits)]
    text = explain("fixed_points")(RunConfig(task="flipflop", model="gru", bits=bits))
    assert f"**{zeros.count(0)} stable points**" in text
    said = [int(number) for number in re.findall(r"\d+", RunConfig(task="flipflop", bits=bits).problem.memories.shape)]
    if bits == 1:
        assert said == []
        assert zeros.count(1) == 1  # "one saddle"
    else:
        corners, edges, rest = zeros.count(0), zeros.count(1), len(zeros) - zeros.count(0) - zeros.count(1)
        dimensions = [bits] if bits > 3 else []
        assert said == [corners, *dimensions, edges, *([rest] if rest > 1 else []), len(zeros)]


def test_the_recorded_flip_flop_has_three_bits_and_so_eight_memories() -> None:
    assert "**8 stable points**" in explain("fixed_points")(LESSONS["lesson-flipflop"].config)


@pytest.mark.parametrize("length", [2, 5, 17, 51, 997])
def test_what_a_factor_leaves_is_that_of_this_length(length: int) -> None:
    text = explain("gradients")([RunConfig(task="adding", model="gru", length=length)])
    (steps, digits, power) = re.findall(
        r"At 0\.6 per step, (\d+) steps?\s+would leave (?:([\d.]+)|\$10\^\{(-\d+)\}\$) of it", text
    )[0]
    assert int(steps) == length - 1
    left = 1.0
    for _ in range(length - 1):
        left *= 0.6
    assert float(digits or f"1e{power}") == pytest.approx(left, rel=0.02 if digits else 2.2)


@pytest.mark.parametrize(("task", "lag"), [("adding", 19 - sum(range(10)) / 10), ("copy", 20 + 10)])
def test_the_lag_of_a_typed_twenty(task: str, lag: float) -> None:
    assert f"{lag:g} steps" in explain("memory_horizon")(RunConfig(task=task, length=7), recorded=False)


def test_copy_memory_counts_as_its_task_does() -> None:
    """From the sequence itself: ten symbols, silence, ▸, and each said so many steps after it was read."""
    for delay in (2, 7):
        config = RunConfig(task="copy", length=delay)
        task = make_task(config)
        batch = task.batch(0, size=1)
        read, said = task.axis(batch), batch.y[0].tolist()
        signal = read.index("▸")
        first_said = next(at for at, token in enumerate(said) if token != said[10])
        asks = config.problem.words.asks
        assert f"nothing (·) for {signal - 10} steps" in asks
        assert f"for {first_said} steps each" in config.problem.words.memory


def test_repetition_counts_as_its_task_does() -> None:
    config = RunConfig(task="repeat", length=13)
    periods = {int(each) for seed in range(40) for each in make_task(config).batch(seed, size=32).period}
    assert f"{min(periods)} to {max(periods)} of them" in config.problem.words.asks


# -- what stands where ------------------------------------------------------------------------


def test_the_code_tab_shows_the_cells_that_networks_step() -> None:
    from explainer.extensions import named
    from explainer.families import FAMILIES

    for model in RECURRENT:
        step = named(FAMILIES[model].cell).step  # type: ignore[attr-defined]
        assert cells_of([model]) == [("models/cells.py", step.__name__)]
    assert cells_of(["transformer"]) == []


def test_the_gates_page_opens_on_the_gate_that_its_words_explain() -> None:
    for model, gate in {"lstm": "forget gate", "gru": "update gate"}.items():
        assert page("gates")["keeper"](RunConfig(model=model)) == gate
        assert f"**{gate}**" in explain("gates")(RunConfig(model=model))
        assert gate.removesuffix(" gate") in GATES[model]


def test_a_control_with_one_layer_is_named_only_where_there_is_one() -> None:
    for name, config, _, text in SHOWN:
        if name in ("attention", "heads"):
            assert ("**one layer**" in text) == (config.layers > 1), (name, config.layers)


def test_controls_are_called_by_what_they_are_in_the_task() -> None:
    assert knob_of("length", "copy").metadata["label"] == "Delay"
    assert knob_of("length", "adding").metadata["label"] == "Length T"
    for task, name in product(TASKS, ("length", "symbols", "bits", "seed")):
        if RunConfig(task=task).relevant().get(name) is not None:
            assert not foreign(knob_of(name, task).metadata["meaning"], OF_TASK, [task, *ALIKE.get(task, ())]), (
                task,
                name,
            )


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.py")), ids=lambda path: path.stem)
def test_a_formula_on_lines_of_its_own_has_its_marks_on_lines_of_their_own(path: Path) -> None:
    """`$$` with something behind it begins a formula within a line, or, without an end there, one that is not read at all."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if "$$" in line and line.strip() != "$$":
            raise AssertionError(f"{path.name}:{number}")


# -- as the page shows it ---------------------------------------------------------------------


def queued(store: Store, config: RunConfig) -> str:
    return backend.client().submit(config, "somebody", ())


SEEN = [place for place in LESSON_PLACES if place.models]


@pytest.mark.parametrize("place", SEEN, ids=lambda place: place.file)
def test_a_page_explains_the_run_of_its_address(
    place: Any, lessons: Store, looks_answered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sunspots, or a text where it must be one: never what the page opens with by itself."""
    below: list[dict[str, Any]] = []
    monkeypatch.setattr(tabs, "words_below", lambda *args, **given: below.append(given))
    name = place.file.removesuffix(".py")
    task = {"beyond_the_length": "text", "glasses": "recall"}.get(name, "forecast")
    model = "transformer" if "transformer" in place.models and len(place.models) != len(MODELS) else "lstm"
    run = queued(lessons, RunConfig(task=task, model=model, length=17, layers=1, width=8, steps=3))
    app = AppTest.from_file(str(PAGES / place.file), default_timeout=60)
    app.query_params["run"] = run
    if name == "positions":
        app.query_params["encoding"] = "Learned"
    app.run()
    assert not app.exception
    (given,) = below
    own = backend.client().store.run(run)
    assert own is not None
    if name != "beyond_the_length":
        assert own.config.problem.words.asks in given["explain"]
    said = [each.value for each in app.markdown if "Where else" not in each.value]
    assert not [found for text in said for found in foreign(text, OF_TASK, [task])]
