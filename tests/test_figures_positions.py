"""Figures of positions: drawn as plotly accepts them, with numbers and sentences that an independent count confirms."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest

from explainer.charts import theme as order_theme
from explainer.charts.panel import Frame, Moment, Panel, Reel, fill, packed, reading_at
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.positions import alibi, order, rotary, sinusoidal
from explainer.lenses.positions import notes as positions_notes
from explainer.lenses.positions.record import PositionsRecord
from explainer.lessons import LESSONS
from explainer.models import build
from explainer.records import to_arrays
from explainer.runs.store import Store
from explainer.tasks.make import make_task
from explainer.theory import encodings

PROJECT = Path(__file__).resolve().parents[1]
T, D, K, H = 23, 14, 10, 7
BASE = 50.0


def drawn(panel: Panel, place: int, at: int) -> dict[str, Any]:
    """The panel at the scan's place number `place`, position `at`, after plotly has checked it."""
    figure = fill(panel, [], at, {"place": place})
    go.Figure(figure)
    assert panel.reading
    return figure


def by_id(panels: Sequence[Panel]) -> Mapping[str, Panel]:
    found = {panel.id: panel for panel in panels}
    assert len(found) == len(panels)
    return found


# -- what all share ---------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 16, 171, 172, 256, 384, 512])
def test_places_are_few_and_close_enough_for_the_fastest_wave(length: int) -> None:
    at = order.places(length)
    assert at[0] == 0
    assert at[-1] < length
    assert len(at) <= order.PLACES
    if len(at) > 1:
        assert at[1] <= math.pi, "two places at least in each turn of 2 pi positions"


def test_spread_keeps_both_ends_and_repeats_nothing() -> None:
    assert order.spread(0, 31) == [0, 10, 21, 31]
    assert order.spread(3, 5) == [3, 4, 5]
    assert order.spread(2, 2) == [2]


@pytest.mark.parametrize("theme", ["light", "dark", "unknown"])
def test_shades_are_as_many_different_colours_as_asked_for(theme: str) -> None:
    for count in (1, 2, 4, 16):
        shades = order_theme.shades(theme, count)
        assert len(set(shades)) == count
        assert all(len(shade) == 7 and int(shade[1:], 16) >= 0 for shade in shades)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (2 * math.pi, "6.28"),
        (54410.14, "54,410"),
        (4.7117e8, "4.7e8"),
        (2.1e-14, "2.1e-14"),
        (1e-13, "1e-13"),
    ],
)
def test_numbers_of_any_size_are_said_shortly(value: float, said: str) -> None:
    assert order.spoken(value) == said


def test_an_array_is_packed_as_the_player_unpacks_it() -> None:
    array = np.random.default_rng(0).normal(size=(3, 5, 7))
    sent = json.loads(json.dumps(packed(array)))
    back = np.frombuffer(base64.b64decode(sent["body"]), "<f4").reshape(sent["shape"])
    np.testing.assert_allclose(back, array, rtol=1e-7)


# -- sinusoidal -------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("code", sinusoidal.CODES)
@pytest.mark.parametrize(("length", "width", "base"), [(T, D, BASE), (512, 128, 1e4), (1, 2, 10.0), (16, 8, 5e5)])
def test_every_sinusoidal_panel_is_a_figure(length: int, width: int, base: float, code: str, theme: str) -> None:
    at = order.places(length)
    for panel in sinusoidal.panels(length, width, base, code, (0, width // 2 - 1), theme):
        for place in {0, len(at) - 1}:
            drawn(panel, place, int(at[place]))


def test_the_sinusoidal_figures_show_the_table_and_its_products() -> None:
    panels = by_id(sinusoidal.panels(T, D, BASE, "correct", (1, 5), "light"))
    p = 17
    table = encodings.sinusoidal(T, D, BASE)
    shown = drawn(panels["sinusoidal-table"], p, p)
    np.testing.assert_allclose(shown["data"][0]["z"], table.T)
    assert shown["layout"]["shapes"][0]["x0"] == shown["layout"]["shapes"][0]["x1"] == p
    kernel = drawn(panels["sinusoidal-kernel"], p, p)["data"][0]["z"]
    assert kernel[4][9] == pytest.approx(sum(a * b for a, b in zip(table[4], table[9], strict=True)))
    least, most, curve = drawn(panels["sinusoidal-offset"], p, p)["data"]
    for edge, word in ((least, "least"), (most, "most")):
        assert edge["hovertemplate"] == f"offset %{{x}}: {word} %{{y:.4f}}<extra></extra>"
    offsets = curve["x0"] + curve["dx"] * np.arange(len(curve["y"]))
    at_three = curve["y"][list(offsets).index(3)]
    assert at_three == pytest.approx(table[p + 3] @ table[p])
    waves = drawn(panels["sinusoidal-waves"], p, p)["data"]
    np.testing.assert_allclose(waves[0]["y"], table[:, 2], atol=1e-5)
    np.testing.assert_allclose(waves[-1]["y"], waves_at(waves[:-1], p), atol=1e-5)
    hands = drawn(panels["sinusoidal-hands"], p, p)["data"]
    assert (hands[0]["x"][1], hands[0]["y"][1]) == pytest.approx((table[p, 3], table[p, 2]))


def waves_at(curves: Sequence[Mapping[str, Any]], p: int) -> list[float]:
    return [curve["y"][p] for curve in curves]


def test_the_known_numbers_of_the_usual_bugs_are_said() -> None:
    right = sinusoidal.verdict(512, 128, 1e4, "correct")
    assert "longest wavelength 54,410" in right
    assert "rounding" in right
    doubled = sinusoidal.verdict(512, 128, 1e4, "double_step")
    assert "longest wavelength 4.7e8 (correct: 54,410)" in doubled
    assert "at one offset 0, but for rounding" in doubled, "doubling alone passes the test of the offset"
    other = sinusoidal.verdict(512, 128, 1e4, "other_exponent")
    assert "largest difference between products at one offset 9.11 (correct:" in other
    assert "hardly move 44% (correct: 2%)" in other


def test_sinusoidal_sentences_say_what_a_plain_count_gives() -> None:
    panels = by_id(sinusoidal.panels(T, D, BASE, "other_exponent", (0, 6), "light"))
    table = encodings.sinusoidal_bug(T, D, BASE)
    lengths = encodings.wavelengths(D, BASE, "other_exponent")
    complete = sum(1 for length in lengths if length <= T)
    assert f"{complete} of {D} dimensions" in panels["sinusoidal-wavelengths"].reading
    own = [float(row @ row) for row in table]
    assert f"from {min(own):.3g} to {max(own):.3g}" in panels["sinusoidal-kernel"].reading
    hands = [math.hypot(row[2 * pair], row[2 * pair + 1]) for row in table for pair in range(D // 2)]
    assert f"between {min(hands):.2f} and {max(hands):.2f}" in panels["sinusoidal-hands"].reading
    worst = max(abs(float(table[m] @ table[n] - table[0] @ table[abs(m - n)])) for m in range(T) for n in range(T))
    assert f"up to {order.spoken(worst)}" in panels["sinusoidal-offset"].reading
    right = by_id(sinusoidal.panels(T, D, BASE, "correct", (0, 6), "light"))
    assert "keeps its shape" in right["sinusoidal-offset"].reading
    assert "length 1" in right["sinusoidal-hands"].reading
    assert f"with itself is {D // 2}," in right["sinusoidal-kernel"].reading
    assert f"pair 6: {(T - 1) / (2 * math.pi * BASE ** (12 / D)):.3g}." in right["sinusoidal-waves"].reading
    lengths = [2 * math.pi * BASE ** (2 * (d // 2) / D) for d in range(D)]
    moving = encodings.sinusoidal(T, D, BASE)
    still = sum(
        1 for d in range(D) if math.sqrt(sum((x - sum(moving[:, d]) / T) ** 2 for x in moving[:, d]) / T) < 1e-3
    )
    assert right["sinusoidal-table"].reading == (
        f"{D} dimensions with wavelengths from 6.28 to {order.spoken(max(lengths))} positions; {still / D:.0%} of them hardly move "
        f"over {T} positions (standard deviation below 0.001)."
    )


# -- rotary -----------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize(("length", "size", "offset"), [(T, K, 5), (512, 128, 15), (16, 8, 15), (16, 2, 0)])
def test_every_rotary_panel_is_a_figure(length: int, size: int, offset: int, random: bool, theme: str) -> None:
    q, k = rotary.vectors(size, random)
    at = order.places(length)
    last = int((at + offset < length).sum()) - 1
    for panel in rotary.panels(length, 1e4, offset, q, k, (0, size // 2 - 1), theme):
        for place in {0, last}:
            drawn(panel, place, int(at[place]))


def test_the_hands_turn_by_their_angle_and_what_is_between_them_stays() -> None:
    q, k = rotary.vectors(K, random=True)
    offset, pair = 3, 2
    panel = rotary.dials_panel(T, BASE, offset, q, k, [pair], "light")
    omega = BASE ** (-2 * pair / K)
    between, sectors = [], []
    for p in (0, 7, T - 1 - offset):
        sector, query, key = drawn(panel, p, p)["data"]
        angle = math.atan2(k[2 * pair + 1], k[2 * pair]) + omega * p
        length = math.hypot(k[2 * pair], k[2 * pair + 1])
        tip = (length * math.cos(angle), length * math.sin(angle))
        assert (key["x"][1], key["y"][1]) == pytest.approx(tip), f"the key's hand at position {p}"
        between.append(complex(query["x"][1], query["y"][1]) / complex(key["x"][1], key["y"][1]))
        rim = np.array(sector["x"][1:-1]) + 1j * np.array(sector["y"][1:-1])
        sectors.append(complex(rim[-1] / rim[0]))
        assert rim[0] / abs(rim[0]) == pytest.approx(complex(key["x"][1], key["y"][1]) / length)
        assert (sector["x"][0], sector["x"][-1], sector["y"][0], sector["y"][-1]) == (0, 0, 0, 0)
    np.testing.assert_allclose(between, between[0])
    np.testing.assert_allclose(sectors, between[0] / abs(between[0]))


def test_rotary_sentences_say_what_the_turned_vectors_give() -> None:
    q, k = rotary.vectors(K, random=True)
    offset = 4
    panels = by_id(rotary.panels(T, BASE, offset, q, k, (0, K // 2 - 1), "light"))

    def score(m: int, n: int) -> float:
        turned = encodings.rotate(np.stack([q, k]), np.array([m, n]), BASE)
        return float(turned[0] @ turned[1] / np.linalg.norm(q) / np.linalg.norm(k))

    assert f"At offset 4 the cosine is {score(4, 0):.3f} at all {T - 4} places" in panels["rotary-offset"].reading
    best = max(range(1 - T, T), key=lambda d: score(max(d, 0), max(-d, 0)))
    reading = panels["rotary-scores"].reading
    assert reading.endswith(f"the largest, {score(max(best, 0), max(-best, 0)):.3f}, is at offset m − n = {best}.")
    assert f"pair 4 by {4 * BASE**-0.8 / (2 * math.pi):.3g} turns" in panels["rotary-dials"].reading
    lengths = [2 * math.pi * BASE ** (2 * pair / K) for pair in range(K // 2)]
    assert panels["rotary-table"].reading == (
        f"{K // 2} pairs; {sum(length <= T for length in lengths)} of them complete a turn within T = {T}, "
        f"the slowest takes {order.spoken(max(lengths))} positions."
    )
    shown = fill(panels["rotary-scores"], [], 0)["data"][0]["z"]
    assert shown[11][2] == pytest.approx(score(11, 2)), "rows are queries, columns are keys"
    curve = fill(panels["rotary-offset"], [], 6, {"place": 6})["data"][2]
    assert curve["y"][9] == pytest.approx(score(9, 6))
    assert curve["x0"] + 9 * curve["dx"] == 3


# -- ALiBi ------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("length", "heads", "head"), [(T, H, 4), (512, 16, 15), (16, 1, 0), (1, 2, 1)])
def test_every_alibi_panel_is_a_figure(length: int, heads: int, head: int, theme: str) -> None:
    at = order.places(length)
    for panel in alibi.panels(length, heads, head, theme):
        for place in {0, len(at) - 1}:
            drawn(panel, place, int(at[place]))


def test_the_alibi_figures_show_bias_factor_and_weights() -> None:
    panels = by_id(alibi.panels(T, H, 1, "light"))
    slope = 2.0**-4  # the second of the four heads whose rule seven heads begin with
    p = 11
    bias = drawn(panels["alibi-bias"], p, p)
    assert bias["data"][0]["z"][9][2] == pytest.approx(-7 * slope)
    assert math.isnan(bias["data"][0]["z"][2][9]), "the future is empty"
    assert bias["layout"]["shapes"][0]["y0"] == p
    weights = drawn(panels["alibi-weights"], p, p)["data"][0]["y"]
    assert sum(weights) == pytest.approx(1)
    assert weights[5] / weights[p] == pytest.approx(math.exp(-6 * slope))
    assert weights[p + 1] == 0
    small = fill(panels["alibi-maps"], [], 0)["data"]
    assert len(small) == H
    assert small[1]["z"][9][2] == pytest.approx(math.exp(-7 * slope), abs=1e-5)
    assert small[1]["z"][2][9] is None


def test_alibi_sentences_say_what_the_slopes_give() -> None:
    panels = by_id(alibi.panels(64, 8, 3, "light"))
    assert "Head 4 takes 1/16 off" in panels["alibi-bias"].reading
    assert f"{63 / 16:.3g} from end to end" in panels["alibi-bias"].reading
    weights = [math.exp(-d / 16) for d in range(64)]
    half = next(n for n in range(1, 65) if sum(weights[:n]) >= sum(weights) / 2)
    assert f"nearest {half} of 64 keys, {1 / sum(weights):.0%} on" in panels["alibi-weights"].reading
    assert f"every {16 * math.log(2):.3g} positions" in panels["alibi-lines"].reading
    assert f"by {math.exp(-63 / 256):.2g} in head 8" in panels["alibi-maps"].reading
    assert "From 1/2 to 1/256: a geometric row." in panels["alibi-slopes"].reading
    assert "next lower power of two" in by_id(alibi.panels(8, 3, 0, "light"))["alibi-slopes"].reading


# -- learned ----------------------------------------------------------------------------------


def record_of(table: np.ndarray, kind: str = "learned", heads: int = 3) -> PositionsRecord:
    table = np.asarray(table, np.float32)
    length = len(table)
    kernel = encodings.dot_kernel(table, normalised=True).astype(np.float32)
    distance = np.full((2, heads, length or T), 0.1, np.float32)
    return PositionsRecord(kind, table, kernel, distance)


def reel_of(records: Sequence[PositionsRecord], config: RunConfig) -> tuple[Reel, dict[str, Any]]:
    """What the player has of a tape with these looks, at steps 0, 10, 20 …"""
    run = subject(config, {})
    frames = []
    for number, record in enumerate(records):
        notes = LENSES["positions"].notes(record, Moment(run, 10 * number))
        arrays, _ = to_arrays(record)
        frames.append(Frame(10 * number, {**arrays, **notes.arrays}, dict(notes.labels), notes.readings))
    return Reel({"positions": frames}, {}, {"positions": LENSES["positions"].context(records, None)}), run


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("kind", ["none", "learned", "sinusoidal", "rotary", "alibi"])
def test_the_panels_draw_what_the_lens_saw_of_a_real_model(kind: str, layers: int) -> None:
    config = RunConfig(
        task="repeat", length=11, symbols=5, model="transformer", layers=layers, width=12, heads=3, positions=kind
    )
    task = make_task(config)
    model = build(config, task.inputs, task.outputs)
    batch = task.batch(0, size=7)
    first = LENSES["positions"].look(model, batch, task)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    second = LENSES["positions"].look(model, batch, task)
    reel, run = reel_of([first, second], config)
    panels = by_id(LENSES["positions"].panels(run, "light"))
    assert ("positions-distance" in panels) == (layers > 0)
    for panel in panels.values():
        go.Figure(fill(panel, [reel], 10, {"layer": 1}))
        if panel.id != "loss":
            assert reading_at(panel, [reel], 10, {"layer": 0})
    if kind == "learned":
        shown = fill(panels["positions-table"], [reel], 10)["data"][0]
        np.testing.assert_allclose(shown["z"], second.table.T)
        assert shown["zmax"] == pytest.approx(np.abs(second.table).max()) == -shown["zmin"]
        np.testing.assert_allclose(second.table, 1.5 * first.table), "the record is a copy"
        path = fill(panels["positions-path"], [reel], 0)
        low, high = path["layout"]["xaxis"]["range"]
        assert low < min(path["data"][0]["x"]) <= max(path["data"][0]["x"]) < high
        history = fill(panels["positions-order"], [reel], 10)["data"]
        assert history[0]["x"] == [0, 10]
        neighbours = [float(second.kernel[t, t + 1]) for t in range(10)]
        assert history[0]["y"][1] == pytest.approx(sum(neighbours) / 10, rel=1e-5)
    if layers:
        lines = fill(panels["positions-distance"], [reel], 10, {"layer": layers - 1})["data"]
        np.testing.assert_allclose(lines[2]["y"], second.distance[layers - 1, 2])


def test_distance_explains_all_of_a_sinusoidal_table_and_little_of_noise() -> None:
    assert positions_notes.distance_share(encodings.dot_kernel(encodings.sinusoidal(T, D))) == pytest.approx(1)
    draws = np.random.default_rng(0)
    shares = [
        positions_notes.distance_share(encodings.dot_kernel(draws.normal(size=(T, 40)), normalised=True))
        for _ in range(50)
    ]
    expected = (T - 2) / (T * (T - 1) / 2 - 1)
    assert np.mean(shares) == pytest.approx(expected, rel=0.15)
    assert f"about {expected:.0%}" in positions_notes.likeness_reading(record_of(draws.normal(size=(T, 40))))


def test_the_share_is_one_minus_what_varies_within_a_distance() -> None:
    kernel = encodings.dot_kernel(np.random.default_rng(1).normal(size=(5, 3)), normalised=True)
    pairs = {(m, n): float(kernel[m, n]) for m in range(5) for n in range(m + 1, 5)}
    mean = sum(pairs.values()) / len(pairs)
    groups: dict[int, list[float]] = {}
    for (m, n), value in pairs.items():
        groups.setdefault(n - m, []).append(value)
    within = sum((value - sum(group) / len(group)) ** 2 for group in groups.values() for value in group)
    total = sum((value - mean) ** 2 for value in pairs.values())
    assert positions_notes.distance_share(kernel) == pytest.approx(1 - within / total)


def test_learned_sentences_say_what_a_plain_count_gives() -> None:
    table = np.cumsum(np.random.default_rng(2).normal(size=(T, D)), axis=0)
    record = record_of(table)
    cosine = record.kernel
    near = np.mean([cosine[t, t + 1] for t in range(T - 1)])
    far = np.mean([cosine[t, t + T // 2] for t in range(T - T // 2)])
    assert f"Mean cosine {near:.2f} at distance 1, {far:.2f} at {T // 2}" in positions_notes.profile_reading(record)
    assert f"neighbours {near:.2f}, far positions ({T // 2} apart) {far:.2f}" in positions_notes.order_reading(record)
    norms = np.sqrt((record.table.astype(float) ** 2).sum(1))
    assert f"from {norms.min():.3g} to {norms.max():.3g}" in positions_notes.table_reading(record)
    centred = record.table - record.table.mean(0)
    values = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    assert f"A plane holds {values[:2].sum() / values.sum():.0%}" in positions_notes.path_reading(record)
    fixed = record_of(encodings.sinusoidal(T, D), kind="sinusoidal")
    assert "it depends on the distance alone" in positions_notes.profile_reading(fixed)
    assert "fixed by a formula" in positions_notes.table_reading(fixed)


def test_the_head_that_is_set_most_on_one_distance_is_named() -> None:
    weights = np.full((3, T), 0.02)
    weights[1, 1], weights[2, T - 1] = 0.7, 0.9  # the last distance has one query only: not counted
    assert positions_notes.distance_reading(weights) == (
        "Head 2 puts most on one distance: a weight of 0.70, on average, on the token before."
    )
    weights[0, 5] = 0.8
    assert "Head 1" in positions_notes.distance_reading(weights)
    assert "the token 5 back" in positions_notes.distance_reading(weights)
    assert "the token itself" in positions_notes.distance_reading(np.ones((1, 1)))
    assert "not finite" in positions_notes.distance_reading(np.full((2, 3), np.nan))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (np.zeros((0, 0)), "no table"),
        (np.full((T, D), np.nan), "not finite"),
        (np.zeros((T, D)), "the same vector"),
        (np.ones((1, D)), "the same vector"),
        (np.ones((2, D)), "the same vector"),
    ],
)
def test_tables_at_the_extremes_have_sentences_and_pictures(table: np.ndarray, said: str) -> None:
    record = record_of(table)
    config = LESSONS["lesson-positions"].config
    reel, run = reel_of([record], config)
    for panel in LENSES["positions"].panels(run, "dark"):
        go.Figure(fill(panel, [reel], 0, {"layer": 0}))
        assert "nan" not in reading_at(panel, [reel], 0, {"layer": 0}).lower()
    path = next(panel for panel in LENSES["positions"].panels(run, "dark") if panel.id == "positions-path")
    assert said in reading_at(path, [reel], 0)


def test_a_scheme_without_a_table_says_what_it_does_instead() -> None:
    for kind, said in (("rotary", "turn queries and keys"), ("alibi", "changes the scores"), ("none", "told nothing")):
        record = record_of(np.zeros((0, 0)), kind=kind)
        assert said in LENSES["positions"].notes(record, Moment(subject(RunConfig(), {}), 0)).readings["table"]


def test_the_plane_of_a_growing_tape_does_not_flip() -> None:
    draws = np.random.default_rng(3)
    records = [record_of(draws.normal(size=(T, D)) * scale) for scale in (0.1, 1.0)]
    first = LENSES["positions"].context(records[:1], None)
    again = LENSES["positions"].context(records, first["basis"])
    assert all(float(row @ before) >= 0 for row, before in zip(again["basis"], first["basis"], strict=True))
    flipped = LENSES["positions"].context(records, -again["basis"])
    np.testing.assert_allclose(flipped["basis"], -again["basis"], atol=1e-6)


# -- the page ---------------------------------------------------------------------------------


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / "positions.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.markdown, *app.info])


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("Sinusoidal", "Vaswani"), ("Learned", "GPT-2"), ("Rotary", "dial"), ("ALiBi", "penalty"), ("no such", "Vaswani")],
)
def test_the_page_opens_with_the_encoding_of_its_address(store: Store, encoding: str, word: str) -> None:
    app = opened(encoding=encoding)
    assert app.title[0].value == "How does a Transformer know the order?"
    assert word in said(app)


def test_the_address_sets_the_sliders_and_what_can_not_be_is_as_if_not_said(store: Store) -> None:
    told = said(opened(T="512", D="128", code="doubled exponent"))
    assert "**Doubled exponent:** largest difference between products at one offset" in told
    assert "longest wavelength 4.7e8 (correct: 54,410)" in told
    told = said(opened(T="513", D="-1", base="nan", code="<b>"))
    assert f"**Correct:** {sinusoidal.verdict(64, 64, 1e4, 'correct')}" in told


def test_the_page_without_a_tape_says_what_to_do(store: Store) -> None:
    assert "Press Train" in said(opened(encoding="Learned"))
    assert "Press Train" not in said(opened(encoding="ALiBi"))
