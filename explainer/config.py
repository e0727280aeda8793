"""RunConfig: what a run does — task, model, recipe, seed — and nothing about how it is shown.

It is the one thing that every part shares. It imports no torch: the interface builds its
controls from the fields, the address is its text, the run's id is its hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Self, TypeVar

from explainer import families, upgrade
from explainer.families import FAMILIES, Family
from explainer.parts import Part, Values, as_text, checked, from_text, knob
from explainer.recipes import OPTIMIZERS, SCHEDULES, Course, Rule
from explainer.surgery import Surgery
from explainer.tasks import DEFAULT, OfData, Problem
from explainer.tasks import TASKS as _TASKS

P = TypeVar("P", bound=Part)
TASKS = tuple(_TASKS)
MODELS = tuple(FAMILIES)
LONGEST = 8
"""Times T that an own input may be long, in a network that can read on."""
MOST_LONGER = 1024
"""Steps of an input that is longer than T, at most: what the longest run may have."""


def _part(
    word: str, default: str, kinds: Mapping[str, type[Part]], meaning: str, label: str, base: type[Part] = Part
) -> Any:
    """A field that is a part, of a kind that a word names; the word is the knob in every text form. `base` has what all kinds have."""
    choice = knob(default, meaning, label=label, names={kind: part.title for kind, part in kinds.items()})
    choice.name = word
    return field(default_factory=kinds[default], metadata={"kinds": kinds, "word": choice, "base": base})


@dataclass(frozen=True, kw_only=True, init=False)
class RunConfig(Part):
    """One run: task, model, recipe, seed. Frozen and valid by construction.

    A whole of parts, each with the knobs of its kind only, and flat in every text form and to whoever makes one:
    `RunConfig(task="copy", model="lstm", width=32)`, and `config.but(width=64)`. Of another kind
    of part than before the knobs that both have keep their values, where these were not the default. What was chosen of a knob
    that no part of this run has is `spare`: another kind of part takes it up, so that one set of choices goes for several
    networks. It stands in an address, and is nothing of the run itself: not stored, not hashed, not compared.

    It round-trips through JSON (`to_json`, `from_json`) and through the query part of an
    address (`to_query`, `from_query`); `run_id` hashes what the run depends on.
    """

    problem: Problem = _part("task", DEFAULT, _TASKS, "what is to be learnt", "Task", Problem)
    network: Family = _part("model", families.DEFAULT, FAMILIES, "family of the network", "Network", Family)
    surgery: str = knob(
        "",
        "what is done to the network in every forward pass, such as layer 1 unit 5 = 0",
        label="Surgery",
        group="model",
    )
    rule: Rule = _part("optimizer", "adamw", OPTIMIZERS, "update rule", "Optimiser")
    lr: float = knob(
        3e-3,
        "learning rate",
        above=0.0,
        high=10.0,
        label="Learning rate",
        stops=(1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
    )
    weight_decay: float = knob(
        0.0,
        "how much the weight matrices shrink at each step, beside the gradient",
        low=0.0,
        high=10.0,
        label="Weight decay",
    )
    course: Course = _part("schedule", "constant", SCHEDULES, "learning rate over the run", "Schedule")
    clip: float = knob(
        1.0, "norm above which a gradient is shortened to it (0: no clipping)", low=0.0, high=1e6, label="Clip norm at"
    )
    steps: int = knob(1000, "updates of the weights", low=1, high=1_000_000, label="Steps")
    batch: int = knob(32, "B, sequences of one step", low=1, high=4096, label="Batch")
    seed: int = knob(
        0, "what the random draws of weights, batches and dropout begin from", low=0, high=2**31 - 1, label="Seed"
    )
    parent: str = knob(
        "",
        "run@step whose weights it starts from; empty for fresh ones",
        label="Goes on from",
        form=(r"[a-z0-9][a-z0-9-]{0,79}@(0|[1-9][0-9]{0,6})", "a run and a step, such as lesson-hidden@700"),
    )

    spare: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __init__(self, **values: Any) -> None:
        """Of knobs by name, of this class and of its parts; of a part's kind by its word; of parts by their field."""
        unknown = values.keys() - KNOBS.keys() - {each.name for each in fields(self)}
        if unknown:
            raise TypeError(f"RunConfig has no field {min(unknown)!r}. The fields are: {', '.join(KNOBS)}.")
        given = {name: checked(KNOBS[name], value) for name, value in values.items() if name in KNOBS}
        given = {**values.get("spare", {}), **given}
        before = [values[each.name] for each in fields(self) if isinstance(values.get(each.name), Part)]
        for each in fields(self):
            if "kinds" in each.metadata:
                object.__setattr__(self, each.name, _read(each, values.get(each.name), given))
            elif each.metadata:
                object.__setattr__(self, each.name, given.get(each.name, each.default))
        own = self.flat().keys()
        known = {name: value for part in before for name, value in part.flat().items() if name not in part.implied()}
        chosen = {name: value for name, value in {**known, **given}.items() if value != KNOBS[name].default}
        object.__setattr__(self, "spare", {name: chosen[name] for name in chosen if name not in own})
        self.check()

    def check(self) -> None:
        for part in self.parts():
            part.fits(self)
        if self.surgery:
            try:
                surgery = Surgery.from_text(self.surgery).check(self)
                surgery.check_trainable()
            except ValueError as error:
                raise ValueError(f"surgery = {self.surgery[:60]!r} can't be done: {error}") from None
            object.__setattr__(self, "surgery", str(surgery))

    def but(self, **values: Any) -> Self:
        """The same with other values of some knobs, or with parts of another kind (see the class)."""
        return replace(self, **values)

    def part(self, kind: type[P]) -> P:
        """Its part of this class; a TypeError where it has none."""
        for part in self.parts():
            if isinstance(part, kind):
                return part
        raise TypeError(f"{self.model} on {self.task} has no {kind.__name__}")

    # -- what parts have ----------------------------------------------------------------------

    @property
    def task(self) -> str:
        """The word of its task."""
        return self.problem.kind

    @property
    def model(self) -> str:
        """The word of its family."""
        return self.network.kind

    @property
    def length(self) -> int:
        """T, or of a task that adds steps what a person sets (see `total_length`)."""
        return self.problem.length

    @property
    def total_length(self) -> int:
        """T as the model sees it."""
        return self.problem.total_length

    @property
    def has_tokens(self) -> bool:
        """Whether inputs are tokens of a vocabulary (else real numbers)."""
        return self.problem.has_tokens

    @property
    def says_tokens(self) -> bool:
        """Whether outputs are tokens of a vocabulary (else real numbers)."""
        return self.problem.says_tokens

    @property
    def longest_input(self) -> int:
        """Steps of an own input, at most: T where positions are learned, for there is no row beyond; else up to 8T, and 1,024."""
        T = self.total_length
        return max(T, min(LONGEST * T, MOST_LONGER)) if self.network.reads_on else T

    @property
    def data(self) -> str:
        """SHA-256 of the user's own text or series; "" without one."""
        return self.problem.data if isinstance(self.problem, OfData) else ""

    @property
    def layers(self) -> int:
        """L."""
        return self.network.layers

    @property
    def width(self) -> int:
        """N or D."""
        return self.network.width

    @property
    def branched_from(self) -> tuple[str, int] | None:
        """The run and the step that it starts from; None for a run with weights of its own."""
        run, at, step = self.parent.partition("@")
        return (run, int(step)) if at else None

    def __getitem__(self, name: str) -> Any:
        """A knob by its name; one that no part of this run has, as it was chosen, else at its default.

        Raises:
            KeyError: nothing has a knob of this name.
        """
        return {name: KNOBS[name].default, **self.spare, **self.flat()}[name]

    # -- text forms ---------------------------------------------------------------------------

    def flat(self) -> Values:
        """Every knob that this run has by name, and the kinds of its parts by their words."""
        found: Values = {}
        for each in (each for each in fields(self) if each.metadata):
            value = getattr(self, each.name)
            if isinstance(value, Part):
                found |= {each.metadata["word"].name: value.kind, **value.flat()}
            else:
                found[each.name] = value
        return found

    def to_json(self) -> str:
        """Every knob, and the format (see `upgrade`)."""
        return json.dumps({**self.flat(), **upgrade.mark(upgrade.CONFIG)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`, also of an older version's.

        Raises:
            ValueError: not a JSON object, a name that is not a field, or a field that is missing: a default may have been
                another one when this was written.
            Newer: it was written by a newer version.
        """
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"The configuration is not JSON: {error}.") from None
        except ValueError:  # Python refuses integers of more than 4,300 digits
            raise ValueError("The configuration has a number of thousands of digits. Shorten it.") from None
        if not isinstance(values, dict):
            raise ValueError(f"The configuration must be a JSON object, and this is a {type(values).__name__}.")
        values = upgrade.upgraded(values, upgrade.CONFIG, "The configuration")
        _check_names(values)
        found = cls(**values)
        missing = found.flat().keys() - values.keys() - {name for part in found.parts() for name in part.unsaid()}
        if missing:
            raise ValueError(f"The configuration lacks {min(missing)!r}. Write every field, as `to_json` does.")
        return found

    def to_query(self) -> dict[str, str]:
        """The knobs that differ from their defaults, and those that are spare, as text for an address."""
        parts = self.parts()
        implied = {name for part in parts for name in part.implied()}
        usual = _standing(self) | {name: value for part in parts for name, value in _standing(part).items()}
        own = {name: value for name, value in self.flat().items() if value != usual[name] and name not in implied}
        return {name: as_text(value) for name, value in {**own, **self.spare}.items()}

    @classmethod
    def from_query(cls, query: Mapping[str, str], base: RunConfig | None = None) -> RunConfig:
        """A configuration from an address; names that are not fields belong to the page and are ignored.

        Args:
            query: names and texts.
            base: where the missing fields come from; default, the defaults.
        """
        return (base or cls()).with_texts({name: text for name, text in query.items() if name in KNOBS})

    def with_texts(self, texts: Mapping[str, str]) -> RunConfig:
        """A copy with fields set from text (`steps=600` of an address or a command line); a ValueError where a name is
        no field's, or a text not of its type."""
        _check_names(texts)
        return self.but(**{name: from_text(KNOBS[name], text) for name, text in texts.items()})

    # -- identity -----------------------------------------------------------------------------

    def relevant(self) -> Values:
        """The knobs that this run depends on: without a warm-up where the rate is constant, or a radius where none is drawn."""
        idle = {name for part in self.parts() for name in part.idle() | part.unsaid()}
        idle |= {name for name in ("surgery", "parent") if not getattr(self, name)}
        return {name: value for name, value in self.flat().items() if name not in idle}

    def run_id(self, data_digest: str = "") -> str:
        """Sixteen hex digits of SHA-256 over the relevant fields and the data.

        Args:
            data_digest: hash of the text or series that the task reads. The default text is
                Python's own reference, which differs between versions, so it counts too.
        """
        content = json.dumps([self.relevant(), data_digest], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def parts(self) -> tuple[Part, ...]:
        """Its task, its family, its optimiser and its schedule."""
        return (self.problem, self.network, self.rule, self.course)


def _read(place: Field[Any], before: Part | None, given: Values) -> Part:
    """The part in one place: of the kind that is asked for, else of that of before, with the knobs given and those carried over."""
    kinds, word = place.metadata["kinds"], place.metadata["word"]
    before = before or kinds[word.default]()
    kind = kinds[given[word.name]] if word.name in given else type(before)
    usual, now = _standing(before), before.flat()
    carried = {name: value for name, value in now.items() if type(before) is kind or value != usual[name]}
    own = {each.name for each in fields(kind)}
    return kind(**{name: value for name, value in {**carried, **given}.items() if name in own})


def _check_names(names: Iterable[str]) -> None:
    """Refuse names of which one is no knob's, by a ValueError."""
    unknown = [name for name in sorted(names) if name not in KNOBS]
    if unknown:
        raise ValueError(f"Unknown field {unknown[0]!r}. The fields are: {', '.join(KNOBS)}.")


def _standing(part: Part) -> Values:
    """The defaults of a part's knobs, and of the words of its parts."""
    knobs = [each.metadata.get("word", each) for each in fields(part) if each.metadata]
    return {each.name: each.default for each in knobs}


def _knobs() -> Iterator[tuple[str, Field[Any]]]:
    """All knobs of all kinds of part, in the order of the controls, with the group that each belongs to."""
    for place in fields(RunConfig):
        if "kinds" in place.metadata:
            base = place.metadata["base"]
            yield base.group, place.metadata["word"]
            for kind in (base, *reversed(place.metadata["kinds"].values())):
                yield from ((base.group, each) for each in fields(kind))
        elif place.metadata:
            yield place.metadata["group"] or RunConfig.group, place


KNOBS: dict[str, Field[Any]] = {}
"""Every knob by name; where two kinds of part have one of the same name, what is true of both."""
GROUPS: dict[str, str] = {}
"""Of every knob where the controls have it."""
for _group, _knob in _knobs():
    KNOBS.setdefault(_knob.name, _knob)
    GROUPS.setdefault(_knob.name, _group)
