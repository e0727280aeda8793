"""What is learnt from: the default text and series, and the user's own, checked. No torch here."""

from functools import lru_cache

from explainer.config import RunConfig
from explainer.data.alphabet import Alphabet, alphabet
from explainer.data.corpus import check_text, default_text, digest, respelled
from explainer.data.decoding import ENCODINGS, Decoded, decode
from explainer.data.examples import passages, typed_examples
from explainer.data.kind import Seen, about_input, longest_input, seen_of, unlike_training
from explainer.data.names import file_name, pasted_name, short_name
from explainer.data.repeats import repeated_share
from explainer.data.series import SUNSPOTS, Series
from explainer.data.symbols import period_of, periods, read_symbols, repeated_words, symbol_names
from explainer.data.typed import MARK, parse_number, read_marked, read_pulses, split_numbers, written_pulses
from explainer.data.windows import check_series_length, check_text_length, training_characters, training_values

__all__ = [
    "ENCODINGS",
    "MARK",
    "SUNSPOTS",
    "Alphabet",
    "Decoded",
    "Seen",
    "Series",
    "about_input",
    "alphabet",
    "check_series_length",
    "check_text",
    "check_text_length",
    "data_digest",
    "decode",
    "default_text",
    "digest",
    "file_name",
    "longest_input",
    "parse_number",
    "passages",
    "pasted_name",
    "period_of",
    "periods",
    "read_marked",
    "read_pulses",
    "read_symbols",
    "repeated_share",
    "repeated_words",
    "respelled",
    "seen_of",
    "short_name",
    "split_numbers",
    "symbol_names",
    "training_characters",
    "training_values",
    "typed_examples",
    "unlike_training",
    "written_pulses",
]


def data_digest(config: RunConfig) -> str:
    """The SHA-256 of the text or series that the run reads; empty if it reads none.

    It goes into `RunConfig.run_id`: the default text differs between versions of Python.
    """
    if config.task not in ("text", "forecast"):
        return ""
    return config.data or _default_digest(config.task)


@lru_cache(maxsize=2)
def _default_digest(task: str) -> str:
    return digest(default_text() if task == "text" else SUNSPOTS.to_text())
