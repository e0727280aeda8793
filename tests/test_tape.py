"""The tape's format: what is written comes back, in chunks and in files that ship."""

from __future__ import annotations

import json
import lzma
import math
import pickle
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from explainer.config import RunConfig
from explainer.data import default_text, digest, respelled
from explainer.lenses import LENSES
from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord
from explainer.lenses.fixed_points.record import FixedPointsRecord
from explainer.lenses.gates.record import GatesRecord
from explainer.lenses.glasses.record import GlassesRecord
from explainer.lenses.gradients.record import GradientsRecord
from explainer.lenses.heads.record import HeadsRecord
from explainer.lenses.hidden_attention.record import HiddenAttentionRecord
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.lenses.jacobian.record import JacobianRecord
from explainer.lenses.layers.record import LayersRecord
from explainer.lenses.microscope.record import MicroscopeRecord
from explainer.lenses.pattern.record import PatternRecord
from explainer.lenses.positions.record import PositionsRecord
from explainer.lenses.race.record import RaceRecord
from explainer.lenses.reach.record import ReachRecord
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.runs import tape, tape_file
from explainer.runs.active import make_trainer
from explainer.runs.packing import LAYOUTS, arranged, compress, decompress, pack, restored, unpack
from explainer.runs.store import Draft, IllegalChange, Store
from explainer.runs.tape_file import FORMAT, load_tape, save_tape
from explainer.training import Trainer

RANDOM = np.random.default_rng(3)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.random(shape, dtype=np.float32)


NONE = np.zeros(0, np.float32)
MASK = np.array([1, 0, 1, 1, 0], bool)
WILD = np.array([0, 1e-30, math.nan, math.inf, 2], np.float32)
UNKNOWN = np.full((2, 3), np.nan, np.float32)
SAMPLES: dict[str, Any] = {
    "hidden_states": HiddenStatesRecord(
        floats(2, 5, 7), tuple("a<b>é"), MASK, tuple("b<c>d"), tuple("xyzzy"), floats(5), floats(5), NONE, NONE
    ),
    "gradients": GradientsRecord(WILD, floats(5), 0.9, 4, 0.123456789012, ("w", "b"), floats(2), 1.5, 1.0, 1.0, 0.25),
    "attention": AttentionRecord(
        floats(2, 3, 5, 5), tuple("abcde"), floats(2, 3), UNKNOWN, floats(2, 3), floats(3, 2, 3), floats(2, 3)
    ),
    "positions": PositionsRecord("learned", floats(11, 7), floats(11, 11), floats(2, 3, 5)),
    "gates": GatesRecord(
        floats(2, 3, 5, 7),
        ("a", "b", "c"),
        floats(2, 7),
        floats(2, 3),
        floats(2, 3),
        floats(5, 7),
        tuple("abcde"),
        ("v", "w"),
        floats(2, 5),
        13,
        floats(2, 7),
        *(floats(2) for _ in range(8)),
    ),
    "microscope": MicroscopeRecord(
        floats(2, 3, 5, 5), ("h", "c"), floats(3, 3, 5), ("a", "b", "c"), np.arange(5), MASK, tuple("abcde")
    ),
    "jacobian": JacobianRecord(
        floats(3, 7, 2),
        floats(3, 7),
        np.arange(3),
        np.ones(3, int),
        WILD,
        floats(5),
        floats(5),
        floats(5),
        0.9,
        math.inf,
        "W_hh",
        floats(5),
        floats(5),
        floats(2, 5),
        ("a", "b"),
        4,
        tuple("abcde"),
    ),
    "fixed_points": FixedPointsRecord(
        floats(3, 7),
        floats(3),
        np.array([True, False, True]),
        np.arange(3),
        np.arange(3)[::-1],
        floats(3, 5, 2),
        tuple("a<b"),
        np.array([3, 0, 8]),
        floats(5, 7),
        tuple("abcde"),
    ),
    "pattern": PatternRecord(
        np.arange(3),
        4,
        tuple("a<b>é"),
        floats(5),
        1,
        2,
        0.3,
        7,
        11,
        0.25,
        28.0,
        0.125,
        2,
        floats(2, 3),
        1,
        np.arange(2),
        (*"abcde", ""),
    ),
    "heads": HeadsRecord(floats(7, 2, 3), floats(3, 2, 3), floats(2, 3), 0.123456789012, 11, 5),
    "layers": LayersRecord(
        floats(2, 5),
        floats(2, 5),
        tuple("abcdefghij"),
        MASK,
        tuple("abcde"),
        tuple("a<b>é"),
        floats(5, 5),
        floats(5, 5),
    ),
    "attention_cell": AttentionCellRecord(
        *(floats(2, 3, 5, 7) for _ in range(3)),
        floats(2, 3, 5, 5),
        floats(3),
        np.arange(5),
        np.zeros((2, 3), bool),
        "alibi",
        tuple("abcde"),
    ),
    "reach": ReachRecord(WILD, 4),
    "glasses": GlassesRecord(np.array([2, 5, 10], np.int32), floats(2, 3), np.ones((2, 3), bool), ("a", "<b>")),
    "hidden_attention": HiddenAttentionRecord(
        2 * floats(2, 3, 5, 5) - 1,
        floats(2, 3),
        np.zeros((2, 3), np.int32),
        floats(2, 7),
        floats(2, 7),
        ("a", "b", "", "<b>", "é"),
    ),
    "race": RaceRecord(5, np.array([2, 5, 10], np.int32), WILD[:3], WILD[:3], WILD),
    "beyond_the_length": BeyondTheLengthRecord(
        "alibi",
        5,
        np.arange(2),
        floats(2),
        floats(2),
        np.arange(2),
        ("", "<b>"),
        np.arange(2),
        floats(7),
        floats(7),
        np.arange(3),
        floats(2, 3),
        floats(2),
        floats(3),
    ),
    "surgery": SurgeryRecord(
        "layer 1 unit 5 = 0",
        0.25,
        math.inf,
        0.125,
        math.nan,
        math.inf,
        3,
        floats(7),
        floats(7),
        2,
        np.zeros(7, np.int32),
        np.arange(7, dtype=np.int32),
        np.array([5, 2], np.int32),
        floats(2),
        floats(2),
        floats(2, 5),
        floats(2, 5),
        WILD,
        floats(5),
        (),
        (),
        tuple("ab"),
        tuple("abcde"),
        tuple("b<c>d"),
        MASK,
    ),
}


# -- chunks -----------------------------------------------------------------------------------


dtypes = st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_])
some_arrays = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name != "__metadata__"),
    dtypes.flatmap(lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4))),
    max_size=4,
)


@settings(max_examples=60)
@given(some_arrays, st.dictionaries(st.text(), st.text(), max_size=3))
def test_arrays_and_texts_come_back(arrays: dict[str, np.ndarray], text: dict[str, str]) -> None:
    back, words = tape.decode(tape.encode(arrays, text))
    assert words == text
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array, strict=True)


def test_a_chunk_is_what_the_browser_expects() -> None:
    """A header's length in 8 bytes, JSON with types, shapes and offsets, then little-endian numbers."""
    body = tape.encode({"loss": np.array([[1.5, -2.0, 3.0]], np.float32).T}, {"note": "é"})
    length = struct.unpack("<Q", body[:8])[0]
    header = json.loads(body[8 : 8 + length])
    assert header["__metadata__"] == {"note": "é"}
    assert (header["loss"]["dtype"], header["loss"]["shape"]) == ("F32", [3, 1])
    start, end = header["loss"]["data_offsets"]
    assert struct.unpack("<3f", body[8 + length + start : 8 + length + end]) == (1.5, -2.0, 3.0)
    assert (8 + length) % 8 == 0, "typed arrays can lie on the bytes"


@pytest.mark.parametrize("body", [b"", b"x" * 99, pickle.dumps({"a": 1}), tape.encode({"a": floats(5)})[:-1]])
def test_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        tape.decode(body)


def test_there_is_a_sample_of_every_record() -> None:
    assert SAMPLES.keys() == LENSES.keys()


@pytest.mark.parametrize("lens", LENSES)
def test_a_view_comes_back_as_its_record(lens: str) -> None:
    record = SAMPLES[lens]
    back = tape.decode_view(lens, tape.encode_view(lens, record))
    assert type(back) is LENSES[lens].record
    for name, value in vars(record).items():
        if name in LENSES[lens].levels:
            found = getattr(back, name)
            levels = 127 if (value < 0).any() else 255  # above 0, and as many below
            assert np.abs(found - value).max() <= np.abs(value).max() / (2 * levels) * 1.001, (
                "half of one of the levels"
            )
            assert found.dtype == np.float32
        else:
            np.testing.assert_array_equal(getattr(back, name), value)


def test_attention_weights_take_a_byte_each() -> None:
    weights = np.tril(np.ones((4, 4, 31, 31), np.float32)) / 31
    scores = np.zeros((4, 4), np.float32)
    record = AttentionRecord(weights, tuple("t" * 31), scores, scores, scores, np.stack([scores] * 3), scores)
    assert len(tape.encode_view("attention", record)) < weights.size + 2000


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_weights_that_cannot_be_quantised_stay_as_they_are(value: float) -> None:
    weights = np.full((2, 3, 5, 5), value, np.float32)
    record = AttentionRecord(
        weights, tuple("abcde"), *(np.zeros(shape, np.float32) for shape in ((2, 3),) * 3 + ((3, 2, 3), (2, 3)))
    )
    np.testing.assert_array_equal(tape.decode_view("attention", tape.encode_view("attention", record)).weights, weights)


def test_metrics_of_several_chunks_join_in_order() -> None:
    first = tape.encode_metrics([(1, 0.5, 0.1, 3.0, 1.0), (2, math.nan, 0.1, 2.0, 1.0)], [("validation loss", 0, 0.75)])
    second = tape.encode_metrics([(3, 0.25, 0.05, 0.5, 0.5)], [("validation loss", 3, 0.5), ("x:y", 3, 7.0)])
    joined = tape.join_metrics([first, second])
    assert joined["step"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(joined["loss"], np.array([0.5, np.nan, 0.25], np.float32))
    assert joined["clipped"].tolist() == [1.0, 1.0, 0.5]
    assert joined["metric:validation loss:step"].tolist() == [0, 3]
    assert joined["metric:validation loss:value"].tolist() == [0.75, 0.5]
    assert joined["metric:x:y:value"].tolist() == [7.0]
    assert tape.join_metrics([]) == {}


def test_metrics_may_hold_measurements_only() -> None:
    joined = tape.join_metrics([tape.encode_metrics([], [("validation loss", 5, 0.5)])])
    assert joined["step"].size == 0
    assert joined["metric:validation loss:step"].tolist() == [5]


def test_events_and_details_come_back() -> None:
    draft = tape.event(7, "lr", value=0.01)
    assert (draft.kind, draft.step) == ("event", 7)
    assert tape.decode_event(draft.body) == {"kind": "lr", "value": 0.01}
    arrays, text = tape.decode(tape.encode_detail(["a", "b"], np.array([3.0, 4.0]), np.array([0.3, 0.4])))
    assert json.loads(text["names"]) == ["a", "b"]
    assert arrays["after"].tolist() == pytest.approx([0.3, 0.4])


# -- when to look -----------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.floats(1.001, 3), st.integers(1, 5000))
def test_grid_steps_begin_at_0_and_grow_in_proportion(ratio: float, last: int) -> None:
    grid = tape.Grid(ratio)
    points = [step for step in range(last + 1) if step in grid]
    assert points[:2] == [0, 1]
    assert len(points) == grid.count(last)
    for before, after in pairwise(points):
        assert after == max(before + 1, math.floor(before * ratio))
        assert grid.next(before) == after
        assert grid.next(after - 1) == after
    assert grid.next(-1) == 0


@settings(max_examples=40)
@given(st.integers(2, 300), st.integers(1, 20_000))
def test_a_grid_can_be_fitted_into_a_number_of_places(count: int, steps: int) -> None:
    grid = tape.Grid.with_at_most(count, steps, 1.03)
    assert grid.count(steps) <= max(count, 2)
    if tape.Grid(1.03).count(steps) <= count:
        assert grid.ratio == 1.03


# -- files ------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


TEXT = "the text " * 50


def record_some(store: Store, run: str = "abc", task: str = "adding", text: str = "") -> None:
    config = RunConfig(task=task, length=13, width=5, batch=3, steps=7)
    data = digest(text) if text else config.problem.digest
    if task == "text":
        store.save_text(data, text or default_text())
    store.create(
        run, config, owner="me", lenses=("hidden_states",), data=data, meta={"metric": "m", "final": {"loss": math.nan}}
    )
    view = tape.encode_view("hidden_states", SAMPLES["hidden_states"])
    metrics = tape.encode_metrics([(step, 0.5, 0.1, 1.0, 1.0) for step in range(1, 8)])
    weights = tape.encode({"w": floats(31, 37)})
    store.append(
        run, [Draft("weights", 0, weights), Draft("view:hidden_states", 0, view), Draft("metrics", 7, metrics)], 7
    )
    store.change(run, altered=True)
    store.set_status(run, "running")
    store.set_status(run, "done", "so it ended")


@pytest.mark.parametrize("task", ["adding", "text"])
def test_a_tape_file_becomes_a_pinned_run(store: Store, tmp_path: Path, task: str) -> None:
    record_some(store, task=task)
    path = tmp_path / "a.tape"
    size = save_tape(store, "abc", path, "lesson-some-1")
    assert path.stat().st_size == size
    other = Store(tmp_path / "other")
    assert load_tape(other, path) == "lesson-some-1"
    run, original = other.run("lesson-some-1"), store.run("abc")
    assert run is not None
    assert original is not None
    for name in ("config", "data", "status", "step", "altered", "message", "lenses", "bytes"):
        assert getattr(run, name) == getattr(original, name), name
    assert run.pinned
    assert run.owner == ""
    assert {**run.meta}.items() >= {"metric": "m"}.items()
    assert [chunk[1:] for chunk in other.chunks("lesson-some-1")] == [chunk[1:] for chunk in store.chunks("abc")]
    assert other.text(run.data) == store.text(run.data)
    with pytest.raises(IllegalChange):
        other.delete("lesson-some-1")
    other.close()


def test_loading_the_same_file_again_changes_nothing_and_a_new_one_replaces(store: Store, tmp_path: Path) -> None:
    record_some(store)
    path = tmp_path / "a.tape"
    save_tape(store, "abc", path, "lesson-some")
    load_tape(store, path)
    store.append("lesson-some", [Draft("view:gradients", 0, b"filled in later")])
    version = store.data_version()
    load_tape(store, path)
    assert store.data_version() == version
    save_tape(store, "abc", path, "lesson-some", keep=lambda chunk: chunk.kind != "weights")
    load_tape(store, path)
    assert [(chunk.seq, chunk.kind) for chunk in store.chunks("lesson-some")] == [
        (0, "view:hidden_states"),
        (1, "metrics"),
    ]


def test_a_lesson_recorded_with_another_python_s_text_reads_the_one_of_here_in_its_own_characters(
    store: Store, tmp_path: Path
) -> None:
    record_some(store, task="text", text=TEXT)
    path = tmp_path / "a.tape"
    save_tape(store, "abc", path, "lesson-some")
    assert TEXT.encode() not in decompress(path.read_bytes().partition(b"\n")[2], 10**6), "what was read does not ship"
    load_tape(store, path)
    run = store.run("lesson-some")
    assert run is not None
    text = store.text(run.data)
    assert text is not None
    assert (digest(text), sorted(set(text))) == (run.data, sorted(set(TEXT)))
    assert text == "".join(character for character in default_text() if character in "the tx")

    # The same weights say the same to the same input: the characters have the numbers that they had.
    before = Trainer(run.config.but(data=digest(TEXT)), TEXT, "cpu")
    now = make_trainer(store, run, torch.device("cpu"))
    now.load_weights(before.weights())
    words = [trainer.model(trainer.task.read("hex the").x) for trainer in (before, now)]
    assert torch.equal(*words)


@pytest.mark.parametrize(
    ("text", "characters", "said"), [("abcab", "abd", "dabab"), ("xyz", "ab", "ab"), ("ab", "ab", "ab")]
)
def test_a_text_in_other_characters_has_all_of_them_and_no_others(text: str, characters: str, said: str) -> None:
    assert respelled(text, characters) == said


def test_what_a_run_read_must_be_of_here_or_a_text(store: Store, tmp_path: Path) -> None:
    record_some(store, task="forecast", text="another series")
    path = tmp_path / "a.tape"
    save_tape(store, "abc", path, "lesson-some")
    with pytest.raises(ValueError, match="what its run read is not here"):
        load_tape(store, path)
    store.create("own", RunConfig(task="text", length=13, width=5, data=digest(TEXT)), owner="me", data=digest(TEXT))
    with pytest.raises(ValueError, match="data of a user's own, which does not ship"):
        save_tape(store, "own", path, "lesson-own")


def opened(path: Path) -> tuple[bytes, dict[str, np.ndarray], dict[str, Any]]:
    """A tape file's first line, and the arrays and the row behind it."""
    line, _, packed = path.read_bytes().partition(b"\n")
    arrays, metadata = tape.decode(decompress(packed, 10**6))
    return line + b"\n", arrays, json.loads(metadata["run"])


def test_only_tapes_are_loaded(store: Store, tmp_path: Path) -> None:
    record_some(store)
    path = tmp_path / "a.tape"
    save_tape(store, "abc", path, "lesson-some")
    whole = path.read_bytes()
    line, arrays, row = opened(path)

    def made(arrays: dict[str, np.ndarray] = arrays, **other: Any) -> bytes:
        return line + compress(tape.encode(arrays, {"run": json.dumps({**row, **other})}))

    path.write_bytes(made())
    load_tape(store, path)
    store.erase("lesson-some")
    flipped = bytearray(whole)
    flipped[-300] ^= 1
    wrong = [
        b"",
        b"not a tape",
        whole[:-5],
        whole + b"more",
        bytes(flipped),
        pickle.dumps(row),
        whole.replace(FORMAT.encode(), b"unrolled tape 1", 1),
        whole.replace(b"lesson-some", b"61572530c9cac0a6", 1),
        line + tape.encode(arrays, {"run": json.dumps(row)}),
        line + compress(pickle.dumps(row)),
        line + compress(tape.encode(arrays)),
        line + compress(b"\0" * 33_000_000),
        made(config='{"lr": 0}'),
        made(data="../../secret"),
        made(data="d" * 64),
        made(kinds=row["kinds"][:-1]),
        made(kinds=[[name, 3, *rest] for name, _, *rest in row["kinds"]]),
        made(kinds=[[name] for name, *_ in row["kinds"]]),
        made({**arrays, "head": arrays["head"] + 1}),
        made({**arrays, "data": -arrays["data"]}),
        made({**arrays, "kind": arrays["kind"] - 1}),
        made({**arrays, "0:data": arrays["0:data"][:-1]}),
        made({name: array for name, array in arrays.items() if name != "1:data"}),
    ]
    for content in wrong:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a tape of this project"):
            load_tape(store, path)
    assert [run.id for run in store.runs()] == ["abc"]


def test_a_tape_that_could_not_be_loaded_is_not_saved(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_some(store)
    monkeypatch.setattr(tape_file, "LARGEST", 5000)
    with pytest.raises(ValueError, match="at most 5,000 can be loaded"):
        save_tape(store, "abc", tmp_path / "a.tape", "lesson-some")
    assert not (tmp_path / "a.tape").exists()


# -- packing ----------------------------------------------------------------------------------


some_bodies = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda size, seed: tape.encode(
            {"w": np.random.default_rng(seed).random(size, np.float32)}, {"seed": "é" * seed}
        ),
        st.integers(0, 13),
        st.integers(0, 3),
    ),
)
some_chunks = st.builds(
    Draft, st.sampled_from(["weights", "view:a<b>é", "metrics"]), st.integers(0, 2**40), some_bodies
)


@settings(max_examples=60)
@given(st.lists(some_chunks, max_size=9))
def test_packed_chunks_come_back_bit_for_bit(chunks: list[Draft]) -> None:
    arrays, kinds = pack(chunks)
    arrays, _ = tape.decode(decompress(compress(tape.encode(arrays, {"x": "y"})), 10**6))
    assert unpack(arrays, json.loads(json.dumps(kinds))) == chunks


@settings(max_examples=60)
@given(
    arrays_of.arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(0, 23))),
    st.sampled_from(LAYOUTS),
)
def test_every_layout_can_be_undone(table: np.ndarray, layout: Any) -> None:
    body = arranged(table, layout)
    assert len(body) == table.size
    np.testing.assert_array_equal(restored(body, len(table), layout), table, strict=True)


def test_rows_that_change_little_are_packed_small() -> None:
    """A walk in float32: signs, exponents and the first bits of the mantissas hardly change from row to row."""
    walk = 1 + 1e-3 * np.cumsum(RANDOM.standard_normal((50, 300)), axis=0)
    chunks = [Draft("weights", step, tape.encode({"w": row.astype(np.float32)})) for step, row in enumerate(walk)]
    arrays, _ = pack(chunks)
    alone = sum(len(zlib.compress(chunk.body, 9)) for chunk in chunks)
    assert len(compress(tape.encode(arrays))) < 0.8 * alone


@pytest.mark.parametrize("packed", [b"", b"x" * 99, compress(b"abc")[:-1], compress(b"abc") + b"d", compress(b"abcd")])
def test_only_whole_and_small_packages_are_unpacked(packed: bytes) -> None:
    with pytest.raises((ValueError, lzma.LZMAError)):
        decompress(packed, 3)
    assert decompress(compress(b"abc"), 3) == b"abc"


def test_unpacking_takes_little_memory() -> None:
    """A dictionary larger than ours is refused before it is reserved."""
    large = ({"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28},)
    with pytest.raises(lzma.LZMAError, match=r"[Mm]emory"):
        decompress(lzma.compress(b"abc", lzma.FORMAT_XZ, filters=large), 999)


def test_saving_needs_a_run_and_a_lesson(store: Store, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        save_tape(store, "abc", tmp_path / "a.tape", "lesson-some")
    record_some(store)
    with pytest.raises(ValueError, match="lesson"):
        save_tape(store, "abc", tmp_path / "a.tape", "Lesson one")
