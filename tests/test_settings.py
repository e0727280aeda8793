"""The server settings whose reasons are measured in docs/design.md."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

SETTINGS = tomllib.loads((Path(__file__).resolve().parents[1] / ".streamlit" / "config.toml").read_text())


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("server", "fileWatcherType", "none"),
        ("server", "maxUploadSize", 20),
        ("runner", "postScriptGC", False),
        ("browser", "gatherUsageStats", False),
        ("client", "showErrorDetails", "none"),
    ],
)
def test_the_setting_is_as_the_design_says(section: str, name: str, value: object) -> None:
    assert SETTINGS[section][name] == value


def test_there_is_a_light_and_a_dark_theme() -> None:
    assert {"light", "dark"} <= set(SETTINGS["theme"])
