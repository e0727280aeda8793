"""What older versions wrote opens in this one: the same runs under the same ids, with the same numbers."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explainer import upgrade
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.runs.client import Client
from explainer.runs.database import FILE
from explainer.runs.store import Store
from explainer.runs.sweep_file import load_outcomes
from explainer.runs.tape import VIEW, decode_view
from explainer.runs.tape_file import load_tape
from explainer.runs.viewer import Viewer
from explainer.runs.workshop import Workshop
from explainer.ui.places import todays
from tests.keep import (
    ADDRESSES,
    CONFIGS,
    CONFIGURATION,
    EXPECTED,
    KEPT,
    ME,
    STORE,
    SWEEP,
    TAPE,
    meant,
    parted,
    told,
)
from tests.turns import the_run, work

VERSIONS = sorted(path.name for path in KEPT.iterdir())


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The files of a version; its store is where the interface looks for one."""
    folder = KEPT / str(request.param)
    (tmp_path / FILE).write_bytes(lzma.decompress((folder / STORE).read_bytes()))
    return folder


@pytest.fixture
def kept(version: Path, own_store: Store) -> Iterator[Store]:
    """The interface over a store of an older version."""
    return own_store


def expected(version: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((version / EXPECTED).read_text())
    return found


def test_every_configuration_has_its_id(version: Path) -> None:
    for line in (version / "configurations.jsonl").read_text().splitlines():
        number, values = json.loads(line)
        config = RunConfig.from_json(json.dumps(values))
        assert config.run_id() == number
        assert RunConfig.from_json(config.to_json()).run_id() == number
        assert RunConfig.from_query(config.to_query()).run_id() == number


def kind_of(kind: str) -> str:
    """The kind of a view by its lens's name of today."""
    return VIEW + upgrade.lens_of(kind.removeprefix(VIEW))


def test_every_run_is_there_with_its_id_and_its_numbers(version: Path, kept: Store) -> None:
    wanted = expected(version)
    assert {run.id for run in kept.runs()} == set(wanted)
    for run, was in wanted.items():
        found = the_run(kept, run)
        assert not found.unreadable, found.message
        assert found.config.run_id(found.data) == run
        now = json.loads(json.dumps(told(kept, run)))
        views, had = now.pop("views"), {kind_of(kind): fields for kind, fields in was.pop("views").items()}
        assert now == {name: value for name, value in was.items() if name != "name"}
        assert views.keys() == had.keys()
        for kind, fields in had.items():
            assert fields.items() <= views[kind].items(), (run, kind)


def test_what_hangs_on_the_runs_is_there(version: Path, kept: Store) -> None:
    named = {was["name"]: run for run, was in expected(version).items()}
    (sweep,) = [kept.sweep(number) for (number,) in kept.read("SELECT id FROM sweeps")]
    assert sweep is not None
    assert sweep.sweep.sweep_id() == sweep.id
    assert [config.run_id() for config in sweep.sweep.configs] == list(sweep.runs)
    assert {lens for (lens,) in kept.read("SELECT lens FROM looks")} == {"hidden_states", "surgery"}
    assert {lens for run in kept.runs() for lens in run.lenses} <= LENSES.keys()
    for number, lens in kept.read("SELECT id, lens FROM looks"):
        decode_view(lens, kept.look_part(number, 0, kept.look_state(number)[2]))  # type: ignore[index]
    (key,) = kept.keys_of(named["on own text"])
    assert kept.seen([named["on own text"]], Viewer("", (key,)))
    assert Client(kept).text(the_run(kept, named["on own text"]).data, ME)


def test_a_run_that_was_held_goes_on_to_its_end(version: Path, kept: Store) -> None:
    named = {was["name"]: run for run, was in expected(version).items()}
    Client(kept).resume(named["paused"], ME)
    work(Workshop(kept), lambda: the_run(kept, named["paused"]).finished)
    run = the_run(kept, named["paused"])
    assert (run.status, run.step) == ("done", 12)
    again = Client(kept).submit(CONFIGS["rnn"], ME)
    assert again == named["rnn"], "asked for again it is the one that is recorded"


def test_a_tape_a_sweep_and_a_configuration_in_files(version: Path, tmp_path: Path) -> None:
    fresh = Store(tmp_path / "fresh")
    was = next(was for was in expected(version).values() if was["name"] == "flip-flop")
    lesson = load_tape(fresh, version / TAPE)
    assert json.loads(json.dumps(told(fresh, lesson)))["loss"] == was["loss"]
    for chunk in fresh.chunks(lesson):
        if chunk.kind.startswith(VIEW):
            decode_view(chunk.kind.removeprefix(VIEW), chunk.body)
    fresh.close()
    sweep, outcomes = load_outcomes(version / SWEEP)
    assert [outcome.config for outcome in outcomes] == list(sweep.configs)
    assert all(outcome.done and outcome.first and outcome.last for outcome in outcomes)
    config = RunConfig.from_json((version / CONFIGURATION).read_text())
    assert config.run_id() == CONFIGS["lstm"].run_id()


def test_an_address_asks_for_what_it_asked_for(version: Path, kept: Store) -> None:
    for address, run in json.loads((version / ADDRESSES).read_text()).items():
        path, query = parted(address)
        found = meant(path, todays(query, path)) if run else ""
        assert found == run, address
