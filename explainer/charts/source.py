"""Where the numbers of a panel come from: the quiet mark beside every sentence, with step and run.

A panel that draws on tapes gets its mark from what it shows of them; any other says it itself (`Panel.source`). The first
words are one of `KINDS`. The player has the same words in JavaScript (`sourceOf` in source.js).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from explainer.charts.panel import Frame, Panel, Reel, reel_at

KINDS = {
    "recorded": "measured in a network while it trained, or later in its recorded weights",
    "training now": "measured in a network that trains at this moment",
    "training paused": "measured in a network whose training is paused",
    "computed now": "asked of the network's weights, or worked out, for what is chosen on this page",
    "closed form": "a formula gives these numbers; no network was asked",
}
"""What may stand at the beginning of a mark, and what it means."""

CLOSED_FORM = "closed form"
MATRIX = "computed now · a matrix, no network"
OF_A_MOMENT = ("frame", "labels", "across", "mosaic", "project")  # slots that a lens's view fills
RUNNING = {"running": "training now", "paused": "training paused"}


def sourced(panels: Sequence[Panel], source: str) -> list[Panel]:
    """Panels without a tape, with what stands beside their sentences.

    Args:
        source: begins with one of `KINDS`; " · " and more may follow.

    Raises:
        ValueError: it begins with something else.
    """
    if source.split(" · ")[0] not in KINDS:
        raise ValueError(f"source = {source!r} begins with none of: {', '.join(KINDS)}")
    return [replace(panel, source=source) for panel in panels]


def steps_in_words(steps: Sequence[int]) -> str:
    """ "step 370", "steps 360 to 370", or "" for no step."""
    if not steps:
        return ""
    low, high = min(steps), max(steps)
    return f"step {low}" if low == high else f"steps {low} to {high}"


def steps_shown(panel: Panel, reels: Sequence[Reel], step: int, selection: Mapping[str, int]) -> list[int]:
    """The steps of the views that a panel shows at a moment."""
    return [frame.step for _, frames in _views(panel, reels, step, selection) for frame in frames]


def mark(
    panel: Panel,
    reels: Sequence[Reel],
    step: int,
    selection: Mapping[str, int] | None = None,
    asked: str = "computed now · your input",
) -> str:
    """What stands beside a panel's sentence at a step: "recorded · step 400 · GRU, 32 units".

    Args:
        asked: how it begins where a panel shows what a lens saw on the viewer's own input.
    """
    views = _views(panel, reels, step, selection or {})
    if panel.source or not views:
        return panel.source
    frames = [frame for _, each in views for frame in each]
    names = [reel.name for reel, _ in views if reel.name]
    live = [
        RUNNING[reel.status]
        for reel, each in views
        if reel.status in RUNNING and (not each or any(_newest(reel, frame) for frame in each))
    ]
    kind = live[0] if live else "recorded"
    if any(any(frame is answer for answer in reel.answers.values()) for reel, each in views for frame in each):
        kind = asked
    when = steps_in_words([frame.step for frame in frames]) or "all steps"
    who = f"{len(views)} runs" if len(views) > 1 else "".join(names[:1])
    return " · ".join(filter(None, (kind, when, who)))


def _views(
    panel: Panel, reels: Sequence[Reel], step: int, selection: Mapping[str, int]
) -> list[tuple[Reel, list[Frame]]]:
    """Of each reel that a panel draws on, the views that it shows of a moment."""
    found: dict[int, tuple[Reel, list[Frame]]] = {}
    uses = [(slot.kind, slot.run, slot.lens) for slot in panel.slots]
    uses += [("frame", reading.run, reading.lens) for reading in panel.readings]
    for kind, run, lens in uses:
        if kind in ("own", "step") or not reels:
            continue
        reel = reel_at(reels, run, selection)
        frames = found.setdefault(id(reel), (reel, []))[1]
        frame = reel.at(lens, step) if kind in OF_A_MOMENT else None
        if frame is not None and not any(frame is known for known in frames):
            frames.append(frame)
    return list(found.values())


def _newest(reel: Reel, frame: Frame) -> bool:
    """Whether a view is the last one of the tape, of any lens."""
    return any(frames and frames[-1] is frame for frames in reel.frames.values())
