"""From the words of a command line to a configuration and its data, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from explainer.config import RunConfig
from explainer.data import check_text
from explainer.limits import limits
from explainer.tables import Understanding


def requested(
    named: Mapping[str, str | None],
    settings: Sequence[str],
    *,
    text: Path | None = None,
    table: Understanding | None = None,
) -> tuple[RunConfig, str | None]:
    """The run that is asked for, and its text or series in canonical form (None: the default one).

    Args:
        named: fields with an option of their own; None where it was not given.
        settings: "name=value".
        text: a file to learn from with the task `text`.
        table: one to learn from with the task `forecast`.

    Raises:
        ValueError: a setting, a file or a column that can't be, with the way out.
    """
    fields = {name: value for name, value in named.items() if value is not None}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"{setting[:80]!r} is not a setting. Write NAME=VALUE, such as steps=600.")
        if name in fields:
            raise ValueError(f"{name!r} is set twice. Set it once.")
        fields[name] = value
    for option, given, task in (("--text", text, "text"), ("--csv", table, "forecast")):
        if given is not None and fields.setdefault("task", task) != task:
            raise ValueError(f"{option} is for the task {task}, and this run's task is {fields['task'][:40]!r}.")
    config = RunConfig().with_texts(fields)
    if text is not None:
        return config, check_text(_decoded(_content(text), text))
    if table is not None:
        return config, table.series().to_text()
    return config, None


def _content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ValueError: it can't be read, or it is larger than this host allows.
    """
    try:
        size = path.stat().st_size
        if size > limits().text_bytes:
            raise ValueError(f"{path} has {size:,} bytes, and this host allows {limits().text_bytes:,.0f}. Shorten it.")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} can't be read ({error.strerror}). Name a file that can.") from None


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start + 1}). Save the text as UTF-8.") from None
