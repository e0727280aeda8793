"""A learning rate set in the middle of a run: on the tape, in words, as marks on charts, and again to the last bit."""

from __future__ import annotations

import html
import json
import math
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import orjson
import pytest

import explainer.headless.train as train_module
from explainer.__main__ import main
from explainer.charts.compare import compare_panel
from explainer.charts.curves import loss_panel, loss_reading
from explainer.charts.panel import Moment, Panel, fill
from explainer.charts.rates import rates_words
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.headless.export import commands
from explainer.headless.view import View
from explainer.player.annotate import Annotator
from explainer.player.answers import tape_answer
from explainer.runs.active import ActiveRun
from explainer.runs.again import command, training_words
from explainer.runs.client import Client
from explainer.runs.rates import check_rates, rates_from_text
from explainer.runs.store import Run, Store
from explainer.runs.tape import decode, join_metrics
from explainer.runs.tape_file import check_meta
from explainer.runs.views import Pace
from explainer.training import Trainer
from explainer.ui.run_table import rows, settings
from explainer.ui.tabs import repeats, script
from explainer.words import literal

CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=13, lr=0.003)
COSINE = CONFIG.but(model="lstm", optimizer="sgd", schedule="cosine", warmup=3, dropout=0.3, layers=2)
SET = ((5, 0.02), (11, 0.0007))


def trained_by_hand(store: Store, config: RunConfig = CONFIG) -> Run:
    """A run whose learning rate a person sets at the steps of `SET`, the first one twice."""
    run = Client(store).submit(config, "me", ["hidden_states"])
    active = ActiveRun(store, found(store, run), Pace())
    active.begin()
    while not active.ended:
        if active.trainer.step == 5:
            active.set_lr(1.0)
        if active.trainer.step in dict(SET):
            active.set_lr(dict(SET)[active.trainer.step])
        active.advance()
    store.change(run, altered=True)
    return found(store, run)


def found(store: Store, run: str) -> Run:
    row = store.run(run)
    assert row is not None
    return row


def losses(store: Store, run: str) -> np.ndarray:
    return join_metrics(chunk.body for chunk in store.chunks(run, kinds=("metrics",)))["loss"]


def weights(store: Store, run: str) -> dict[str, bytes]:
    chunk = store.chunk_at(run, "weights", found(store, run).step)
    assert chunk is not None
    return {name: array.tobytes() for name, array in decode(chunk.body)[0].items()}


def printed(do: Callable[[], object]) -> list[str]:
    """The words that something prints."""
    with redirect_stdout(StringIO()) as out:
        do()
    return out.getvalue().split("\n")[:-1]


@pytest.mark.parametrize("config", [CONFIG, COSINE], ids=["adamw", "sgd, cosine, dropout"])
def test_the_command_line_repeats_a_run_that_was_altered_by_hand_to_the_last_bit(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: RunConfig
) -> None:
    monkeypatch.setattr(train_module, "set_threads", lambda: 1)
    run = trained_by_hand(store, config)
    assert run.rates == SET
    line = command(training_words(run))
    assert line.endswith("--lr-at 5=0.02 11=0.0007")
    words = [*shlex.split(line)[3:], "--store", str(tmp_path / "there")]
    said = orjson.loads(printed(lambda: main(words))[-1])
    there = Store(tmp_path / "there")
    assert weights(there, said["run"]) == weights(store, run.id)
    assert np.array_equal(losses(there, said["run"]), losses(store, run.id))
    assert (found(there, said["run"]).rates, found(there, said["run"]).altered) == (SET, True)
    there.close()
    plain = Trainer(config)
    unaltered = [plain.advance().loss for _ in range(config.steps)]
    assert np.array_equal(np.float32(unaltered[:6]), losses(store, run.id)[:6]), "the sixth update is the first at 0.02"
    assert not np.array_equal(np.float32(unaltered), losses(store, run.id))


def test_the_script_of_the_code_tab_repeats_it_too(store: Store) -> None:
    run = trained_by_hand(store)
    text = script(run)
    assert "train(config, rates={5: 0.02, 11: 0.0007})" in text
    lines = printed(lambda: exec(text, {}))
    assert np.array_equal(np.float32([line.split()[1] for line in lines]), losses(store, run.id))
    assert "last bit" in repeats(run)
    assert "without the changes" in repeats(replace(run, meta={**run.meta, "rates": []})), "a run of an older store"


def test_the_same_rates_again_are_the_same_run_and_others_are_not(store: Store) -> None:
    client = Client(store)
    plain = client.submit(CONFIG, "me")
    asked = client.submit(CONFIG, "me", rates=SET)
    assert asked == f"{plain}-2"
    assert client.submit(CONFIG, "me", rates=SET) == asked
    assert client.submit(CONFIG, "me") == plain
    assert client.submit(CONFIG, "me", rates=SET[:1]) == f"{plain}-3"
    assert client.submit(CONFIG, "you", rates=SET) == f"{plain}-4", "it has not ended, so its rate may be set again"
    store.set_status(asked, "running")
    store.set_status(asked, "done")
    assert client.submit(CONFIG, "they", rates=SET) == asked


def test_a_run_that_was_asked_for_with_rates_goes_on_with_them_after_a_checkpoint(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    whole = weights(other, trained_by_hand(other).id)
    other.close()
    run = Client(store).submit(CONFIG, "me", rates=SET)
    first = ActiveRun(store, found(store, run), Pace())
    first.begin()
    for _ in range(7):
        first.advance()
    first.recorder.checkpoint()
    second = ActiveRun(store, found(store, run), Pace())
    while not second.ended:
        second.advance()
    assert weights(store, run) == whole
    assert found(store, run).rates == SET


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("120", "no change of the learning rate"), ("a=0.1", "no change"), ("-1=0.1", "no change"), ("5=", "no change"),
        ("5=nan", "finite"), ("5=-1", "out of range"), ("13=0.1", "can't change after step 13"),
    ],
)  # fmt: skip
def test_what_is_no_change_of_the_rate_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_rates(rates_from_text([text]), CONFIG)


def test_a_step_is_set_once() -> None:
    with pytest.raises(ValueError, match="step 5 twice"):
        rates_from_text(["5=0.1", "5=0.2"])


# -- told -------------------------------------------------------------------------------------


def test_its_description_has_every_rate_with_its_step(store: Store) -> None:
    run = trained_by_hand(store)
    said = "learning rate 0.02 after step 5 and 0.0007 after step 11"
    assert rates_words(run.rates) == said
    assert literal(said) in rows([run])[0]["Run"]
    other = Client(store).submit(CONFIG, "you")
    table = settings([run, found(store, other)], ["altered", "as asked"], only_different=True)
    assert [list(row.values()) for row in table] == [
        ["Learning rate", literal("0.003; 0.02 after step 5; 0.0007 after step 11"), literal("0.003")]
    ]
    moment = Moment({**subject(CONFIG, run.meta)}, 11, Annotator(store).metrics(run))
    assert "Set by hand: learning rate 0.02 after step 5." in loss_reading(moment)
    assert "Set by hand" not in loss_reading(replace(moment, step=5))


def test_an_exported_file_has_them_in_its_command(store: Store) -> None:
    run = trained_by_hand(store)
    view = View(run=run, step=13, lens="hidden_states", record=None, given="")
    assert "--lr-at 5=0.02 11=0.0007" in html.unescape(commands(view))


# -- marks ------------------------------------------------------------------------------------


def marks(panel: Panel, figure: dict[str, object]) -> list[dict[str, object]]:
    return [trace for trace in figure["data"] if trace.get("yaxis") == "y2"]  # type: ignore[attr-defined]


def test_a_chart_of_the_loss_has_an_upright_line_at_each_with_its_rate(store: Store) -> None:
    run = trained_by_hand(store)
    about = subject(CONFIG, run.meta)
    panel = loss_panel([about], "light", "hidden_states")
    (mark,) = marks(panel, fill(panel, [Annotator(store).reel(run, ["hidden_states"])], 13))
    assert mark["x"] == [5, 5, 5, None, 11, 11, 11, None]
    assert [mark["y"][0], mark["y"][2]] == [0, 1]  # type: ignore[index]
    assert [text.strip("\u00a0") for text in mark["text"] if text] == ["lr 0.02", "lr 0.0007"]  # type: ignore[attr-defined]
    assert mark["textposition"][0] != mark["textposition"][-1], "where there is room"  # type: ignore[index]
    still = compare_panel([about], [Annotator(store).metrics(run)], "light")
    (fixed,) = marks(still, still.figure)
    assert fixed == mark | {"textfont": fixed["textfont"]}
    assert not still.figure["layout"]["showlegend"], "a mark is no run"


def test_the_player_gets_them_with_the_tape(store: Store) -> None:
    run = trained_by_hand(store)
    answer = tape_answer(store, Annotator(store), run, ("hidden_states",), -1, "", lambda write: write())
    assert isinstance(answer.files[1], bytes)
    assert orjson.loads(decode(answer.files[1])[1]["header"])["rates"] == [[5, "0.02"], [11, "0.0007"]]


# -- older stores, and files ------------------------------------------------------------------


def test_a_store_of_before_gets_them_from_the_events_on_its_tapes(store: Store) -> None:
    run, folder = trained_by_hand(store), store.folder
    other = Client(store).submit(CONFIG.but(seed=7), "me")
    store.close()
    meta = {name: value for name, value in run.meta.items() if name != "rates"} | {
        "lowest": {"step": 3, "value": 0.5, "error": math.nan}
    }
    with closing(sqlite3.connect(folder / "runs.sqlite3")) as db, db:
        db.execute("UPDATE runs SET meta = ? WHERE id = ?", (json.dumps(meta), run.id))
        db.execute("DELETE FROM migrations WHERE name = 'learning rates set by hand'")
    again = Store(folder)
    assert found(again, run.id).rates == SET
    assert found(again, run.id).meta["metric"] == run.meta["metric"]
    assert "rates" not in found(again, other).meta
    again.close()


@pytest.mark.parametrize("rates", [{"5": 0.1}, [5], [[5, "0.1"]], [[5, 0.1, 2]], [[True, 0.1]]])
def test_a_forged_tape_with_rates_that_are_none_is_refused(rates: object) -> None:
    with pytest.raises(ValueError, match="rate"):
        check_meta({"rates": rates})
    check_meta({"rates": [[5, 0.1], [7, 1]]})
