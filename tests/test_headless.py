"""`python -m explainer`: train, look, tapes; and what the README promises."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import explainer.headless.tapes as tapes_module
import explainer.headless.train as train_module
from explainer.__main__ import main, make_parser
from explainer.config import KNOBS, RunConfig
from explainer.lenses import LENSES, shown
from explainer.lessons import LESSONS, Lesson
from explainer.limits import Limits
from explainer.records import to_arrays
from explainer.runs.claim import Claim
from explainer.runs.recorder import FINAL_BATCHES
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode, decode_view, join_metrics
from explainer.runs.tape_file import SHIPPED, load_shipped, load_tape, save_tape
from explainer.runs.views import view_batch
from explainer.training import Trainer, train

PROJECT = Path(__file__).resolve().parents[1]
PATIENCE = 120.0

Ask = Callable[..., tuple[int, str, str]]

GRU = ["--model", "gru", "--set", "width=7", "length=11", "batch=5", "steps=23"]
TRANSFORMER = ["--task", "repeat", "--model", "transformer", "--set", "symbols=5", "length=13", "width=14"]
TRANSFORMER += ["heads=2", "layers=2", "batch=3", "steps=11"]
SUITED = [
    (model, lens)
    for model in ("gru", "transformer")
    for lens in LENSES
    if LENSES[lens].suits(RunConfig(task="adding" if model == "gru" else "repeat", model=model))
]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_module, "set_threads", lambda: 1)


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command on a store of its own: (exit status, stdout, stderr)."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([*words, *(["--store", str(tmp_path / "store")] if words[0] != "tapes" else [])])
        except SystemExit as leaving:
            status = int(leaving.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


def last_line(out: str) -> dict[str, Any]:
    return dict(strict_json(out.strip().splitlines()[-1]))


def strict_json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


# -- the command line -------------------------------------------------------------------------


def test_a_bare_call_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("train", "look", "tapes", "examples:"))


@pytest.mark.parametrize("words", [[], ["--help"], ["train", "--help"], ["train", "--task", "nothing"]])
def test_help_and_refusals_need_no_torch(words: list[str]) -> None:
    code = (
        "import sys\nfrom explainer.__main__ import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True).returncode == 0


def test_the_help_of_train_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["train", "--help"])
    assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {name} ", out, re.MULTILINE) for name in KNOBS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "invalid choice: 'trian'"),
        (["train", "--task", "nothing"], "task = 'nothing' is not known"),
        (["train", "--model", "hyena"], "model = 'hyena' is not known"),
        (["train", "--seed", "x"], "seed = 'x' must be a whole number"),
        (["train", "--set", "steps"], "'steps' is not a setting"),
        (["train", "--set", "steps=0"], "steps = 0 is out of range"),
        (["train", "--set", "lr=nan"], "lr = nan must be a finite number"),
        (["train", "--set", "color=red"], "Unknown field 'color'"),
        (["train", "--seed", "1", "--set", "seed=2"], "'seed' is set twice"),
        (["train", "--model", "transformer", "--set", "heads=3"], "heads = 3 does not divide"),
        (["train", "--set", "steps=900000"], "steps = 900,000 is more than"),
        (["train", "--text", "/no/such/file"], "/no/such/file can't be read"),
        (["train", "--text", "/tmp", "--task", "adding"], "--text is for the task text"),
        (["train", "--column", "a"], "Give the file with --csv"),
        (["train", "--text", "a", "--csv", "b"], "not allowed with"),
        (["look", "nope", "--lens", "hidden_states"], "There is no run 'nope'"),
        (["look", "nope", "--lens", "eyes"], "lens = 'eyes' is not known"),
        (["look", "nope"], "required: --lens"),
        (["look", "nope", "--lens", "hidden_states", "--step", "x"], "invalid int value: 'x'"),
        (["tapes", "lesson-none"], "'lesson-none' is no lesson"),
    ],
)
def test_a_refusal_is_one_sentence_on_stderr(ask: Ask, words: list[str], said: str) -> None:
    status, out, err = ask(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_files_that_cannot_be_learnt_from_are_refused(ask: Ask, tmp_path: Path) -> None:
    short, binary, words = tmp_path / "short.txt", tmp_path / "binary.txt", tmp_path / "words.csv"
    short.write_text("too short")
    binary.write_bytes(b"\xff\xfe\xfa" * 100)
    words.write_text("name\n" + "one\n" * 40)
    for option, file, said in (
        ("--text", short, "9 characters"),
        ("--text", binary, "what follows is not text"),
        ("--text", tmp_path, "can't be read"),
        ("--csv", words, "columns holds numbers"),
    ):
        status, out, err = ask("train", option, str(file))
        assert (status, out) == (2, "")
        assert said in err


# -- train ------------------------------------------------------------------------------------


def test_a_run_is_recorded_as_a_full_tape(ask: Ask, store: Store) -> None:
    status, out, err = ask("train", "--task", "adding", *GRU, "--seed", "3")
    answer = last_line(out)
    config = RunConfig(task="adding", model="gru", width=7, length=11, batch=5, steps=23, seed=3)
    assert (status, err) == (0, "")
    assert (answer["run"], answer["status"], answer["step"]) == (config.run_id(), "done", 23)

    rows = join_metrics(chunk.body for chunk in store.chunks(answer["run"], kinds=("metrics",)))
    np.testing.assert_array_equal(rows["step"], np.arange(1, 24))
    plain = [step.loss for step in train(config)]
    np.testing.assert_array_equal(rows["loss"], np.float32(plain))

    trainer = Trainer(config)
    while trainer.step < config.steps:
        trainer.advance()
    expected = {**trainer.evaluate(FINAL_BATCHES), "loss": plain[-1]}
    assert answer["final"] == pytest.approx(expected, rel=1e-6)
    last = decode(store.chunk_at(answer["run"], "weights", 23).body)[0]  # type: ignore[union-attr]
    for name, array in trainer.weights().items():
        np.testing.assert_array_equal(last[name], array)
    for lens in ("hidden_states", "gradients"):
        assert {0, 23} <= set(store.steps(answer["run"], VIEW + lens))
    assert not store.steps(answer["run"], VIEW + "attention")  # a GRU has none


def test_progress_is_plain_lines_where_there_is_no_terminal(ask: Ask) -> None:
    _, out, _ = ask("train", *GRU)
    lines = out.splitlines()
    assert lines[0].startswith("step 1 of 23: loss ")
    assert lines[-2].startswith("step 23 of 23: loss ")
    assert "\r" not in out
    assert len(lines) < 25


def test_progress_is_a_bar_on_a_terminal(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    _, out, _ = ask("train", *GRU)
    assert "\r[" in out
    assert f"[{'#' * 30}] 23/23" in out
    assert last_line(out)["status"] == "done"


def test_the_same_run_again_answers_from_its_tape(ask: Ask, store: Store) -> None:
    first = last_line(ask("train", *GRU)[1])
    chunks = len(store.chunks(first["run"]))
    status, out, _ = ask("train", *GRU)
    assert status == 0
    assert out.splitlines()[0] == f"Run {first['run']} is recorded already."
    assert last_line(out) == first
    assert len(store.chunks(first["run"])) == chunks


def test_a_text_of_ones_own_is_learnt(ask: Ask, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes(b"\xef\xbb\xbf" + b"the cat sat on the mat\r\n" * 40)
    status, out, _ = ask("train", "--text", str(file), *GRU)
    run = store.run(last_line(out)["run"])
    assert status == 0
    assert run is not None
    assert run.config.task == "text"
    assert store.text(run.config.data) == "the cat sat on the mat\n" * 40
    (key,) = store.keys_of(run.id)
    assert f"runs?run={run.id}&key={key}" in out, "in the app nobody owns it"
    assert run.meta["inputs"] == len(set("the cat sat on the mat\n"))


def test_a_column_of_ones_own_is_forecast(ask: Ask, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("day;sea;land\n" + "".join(f"{k};{k % 7},5;{k % 5}\n" for k in range(90)))
    status, out, _ = ask("train", "--csv", str(file), "--column", "land", *GRU)
    run = store.run(last_line(out)["run"])
    assert status == 0
    assert run is not None
    assert run.config.task == "forecast"
    assert json.loads(store.text(run.config.data) or "")["values"][:6] == [0, 1, 2, 3, 4, 0]


def test_a_run_that_diverges_says_so_and_keeps_its_tape(ask: Ask, store: Store) -> None:
    words = ["--task", "adding", "--set", "optimizer=sgd", "lr=10", "clip=0", "length=11", "width=7", "steps=90"]
    status, out, err = ask("train", *words)
    answer = last_line(out)  # strict: what is not finite is null
    assert (status, answer["status"]) == (1, "diverged")
    assert err == answer["message"] + "\n"
    assert answer["message"].startswith(f"diverged at step {answer['step'] + 1}: ")
    rows = join_metrics(chunk.body for chunk in store.chunks(answer["run"], kinds=("metrics",)))
    assert rows["step"][-1] == answer["step"]


def test_ctrl_c_stops_a_run_and_the_same_command_goes_on(ask: Ask, store: Store) -> None:
    config = RunConfig(task="adding", width=7, length=11, batch=5, steps=400)
    words = ["train", "--set", "width=7", "length=11", "batch=5", "steps=400"]
    with subprocess.Popen(
        [sys.executable, "-m", "explainer", *words, "--store", str(store.folder)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("step 1 of 400")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    answer = last_line(out)
    assert (process.returncode, answer["status"]) == (130, "stopped")
    assert 0 < answer["step"] < 400
    assert err == f"stopped at step {answer['step']}\n"
    assert store.steps(answer["run"], "weights")[-1] == answer["step"]
    assert set(answer["final"]) >= {"loss", "validation loss"}

    status, out, _ = ask(*words)
    assert (status, last_line(out)["run"]) == (0, answer["run"])
    rows = join_metrics(chunk.body for chunk in store.chunks(answer["run"], kinds=("metrics",)))
    np.testing.assert_array_equal(rows["step"], np.arange(1, 401))
    np.testing.assert_array_equal(rows["loss"], np.float32([step.loss for step in train(config)]))


@pytest.fixture
def worker(store: Store) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker on the store, ready to train."""
    options = ["--store", str(store.folder), "--parent", str(os.getpid())]
    with subprocess.Popen([sys.executable, "-m", "explainer.runs.worker", *options], cwd=PROJECT) as process:
        assert store.wait_until(lambda: bool(store.worker_state().device), PATIENCE)
        yield process
        process.terminate()


def test_while_a_worker_has_the_store_it_trains_the_run(
    ask: Ask, store: Store, worker: subprocess.Popen[bytes]
) -> None:
    status, out, _ = ask("train", *TRANSFORMER)
    answer = last_line(out)
    assert "Another process trains for this store" in out.splitlines()[0]
    assert (status, answer["status"], answer["step"]) == (0, "done", 11)
    assert store.steps(answer["run"], VIEW + "attention")

    def interrupt() -> None:
        store.wait_until(lambda: any(run.step > 0 for run in store.runs("running")), PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=interrupt)
    presser.start()
    status, out, _ = ask("train", "--set", "steps=20000", "width=7", "length=11")
    presser.join()
    assert (status, last_line(out)["status"]) == (130, "stopped")
    assert store.steps(last_line(out)["run"], "weights")[-1] == last_line(out)["step"]


def test_a_run_that_waits_for_another_process_begins_when_that_one_is_gone(
    ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Claim(store.folder)
    assert other.take()
    monkeypatch.setattr(train_module.Progress, "say", lambda self, sentence: other.drop())
    status, out, _ = ask("train", *GRU)
    assert (status, last_line(out)["status"]) == (0, "done")


# -- look -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A store with a GRU and a Transformer."""
    folder = tmp_path_factory.mktemp("recorded")
    store = Store(folder)
    found: dict[str, Any] = {"folder": folder, "store": store}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "set_threads", lambda: 1)
        for name, words in (("gru", GRU), ("transformer", TRANSFORMER)):
            assert main(["train", *words, "--store", str(folder)]) == 0
            (found[name],) = [run for run in store.runs() if run.config.model == name]
    return found


@pytest.fixture
def look(recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(model: str, *words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["look", recorded[model].id, *words, "--store", str(recorded["folder"])])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("model", "lens"),
    SUITED,
)
def test_json_has_what_the_lens_sees_in_the_model_of_that_step(
    look: Ask, recorded: dict[str, Any], model: str, lens: str
) -> None:
    status, out, _ = look(model, "--lens", lens, "--step", "5", "--json")
    assert status == 0
    answer = strict_json(out)
    assert (answer["run"], answer["lens"], answer["step"], answer["input"]) == (recorded[model].id, lens, 5, "")

    trainer = Trainer(recorded[model].config)
    while trainer.step < 5:
        trainer.advance()
    arrays, text = to_arrays(LENSES[lens].look(trainer.model, view_batch(trainer), trainer.task))
    for name, array in arrays.items():
        given = np.array(answer["record"][name], dtype=np.float64).reshape(array.shape)  # null becomes NaN
        np.testing.assert_allclose(given, np.where(np.isfinite(array), array, np.nan), rtol=1e-6, atol=0)
    for name, value in text.items():
        assert answer["record"][name] == json.loads(value)
    panels = panels_of(recorded[model], lens) if lens in shown() else []
    # One moment can't say these, and the table's is for an own input alone.
    of_the_tape = {"change", "loss_change", "table"} if LENSES[lens].history else set()
    assert {reading.name for panel in panels for reading in panel.readings} <= {*answer["readings"], *of_the_tape}


def panels_of(run: Any, lens: str) -> list[Any]:
    from explainer.charts.subject import subject

    return LENSES[lens].panels(subject(run.config, run.meta), "light")


def test_the_nearest_kept_moment_is_looked_at(look: Ask, recorded: dict[str, Any]) -> None:
    store, run = recorded["store"], recorded["gru"]
    kept = set(store.steps(run.id, "weights")) | set(store.steps(run.id, VIEW + "hidden_states"))
    for asked in (0, 4, 17, 22, 10**9, -5):
        step = strict_json(look("gru", "--lens", "hidden_states", "--step", str(asked), "--json")[1])["step"]
        assert step in kept
        assert abs(step - asked) == min(abs(each - asked) for each in kept)
    assert strict_json(look("gru", "--lens", "hidden_states", "--json")[1])["step"] == 23


def test_without_weights_the_record_comes_from_the_tape(
    ask: Ask, recorded: dict[str, Any], store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "lesson-thin.tape"
    save_tape(recorded["store"], recorded["transformer"].id, path, "lesson-thin", lambda chunk: chunk.kind != "weights")
    load_tape(store, path)
    status, out, _ = ask("look", "lesson-thin", "--lens", "attention", "--step", "7", "--json")
    assert status == 0
    answer = strict_json(out)
    seen = decode_view("attention", store.chunk_at("lesson-thin", VIEW + "attention", answer["step"]).body)  # type: ignore[union-attr]
    np.testing.assert_allclose(answer["record"]["weights"], seen.weights, rtol=1e-6)
    status, out, err = ask("look", "lesson-thin", "--lens", "attention", "--input", "ABAB")
    assert (status, out) == (2, "")
    assert "Nothing of run lesson-thin is recorded" in err


def test_a_look_at_ones_own_input(look: Ask) -> None:
    _, out, _ = look("transformer", "--lens", "attention", "--step", "5", "--input", "ABCABC", "--json")
    answer = strict_json(out)
    assert answer["input"] == "ABCABC"
    assert answer["record"]["tokens"] == list("ABCABC")
    np.testing.assert_allclose(np.sum(answer["record"]["weights"], axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lens", "attention"], "nothing to look at in a model of the family 'gru'"),
        (["--lens", "hidden_states", "--input", "0.3 0.5 0.1"], "0 numbers are marked"),
        (
            ["--lens", "hidden_states", "--layer", "2", "--html", "/tmp/never.html"],
            "layer = 2 is not there. Choose 1 to 1.",
        ),
        (["--lens", "hidden_states", "--head", "0"], "head = 0 is not there"),
        (["--lens", "hidden_states", "--html", "/no/such/folder/out.html"], "can't be written"),
    ],
)
def test_a_look_that_cannot_be_is_refused(look: Ask, words: list[str], said: str) -> None:
    status, out, err = look("gru", *words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_without_a_form_the_readings_are_printed(look: Ask) -> None:
    _, out, _ = look("gru", "--lens", "hidden_states")
    readings = strict_json(look("gru", "--lens", "hidden_states", "--json")[1])["readings"]
    assert readings["output"] in out.splitlines()
    assert readings["states"]["0"] in out.splitlines()


# -- files of figures -------------------------------------------------------------------------


def parts_of(page: str) -> tuple[str, list[dict[str, Any]]]:
    """The file without plotly.js and figures, and the figures."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    start, end = page.index("<script>"), found.start()
    return page[:start] + page[end:].replace(found[0], ""), strict_json(found[1])


@pytest.mark.parametrize(
    ("model", "lens"),
    [(model, lens) for model, lens in SUITED if lens in shown()],
)
def test_the_file_holds_every_figure_with_its_reading(
    look: Ask, recorded: dict[str, Any], tmp_path: Path, model: str, lens: str
) -> None:
    import plotly.graph_objects as go

    file = tmp_path / "out.html"
    status, out, err = look(model, "--lens", lens, "--step", "5", "--html", str(file))
    assert (status, out) == (0, "")
    assert err.startswith(str(file))
    page = file.read_text()
    words, figures = parts_of(page)
    panels = panels_of(recorded[model], lens)
    assert len(figures) == len(panels) == words.count("<figcaption ")
    for figure in figures:
        go.Figure(figure)
    assert any(np.size(trace.get("z", trace.get("y", ()))) for figure in figures for trace in figure["data"])
    assert all(re.findall(r"<figcaption [^>]*>(.+?)</figcaption>", words))
    # Nothing is fetched: plotly.js is inside, and no element names another file.
    assert page.count("plotly.js v") == 1
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", words)


def test_the_file_shows_the_moment_that_was_asked_for(look: Ask, tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    record = strict_json(look("gru", "--lens", "hidden_states", "--step", "5", "--json")[1])["record"]
    look("gru", "--lens", "hidden_states", "--step", "5", "--html", str(file))
    states = parts_of(file.read_text())[1][0]["data"][0]["z"]
    np.testing.assert_allclose(states, np.transpose(record["states"][0]), rtol=1e-6)


def test_text_from_a_user_is_no_markup_in_the_file(ask: Ask, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    text, table, out = tmp_path / "evil.txt", tmp_path / "evil.csv", tmp_path / "out.html"
    text.write_text((evil + "\n") * 20)
    table.write_text(f"{evil}\n" + "".join(f"{k % 7}\n" for k in range(60)))
    given = ["--input", evil[:11]]
    for option, file, extra in (("--text", text, given), ("--csv", table, [])):
        run = last_line(ask("train", option, str(file), *GRU)[1])["run"]
        assert ask("look", run, "--lens", "hidden_states", *extra, "--html", str(out))[0] == 0
        page = out.read_text()
        words, figures = parts_of(page)
        assert "<img" not in words
        assert page.count("</script>") == 3
        for figure in figures:
            labels = figure["layout"].get("xaxis", {}).get("ticktext", [])
            assert not any("<" in label for label in labels)


def test_every_lens_with_sentences_has_figures() -> None:
    assert {name for name, lens in LENSES.items() if lens.panels} == set(shown())


# -- tapes ------------------------------------------------------------------------------------


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> dict[str, Lesson]:
    small = {
        "lesson-a": Lesson(
            RunConfig(task="adding", width=7, length=11, batch=5, steps=37), ("hidden_states", "gradients")
        ),
        "lesson-b": Lesson(RunConfig(task="text", width=5, length=7, batch=3, steps=5), ("hidden_states",)),
    }
    monkeypatch.setattr(tapes_module, "LESSONS", small)
    monkeypatch.setattr(tapes_module, "SWEEPS", {})
    return small


def test_the_same_lessons_make_the_same_bytes(
    ask: Ask, lessons: dict[str, Lesson], tmp_path: Path, store: Store
) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    status, out, _ = ask("tapes", "--folder", str(once))
    assert status == 0
    sizes = {path.stem: path.stat().st_size for path in once.iterdir()}
    assert last_line(out) == {"tapes": sizes, "bytes": sum(sizes.values())}
    ask("tapes", "lesson-b", "--folder", str(again))
    ask("tapes", "lesson-a", "--folder", str(again))
    for name in lessons:
        assert (once / f"{name}.tape").read_bytes() == (again / f"{name}.tape").read_bytes()

    assert load_shipped(store, once) == ["lesson-a", "lesson-b"]
    run = store.run("lesson-a")
    assert run is not None
    assert (run.config, run.status, run.step, run.pinned) == (lessons["lesson-a"].config, "done", 37, True)
    assert {0, 1, 2, 3, 36, 37} <= set(store.steps("lesson-a", VIEW + "gradients"))
    rows = join_metrics(chunk.body for chunk in store.chunks("lesson-a", kinds=("metrics",)))
    np.testing.assert_array_equal(rows["step"], np.arange(1, 38))
    assert "validation loss" in run.meta["final"]


def test_too_large_tapes_are_refused_and_nothing_is_written(
    ask: Ask, lessons: dict[str, Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tapes_module, "MOST_BYTES", 30_000)
    status, _, err = ask("tapes", "--folder", str(tmp_path / "tapes"))
    assert status == 2
    assert "The tapes would take" in err
    assert not (tmp_path / "tapes").exists()


def test_a_tape_that_is_no_lesson_any_more_goes(ask: Ask, lessons: dict[str, Lesson], tmp_path: Path) -> None:
    (tmp_path / "lesson-old.tape").write_bytes(b"old")
    ask("tapes", "lesson-a", "--folder", str(tmp_path))
    assert sorted(path.name for path in tmp_path.glob("*.tape")) == ["lesson-a.tape", "lesson-old.tape"]
    ask("tapes", "--folder", str(tmp_path))
    assert sorted(path.name for path in tmp_path.glob("*.tape")) == ["lesson-a.tape", "lesson-b.tape"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_tape_does_not_keep_the_others_away(
    ask: Ask,
    lessons: dict[str, Lesson],
    tmp_path: Path,
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "tapes"
    ask("tapes", "--folder", str(folder))
    content = (folder / "lesson-a.tape").read_bytes()
    (folder / "lesson-a.tape").write_bytes(content[: len(content) // 2])
    assert load_shipped(store, folder) == ["lesson-b"]
    assert "lesson-a.tape is not a tape of this project" in caplog.text


def test_the_shipped_tapes_are_those_of_the_lessons(store: Store) -> None:
    assert {path.stem for path in SHIPPED.glob("*.tape")} == set(LESSONS)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= tapes_module.MOST_BYTES
    assert set(load_shipped(store)) == set(LESSONS)
    for name, lesson in LESSONS.items():
        run = store.run(name)
        assert run is not None
        assert run.config == lesson.config
        assert run.lenses == lesson.lenses
        kept = store.steps(name, "weights")
        for lens in lesson.lenses:
            assert {0, run.step} <= set(store.steps(name, VIEW + lens))
        for lens in lesson.filled:
            assert store.steps(name, VIEW + lens) == kept
        for lens in lesson.begun:
            begun = store.steps(name, VIEW + lens)
            assert {0, run.step} <= set(begun) <= set(kept)
            assert len(begun) == tapes_module.BEGUN_VIEWS
        if lesson.weight_steps:
            assert kept == [0, *lesson.weight_steps, run.step]


# -- the README -------------------------------------------------------------------------------

README = (PROJECT / "README.md").read_text()


def test_the_example_of_the_readme_runs_in_five_lines() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(example.splitlines()) == 5
    *lines, last = example.strip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    figure = eval(last, names)
    losses = names["losses"]
    assert len(losses) == 300
    assert np.mean(losses[-20:]) < np.mean(losses[:20])
    np.testing.assert_allclose(figure.data[0].y, losses)


def test_every_command_of_the_readme_is_understood() -> None:
    commands = re.findall(r"^    python -m explainer (.+)$", README, re.MULTILINE)
    commands += re.findall(r"`python -m explainer ((?:train|look|race|tapes)[^`…]*)`", README)
    assert len(commands) >= 5
    for command in commands:
        words = [word for word in shlex.split(command) if word != "--help"]
        assert make_parser().parse_args(words).command in ("train", "look", "race", "tapes")


def test_the_readme_names_every_limit_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(EXPLAINER_\w+)` \| ([\d,]+) \| .+ \|$", README, re.MULTILINE))
    for limit in fields(Limits):
        assert float(rows[limit.metadata["variable"]].replace(",", "")) == limit.default
        assert f"| {limit.metadata['meaning']} |" in README
