"""`python -m explainer.tables.reader SECONDS BYTES`: reads one table within limits, from stdin to stdout."""

from __future__ import annotations

import json
import resource
import sys
from typing import Any


def main(arguments: list[str]) -> int:
    """Answer one question: a line of options as JSON, then the bytes of the file.

    The answer is JSON, `{"understood": …}` or `{"refused": sentence}`. Beyond its processor time the
    system ends the process.
    """
    seconds, memory = map(int, arguments)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    sys.stdout.write(json.dumps(_answer(sys.stdin.buffer.read())))
    return 0


def _answer(question: bytes) -> dict[str, str]:
    try:
        from explainer.tables.options import Options
        from explainer.tables.understand import understand

        first, _, content = question.partition(b"\n")
        given: dict[str, Any] = json.loads(first)
        options = Options(**{**given, "missing": tuple(given["missing"])})
        return {"understood": understand(content, options).to_json()}
    except ValueError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": "Reading this table takes more memory than a table gets. Keep fewer columns or rows of it."}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
