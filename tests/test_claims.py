"""No number of an answer under Try goes without a claim that `make claims` measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from benchmarks.claims.__main__ import answers
from benchmarks.claims.claim import Answer, Claim, about, at_least, at_most, exactly, loose_ends, magnitude
from benchmarks.claims.experiments import Experiment, experiments, pages
from benchmarks.claims.numbers import numbers
from explainer.config import RunConfig
from explainer.lessons import LESSONS, SWEEPS
from explainer.ui.places import LESSON_PLACES

EVERY = [each for page in pages() for each in experiments(page)]


def named(experiment: Experiment) -> str:
    return f"{experiment.page} {experiment.number}"


def test_every_lesson_page_has_experiments_and_each_has_claims() -> None:
    assert {f"{page}.py" for page in pages()} == {place.file for place in LESSON_PLACES}
    for page in pages():
        assert set(answers(page)) == {each.number for each in experiments(page)}, page


@pytest.mark.parametrize("experiment", EVERY, ids=named)
def test_every_number_of_an_answer_has_a_claim_and_every_claim_is_still_in_the_answer(experiment: Experiment) -> None:
    assert loose_ends(experiment, answers(experiment.page)[experiment.number]) == []


@pytest.mark.parametrize("experiment", EVERY, ids=named)
def test_the_rules_of_a_claim_fit_its_numbers(experiment: Experiment) -> None:
    answer = answers(experiment.page)[experiment.number]
    for claim in (*answer.claims, *answer.questions):
        stated = claim.stated
        # Bounds hold at the number itself, and so does every other rule.
        rows = claim.rows([number.value for number in stated] if stated else True)
        assert all(row.ok for row in rows), claim.says


@pytest.mark.parametrize("experiment", EVERY, ids=named)
def test_each_reason_says_something(experiment: Experiment) -> None:
    answer = answers(experiment.page)[experiment.number]
    assert all(reason for reason in (*answer.given.values(), *answer.asked.values()))


CONFIG = RunConfig(task="adding", length=7)
EXAMPLE = Experiment(
    "gates",
    1,
    "Start with a radius of 3, twice.",
    {"radius": "3.0"},
    "It ends at 0.25 (seed 0), half of 0.50.",
    (CONFIG,),
)


def claim(says: str) -> Claim:
    return Claim(says, lambda lab, asked: 0.0)


def test_a_number_without_a_claim_a_setting_and_a_claim_that_is_gone_are_found() -> None:
    covered = Answer(claims=(claim("at [0.25]"), claim("[half] of [0.50]")), asked={"twice": "a word"})
    assert loose_ends(EXAMPLE, covered) == []
    (bare,) = loose_ends(EXAMPLE, replace(covered, claims=covered.claims[:1], given={"half of": "a word"}))
    assert "0.50" in bare
    (unasked,) = loose_ends(EXAMPLE, replace(covered, asked={}))
    assert "twice" in unasked
    (gone,) = loose_ends(EXAMPLE, replace(covered, claims=(*covered.claims, claim("ends at [0.26]"))))
    assert "ends at 0.26" in gone
    changed = replace(EXAMPLE, answer=EXAMPLE.answer.replace("0.25", "0.24"))
    assert len(loose_ends(changed, covered)) == 2  # the claim is gone, and the new number has none


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("571 of 5,050 cells", [571, 5050]),
        ("× 0.996, at .5", [0.996, 0.5]),
        ("4·10⁻⁸ to 10²³", [4e-8, 1e23]),
        ("the longest is 4.7e8", [4.7e8]),
        ("3³ = 27", [27, 27]),
        ("about 1/50, r = −0.44", [0.02, -0.44]),
        ("12 % and 54% of them", [0.12, 0.54]),
        ("half, twice and two thirds", [0.5, 2, 2 / 3]),
        ("ten million of a tenth", [1e7, 0.1]),
        ("float32, W_2, x3 and someone", []),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, found: list[float]) -> None:
    assert [number.value for number in numbers(text)] == pytest.approx(found)


@pytest.mark.parametrize(
    ("says", "measured", "ok"),
    [
        ("[0.25]", 0.2549, True),
        ("[0.25]", 0.2551, False),
        ("[0.250]", 0.2504, True),
        ("[0.250]", 0.2506, False),
        ("[5,050]", 5050.4, True),
        ("[5,050]", 5051.0, False),
        ("[12 %]", 0.1249, True),
        ("[12 %]", 0.1251, False),
        ("[3·10⁻¹²]", 3.4e-12, True),
        ("[3·10⁻¹²]", 3.6e-12, False),
        ("[three]", 3.0, True),
        ("[three]", 3.1, False),
    ],
)
def test_a_number_is_right_to_the_digits_that_the_text_gives(says: str, measured: float, ok: bool) -> None:
    assert [row.ok for row in claim(says).rows(measured)] == [ok]


def test_other_rules_say_no_just_beyond_their_bounds_and_to_what_is_no_number() -> None:
    (ten,) = numbers("10")
    assert about(0.1)(ten, 10.9)
    assert not about(0.1)(ten, 11.1)
    assert magnitude(2.0)(ten, 19.0)
    assert not magnitude(2.0)(ten, 21.0)
    assert not magnitude(2.0)(ten, 0.0)
    assert at_most(ten, 10.0)
    assert not at_most(ten, 10.1)
    assert at_least(ten, 10.0)
    assert not at_least(ten, 9.9)
    assert not exactly(ten, 10.1)
    for rule in (about(0.1), magnitude(2.0), at_most, at_least, exactly):
        assert not rule(ten, float("nan"))
    assert [row.ok for row in claim("it is so").rows(False)] == [False]


def test_as_many_numbers_are_measured_as_are_stated() -> None:
    with pytest.raises(ValueError, match="2 numbers, 1 measured"):
        claim("[1] and [2]").rows(1.0)
    with pytest.raises(ValueError, match="not one number"):
        claim("[1 and 2]").rows(1.0)


def runs_of(page: str, number: int) -> tuple[RunConfig, ...]:
    return experiments(page)[number - 1].configs


def test_an_address_leads_to_the_runs_that_the_page_would_train() -> None:
    gradients: Mapping[str, RunConfig] = {name: lesson.config for name, lesson in LESSONS.items()}
    base = gradients["lesson-gradients-rnn"]
    assert runs_of("gradients", 1) == (base.but(model="rnn_relu", init="identity"),)
    assert runs_of("microscope", 1) == tuple(gradients[f"lesson-microscope-{name}"] for name in ("rnn", "lstm", "gru"))
    assert runs_of("gates", 3) == (gradients["lesson-text"],)
    assert runs_of("heads", 4) == (gradients["lesson-attention"].but(norm="pre"),)
    sweep = SWEEPS["lesson-horizon"].sweep
    short = runs_of("memory_horizon", 3)
    assert {config.length for config in short} == {5, 10, 20}
    assert {config.model for config in short} == {"rnn", "lstm", "gru"}
    assert all(config.but(length=80, model="gru", steps=800) == sweep.base for config in short)
