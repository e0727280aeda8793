"""The server settings, of which docs/design.md has measured reasons, and the colours of the themes, by the formula of WCAG 2.2."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from streamlit import config

from explainer.charts.theme import ENCODING_LOOKS, FAMILY_COLOURS, ink

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())


KNOWN = config.get_config_options()


def test_every_setting_is_one_that_streamlit_has_and_not_what_it_does_by_itself() -> None:
    chosen = {
        f"{section}.{name}": value
        for section, options in SETTINGS.items()
        for name, value in options.items()
        if not isinstance(value, dict)
    }
    assert chosen.keys() <= KNOWN.keys()
    assert {name: value for name, value in chosen.items() if value == KNOWN[name].default_val} == {}


def test_what_the_design_measured_as_left_on_is_off() -> None:
    measured = re.findall(r"`(\w+)\.(\w+)` left on", (PROJECT / "docs" / "design.md").read_text())
    assert len(measured) >= 2
    assert {SETTINGS[section][name] for section, name in measured} <= {False, "none"}


def test_there_is_a_light_and_a_dark_theme() -> None:
    assert {"light", "dark"} <= set(SETTINGS["theme"])


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    """The ratio of contrast of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(colour: str, share: float, ground: str) -> str:
    """A share of a colour over a ground."""
    parts = [
        round(share * int(colour[at : at + 2], 16) + (1 - share) * int(ground[at : at + 2], 16)) for at in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def test_contrast_is_that_of_the_standard_s_examples() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#FFFFFF", "#767676") == pytest.approx(4.54, abs=0.005)
    assert over("#000000", 0.25, "#FFFFFF") == "#bfbfbf"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_in_the_theme_s_colours_can_be_read(theme: str) -> None:
    colours = SETTINGS["theme"][theme]
    ground, primary = colours["backgroundColor"], colours["primaryColor"]
    for behind in (ground, colours["secondaryBackgroundColor"]):
        assert contrast(over(colours["textColor"], 0.6, behind), behind) >= 4.5, "a caption is at three fifths"
        assert contrast(primary, behind) >= 4.5, "a slider's value"
    assert contrast(primary, over(primary, 0.1, ground)) >= 4.5, "a chosen pill"
    assert contrast(primary, "#FFFFFF") >= 3, "a tick"
    words = re.findall(r"light-dark\(#ffffff, (#\w+)\)", (PROJECT / "explainer" / "ui" / "dark.css").read_text())
    assert len(words) == 1
    assert contrast(primary, words[0] if theme == "dark" else "#FFFFFF") >= 4.5, "a primary button"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_s_words_and_lines_stand_out(theme: str) -> None:
    ground = SETTINGS["theme"][theme]["backgroundColor"]
    for words in (ink(theme).text, ink(theme).muted):
        assert contrast(words, ground) >= 4.5
    for line in (*FAMILY_COLOURS.values(), *(look.colour for look in ENCODING_LOOKS.values())):
        assert contrast(line, ground) >= 3, line
