"""Lenses and pages by the names that they had: in stores, questions and commands."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from explainer import upgrade
from explainer.headless.look import look_at
from explainer.lenses import LENSES
from explainer.runs.migrations import MIGRATIONS, migrate
from explainer.runs.store import Store
from explainer.ui.places import PLACES
from tests.test_routes import app_over, get

RUN = "lesson-hidden"


def test_what_has_a_former_name_is_there_and_what_had_it_is_not() -> None:
    paths = {place.path for place in PLACES}
    assert set(upgrade.LENSES.values()) <= LENSES.keys()
    assert set(upgrade.PAGES.values()) <= paths
    assert not upgrade.LENSES.keys() & LENSES.keys()
    assert not upgrade.PAGES.keys() & paths
    assert all(upgrade.lens_of(lens) == lens for lens in LENSES)


def test_a_store_of_before_has_the_lenses_by_their_names_of_today(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "old", isolation_level=None)
    before = [name for name, _ in MIGRATIONS].index("lenses have the names of their pages")
    migrate(db, MIGRATIONS[:before])
    run = "'r', '{}', '', 'done', 1, 0, 0, 'me', '', 0, 0, 0, '', '{}', 0, '[\"hidden\", \"gates\", \"biography\"]', ''"
    db.execute(f"INSERT INTO runs VALUES ({run})")
    for seq, kind in enumerate(("view:hidden", "view:gates", "view:beyond", "weights")):
        db.execute("INSERT INTO chunks VALUES ('r', ?, ?, 1, ?)", (seq, kind, b""))
    db.execute("INSERT INTO watching VALUES ('r', 'hidden', 9.0)")
    db.execute(
        "INSERT INTO commands (run, kind, value, created) VALUES ('r', 'fill', 'biography', 0), ('r', 'lr', 'cell', 0)"
    )
    db.execute(
        "INSERT INTO looks (run, step, lens, input, surgery, status, error, created) VALUES ('r', 1, 'cell', 'a', '', 'done', '', 0)"
    )
    migrate(db)
    assert [kind for (kind,) in db.execute("SELECT kind FROM chunks ORDER BY seq")] == [
        "view:hidden_states", "view:gates", "view:beyond_the_length", "weights",
    ]  # fmt: skip
    assert db.execute("SELECT lenses FROM runs").fetchone() == ('["hidden_states", "gates", "heads"]',)
    assert db.execute("SELECT lens FROM watching").fetchall() == [("hidden_states",)]
    assert db.execute("SELECT value FROM commands ORDER BY id").fetchall() == [("heads",), ("cell",)]
    assert db.execute("SELECT lens FROM looks").fetchall() == [("attention_cell",)]
    db.close()


def test_a_tape_and_a_look_are_answered_by_either_name(lessons: Store) -> None:
    app = app_over(lessons)
    for path, name in (("tape", "lenses"), ("look", "lens")):
        former, now = (
            get(app, f"/api/{path}/{RUN}", **{name: lens, "step": "0"}) for lens in ("hidden", "hidden_states")
        )
        assert former.status_code == now.status_code == 200
        assert sorted(former.content) == sorted(now.content)  # texts of a chunk stand in no order
    assert b"view:hidden_states" in get(app, f"/api/tape/{RUN}", lenses="hidden").content


def test_a_command_takes_either_name(lessons: Store, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for lens in ("biography", "heads"):
        assert look_at("lesson-attention", lens, folder=lessons.folder) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""
