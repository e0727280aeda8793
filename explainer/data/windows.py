"""How a text or a series is divided between training and validation, and how long a window fits into it."""

from __future__ import annotations

MOST_VALIDATION = 60
"""Values of a series kept for validation; of a short one, its last fifth."""


def training_characters(characters: int) -> int:
    """The first nine tenths of a text are for training, the rest for validation."""
    return int(0.9 * characters)


def training_values(values: int) -> int:
    """All of a series but its last 60 values, or its last fifth if that is shorter, is for training."""
    return values - min(MOST_VALIDATION, values // 5)


def check_text_length(length: int, characters: int) -> None:
    """Whether windows of T = `length` characters, and the one after, fit both parts of a text.

    Raises:
        ValueError: they don't; the sentence has the longest T that does.
    """
    kept = characters - training_characters(characters)
    if length > kept - 1:
        raise ValueError(
            f"length = {length} does not fit the last tenth of the text, {kept:,} characters, kept "
            f"for validation. Choose at most {kept - 1:,}, or a text of {10 * (length + 1):,} characters."
        )


def check_series_length(length: int, values: int) -> None:
    """Whether windows of T = `length` values, and the one after, fit the training part of a series.

    Raises:
        ValueError: they don't; the sentence has the longest T that does.
    """
    train = training_values(values)
    if length >= train:
        raise ValueError(
            f"length = {length} does not fit: {train} of the {values} values are for training. "
            f"Choose a length of at most {train - 1}."
        )
