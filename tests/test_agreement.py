"""The player and Python fill every slot of every page and lens alike, to the last bit: node runs the player's own modules."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from explainer import player
from explainer.charts.panel import Kind, Panel, Reel, fill, slot_value
from explainer.charts.subject import subject
from explainer.lenses import LENSES, shown
from explainer.player import Track, backend
from explainer.player.assets import MODULES
from explainer.player.mount import Scan
from explainer.player.routes import routes
from explainer.player.track import names_of
from explainer.runs.looking import Looker
from explainer.runs.store import Store
from explainer.runs.tape import VIEW
from explainer.ui.places import PLACES
from tests.node import NODE

PROJECT = Path(__file__).resolve().parents[1]
FILL = PROJECT / "tests" / "modules" / "fill.js"
OFF_TAPE = {
    "beyond_the_length": "lesson-positions",
    "pattern": "lesson-text",
    "hidden_attention": "lesson-race-mingru",
}  # lenses that no lesson has recorded
RATES = [[40, 0.002], [200, 0.0005]]  # set by hand, on a tape of its own


@dataclass(frozen=True)
class Scene:
    """What one player shows: panels, tapes, what can be chosen, and what is asked of the networks."""

    name: str
    panels: Sequence[Panel]
    tracks: Sequence[Track] = ()
    choices: Mapping[str, int] | None = None
    places: Sequence[int] = ()
    typed: str = ""
    surgery: str = ""


@dataclass(frozen=True)
class Moment:
    step: int
    selection: Mapping[str, int]


@pytest.fixture
def base(lessons: Store) -> Iterator[str]:
    """The address of the routes over the lessons."""
    app = Starlette(routes=routes(lessons, backend.annotator()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, ws="none", lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


def shown_on(file: str, monkeypatch: pytest.MonkeyPatch) -> list[Scene]:
    """What the players of a page show; with an example in the box for an own input once more."""
    found: list[Scene] = []

    def play(panels: Sequence[Panel], tracks: Sequence[Track] = (), **more: Any) -> None:
        choices = {name: len(names_of(*choice)) for name, choice in (more.get("selections") or {}).items()}
        scan: Scan | None = more.get("scan")
        scene = Scene(f"{file} {more['key']}", panels, tracks, choices, scan.places if scan else ())
        found.append(scene)
        asked = {"typed": next(iter(more.get("ask") or ()), ""), "surgery": more.get("surgery", "")}
        if tracks and any(asked.values()):
            found.append(replace(scene, name=f"{scene.name}, asked", **asked))

    monkeypatch.setattr(player, "play", play)
    app = AppTest.from_file(str(PROJECT / "pages" / file), default_timeout=60).run()
    assert not app.exception
    return found


def recorded(store: Store) -> list[Scene]:
    """All figures of each lens over each tape that has seen it."""
    found = []
    for run in store.runs():
        about = subject(run.config, run.meta)
        for lens in shown():
            if store.steps(run.id, VIEW + lens):
                choices = dict.fromkeys(("layer", "head"), 2)
                found.append(
                    Scene(f"{run.id} {lens}", LENSES[lens].panels(about, "light"), [Track(run.id, (lens,))], choices)
                )
    return found


def moments_of(scene: Scene, reels: Sequence[Reel]) -> list[Moment]:
    """The first, a middle and the last moment, each with the first and with the last of what can be chosen."""
    pairs = zip(reels, scene.tracks, strict=True)
    times = list(scene.places) or sorted(
        {frame.step for reel, track in pairs for frame in reel.frames[track.lenses[0]]}
    )
    found = []
    for place in sorted({0, len(times) // 2, len(times) - 1} if times else {0}):
        step = times[place] if times else 0
        for last in (False, True):
            chosen = {name: count - 1 if last else 0 for name, count in (scene.choices or {}).items()}
            found.append(Moment(step, {**chosen, "place": place}))
    return found


def filled_in_python(scenes: Sequence[Scene], kinds: set[str]) -> tuple[list[dict[str, Any]], list[Any]]:
    """What node is to fill, and the figures by `fill`. An own array comes to a browser in 32 bits, so here it has as many."""
    asked, figures = [], []
    for scene in scenes:
        reels = backend.reels_of(scene.tracks)
        moments = moments_of(scene, reels)
        question = {"input": scene.typed, "surgery": scene.surgery, "step": moments[-1].step}
        asks = bool(scene.typed or scene.surgery)
        if asks:
            pairs = zip(reels, scene.tracks, strict=True)
            answered = [
                (reel, backend.answers_of(track, question["step"], scene.typed, scene.surgery)) for reel, track in pairs
            ]
            reels = [replace(reel, answers=answers) for reel, answers in answered]
        panels = [
            replace(panel, arrays={name: np.float32(array) for name, array in panel.arrays.items()})
            for panel in scene.panels
        ]
        for moment in moments:
            for panel in panels:
                figures.append(fill(panel, reels, moment.step, moment.selection))
                kinds |= {
                    slot.kind
                    for slot in panel.slots
                    if slot_value(slot, reels, moment.step, moment.selection, panel.arrays) not in (None, [])
                }
        asked.append(
            {
                "tracks": [
                    {"run": track.run, "lenses": track.lenses, "asked": question if asks else None}
                    for track in scene.tracks
                ],
                "panels": [panel.to_player() for panel in panels],
                "moments": [{"step": each.step, "selection": each.selection} for each in moments],
            }
        )
    return asked, figures


def filled_in_node(asked: Sequence[Mapping[str, Any]], base: str, folder: Path, modules: Path = MODULES) -> list[Any]:
    scenes, figures = folder / "scenes.json", folder / "figures.json"
    scenes.write_bytes(orjson.dumps(asked, option=orjson.OPT_SERIALIZE_NUMPY))
    command = [NODE, FILL, modules, base, scenes, figures]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    found = json.loads(figures.read_text())
    assert isinstance(found, list)
    return found


def difference(one: Any, other: Any, where: str = "") -> str:
    """Where two filled figures differ, first; "" where they don't. NaN is NaN, and 0.0 is not -0.0; a row may be a tuple."""
    if isinstance(one, np.generic | np.ndarray):
        one = one.tolist()
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return f"{where}: {sorted(one.keys() ^ other.keys())}"
        return next(filter(None, (difference(one[name], other[name], f"{where}.{name}") for name in one)), "")
    if isinstance(one, list | tuple) and isinstance(other, list):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} of them"
        pairs = enumerate(zip(one, other, strict=True))
        return next(filter(None, (difference(*pair, f"{where}.{at}") for at, pair in pairs)), "")
    if isinstance(one, float | int) and isinstance(other, float | int):
        alike = (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
        return "" if alike else f"{where}: {one!r} and {other!r}"
    return "" if one == other else f"{where}: {one!r} and {other!r}"


def differences(
    scenes: Sequence[Scene], asked: Sequence[Mapping[str, Any]], ours: list[Any], theirs: list[Any]
) -> list[str]:
    names = [
        f"{scene.name}, {panel.id} at {moment['step']}"
        for scene, question in zip(scenes, asked, strict=True)
        for moment in question["moments"]
        for panel in scene.panels
    ]
    pairs = zip(names, ours, theirs, strict=True)
    return [f"{name}{found}" for name, one, other in pairs if (found := difference(one, other))]


def test_node_fills_every_slot_of_every_page_and_lens_as_python_does(
    lessons: Store, looks_answered: None, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = Looker(lessons, lambda run: None)
    for lens, run in OFF_TAPE.items():
        assert list(looker.fill(run, lens, most=2))
    lessons.change("lesson-hidden", meta={"rates": RATES})
    scenes = [scene for place in PLACES for scene in shown_on(place.file, monkeypatch)] + recorded(lessons)
    kinds: set[str] = set()
    asked, ours = filled_in_python(scenes, kinds)
    found = differences(scenes, asked, ours, filled_in_node(asked, base, tmp_path))
    assert not found, f"{len(found)} of {len(ours)} figures differ\n" + "\n".join(found[:20])
    assert kinds == set(get_args(Kind))
    lenses = {lens for scene in scenes for track in scene.tracks for lens in track.lenses}
    assert lenses == set(shown())


@pytest.mark.parametrize(
    ("module", "right", "wrong"),
    [
        ("slots.js", "Math.min(index, shape[0] - 1)", "Math.min(index + 1, shape[0] - 1)"),
        ("slots.js", "if (value !== undefined) put", "if (value !== undefined && slot.kind !== 'labels') put"),
        ("tape.js", "frame.step <= step", "frame.step < step"),
        ("wire.js", "Math.fround(", "("),
    ],
)
def test_a_module_that_is_wrong_is_found(
    lessons: Store, base: str, tmp_path: Path, module: str, right: str, wrong: str
) -> None:
    scenes = [
        scene for scene in recorded(lessons) if scene.name in ("lesson-hidden hidden", "lesson-attention attention")
    ]
    asked, ours = filled_in_python(scenes, set())
    assert not differences(scenes, asked, ours, filled_in_node(asked, base, tmp_path))
    modules = shutil.copytree(MODULES, tmp_path / "modules")
    text = (modules / module).read_text()
    assert right in text
    (modules / module).write_text(text.replace(right, wrong))
    assert differences(scenes, asked, ours, filled_in_node(asked, base, tmp_path, modules))
