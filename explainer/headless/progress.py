"""How far a run is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from explainer.limits import spoken

LINES = 20  # of a whole run, in even steps
BAR_SECONDS = 0.1
LINE_SECONDS = 10.0  # a slow run says sooner that it lives
BAR_WIDTH = 30


class Progress:
    """Prints where a run of `steps` updates is, as rarely as is useful."""

    def __init__(self, steps: int, out: TextIO) -> None:
        self.steps, self.out = steps, out
        self.bar = out.isatty()
        self._printed = 0.0
        self._first: tuple[int, float] | None = None
        self._last = -1
        self._dirty = False

    def update(self, step: int, loss: float) -> None:
        """Update number `step` is done, and the loss of its batch was `loss`."""
        now = time.monotonic()
        if self._first is None:
            self._first = (step, now)
        if self.bar:
            due = now - self._printed >= BAR_SECONDS or step == self.steps
        else:
            due = step * LINES // self.steps > self._last * LINES // self.steps or now - self._printed >= LINE_SECONDS
        if not due or step == self._last:
            return
        self._last, self._printed = step, now
        numbers = f"loss {loss:.4g}"
        first, start = self._first
        if first < step < self.steps:
            numbers += f", {spoken((now - start) / (step - first) * (self.steps - step))} left"
        if self.bar:
            full = BAR_WIDTH * step // self.steps
            self._overwrite(f"[{'#' * full}{'-' * (BAR_WIDTH - full)}] {step}/{self.steps}  {numbers}")
        else:
            print(f"step {step} of {self.steps}: {numbers}", file=self.out, flush=True)

    def say(self, sentence: str) -> None:
        """A line of its own."""
        self.close()
        print(sentence, file=self.out, flush=True)

    def close(self) -> None:
        """End the bar's line, if there is one."""
        if self._dirty:
            print(file=self.out, flush=True)
            self._dirty = False

    def _overwrite(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}", end="", file=self.out, flush=True)
        self._dirty = True
