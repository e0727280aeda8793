"""What figures are drawn of: plotly's traces, the slots that stand in them, and the layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.theme import SEQUENTIAL, colour_bar, ink, layout, upright

Run = Mapping[str, Any]
"""What figures know of a run: its `subject`."""
Runs = Sequence[Run]


def drawn(theme: str, data: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A figure: its traces, and `layout` in the theme with `more` in it."""
    return {"data": data, "layout": layout(theme, **more)}


def scatter(mode: str = "lines", *, hover: str = "", **more: Any) -> dict[str, Any]:
    """Lines, markers or text; `hover` is what is said at a point, without the box beside it that names the trace."""
    return _trace("scatter", hover, {"mode": mode, **more})


def heatmap(*, hover: str = "", **more: Any) -> dict[str, Any]:
    """A table as colours."""
    return _trace("heatmap", hover, more)


def coloured(bar: str, low: Any = None, high: Any = None, scale: Any = SEQUENTIAL) -> dict[str, Any]:
    """The colours of a table, from `low` to `high` if these are known, and the bar beside it."""
    ends = {} if low is None else {"zmin": low, "zmax": high}
    return {"colorscale": scale, "colorbar": colour_bar(bar), **ends}


def bar(*, hover: str = "", **more: Any) -> dict[str, Any]:
    """Bars."""
    return _trace("bar", hover, more)


def _trace(kind: str, hover: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, **more, **({"hovertemplate": f"{hover}<extra></extra>"} if hover else {})}


@dataclass(frozen=True)
class Seen:
    """What a lens has seen of a run, as slots: an array by its name under its leading `index`, and the other kinds."""

    lens: str
    run: int | str = 0

    def __call__(self, name: str, *index: int | str, **more: Any) -> Slot:
        return Slot("", **{"run": self.run, "lens": self.lens, "name": name, "index": index, **more})

    def labels(self, name: str, *index: int | str) -> Slot:
        return self(name, *index, kind="labels")

    def history(self, name: str, *index: int | str, **more: Any) -> Slot:
        return self(name, *index, kind="history", **more)

    def context(self, name: str, *index: int | str, **more: Any) -> Slot:
        return self(name, *index, kind="context", **more)

    def ends(self, name: str, *index: int | str) -> tuple[Slot, Slot]:
        """Both ends of a range over the whole tape."""
        return self.context(name, *index, 0), self.context(name, *index, 1)

    def projected(self, name: str, *index: int | str, columns: tuple[int, int] = (0, 1)) -> dict[str, Any]:
        """Places of states on two axes of the tape's basis."""
        return {axis: self(name, *index, kind="project", column=at) for axis, at in zip("xy", columns, strict=True)}

    def ticks(self, labels: str = "tick_labels") -> dict[str, Any]:
        """What stands under an axis of time steps."""
        return {"tickmode": "array", "tickvals": self("tick_places"), "ticktext": self.labels(labels)}

    def panel(
        self, name: str, title: str, figure: dict[str, Any], reading: str = "", runs: Runs = (), **more: Any
    ) -> Panel:
        """A panel over the lens's sentence that is called as it is, or `reading`; of several runs over that of each."""
        numbers: Sequence[int | str] = range(len(runs)) if runs else (self.run,)
        said = tuple(Reading(self.lens, reading or name, number) for number in numbers)
        return Panel(name, title, figure, readings=said, **more)


def series(name: str, run: int | str = 0) -> Slot:
    """A metric over all steps of a run."""
    return Slot("", "series", run=run, name=name)


def own(name: str, *index: int | str) -> Slot:
    """An array of the panel's own."""
    return Slot("", "own", name=name, index=index)


STEP = Slot("", "step")
STEPS = {"title": "training step", "rangemode": "tozero"}
"""The axis."""


def moment(theme: str, **line: Any) -> dict[str, Any]:
    """A line from the foot to the top of a figure, at the moment."""
    return upright(STEP, **{"color": ink(theme).muted, "width": 1, **line})


def over_training(theme: str, data: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A figure against the training step, with a line at the moment."""
    return drawn(theme, data, **{"xaxis": STEPS, "shapes": [moment(theme)], **more})
