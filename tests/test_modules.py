"""The player's modules as they are served and joined; what needs no browser is tested in node (`tests/modules`)."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from explainer.charts.panel import Panel, Reading, Slot
from explainer.player import typed
from explainer.player.assets import HINTS, MODULES, PLAYER, PLAYER_ROUTE, imported, joined
from tests.node import NODE

SCRIPTS = sorted(path.name for path in MODULES.glob("*.js"))
TESTS = sorted((Path(__file__).parent / "modules").glob("*.test.js"))
ENTRIES = ("boot.js", "copy.js", "numbers.js")  # what components run


def test_every_module_is_used_and_all_of_the_player_is_hinted() -> None:
    assert set(imported("main.js", *ENTRIES)) == set(SCRIPTS)
    assert {f"{PLAYER_ROUTE}/{name}" for name in PLAYER} <= set(HINTS)


def test_a_module_stands_behind_those_that_it_imports() -> None:
    for name in SCRIPTS:
        order = imported(name)
        for each in order:
            assert set(imported(each)) <= set(order[: order.index(each) + 1])


@pytest.mark.parametrize("names", [("boot.js",), ("copy.js",), ("numbers.js",), ("take.js", "dom.js")])
def test_joined_modules_name_no_other_file_and_nothing_twice(names: tuple[str, ...]) -> None:
    script = joined(*names)
    assert not re.search(r"^import\b|^export (?!default)", script, re.MULTILINE)
    declared = Counter(re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", script, re.MULTILINE))
    assert declared
    assert set(declared.values()) == {1}


def test_what_needs_no_browser_does_what_its_tests_in_node_say() -> None:
    run = subprocess.run([NODE, "--test", *TESTS], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert int(re.findall(r"pass (\d+)", run.stdout)[-1]) > len(TESTS) > 0


def test_the_types_of_panels_are_those_of_the_dataclasses() -> None:
    assert typed.FILE.read_text() == typed.declared(), "python -m explainer.player.typed"


def test_a_panel_has_the_entries_that_its_type_says() -> None:
    panel = Panel(
        "a", "A", {"data": [], "layout": {}}, (Slot("data.0.y"),), (Reading("hidden_states", "reach"),)
    ).to_player()
    for name, value in (("Panel", panel), ("Slot", panel["slots"][0]), ("Reading", panel["readings"][0])):
        body = re.search(rf"interface {name} \{{\n(.*?)\n\}}", typed.declared(), re.DOTALL)
        assert body
        assert {row.split(":")[0].strip() for row in body[1].split("\n")} == set(value)


def test_a_type_without_a_rule_is_refused() -> None:
    with pytest.raises(KeyError):
        typed.typescript(complex)
