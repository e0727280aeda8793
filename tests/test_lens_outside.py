"""A lens is its folder and a line: one from outside the package is recorded, drawn, sent and asked for like any other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from explainer.config import RunConfig
from explainer.headless.look import look_at
from explainer.lenses import LENSES, Lens, shown
from explainer.lenses.costs import look_bytes, look_seconds
from explainer.player.annotate import Annotator
from explainer.runs.client import Client
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode_view
from explainer.runs.workshop import Workshop
from tests.turns import the_run, work

CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=11)
FOLDER = {
    "__init__": "",
    "record": """
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from jaxtyping import Float

@dataclass(frozen=True, eq=False)
class Largest:
    weights: Float[np.ndarray, " P"]
""",
    "look": """
import numpy as np
from outside.record import Largest

def look(model, batch, task):
    return Largest(np.array([float(weight.detach().abs().max()) for weight in model.parameters()], np.float32))
""",
    "notes": """
from explainer.charts.panel import Notes

def notes(record, moment):
    return Notes(readings={"largest": f"The largest weight is {record.weights.max():.3f}."})
""",
    "panels": """
from explainer.charts.panel import Panel, Reading, Slot

def panels(run, theme):
    slots = (Slot("data.0.y", lens="outside", name="weights"),)
    return [Panel(id="largest", title="Largest", figure={"data": [{"type": "bar"}], "layout": {}}, slots=slots, readings=(Reading("outside", "largest"),))]
""",
}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lens]:
    """The lens, registered."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name, text in FOLDER.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    lens = Lens(
        "outside", import_module("outside.record").Largest, suits=lambda config: config.layers > 0, peak=lambda z: 1000,
        view=lambda z: 4 * z.L, work=lambda z: {"steps": float(z.T)}, prices={"look": 0.25, "steps": 0.5},
        package="outside",
    )  # fmt: skip
    monkeypatch.setitem(LENSES, "outside", lens)
    yield lens
    for name in [name for name in sys.modules if name.partition(".")[0] == "outside"]:
        del sys.modules[name]


def test_a_lens_from_outside_is_recorded_told_and_drawn(
    outside: Lens, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "outside" in shown()
    assert (outside.answer, outside.operate, outside.context, outside.history) == (None,) * 4
    store = Store(tmp_path / "store")
    run = Client(store).submit(CONFIG, "me", ["outside"])
    work(Workshop(store), lambda: the_run(store, run).finished and not store.commands())
    assert store.steps(run, VIEW + "outside") == store.steps(run, "weights")
    last = max(store.chunks(run, kinds=(VIEW + "outside",)), key=lambda chunk: chunk.step)
    record = decode_view("outside", last.body)
    assert type(record) is outside.record
    assert np.isfinite(record.weights).all()
    (*_, frame) = Annotator(store).reel(the_run(store, run), ["outside"]).frames["outside"]
    sentence = f"The largest weight is {record.weights.max():.3f}."
    assert frame.readings == {"largest": sentence}
    store.close()
    page = tmp_path / "page.html"
    assert look_at(run, "outside", folder=tmp_path / "store") == 0
    assert sentence in capsys.readouterr().out
    assert look_at(run, "outside", html=page, folder=tmp_path / "store") == 0
    assert sentence in page.read_text()


def test_what_it_takes_is_known(outside: Lens) -> None:
    assert look_seconds(CONFIG, "outside", 2, 1) == 0.25 + 0.5 * CONFIG.length
    peak, view = look_bytes(CONFIG, "outside", 2, 1)
    assert peak > 1000
    assert view > 4 * CONFIG.layers
