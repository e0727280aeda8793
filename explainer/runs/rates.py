"""Learning rates that take the place of a configuration's in the middle of a run: asked for, told, and asked for again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from explainer.config import RunConfig

Rates = tuple[tuple[int, float], ...]
"""After how many updates, and which, in the order of the steps."""

OPTION = "--lr-at"
"""Of the command line."""


def rates_from_text(texts: Iterable[str]) -> Rates:
    """ "120=0.003": after 120 updates the learning rate is 0.003.

    Raises:
        ValueError: a text that does not say so, or a step that is named twice.
    """
    rates: dict[int, float] = {}
    for text in texts:
        step, equals, lr = text.partition("=")
        try:
            if not equals or not (step.isascii() and step.isdigit()):
                raise ValueError
            at, value = int(step), float(lr)
        except ValueError:
            raise ValueError(
                f"{text[:80]!r} is no change of the learning rate. Write STEP=RATE, such as 120=0.003."
            ) from None
        if at in rates:
            raise ValueError(f"{OPTION} has step {at} twice. Set its learning rate once.")
        rates[at] = value
    return tuple(sorted(rates.items()))


def check_rates(rates: Rates, config: RunConfig) -> Rates:
    """The same, if a run of this configuration can have them.

    Raises:
        ValueError: a step that is not before the run's last, or what is no learning rate.
    """
    for step, lr in rates:
        RunConfig(lr=lr)
        if not 0 <= step < config.steps:
            raise ValueError(
                f"The learning rate can't change after step {step} of a run of {config.steps:,} steps. "
                f"Choose a step from 0 to {config.steps - 1}."
            )
    return rates


def rate_words(rates: Sequence[tuple[int, float]]) -> list[str]:
    """The words of a command line that ask for these."""
    return [OPTION, *(f"{step}={lr!r}" for step, lr in rates)] if rates else []
