"""What the player fetches and what is derived from a tape, over the tape of a lesson that ships."""

from __future__ import annotations

import asyncio
import gzip
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from explainer.charts.panel import Slot, fill, mosaic, slot_value
from explainer.charts.subject import subject
from explainer.lenses.hidden_states.panels import path_panel, states_panel
from explainer.player.annotate import Annotator, metric_name
from explainer.player.assets import PLOTLY_ROUTE, called_at_once, plotly_path
from explainer.player.routes import routes
from explainer.runs.store import Run, Store
from explainer.runs.tape import VIEW, decode, decode_view, join_metrics
from explainer.runs.tape_file import load_tape

RUN = "lesson-hidden"
TAPE = Path(__file__).resolve().parents[1] / "tapes" / f"{RUN}.tape"


class Browser:
    """Asks an ASGI app, without a server."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def get(self, address: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://app") as client:
                return await client.get(address, **more)

        # In a thread of its own: a browser test in the same process may hold this thread's event loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, ask()).result()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    load_tape(store, TAPE)
    return store


@pytest.fixture(scope="module")
def annotator(store: Store) -> Annotator:
    return Annotator(store)


@pytest.fixture(scope="module")
def run(store: Store) -> Run:
    found = store.run(RUN)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def browser(store: Store, annotator: Annotator) -> Browser:
    return Browser(Starlette(routes=routes(store, annotator)))


def parts_of(body: bytes) -> list[bytes]:
    """The files of an answer, read by the rule in the module's docstring and nothing else."""
    parts, at = [], 0
    while at < len(body):
        (length,) = struct.unpack_from("<I", body, at)
        parts.append(body[at + 4 : at + 4 + length])
        at += 4 + length
    assert at == len(body)
    return parts


def header_of(body: bytes) -> dict[str, Any]:
    header = json.loads(decode(parts_of(body)[0])[1]["header"])
    assert isinstance(header, dict)
    return header


def whole_tape(browser: Browser, lenses: str = "hidden_states") -> list[tuple[dict[str, Any], list[bytes]]]:
    """All answers until there is no more."""
    answers, after, context = [], -1, ""
    while True:
        answer = browser.get(f"/api/tape/{RUN}", params={"lenses": lenses, "after": after, "context": context})
        assert answer.status_code == 200
        header = header_of(answer.content)
        answers.append((header, parts_of(answer.content)[1:]))
        after, context = header["after"], header.get("context", context)
        if not header["more"]:
            return answers


def test_the_answers_hold_every_view_and_metric_once(browser: Browser, store: Store) -> None:
    entries = [entry for header, _ in whole_tape(browser) for entry in header["chunks"]]
    assert sorted(entry["step"] for entry in entries if entry["kind"] == "view:hidden_states") == store.steps(
        RUN, "view:hidden_states"
    )
    assert len([entry for entry in entries if entry["kind"] == "metrics"]) == len(store.chunks(RUN, kinds=("metrics",)))


def test_a_view_comes_as_it_lies_in_the_store_with_its_notes_behind(browser: Browser, store: Store) -> None:
    header, parts = whole_tape(browser)[0]
    rest = parts[len(header["context_lenses"]) :]
    first_view = next(entry for entry in header["chunks"] if entry["kind"] == "view:hidden_states")
    at = sum(2 if entry.get("notes") else 1 for entry in header["chunks"][: header["chunks"].index(first_view)])
    stored = store.chunk_at(RUN, "view:hidden_states", first_view["step"])
    assert stored is not None
    assert rest[at] == stored.body
    assert "tick_places" in decode(rest[at + 1])[0]


def test_a_viewer_who_is_up_to_date_gets_only_the_header(browser: Browser) -> None:
    header = whole_tape(browser)[-1][0]
    known = whole_tape(browser)[0][0]["context"]
    again = browser.get(
        f"/api/tape/{RUN}", params={"lenses": "hidden_states", "after": header["after"], "context": known}
    )
    assert len(parts_of(again.content)) == 1


@pytest.mark.parametrize(
    "address",
    [
        "/api/tape/nobody?lenses=hidden_states",
        "/api/tape/%3Cscript%3E",
        "/api/tape/../../etc/passwd",
    ],
)
def test_a_run_that_is_not_there_is_a_404(browser: Browser, address: str) -> None:
    assert browser.get(address).status_code == 404


def test_an_address_of_nonsense_is_answered_with_what_makes_sense_of_it(browser: Browser) -> None:
    answer = browser.get(f"/api/tape/{RUN}?lenses=hidden_states,nonsense,__class__&after=abc&context=x")
    assert answer.status_code == 200
    assert header_of(answer.content)["context_lenses"] == ["hidden_states"]


def test_a_look_at_nothing_is_refused_with_a_sentence(browser: Browser) -> None:
    for run, query, status, said in (
        ("nobody", "lens=hidden_states&step=3", 404, "There is no run"),
        (RUN, "lens=nonsense&step=3", 422, "Unknown lens 'nonsense'"),
        (RUN, "lens=attention_cell&step=3", 422, "Unknown lens 'attention_cell'"),
    ):
        answer = browser.get(f"/api/look/{run}?{query}")
        assert answer.status_code == status
        assert said in answer.json()["error"]


def test_plotly_is_served_compressed_whole_and_for_good(browser: Browser) -> None:
    answer = browser.get(f"/{PLOTLY_ROUTE}", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == called_at_once(plotly_path().read_bytes())  # the client has decompressed it
    assert len(gzip.compress(answer.content, 6)) < 0.4 * len(answer.content)


def test_the_context_is_the_plane_of_all_states_on_the_tape(annotator: Annotator, store: Store, run: Run) -> None:
    states = np.concatenate(
        [
            decode_view("hidden_states", chunk.body).states[-1]
            for chunk in store.chunks(RUN, kinds=("view:hidden_states",))
        ]
    ).astype(np.float64)
    _, context = annotator.context(run, "hidden_states")
    covariance = np.cov(states.T)
    # The plane holds as much variance as the two largest eigenvalues allow (up to the thinning of samples).
    held = np.trace(context["basis"] @ covariance @ context["basis"].T)
    best = np.linalg.eigvalsh(covariance)[-2:].sum()
    assert held == pytest.approx(best, rel=0.01)
    places = (states - context["mean"]) @ context["basis"].T
    assert (places.min(0) >= context["range"][:, 0]).all()
    assert (places.max(0) <= context["range"][:, 1]).all()


def test_the_metrics_are_those_of_the_tape_joined(annotator: Annotator, store: Store, run: Run) -> None:
    joined = join_metrics(chunk.body for chunk in store.chunks(RUN, kinds=("metrics",)))
    metrics = annotator.metrics(run)
    assert metrics["step"].tolist() == list(range(1, run.config.steps + 1))
    np.testing.assert_array_equal(metrics["loss"], joined["loss"])
    np.testing.assert_array_equal(metrics["validation loss"], joined["metric:validation loss:value"])
    assert metric_name("loss") == "loss"


def test_a_reel_fills_the_panels_with_what_the_record_holds(annotator: Annotator, store: Store, run: Run) -> None:
    reel = annotator.reel(run, ["hidden_states"])
    step = store.steps(RUN, VIEW + "hidden_states")[7]
    chunk = store.chunk_at(RUN, VIEW + "hidden_states", step)
    assert chunk is not None
    record = decode_view("hidden_states", chunk.body)
    panel = states_panel(subject(run.config, run.meta), "light")
    figure = fill(panel, [reel], step)
    np.testing.assert_array_equal(np.array(figure["data"][0]["z"], np.float32), record.states[0].T)
    context = reel.contexts["hidden_states"]
    path = fill(path_panel(subject(run.config, run.meta), "light"), [reel], step)["data"][0]
    place = (record.states[-1][3].astype(np.float64) - context["mean"]) @ context["basis"].T
    assert (path["x"][3], path["y"][3]) == pytest.approx(tuple(place), abs=1e-5)


def test_a_moment_before_the_first_frame_shows_the_first_and_an_empty_tape_shows_the_base(
    annotator: Annotator, run: Run
) -> None:
    from explainer.charts.panel import Reel

    panel = states_panel(subject(run.config, run.meta), "light")
    assert fill(panel, [Reel({"hidden_states": []})], 5)["data"] == panel.figure["data"]
    assert slot_value(Slot("x", lens="hidden_states", name="states"), [Reel({})], 5, {}) is None


def test_a_mosaic_lays_the_maps_out_by_layer_and_head() -> None:
    maps = np.arange(2 * 3 * 5 * 5, dtype=np.float32).reshape(2, 3, 5, 5)
    table = mosaic(maps, gap=1)
    assert table.shape == (2 * 5 + 1, 3 * 5 + 2)
    np.testing.assert_array_equal(table[6:11, 12:17], maps[1, 2])
    assert np.isnan(table[5]).all()
