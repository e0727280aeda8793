"""What repeats a run elsewhere: the command and the script name the file to give, and an exported file says them."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import orjson
import pytest

import explainer.headless.train as train_module
from explainer.__main__ import main
from explainer.config import RunConfig
from explainer.data import pasted_name, short_name
from explainer.data.names import file_name
from explainer.headless.export import seen
from explainer.runs.again import command, own_file, training_words
from explainer.runs.store import Store
from explainer.runs.tape import join_metrics
from explainer.ui.tabs import by_command, script

Ask = Callable[..., tuple[int, str, str]]

GERMAN = "Der Müller ging über die Brücke, und die Mädchen hörten süße Grüße.\r\n" * 9
SMALL = ("--set", "width=7", "length=11", "batch=3", "steps=4")
EVIL = 'a <img src=x onerror=alert(1)> $(rm) "b".txt'


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a command on a store of its own: (exit status, stdout, stderr)."""
    monkeypatch.setattr(train_module, "set_threads", lambda: 1)

    def run(*words: str, store: str = "here") -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([*words, "--store", str(tmp_path / store)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def trained(ask: Ask, *words: str) -> str:
    status, out, err = ask("train", *words)
    assert status == 0, err
    return str(orjson.loads(out.splitlines()[-1])["run"])


def figures(page: str) -> list[dict[str, Any]]:
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    content: list[dict[str, Any]] = orjson.loads(found[1])
    return content


# -- names ------------------------------------------------------------------------------------


def test_names_are_cut_and_hold_nothing_that_turns_or_breaks_a_line() -> None:
    assert short_name("a\u202e\nb\tc.txt") == "a b c.txt"
    assert short_name("x" * 80) == "x" * 59 + "…"
    assert pasted_name("One\ntwo") == "pasted “One two…”"


def test_a_command_asks_for_the_file_where_its_name_is_not_known() -> None:
    assert [file_name(name) for name in ("", pasted_name("One"), short_name("x" * 80))] == ["YOUR_FILE"] * 3
    assert file_name("sales 2020.csv") == "sales 2020.csv"


def test_without_own_data_no_file_is_asked_for() -> None:
    assert own_file(RunConfig(task="text")) == []
    assert own_file(RunConfig(task="adding", data="ab" * 32)) == []
    assert own_file(RunConfig(task="forecast", data="ab" * 32)) == ["--csv", "YOUR_FILE"]


# -- the command ------------------------------------------------------------------------------


@pytest.mark.parametrize(("encoding", "how"), [("cp1252", []), ("cp1250", ["--encoding", "Windows-1250"])])
def test_the_command_of_a_run_on_a_text_makes_the_same_run_elsewhere(
    ask: Ask, tmp_path: Path, encoding: str, how: list[str]
) -> None:
    file = tmp_path / "müller's briefe.txt"
    file.write_bytes(GERMAN.encode(encoding))
    run = trained(ask, "--text", str(file), *how, *SMALL)
    found = Store(tmp_path / "here").run(run)
    assert found is not None
    assert found.meta["data_name"] == "müller's briefe.txt"
    words = shlex.split(command(training_words(found)))
    assert words[:3] == ["python", "-m", "explainer"]
    with chdir(tmp_path):
        status, out, _ = ask(*words[3:], store="elsewhere")
    assert (status, orjson.loads(out.splitlines()[-1])["run"]) == (0, run)


def test_another_file_under_that_name_is_refused(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(GERMAN)
    run = Store(tmp_path / "here").run(trained(ask, "--text", str(file), *SMALL))
    assert run is not None
    file.write_text(GERMAN + "More.")
    with chdir(tmp_path):
        status, _, err = ask(*training_words(run), store="elsewhere")
    assert status == 2
    assert "made with another text or series" in err


def test_a_file_is_said_to_be_read_as_what_it_is(ask: Ask, tmp_path: Path) -> None:
    for encoding, said in (("utf-16-le", "UTF-16 LE"), ("cp1252", "Windows-1252"), ("utf-8", "UTF-8")):
        file = tmp_path / "a.txt"
        file.write_bytes(GERMAN.encode(encoding))
        _, _, err = ask("train", "--text", str(file), *SMALL)
        assert err.startswith(f"a.txt, read as {said}: {len(GERMAN) - 9} characters. A network reads it in ")
    status, _, err = ask("train", "--text", str(file), "--encoding", "klingon", *SMALL)
    assert status == 2
    assert "The encoding 'klingon' is not known" in err
    status, _, err = ask("train", "--encoding", "utf8", *SMALL)
    assert (status, "Give the file with --text" in err) == (2, True)


# -- the script of the Code tab ---------------------------------------------------------------


def test_the_script_of_a_run_on_a_text_reads_the_file_and_gives_the_same_losses(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "briefe.txt"
    file.write_bytes(GERMAN.encode("cp1252"))
    store = Store(tmp_path / "here")
    run = store.run(trained(ask, "--text", str(file), *SMALL))
    assert run is not None
    assert "'briefe.txt'" in script(run)
    with chdir(tmp_path):
        exec(script(run), {})
    losses = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    recorded = join_metrics(chunk.body for chunk in store.chunks(run.id, kinds=("metrics",)))["loss"]
    assert losses == pytest.approx(recorded.tolist(), rel=1e-6)


def test_the_script_of_a_run_on_a_series_is_the_command() -> None:
    config = RunConfig(task="forecast", data="ab" * 32)
    assert by_command(config)
    assert script(config) == f"python -m explainer train --csv YOUR_FILE --set task=forecast data={'ab' * 32}"
    assert not by_command(RunConfig(task="forecast"))


# -- the exported file ------------------------------------------------------------------------


@pytest.fixture
def on_text(ask: Ask, tmp_path: Path) -> str:
    file = tmp_path / EVIL
    file.write_text(GERMAN)
    words = ("--model", "transformer", "--set", "width=14", "heads=2", "layers=2", "length=11", "batch=3", "steps=4")
    return trained(ask, "--text", str(file), *words)


def exported(ask: Ask, tmp_path: Path, run: str, *words: str) -> str:
    out = tmp_path / "out.html"
    status, _, err = ask("look", run, *words, "--html", str(out))
    assert status == 0, err
    return out.read_text(encoding="utf-8")


def test_the_file_prints_commands_that_name_the_file_and_what_was_looked_at(
    ask: Ask, tmp_path: Path, on_text: str
) -> None:
    page = exported(ask, tmp_path, on_text, "--lens", "attention", "--head", "2", "--input", "Der Müller")
    found = re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert found is not None
    train, look = (shlex.split(line)[3:] for line in html.unescape(found[1]).splitlines())
    assert train[:3] == ["train", "--text", EVIL]
    assert look[:2] == ["look", on_text]
    assert look[look.index("--head") + 1] == "2"
    assert look[look.index("--input") + 1] == "Der Müller"
    assert "<img" not in page.split("<script>")[0]
    assert html.escape(EVIL) in page


def test_every_line_over_training_has_a_point_for_the_own_input(ask: Ask, tmp_path: Path, on_text: str) -> None:
    for lens, titled in (("attention", "Previous-token"), ("heads", "Every head")):
        page = exported(ask, tmp_path, on_text, "--lens", lens, "--input", "Der Müller")
        titles = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
        figure = next(each for each, title in zip(figures(page), titles, strict=True) if title.startswith(titled))
        points = [
            trace
            for trace in figure["data"]
            if trace.get("mode") == "markers" and trace.get("x") == [4] and trace.get("y") != []
        ]
        assert len(points) >= 4, (lens, titled)  # one for each of 2 x 2 heads
        assert all(trace["marker"]["size"] >= 5 for trace in points)


def test_a_line_of_one_place_is_a_point() -> None:
    lines = [{"mode": "lines", "x": [1, 2], "y": [3, None]}, {"mode": "lines", "x": [1, 2], "y": [3, 4]}]
    assert [trace["mode"] for trace in seen({"data": lines})["data"]] == ["markers", "lines"]


def test_the_file_has_no_control_that_does_nothing_here(ask: Ask, tmp_path: Path, on_text: str) -> None:
    for lens in ("attention", "heads", "surgery"):
        page = exported(ask, tmp_path, on_text, "--lens", lens)
        assert "click" not in "".join(re.findall(r"<h2[^>]*>.*?</h2>", page)).lower()
        hovers = [str(trace.get("hovertemplate")) for figure in figures(page) for trace in figure["data"]]
        assert hovers
        assert not [hover for hover in hovers if "click" in hover]
        left_out = re.search(r'"modeBarButtonsToRemove":(\[.*?\])', page)
        assert left_out is not None
        assert "sendChartToCloud" in orjson.loads(left_out[1])
