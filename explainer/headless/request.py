"""From the words of a command line to a configuration and its data, without torch."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from explainer import upgrade
from explainer.config import RunConfig
from explainer.data import SERIES, TEXT, alphabet, check_text, decode
from explainer.limits import limits
from explainer.tables import Understanding
from explainer.tasks import TASKS
from explainer.words import listed


def requested(
    named: Mapping[str, str | None],
    settings: Sequence[str],
    *,
    text: Path | None = None,
    table: Understanding | None = None,
    encoding: str | None = None,
) -> tuple[RunConfig, str | None]:
    """The run that is asked for, and its text or series in canonical form (None: the default one).

    Args:
        named: fields with an option of their own; None where it was not given.
        settings: "name=value"; with format=N as version N's commands meant them, which say so from 2 on, else as today's.
        text: a file to learn from, with a task that reads a text.
        table: one to learn from, with a task that reads a series.
        encoding: of the text; None to find it by the content.

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
    fields = upgrade.upgraded({**upgrade.mark(upgrade.SETTINGS), **fields}, upgrade.SETTINGS, "The command")
    if encoding is not None and text is None:
        raise ValueError(f"--encoding {encoding[:40]!r} says how a file is read. Give the file with --text or --csv.")
    for source, given in ((TEXT, text), (SERIES, table)):
        reading = [kind for kind, problem in TASKS.items() if problem.reads is source]
        if given is not None and fields.setdefault("task", reading[0]) not in reading:
            tasks, task = listed(reading, "or"), fields["task"][:40]
            raise ValueError(f"{source.option} is for the task {tasks}, and this run's task is {task!r}.")
    config = RunConfig().with_texts(fields)
    if text is not None:
        return config, _read(text, encoding or "")
    return config, None if table is None else table.series().to_text()


def content_of(path: Path, most: float, advice: str) -> bytes:
    """The bytes of a file.

    Args:
        most: of them that this host reads.
        advice: what to say of a file that has more, after the two numbers.

    Raises:
        ValueError: it can't be read, or it is larger.
    """
    try:
        size = path.stat().st_size
        if size > most:
            raise ValueError(f"{path} has {size:,} bytes, and this host {advice.format(f'{most:,.0f}')}")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} can't be read ({error.strerror}). Name a file that can.") from None


def _read(path: Path, encoding: str) -> str:
    """The text in a file, if it can be learnt from; says on stderr how it was read.

    Raises:
        ValueError: it can't be read, is no text, or can't be learnt from.
    """
    try:
        most = 4 * limits().text_bytes  # a text may be shorter than its file, of two or four bytes a character
        text, name = decode(content_of(path, most, "allows {0}. Shorten it."), encoding)
    except ValueError as error:
        if path.name in str(error):
            raise
        way = " (Name it with --encoding.)" if "encoding" in str(error) else ""
        raise ValueError(f"{path}: {error}{way}") from None
    body = check_text(text, limits().text_bytes)
    print(f"{path.name}, read as {name}: {len(body):,} characters. {alphabet(body).words()}", file=sys.stderr)
    return body
