"""Steps from older forms to today's, and what can't be read: it harms only itself."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainer import upgrade
from explainer.config import KNOBS, RunConfig
from explainer.headless.request import requested
from explainer.lenses import LENSES as REGISTERED
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.player.annotate import Annotator
from explainer.player.answers import look_answer, tape_answer
from explainer.runs.again import training_words
from explainer.runs.client import Client
from explainer.runs.database import FILE
from explainer.runs.outcomes import Outcomes
from explainer.runs.rows import META, Run
from explainer.runs.store import Store
from explainer.runs.sweep_file import load_outcomes, save_outcomes
from explainer.runs.tape import VIEW, decode, decode_view, encode, encode_view, in_form, read_chunk
from explainer.runs.tape_file import load_tape
from explainer.runs.viewer import Viewer
from explainer.runs.workshop import Workshop
from explainer.sweep import Sweep
from explainer.ui.places import LESSON_PLACES, PAGES, address, marked, todays
from explainer.words import literal
from tests.keep import CONFIGS as KEPT_CONFIGS
from tests.keep import EXPECTED, KEPT, ME, SOMEBODY, STORE, SWEEP, TAPE
from tests.turns import the_run, work

KEPT_NOW = KEPT / max(path.name for path in KEPT.iterdir())
NAMES = {was["name"]: run for run, was in json.loads((KEPT_NOW / EXPECTED).read_text()).items()}
VICTIM, LENSES = NAMES["gru"], ("hidden_states", "gradients", "gates")
NEWER = "written by a newer version"


@pytest.fixture
def kept(tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    """The interface over the kept store, the victim being a run of the viewer's own."""
    (tmp_path / FILE).write_bytes(lzma.decompress((KEPT_NOW / STORE).read_bytes()))
    found: Store = request.getfixturevalue("own_store")
    return found


def spoil(store: Store, table: str, column: str, value: object, where: str = "id = ?", *names: object) -> None:
    with store.transaction() as db:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *(names or (VICTIM,))))


def others(store: Store) -> dict[str, Run]:
    """All runs but the victim, without what a worker's turn may change."""
    return {run.id: replace(run, status="", updated=0.0, message="") for run in store.runs() if run.id != VICTIM}


def answered(store: Store, run: str) -> tuple[str, list[str]]:
    """What a player hears of a run: the message, and what each chunk is; every array of it can be read."""
    answer = tape_answer(store, Annotator(store), the_run(store, run), LENSES, -1, "", lambda write: None)
    whole = b"".join(answer.pieces(store))
    files, at = [], 0
    while at < len(whole):
        size = int.from_bytes(whole[at : at + 4], "little")
        files.append(decode(whole[at + 4 : at + 4 + size]))
        at += 4 + size
    header = json.loads(files[0][1]["header"])
    return header["message"], [f"{chunk['kind']}@{chunk['step']}" for chunk in header["chunks"]]


# -- steps ------------------------------------------------------------------------------------


def test_steps_are_taken_in_order_from_the_format_that_is_said() -> None:
    steps = [(f"step {n}", lambda values, n=n: {**values, "took": [*values.get("took", ()), n]}) for n in (1, 2, 3)]
    taken = [upgrade.upgraded({**said, "x": 1}, steps, "This") for said in ({}, {"format": 2}, {"format": "4"})]
    assert taken == [{"x": 1, "took": [1, 2, 3]}, {"x": 1, "took": [2, 3]}, {"x": 1}]
    assert upgrade.mark(steps) == {"format": 4}
    assert upgrade.mark([]) == {}


@pytest.mark.parametrize("said", [0, -1, 1.5, True, None, "two", "²", "", [], "9" * 5000])
def test_a_format_that_is_no_number_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match="no whole number") as caught:
        upgrade.upgraded({"format": said}, [], "This")
    assert len(str(caught.value)) < 120


def test_a_step_that_cannot_read_its_values_is_named() -> None:
    with pytest.raises(ValueError, match=r"older version and can't be read at 'units of time'.*'seconds'"):
        upgrade.upgraded({}, [("units of time", lambda values: {"minutes": values["seconds"] / 60})], "This")


def test_steps_have_names_and_no_two_of_a_list_the_same() -> None:
    lists = [upgrade.CONFIG, upgrade.SWEEP, upgrade.TAPE_FILE, upgrade.SWEEP_FILE, upgrade.SETTINGS]
    for steps in (*lists, *upgrade.CHUNKS.values()):
        assert len({name for name, _ in steps}) == len(steps)


def first_format(**values: object) -> str:
    """A configuration as the first version wrote it, before four of the fields."""
    fields = {name: knob.default for name, knob in KNOBS.items()} | {"model": "lstm"}
    old = {name: value for name, value in fields.items() if name not in ("bits", "surgery", "parent", "forget_start")}
    return json.dumps({**old, **values})


def test_a_configuration_of_the_first_format_means_what_it_meant() -> None:
    drawn, one = (RunConfig.from_json(first_format(forget_bias=bias)) for bias in (0.0, 1.0))
    assert (drawn["forget_start"], one["forget_start"]) == ("drawn", "constant")
    assert (drawn["bits"], drawn.surgery, drawn.parent) == (3, "", "")
    assert drawn.run_id() == RunConfig(model="lstm").run_id()


def test_a_default_that_changes_changes_no_old_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        upgrade, "CONFIG", (*upgrade.CONFIG, ("seven seeds", lambda values: {**values, "seed": values["seed"] + 7}))
    )
    assert RunConfig.from_json(first_format(seed=1)).seed == 8
    assert RunConfig.from_json(RunConfig(seed=1).to_json()).seed == 1
    with pytest.raises(ValueError, match="lacks 'lr'"):
        RunConfig.from_json(first_format().replace('"lr"', '"momentum"'))


def test_a_sweep_is_read_in_older_forms_and_its_base_too(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep(base=RunConfig(), axes=(("length", (7, 9)),))
    old = {"base": json.loads(first_format(model="gru")), "axes": [["T", [7, 9]]]}

    def renamed(values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "axes": [["length" if name == "T" else name, each] for name, each in values["axes"]]}

    monkeypatch.setattr(upgrade, "SWEEP", (("T is called length", renamed),))
    assert Sweep.from_json(json.dumps(old)) == Sweep.from_json(sweep.to_json()) == sweep


@dataclass(frozen=True, eq=False)
class Hotter(HiddenStatesRecord):
    """A record that has gained a field and lost the name of another."""

    heat: float = -1.0


def test_a_view_from_before_a_field_is_read_drawn_and_sent_in_todays_form(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTERED, "hidden_states", replace(REGISTERED["hidden_states"], record=Hotter))
    step = ("heat", lambda values: {**values, "heat": np.array(float(np.abs(values["states"]).max()))})
    monkeypatch.setattr(upgrade, "CHUNKS", {"view:hidden_states": (step,)})
    (chunk, *_) = kept.chunks(VICTIM, kinds=("view:hidden_states",))
    old = decode_view("hidden_states", chunk.body)
    assert old.heat == pytest.approx(np.abs(old.states).max())
    arrays, text = decode(in_form(chunk.kind, chunk.body))
    assert float(arrays["heat"]) == old.heat
    assert text["format"] == "2"
    new = encode_view("hidden_states", replace(old, heat=0.5))
    assert in_form(chunk.kind, new) is new
    assert decode_view("hidden_states", new).heat == 0.5
    message, chunks = answered(kept, VICTIM)
    assert message == ""
    assert {each.partition("@")[0] for each in chunks} == {"metrics", *(VIEW + lens for lens in LENSES)}
    (piece, *_) = kept.pieces(VICTIM, kinds=("view:hidden_states",))
    sent = b"".join(look_answer(Annotator(kept), the_run(kept, VICTIM), 0, "hidden_states", piece).pieces(kept))
    assert b'"heat"' in sent


def test_weights_and_shipped_sweeps_are_read_in_older_forms(
    kept: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chunk = kept.chunk_at(VICTIM, "weights", 4)
    assert chunk is not None
    sweep, outcomes = load_outcomes(KEPT_NOW / SWEEP)
    monkeypatch.setattr(
        upgrade,
        "CHUNKS",
        {
            "weights": (("layer", lambda values: {f"new.{name}": array for name, array in values.items()}),),
            "view:reach": (("in pairs", lambda values: {**values, "norms": 2 * values["norms"]}),),
        },
    )
    names = decode(chunk.body)[0].keys()
    assert read_chunk("weights", chunk.body)[0].keys() == {f"new.{name}" for name in names}

    def norms(path: Path) -> Any:
        return load_outcomes(path)[1][0].last["reach"].norms

    before = outcomes[0].last["reach"].norms
    np.testing.assert_array_equal(norms(KEPT_NOW / SWEEP), 2 * before)
    save_outcomes(tmp_path / "now.sweep", sweep, outcomes)
    np.testing.assert_array_equal(norms(tmp_path / "now.sweep"), before)


def test_settings_in_addresses_and_commands_are_read_in_older_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    def wider(values: dict[str, Any]) -> dict[str, Any]:
        return {"width": "64", **values} if values.get("page") in (None, "gates") else values

    assert marked({"lr": "0.1"}) == {"lr": "0.1"}, "the first format is not written"
    monkeypatch.setattr(upgrade, "SETTINGS", (("networks are wider from here on", wider),))
    assert todays({"lr": "0.1"}, "gates") == {"lr": "0.1", "width": "64", "format": "2"}
    assert todays({"lr": "0.1"}, "heads") == {"lr": "0.1", "format": "2"}
    assert todays({"lr": "0.1", "format": "2"}, "gates") == {"lr": "0.1", "format": "2"}
    assert todays({"run": "a", "step": "3"}, "gates") == {"run": "a", "step": "3"}, "it asks for no settings"
    assert address("gates", {"lr": "0.1"}).endswith("gates?lr=0.1&format=2")
    config = RunConfig(width=32, lr=0.1)
    assert requested({}, ["lr=0.1", "format=1"])[0] == config.but(width=64)
    assert requested({}, training_words(config)[2:])[0] == requested({}, ["lr=0.1", "width=32"])[0] == config
    assert training_words(config)[-1] == "format=2"


# -- newer versions ---------------------------------------------------------------------------


def test_what_a_newer_version_wrote_says_so(tmp_path: Path) -> None:
    newer = {**json.loads(RunConfig().to_json()), "format": 99, "warp": 9}
    with pytest.raises(upgrade.Newer, match=rf"The configuration was {NEWER}.*format is 99"):
        RunConfig.from_json(json.dumps(newer))
    with pytest.raises(upgrade.Newer, match=rf"The sweep was {NEWER}"):
        Sweep.from_json('{"format": 2, "base": {}, "axes": []}')
    with pytest.raises(ValueError, match=rf"A part of the tape \(view:reach\) was {NEWER}"):
        decode_view("reach", encode({"norms": np.zeros(3)}, {"format": "2"}))
    with pytest.raises(ValueError, match=rf"This address was {NEWER}"):
        todays({"format": "2"}, "gates")
    with pytest.raises(ValueError, match=rf"The command was {NEWER}"):
        requested({}, ["format=2"])
    store, path = Store(tmp_path / "fresh"), tmp_path / "new.tape"
    path.write_bytes((KEPT_NOW / TAPE).read_bytes().replace(b"unrolled tape 2", b"unrolled tape 77", 1))
    with pytest.raises(ValueError, match=rf"new\.tape: It was {NEWER}.*format is 77"):
        load_tape(store, path)
    store.close()


# -- rows that can't be read --------------------------------------------------------------------


def config_with(change: Callable[[dict[str, Any]], object]) -> str:
    values = json.loads(RunConfig(model="gru").to_json())
    change(values)
    return json.dumps(values)


CONFIGS: Mapping[str, tuple[str, str]] = {
    "an unknown field": (config_with(lambda values: values.update(warp=9)), "Unknown field 'warp'"),
    "an unknown field of old": (config_with(lambda values: (values.pop("format"), values.update(warp=9))), "'warp'"),
    "a newer version": (config_with(lambda values: values.update(format=99, warp=9)), NEWER),
    "no format": (config_with(lambda values: values.update(format="new")), "no whole number"),
    **{
        f"{name} missing": (config_with(lambda values, name=name: values.pop(name)), f"lacks '{name}'")
        for name in RunConfig(model="gru").flat()
    },
    **{f"{name} a list": (config_with(lambda values, name=name: values.update({name: []})), name) for name in KNOBS},
    **{
        f"{name} unknown": (config_with(lambda values, name=name: values.update({name: "magic"})), f"{name} = 'magic'")
        for name, knob in KNOBS.items()
        if knob.metadata["choices"]
    },
}


def test_each_wrong_field_of_a_configuration_harms_only_its_run(kept: Store) -> None:
    before = others(kept)
    for case, (config, why) in CONFIGS.items():
        spoil(kept, "runs", "config", config)
        run = the_run(kept, VICTIM)
        assert run.unreadable, case
        assert why in run.message, (case, run.message)
        assert len(run.message) < 400
        assert others(kept) == before
    spoil(kept, "runs", "status", "queued")
    Workshop(kept).turn()
    assert the_run(kept, VICTIM).status == "failed"
    assert kept.read("SELECT status FROM runs WHERE id = ?", VICTIM) == [("failed",)], "the worker has given it up"
    Client(kept).delete(VICTIM, ME)
    assert others(kept) == before


WRONG_META = {name: ([] if dict in kinds else {}) for name, kinds in META.items()}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("meta", json.dumps({name: wrong})) for name, wrong in WRONG_META.items()),
        ("meta", '{"final": {"loss": "low"}}'),
        ("meta", '{"final": null}'),
        ("meta", '{"lowest": {"risen": true}}'),
        ("meta", '{"moved": [{}]}'),
        ("meta", '{"vocabulary": [1]}'),
        ("meta", '{"rates": [[1]]}'),
        ("updated", "yesterday"),
        ("bytes", "many"),
        ("lenses", "[[]]"),
        ("status", "dreaming"),
        ("config", CONFIGS["a newer version"][0]),
    ],
)
def test_the_list_of_runs_shows_all_others_and_says_why(kept: Store, column: str, value: str) -> None:
    count = len(others(kept))
    spoil(kept, "runs", column, value)
    page = AppTest.from_file(str(PAGES / "runs.py"), default_timeout=60)
    page.session_state["owner"] = ME
    page.session_state["runs-chosen"] = [VICTIM, NAMES["lstm"]]
    page.run()
    assert not page.exception
    (listed,) = [each.value for each in page.markdown if "| Run |" in each.value or each.value.startswith("Run |")][-1:]
    (row,) = [line for line in listed.splitlines() if "| can't be read |" in line]
    assert literal("The reason: ") in row or literal(NEWER) in row
    shown = len(Client(kept).runs(Viewer(ME)))
    assert shown == count - 1, "one is somebody else's on data of theirs"
    assert listed.count("\n") >= 20
    (why,) = [each.value for each in page.warning]
    assert "Unreadable" in why
    assert literal("The reason: ") in why or literal(NEWER) in why
    for run in ("paused", "queued"):
        Client(kept).resume(NAMES[run], SOMEBODY if run == "queued" else ME)
    work(Workshop(kept), lambda: all(the_run(kept, NAMES[run]).status == "done" for run in ("paused", "queued")))
    Client(kept).delete(VICTIM, ME)
    assert kept.run(VICTIM) is None


@pytest.mark.parametrize("place", LESSON_PLACES, ids=lambda place: place.path)
def test_a_page_whose_address_names_it_says_why_and_shows_something_else(kept: Store, place: Any) -> None:
    spoil(kept, "runs", "config", CONFIGS["an unknown field"][0])
    page = AppTest.from_file(str(PAGES / place.file), default_timeout=60)
    page.session_state["owner"] = ME
    page.query_params["run"] = VICTIM
    page.run()
    assert not page.exception
    if place.lens != "beyond_the_length" and place.lens:  # the pages of sweeps name none
        assert any(literal("The reason: Unknown field 'warp'.") in each.value for each in page.warning)


def test_a_sweep_is_refused_with_its_reason_and_can_be_asked_for_again(kept: Store) -> None:
    ((number, good),) = kept.read("SELECT id, sweep FROM sweeps")
    for sweep, why in ((good.replace('"base"', '"bass"'), "no"), ('{"format": 7}', NEWER), ("[", "no"), ("3", "no")):
        spoil(kept, "sweeps", "sweep", sweep, "id = ?", number)
        with pytest.raises(ValueError, match=r"not a sweep|newer version") as caught:
            kept.sweep(number)
        assert why in str(caught.value)
        page = AppTest.from_file(str(PAGES / "memory_horizon.py"), default_timeout=60)
        page.query_params["sweep"] = number
        page.run()
        assert not page.exception
        assert any(literal("The sweep in this address can't be read") in each.value for each in page.warning)
    assert Client(kept).submit_sweep(Sweep.from_json(good), ME, ["reach"]) == number
    assert kept.sweep(number) is not None


def test_a_sweep_with_one_run_that_cannot_be_read_shows_the_others(kept: Store) -> None:
    ((number,),) = kept.read("SELECT id FROM sweeps")
    sweep = kept.sweep(number)
    assert sweep is not None
    for column, value in (("meta", "[]"), ("meta", '{"taken": "long"}'), ("config", "{}")):
        spoil(kept, "runs", column, value, "id = ?", sweep.runs[1])
        with kept.transaction() as db:
            db.execute("UPDATE runs SET sweep = ? WHERE id = ?", (number, sweep.runs[1]))
        first, second, *rest = Outcomes(kept).of(sweep.sweep, sweep.runs, ["reach"])
        assert all(each.done and each.last for each in (first, *rest))
        assert (second.status, second.config) == ("failed", sweep.sweep.configs[1])
        assert kept.sweep_seconds(number, but=sweep.runs[0]) >= 0


# -- tapes that can't be read -------------------------------------------------------------------


def cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def without(name: str) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        arrays, text = decode(body)
        return encode({each: array for each, array in arrays.items() if each != name}, {**text, "other": "[]"})

    return change


def retyped(body: bytes) -> bytes:
    arrays, text = decode(body)
    return encode({name: array.astype(np.complex64) for name, array in arrays.items()}, text)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *(
            (kind, change)
            for kind in ("metrics", "view:hidden_states")
            for change in (cut, lambda body: b"", lambda body: b"x" * 90)
        ),
        ("view:hidden_states", without("states")),
        ("view:hidden_states", without("mask")),
        ("view:hidden_states", retyped),
        ("view:hidden_states", lambda body: encode(decode(body)[0], {**decode(body)[1], "format": "5"})),
        ("view:gates", lambda body: encode(decode(body)[0], {"gates": "[3]"})),
    ],
)
def test_a_part_of_a_tape_that_cannot_be_read_is_left_out(
    kept: Store, kind: str, change: Callable[[bytes], bytes]
) -> None:
    _, before = answered(kept, VICTIM)
    chunk = kept.chunks(VICTIM, kinds=(kind,))[0]
    spoil(kept, "chunks", "body", change(chunk.body), "run = ? AND seq = ?", VICTIM, chunk.seq)
    message, now = answered(kept, VICTIM)
    assert now == [each for each in before if each != f"{kind}@{chunk.step}"]
    assert message.startswith("One part of this tape is left out, since it can't be read: ")
    assert answered(kept, NAMES["lstm"])[0] == ""
    assert len(Annotator(kept).reel(the_run(kept, VICTIM), LENSES).frames[LENSES[0]]) >= 2


def test_chunks_of_kinds_and_lenses_that_nobody_knows_are_passed_over(kept: Store) -> None:
    before = answered(kept, VICTIM)
    spoil(kept, "chunks", "kind", "view:aura", "run = ? AND kind = 'view:reach'", VICTIM)
    spoil(kept, "chunks", "kind", "smell", "run = ? AND kind = 'detail'", VICTIM)
    spoil(kept, "runs", "lenses", '["aura", "hidden_states"]')
    spoil(kept, "runs", "lenses", '["aura", "hidden_states"]', "id = ?", NAMES["paused"])
    assert answered(kept, VICTIM) == before
    Client(kept).resume(NAMES["paused"], ME)
    work(Workshop(kept), lambda: the_run(kept, NAMES["paused"]).status == "done")


def test_the_worker_refuses_what_it_cannot_read_and_goes_on(kept: Store) -> None:
    client = Client(kept)
    spoil(kept, "chunks", "body", b"x" * 90, "run = ? AND kind = 'weights'", VICTIM)
    spoil(kept, "checkpoints", "body", b"x" * 90, "run = ?", NAMES["paused"])
    with kept.transaction() as db:
        db.execute("DELETE FROM looks")
    damaged = client.put(VICTIM, 4, "hidden_states", "0.1 0.2* 0.3 0.4*")
    good = client.put(NAMES["lstm"], 4, "hidden_states", "0.1 0.2* 0.3 0.4*")
    unknown = kept.ask(NAMES["lstm"], 4, "aura", "0.1").id
    for command in (("fill", "aura"), ("dance", ""), ("lr", "fast")):
        kept.command(VICTIM, *command)
    client.resume(NAMES["paused"], ME)
    client.resume(NAMES["queued"], SOMEBODY)
    work(Workshop(kept), lambda: not kept.commands() and the_run(kept, NAMES["queued"]).finished)
    states = [kept.look_state(number) for number in (damaged, good, unknown)]  # type: ignore[arg-type]
    assert [state and state[0] for state in states] == ["failed", "done", "failed"]
    assert "damaged" in states[0][1]  # type: ignore[index]
    paused = the_run(kept, NAMES["paused"])
    assert (paused.status, "damaged" in paused.message) == ("failed", True)
    assert the_run(kept, NAMES["queued"]).status == "done"


def test_an_own_run_that_cannot_be_read_is_no_obstacle(kept: Store) -> None:
    spoil(kept, "runs", "config", CONFIGS["an unknown field"][0])
    spoil(kept, "runs", "status", "queued")
    home = AppTest.from_file(str(PAGES / "home.py"), default_timeout=60)
    home.session_state["owner"] = ME
    home.run()
    assert not home.exception
    assert Client(kept).submit(KEPT_CONFIGS["gru"], ME) == f"{VICTIM}-2"
    with pytest.raises(ValueError, match="are not here"):
        Client(kept).submit(RunConfig().but(parent=f"{VICTIM}@4"), ME)


def test_data_goes_with_a_run_that_cannot_be_read(kept: Store) -> None:
    run = the_run(kept, NAMES["on own text"])
    spoil(kept, "runs", "meta", "[]", "id = ?", run.id)
    Client(kept).delete(run.id, ME)
    assert kept.text(run.data) is None
    assert kept.text_name(run.data, ME) is None
