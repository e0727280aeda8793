"""RunConfig: what a run does — task, model, recipe, seed — and nothing about how it is shown.

It is the one thing that every part shares. It imports no torch: the interface builds its
controls from the fields, the address is its text, the run's id is its hash.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, Self

from explainer import upgrade
from explainer.surgery import Surgery

TASKS = ("copy", "adding", "repeat", "text", "forecast", "flipflop")
RECURRENT = ("rnn", "rnn_relu", "lstm", "gru")
MODELS = (*RECURRENT, "transformer")
POSITIONS = ("none", "learned", "sinusoidal", "rotary", "alibi")
OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("constant", "cosine")
OTHER = "\ufffd"
"""The sign for all characters of a text that have none of their own (see `data.alphabet`)."""

ASKED_CHARACTERS = 2000
"""Of a viewer's own input to a run, at most: an address holds it."""
INITS = ("default", "orthogonal", "identity", "gaussian")
NORMS = ("pre", "post")
FORGET_STARTS = ("drawn", "constant")

_PARENT = re.compile(r"[a-z0-9][a-z0-9-]{0,79}@(0|[1-9][0-9]{0,6})")
_TOKEN_TASKS = frozenset({"copy", "repeat", "text"})


def _knob(
    default: Any,
    group: str,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A field with what a control and a refusal need: its group, meaning, unit and bounds.

    `low` and `high` are included in the range, `above` is not.
    """
    return field(
        default=default,
        metadata={
            "group": group,
            "meaning": meaning,
            "low": low,
            "high": high,
            "above": above,
            "choices": choices,
        },
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run: task, model, recipe, seed. Frozen and valid by construction.

    It round-trips through JSON (`to_json`, `from_json`) and through the query part of an
    address (`to_query`, `from_query`); `run_id` hashes what the run depends on.

    Raises:
        ValueError: a field is of the wrong type, not finite, or out of its range, or two
            fields contradict each other. The sentence names the field, the value and the way out.
    """

    task: str = _knob("adding", "task", "what is to be learnt", choices=TASKS)
    length: int = _knob(
        30, "task", "T, time steps of a sequence; for `copy` the delay between symbols and recall", low=2, high=1024
    )
    symbols: int = _knob(8, "task", "distinct symbols to copy or repeat", low=2, high=256)
    bits: int = _knob(
        3, "task", "bits that the flip-flop holds, each with an input and an output of its own", low=1, high=6
    )
    data: str = _knob("", "task", "SHA-256 of the user's own text or series; empty for the default one")

    model: str = _knob("gru", "model", "family of the network", choices=MODELS)
    layers: int = _knob(1, "model", "L, recurrent layers (1-3) or Transformer blocks (0-6)", low=0, high=6)
    width: int = _knob(64, "model", "N hidden units, or D model width", low=1, high=1024)
    heads: int = _knob(4, "model", "H, attention heads of a block; must divide the width", low=1, high=16)
    mlp: bool = _knob(True, "model", "blocks have an MLP of width 4D (off: attention only)")
    norm: str = _knob("pre", "model", "layer norm before or after each residual branch", choices=NORMS)
    dropout: float = _knob(0.0, "model", "probability that a value is zeroed while training", low=0.0, high=0.9)
    positions: str = _knob("learned", "model", "how the Transformer knows the order", choices=POSITIONS)
    tied: bool = _knob(False, "model", "the output projection shares the token embedding's weights")
    init: str = _knob("default", "model", "recurrent weights W_hh at the start", choices=INITS)
    radius: float = _knob(1.0, "model", "spectral radius of W_hh with init=gaussian", above=0.0, high=3.0)
    forget_start: str = _knob(
        "drawn",
        "model",
        "the LSTM's forget-gate bias at the start: as torch draws it, or the constant forget_bias, also where that is 0",
        choices=FORGET_STARTS,
    )
    forget_bias: float = _knob(
        0.0,
        "model",
        "the LSTM's forget-gate bias at the start with forget_start=constant, which any value but 0 implies",
        low=-10.0,
        high=10.0,
    )
    surgery: str = _knob("", "model", "what is done to the network in every forward pass, such as layer 1 unit 5 = 0")

    optimizer: str = _knob("adamw", "recipe", "update rule", choices=OPTIMIZERS)
    lr: float = _knob(3e-3, "recipe", "learning rate", above=0.0, high=10.0)
    momentum: float = _knob(0.9, "recipe", "momentum of SGD", low=0.0, high=0.999)
    beta2: float = _knob(0.999, "recipe", "decay of AdamW's second moment", low=0.0, high=0.99999)
    weight_decay: float = _knob(
        0.0, "recipe", "how much the weight matrices shrink at each step, beside the gradient", low=0.0, high=10.0
    )
    schedule: str = _knob("constant", "recipe", "learning rate over the run", choices=SCHEDULES)
    warmup: int = _knob(0, "recipe", "steps of linear warm-up before the cosine", low=0, high=100_000)
    min_lr: float = _knob(0.0, "recipe", "learning rate at the end of the cosine", low=0.0, high=10.0)
    clip: float = _knob(
        1.0, "recipe", "norm above which a gradient is shortened to it (0: no clipping)", low=0.0, high=1e6
    )
    steps: int = _knob(1000, "recipe", "updates of the weights", low=1, high=1_000_000)
    batch: int = _knob(32, "recipe", "B, sequences of one step", low=1, high=4096)
    seed: int = _knob(
        0, "recipe", "what the random draws of weights, batches and dropout begin from", low=0, high=2**31 - 1
    )
    parent: str = _knob("", "recipe", "run@step whose weights it starts from; empty for fresh ones")

    def __post_init__(self) -> None:
        for knob in fields(self):
            object.__setattr__(self, knob.name, _checked(knob, getattr(self, knob.name)))
        _check_together(self)

    # -- text forms ---------------------------------------------------------------------------

    def to_json(self) -> str:
        """Every field, keys in order of definition, and the format (see `upgrade`)."""
        return json.dumps({**asdict(self), **upgrade.mark(upgrade.CONFIG)})

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
        unknown, missing = values.keys() - KNOBS.keys(), KNOBS.keys() - values.keys()
        if unknown:
            raise ValueError(f"Unknown field {min(unknown)!r}. The fields are: {', '.join(KNOBS)}.")
        if missing:
            raise ValueError(f"The configuration lacks {min(missing)!r}. Write every field, as `to_json` does.")
        return cls(**values)

    def to_query(self) -> dict[str, str]:
        """The fields that differ from their defaults, as text for an address."""
        default = type(self)()
        differing = [name for name in KNOBS if getattr(self, name) != getattr(default, name)]
        implied = {"forget_start"} if self.forget_bias else set()
        return {name: _as_text(getattr(self, name)) for name in differing if name not in implied}

    @classmethod
    def from_query(cls, query: Mapping[str, str], base: RunConfig | None = None) -> RunConfig:
        """A configuration from an address; names that are not fields belong to the page and are ignored.

        Args:
            query: names and texts.
            base: where the missing fields come from; default, the defaults.
        """
        return (base or cls()).with_texts({name: text for name, text in query.items() if name in KNOBS})

    def with_texts(self, texts: Mapping[str, str]) -> RunConfig:
        """A copy with fields set from text (`steps=600` of an address or a command line).

        Raises:
            ValueError: a name that is not a field, or a text that is not of the field's type.
        """
        values: dict[str, Any] = {}
        for name, text in texts.items():
            if name not in KNOBS:
                raise ValueError(f"Unknown field {name!r}. The fields are: {', '.join(KNOBS)}.")
            values[name] = _from_text(KNOBS[name], text)
        return replace(self, **values)

    # -- identity -----------------------------------------------------------------------------

    def relevant(self) -> dict[str, Any]:
        """The fields that this run depends on: a GRU has no heads, a constant rate no warm-up."""
        values = asdict(self)
        unused: set[str] = set()
        if self.model == "transformer":
            unused |= {"init", "radius", "forget_start", "forget_bias"}
            if self.layers == 0:
                unused |= {"heads", "mlp", "norm"}
        else:
            unused |= {"heads", "mlp", "norm", "positions", "tied"}
            if self.init != "gaussian":
                unused.add("radius")
            if self.model != "lstm":
                unused |= {"forget_start", "forget_bias"}
            elif self.forget_bias or self.forget_start == "drawn":
                unused.add("forget_start")  # runs are older than this field: their ids have the bias alone
        unused |= {"momentum"} if self.optimizer == "adamw" else {"beta2"}
        if self.schedule == "constant":
            unused |= {"warmup", "min_lr"}
        if self.task not in ("copy", "repeat"):
            unused.add("symbols")
        if self.task != "flipflop":
            unused.add("bits")
        if self.task not in ("text", "forecast"):
            unused.add("data")
        unused |= {name for name in ("surgery", "parent") if not values[name]}
        return {name: value for name, value in values.items() if name not in unused}

    def run_id(self, data_digest: str = "") -> str:
        """Sixteen hex digits of SHA-256 over the relevant fields and the data.

        Args:
            data_digest: hash of the text or series that the task reads. The default text is
                Python's own reference, which differs between versions, so it counts too.
        """
        content = json.dumps([self.relevant(), data_digest], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def has_tokens(self) -> bool:
        """Whether inputs are tokens of a vocabulary (else real numbers)."""
        return self.task in _TOKEN_TASKS

    @property
    def branched_from(self) -> tuple[str, int] | None:
        """The run and the step that it starts from; None for a run with weights of its own."""
        run, at, step = self.parent.partition("@")
        return (run, int(step)) if at else None

    @property
    def total_length(self) -> int:
        """T as the model sees it: `copy` adds ten symbols before the delay and ten after."""
        return self.length + 20 if self.task == "copy" else self.length


KNOBS: dict[str, Field[Any]] = {knob.name: knob for knob in fields(RunConfig)}


def _checked(knob: Field[Any], value: Any) -> Any:
    """`value` as the knob's own type.

    Raises:
        ValueError: wrong type, not finite, not one of the choices, out of range.
    """
    name, rule = knob.name, knob.metadata
    kind: type = type(knob.default)
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} = {value!r} must be true or false.")
        return value
    if kind is str:
        if not isinstance(value, str):
            raise ValueError(f"{name} = {value!r} must be text.")
        if rule["choices"] and value not in rule["choices"]:
            raise ValueError(f"{name} = {value!r} is not known. Choose one of: {', '.join(rule['choices'])}.")
        if name == "parent" and value and not _PARENT.fullmatch(value):
            raise ValueError(f"parent = {value[:60]!r} must be empty or a run and a step, such as lesson-hidden@700.")
        if name == "data" and value and not (len(value) == 64 and set(value) <= set("0123456789abcdef")):
            raise ValueError(f"data = {value[:20]!r} must be empty or a SHA-256 in 64 hex digits.")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} = {value!r} must be a number.")
    if kind is int:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(f"{name} = {value!r} must be a whole number.")
        value = int(value)
    else:
        try:
            value = float(value) + 0.0  # -0.0 is the same configuration as 0.0
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise ValueError(f"{name} = {value!r} must be a finite number. {_range(rule)}")
    low, high, above = rule["low"], rule["high"], rule["above"]
    if (
        (low is not None and value < low)
        or (high is not None and value > high)
        or (above is not None and value <= above)
    ):
        shown = repr(value) if isinstance(value, float) or abs(value) < 10**20 else "a very long number"
        raise ValueError(f"{name} = {shown} is out of range. {_range(rule)}")
    return value


def _range(rule: Mapping[str, Any]) -> str:
    least = f"above {rule['above']:g}" if rule["above"] is not None else f"at least {rule['low']:g}"
    return f"Choose a value {least} and at most {rule['high']:g}."


def _check_together(config: RunConfig) -> None:
    if config.model == "transformer":
        if config.layers > 0 and config.width % config.heads:
            fitting = [heads for heads in range(1, 17) if config.width % heads == 0]
            raise ValueError(
                f"heads = {config.heads} does not divide width = {config.width}. "
                f"Choose heads from {', '.join(map(str, fitting))}, or another width."
            )
        if config.positions == "rotary" and config.layers > 0 and (config.width // config.heads) % 2:
            raise ValueError(
                f"positions = 'rotary' turns pairs of numbers, and a head of size "
                f"{config.width // config.heads} (width / heads) is odd. Make width / heads even."
            )
        if config.positions == "sinusoidal" and config.width % 2:
            raise ValueError(
                f"positions = 'sinusoidal' needs pairs of sine and cosine: make width = {config.width} even."
            )
        if config.tied and not config.has_tokens:
            raise ValueError("tied = True shares the token embedding, and this task has no tokens. Set tied = false.")
    elif not 1 <= config.layers <= 3:
        raise ValueError(f"layers = {config.layers} is out of range for a recurrent network. Choose 1, 2 or 3.")
    if config.forget_bias:  # configurations that are older than forget_start have the number alone
        object.__setattr__(config, "forget_start", "constant")
    if config.task == "repeat" and config.length < 8:
        raise ValueError(f"length = {config.length} is too short to repeat anything. Choose at least 8.")
    if config.surgery:
        try:
            surgery = Surgery.from_text(config.surgery).check(config)
            surgery.check_trainable()
        except ValueError as error:
            raise ValueError(f"surgery = {config.surgery[:60]!r} can't be done: {error}") from None
        object.__setattr__(config, "surgery", str(surgery))
    if config.schedule == "cosine":
        if config.warmup >= config.steps:
            raise ValueError(
                f"warmup = {config.warmup} leaves no steps to train. Choose fewer than steps = {config.steps}."
            )
        if config.min_lr > config.lr:
            raise ValueError(f"min_lr = {config.min_lr:g} is above lr = {config.lr:g}. Choose at most lr.")


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_text(knob: Field[Any], text: str) -> Any:
    """The value that `text` means for this knob.

    Raises:
        ValueError: the text is not of the knob's type.
    """
    kind: type = type(knob.default)
    if kind is str:
        return text
    if kind is bool:
        if text.lower() in ("true", "1", "yes", "on"):
            return True
        if text.lower() in ("false", "0", "no", "off"):
            return False
        raise ValueError(f"{knob.name} = {text[:40]!r} must be true or false.")
    try:
        return float(text) if kind is float else int(text)
    except ValueError:
        need = "a number" if kind is float else "a whole number"
        raise ValueError(f"{knob.name} = {text[:40]!r} must be {need}. {_range(knob.metadata)}") from None
