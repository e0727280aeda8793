"""What a reader of the store gets: a run, a chunk of its tape, a command, a look, the worker's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from explainer.config import RunConfig
from explainer.runs.viewer import Viewer
from explainer.sweep import Sweep

ACTIVE = frozenset({"queued", "running", "paused"})
FINISHED = frozenset({"done", "stopped", "diverged", "failed"})

#: From each status, the ones that may follow. A run that ended early can be queued again.
NEXT: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"running", "paused", "stopped", "failed"}),
    "running": frozenset({"queued", "paused", "done", "stopped", "diverged", "failed"}),
    "paused": frozenset({"queued", "running", "done", "stopped", "diverged", "failed"}),
    "done": frozenset(),
    "stopped": frozenset({"queued"}),
    "diverged": frozenset(),
    "failed": frozenset({"queued"}),
}


NUMBER = (int, float)
META: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("metric", "unit", "baseline_name", "example", "device", "torch", "data_name", "data_how"), (str,)),
    **dict.fromkeys(("inputs", "outputs", "parameters", "filled", "killed_filling"), (int,)),
    **dict.fromkeys(("baseline", "repeated", "seconds", "taken"), NUMBER),
    **dict.fromkeys(("final", "lowest", "references", "loss_references", "rare"), (dict,)),
    **dict.fromkeys(("vocabulary", "moved", "rates"), (list,)),
}
"""What is read of a run's meta, where it is there."""
WITHIN: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("final", "lowest", "references", "loss_references", "rare"), NUMBER),
    "vocabulary": (str,),
    "moved": (dict,),
    "rates": (list,),
}
"""What stands in its collections."""
WHOLE: Mapping[str, frozenset[str]] = {
    "lowest": frozenset({"step", "value"}),
    "rare": frozenset({"characters", "share"}),
    "moved": frozenset({"step", "device", "torch"}),
}
"""What is read of these without asking whether it is there; of `moved`, of each of them."""


class Unreadable(ValueError):
    """A sweep's row is damaged, or of a newer version; the sentence says why."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One row of `runs`.

    Attributes:
        id: the configuration's hash, perhaps with a suffix, or a lesson's name.
        data: SHA-256 of the text or series that it reads ("" if none); its body is in `texts`.
        step: updates of the weights that are on the tape.
        created: seconds since 1970, as is `updated`.
        owner: who may pause, stop, alter or delete it.
        parent: the run that this one was branched from, or "".
        pinned: ships with the project; is never deleted.
        altered: its learning rate was changed by hand, so the configuration alone doesn't repeat it.
        attempts: how often a worker took it up since its last checkpoint.
        message: a sentence about how it ended.
        meta: the task's metric and baseline, vocabulary, device, final numbers (see `worker`).
        bytes: size of its chunks.
        lenses: what looks at it while it trains.
        sweep: for which it waits and trains; "" for a run that was asked for by itself.
        unreadable: its row is damaged; it counts as failed, its configuration is not its own, and it can only be deleted.
    """

    id: str
    config: RunConfig
    data: str
    status: str
    step: int
    created: float
    updated: float
    owner: str
    parent: str
    pinned: bool
    altered: bool
    attempts: int
    message: str
    meta: Mapping[str, Any]
    bytes: int
    lenses: tuple[str, ...]
    sweep: str
    unreadable: bool = False

    @property
    def rates(self) -> tuple[tuple[int, float], ...]:
        """Learning rates that took the place of `config.lr`: after how many updates, and which."""
        return tuple((int(step), float(lr)) for step, lr in self.meta.get("rates", ()))

    @property
    def finished(self) -> bool:
        """Whether no more steps will come unless someone asks for them."""
        return self.status in FINISHED


class Turn(NamedTuple):
    """What decides when a run that waits has its turn.

    Attributes:
        created: seconds since 1970.
    """

    id: str
    owner: str
    sweep: str
    created: float


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Which runs a list shows; what is None does not narrow it.

    Attributes:
        statuses: () for all.
        owner: who asked for them; recorded lessons are nobody's.
        pinned: the recorded lessons, or all others.
        viewer: leaves out what they may not see (see `sharing.hidden_from`).
    """

    statuses: tuple[str, ...] = ()
    owner: str | None = None
    pinned: bool | None = None
    viewer: Viewer | None = None


@dataclass(frozen=True, kw_only=True)
class StoredSweep:
    """One row of `sweeps`.

    Attributes:
        id: hash of its runs (see `Sweep.sweep_id`).
        runs: their ids, in order; some may have been deleted since.
        owner: who may stop it.
        created: seconds since 1970.
    """

    id: str
    sweep: Sweep
    runs: tuple[str, ...]
    owner: str
    created: float


class Draft(NamedTuple):
    """A chunk that has no number yet."""

    kind: str
    step: int
    body: bytes


class Chunk(NamedTuple):
    """One immutable piece of a tape; `seq` counts from 0 without gaps.

    `step` counts updates of the weights: a view or weights of step k were taken after k updates,
    metrics end with the row of update k.
    """

    run: str
    seq: int
    kind: str
    step: int
    body: bytes


class Piece(NamedTuple):
    """Where a chunk is, and how many bytes its body has; the body stays in the store."""

    run: str
    seq: int
    kind: str
    step: int
    size: int


class Command(NamedTuple):
    """What a viewer asks of a run: pause, resume, step, stop, lr (value), fill (lens)."""

    id: int
    run: str
    kind: str
    value: str


class Look(NamedTuple):
    """A question about a recorded moment: status waiting, done (body) or failed (error); `asker` is who put it first."""

    id: int
    run: str
    step: int
    lens: str
    input: str
    surgery: str
    status: str
    body: bytes | None
    error: str
    asker: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkerState:
    """What is known of the worker; `pid` 0 when none has been here.

    Attributes:
        device: the name of the GPU or CPU that trains; "" until the worker is warm.
        version: of torch.
        speed: of this host, as `runs.speed` measures it; 1 until the worker is warm for the first time.
        age: seconds since its last sign of life.
        running: ids of the runs that train now.
        queued: how many wait.
    """

    pid: int
    device: str
    version: str
    speed: float
    age: float
    running: tuple[str, ...]
    queued: int

    @property
    def ready(self) -> bool:
        """Warm, and seen within the last ten seconds."""
        return bool(self.device) and self.age < 10


def check_meta(meta: Mapping[str, Any]) -> None:
    """Refuse what pages could not read of a run.

    Raises:
        ValueError: an entry is of another type than the worker writes.
    """
    for name in META.keys() & meta.keys():
        if meta[name] is None and name not in WITHIN:
            continue
        if not isinstance(meta[name], META[name]) or isinstance(meta[name], bool):
            raise ValueError(f"its {name} is of the wrong type, {type(meta[name]).__name__}")
        found = meta[name] if name in WITHIN else ()
        parts = list(found.values() if isinstance(found, dict) else found)
        for part in parts:
            if not isinstance(part, WITHIN[name]):
                raise ValueError(f"in its {name} is something of the wrong type, {type(part).__name__}")
        wholes = parts if name == "moved" else [meta[name]] if meta[name] else []
        if name in WHOLE and not all(WHOLE[name] <= set(each) for each in wholes):
            raise ValueError(f"its {name} is not whole")
    for rate in meta.get("rates", ()):
        if [type(each) for each in rate] not in ([int, float], [int, int]):
            raise ValueError("a learning rate that was set is no pair of a step and a number")
