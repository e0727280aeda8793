"""Parts: a configuration is a whole of them, each with the knobs that it has, and flat in every text form. No torch.

A family, a task, an optimiser and a schedule are parts: frozen dataclasses of knobs, of which a run has one of each. A knob of
a part is a field of the run by its own name (`width=64` in an address, in JSON, on a command line, in the controls), so of
two parts that could stand in one run none may have a knob of the other's name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar

Values = dict[str, Any]


def knob(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] | None = None,
    label: str = "",
    names: Mapping[str, str] | None = None,
    stops: tuple[float, ...] = (),
    form: tuple[str, str] | None = None,
    group: str = "",
    later: bool = False,
) -> Any:
    """A field with what a control and a refusal need.

    Args:
        default: also says the type: bool, int, float or str.
        meaning: one line, with its symbol.
        low: the least value.
        high: the greatest.
        above: what a value has to lie above.
        choices: the words that it may be; default, those of `names`.
        label: of its control; default, its name.
        names: what a control calls the choices; one that is missing is called by its word.
        stops: of a slider, where a number is better chosen than typed.
        form: of a text that is not empty: a regular expression, and what it stands for in words.
        group: where it is not that of its part.
        later: whether runs are older than it: at its default it is in no run's id, and stored forms may lack it.
    """
    names = names or {}
    words = choices or tuple(names) or None
    rule = {"group": group, "meaning": meaning, "low": low, "high": high, "above": above, "choices": words}
    more = {"label": label, "names": names, "stops": stops, "form": form, "later": later}
    return field(default=default, metadata={**rule, **more})


@dataclass(frozen=True, kw_only=True)
class Part:
    """A frozen set of knobs, valid by construction.

    Attributes:
        kind: its word in an address.
        title: its name on a page.
        group: where the controls have its knobs: task, model or recipe.

    Raises:
        ValueError: a knob is of the wrong type, not finite, or out of its range, or two contradict each other. The
            sentence names the knob, the value and the way out.
    """

    kind: ClassVar[str] = ""
    title: ClassVar[str] = ""
    group: ClassVar[str] = "recipe"

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.metadata:
                object.__setattr__(self, each.name, checked(each, getattr(self, each.name)))
        self.check()

    def check(self) -> None:
        """Refuse, by a ValueError, what its own knobs contradict each other in."""

    def fits(self, run: Any) -> None:
        """Refuse, by a ValueError, a run that it can't be a part of."""

    def flat(self) -> Values:
        """Every knob by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def idle(self) -> set[str]:
        """Knobs on which nothing depends as the others stand: a spectral radius where nothing is drawn."""
        return set()

    def unsaid(self) -> set[str]:
        """Knobs that runs are older than, as long as they stand at their defaults."""
        usual = (each for each in fields(self) if each.metadata.get("later"))
        return {each.name for each in usual if getattr(self, each.name) == each.default}

    def implied(self) -> set[str]:
        """Knobs that follow from others as these stand, so that an address need not have them."""
        return set()


def checked(knob: Field[Any], value: Any) -> Any:
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
        if rule["form"] and value and not re.fullmatch(rule["form"][0], value):
            raise ValueError(f"{name} = {value[:60]!r} must be empty or {rule['form'][1]}.")
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
    within = (low is None or value >= low) and (high is None or value <= high) and (above is None or value > above)
    if not within:
        shown = repr(value) if isinstance(value, float) or abs(value) < 10**20 else "a very long number"
        raise ValueError(f"{name} = {shown} is out of range. {_range(rule)}")
    return value


def from_text(knob: Field[Any], text: str) -> Any:
    """The value that `text` means for this knob; a ValueError where it is not of the knob's type."""
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


def as_text(value: Any) -> str:
    """The inverse of `from_text`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _range(rule: Mapping[str, Any]) -> str:
    least = f"above {rule['above']:g}" if rule["above"] is not None else f"at least {rule['low']:g}"
    return f"Choose a value {least} and at most {rule['high']:g}."
