"""What is learnt from: the default text and series, and the user's own, checked. No torch here."""

from explainer.data.alphabet import OTHER, Alphabet, alphabet
from explainer.data.corpus import check_text, default_text, digest, respelled
from explainer.data.decoding import ENCODINGS, Decoded, decode
from explainer.data.kind import Seen, beyond, longer
from explainer.data.names import file_name, pasted_name, short_name
from explainer.data.repeats import repeated_share
from explainer.data.series import SUNSPOTS, Series
from explainer.data.sources import SERIES, SOURCES, TEXT, Source
from explainer.data.symbols import period_of, periods, read_symbols, repeated_words, symbol_names
from explainer.data.typed import (
    ASKED_CHARACTERS,
    MARK,
    parse_number,
    read_marked,
    read_pulses,
    split_numbers,
    written_pulses,
)
from explainer.data.windows import check_series_length, check_text_length, training_characters, training_values
