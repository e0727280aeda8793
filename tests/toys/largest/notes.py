"""The lens `largest` in words."""

from __future__ import annotations

from explainer.charts.panel import Moment, Notes
from tests.toys.largest.record import LargestRecord


def notes(record: LargestRecord, moment: Moment) -> Notes:
    """One sentence: the unit that goes furthest."""
    unit = int(record.largest.argmax())
    return Notes(readings={"largest": f"Unit {unit} goes furthest, to {record.largest[unit]:.3f}."})
