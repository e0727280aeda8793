"""What figures are drawn of: plotly's traces, the slots that stand in them, and the layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explainer.charts.panel import Slot
from explainer.charts.theme import ink, layout, upright


def drawn(theme: str, data: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A figure: its traces, and `layout` in the theme with `more` in it."""
    return {"data": data, "layout": layout(theme, **more)}


def scatter(mode: str = "lines", *, hover: str = "", **more: Any) -> dict[str, Any]:
    """Lines, markers or text; `hover` is what is said at a point, without the box beside it that names the trace."""
    return _trace("scatter", hover, {"mode": mode, **more})


def heatmap(*, hover: str = "", **more: Any) -> dict[str, Any]:
    """A table as colours."""
    return _trace("heatmap", hover, more)


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

    def projected(self, name: str, *index: int | str, columns: tuple[int, int] = (0, 1)) -> dict[str, Any]:
        """Places of states on two axes of the tape's basis."""
        return {axis: self(name, *index, kind="project", column=at) for axis, at in zip("xy", columns, strict=True)}

    def ticks(self, labels: str = "tick_labels") -> dict[str, Any]:
        """What stands under an axis of time steps."""
        return {"tickmode": "array", "tickvals": self("tick_places"), "ticktext": self.labels(labels)}


def series(name: str, run: int | str = 0) -> Slot:
    """A metric over all steps of a run."""
    return Slot("", "series", run=run, name=name)


def own(name: str, *index: int | str) -> Slot:
    """An array of the panel's own."""
    return Slot("", "own", name=name, index=index)


STEP = Slot("", "step")


def moment(theme: str, **line: Any) -> dict[str, Any]:
    """A line from the foot to the top of a figure, at the moment."""
    return upright(STEP, **{"color": ink(theme).muted, "width": 1, **line})
