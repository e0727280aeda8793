"""The interface's side of the store: ask for runs and steer them. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from explainer.config import RunConfig
from explainer.data import data_digest
from explainer.limits import limits, refuse_if_too_big, refuse_sweep_if_too_big
from explainer.runs.inputs import NO_PARENT, Prepared, check_parent, prepare, training_inputs
from explainer.runs.reader import LATEST, Reader, check_lens
from explainer.runs.store import ACTIVE, Run
from explainer.sweep import Sweep, hashed

__all__ = ["LATEST", "Client", "training_inputs"]


class Client(Reader):
    """What a page can do with runs: all that a `Reader` can, ask for runs, and steer one's own.

    Everything that a user can cause raises ValueError with a sentence for the page.
    """

    # -- asking for a run ---------------------------------------------------------------------

    def submit(
        self, config: RunConfig, owner: str, lenses: Iterable[str] = (), data: str | None = None, parent: str = ""
    ) -> str:
        """Ask for a run, or join the one that exists.

        A run whose configuration and data are the same is shared, also between people; one that
        ended early goes on from where it was. A run that was altered by hand, or that someone else
        has paused, is not what was asked for: then a new one begins with "-2", "-3" … behind its id.

        Args:
            owner: the session; only it may steer the run.
            lenses: names of what should look while it trains.
            data: the user's own text, or a series' canonical text.
            parent: the run that it is compared with; one that is branched has it in its configuration.

        Returns:
            The run's id.

        Raises:
            ValueError: unknown lens, unfit data, too big for this host, too many in the queue, or a
                parent that is gone or is another network.
        """
        lenses = tuple(dict.fromkeys(lenses))
        for lens in lenses:
            check_lens(lens)
        if config.branched_from:
            branched = self._check_branch(config)
            parent = branched.id
            if data is None and branched.data not in ("", data_digest(config)):
                data = self.store.text(branched.data)  # the default text of another version of Python
        prepared = self._prepare(config, data)
        refuse_if_too_big(prepared.config, *training_inputs(prepared.config, prepared.body or None), lenses=lenses)
        with self.store.transaction():
            return self._ask_for(prepared, owner, lenses, parent)

    def submit_sweep(self, sweep: Sweep, owner: str, lenses: Iterable[str] = (), data: str | None = None) -> str:
        """Ask for the runs of a sweep, all or none; those that are recorded, or that somebody trains, are shared.

        Args:
            owner: the session; only it may stop the sweep.
            lenses: what looks at the first and the last moment of each run.
            data: the user's own text, or a series' canonical text.

        Returns:
            The sweep's id.

        Raises:
            ValueError: unknown lens, unfit data, a run or the whole too big for this host, or too many in the queue.
        """
        lenses = tuple(dict.fromkeys(lenses))
        for lens in lenses:
            check_lens(lens)
        prepared = [self._prepare(config, data) for config in sweep.configs]
        refuse_sweep_if_too_big(
            [(each.config, *training_inputs(each.config, each.body or None)) for each in prepared], lenses=lenses
        )
        number = hashed([each.config.run_id(each.digest) for each in prepared])
        with self.store.transaction():
            known = self.store.sweep(number)
            still = known is not None and any(
                run is not None and run.status in ACTIVE for run in map(self.store.run, known.runs)
            )
            if not still:
                self._check_queue(owner)
            runs = [self._ask_for(each, owner, lenses, sweep=number) for each in prepared]
            self.store.save_sweep(number, sweep, runs, known.owner if known is not None and still else owner)
        return number

    def _ask_for(self, prepared: Prepared, owner: str, lenses: Sequence[str], parent: str = "", sweep: str = "") -> str:
        """Create or join a run, inside a transaction; for a sweep it waits with the others of that."""
        for run in _names(prepared.config.run_id(prepared.digest)):
            found = self.store.run(run)
            if found is None:
                if not sweep:
                    self._check_queue(owner)
                if prepared.digest:
                    self.store.save_text(prepared.digest, prepared.body)
                self.store.create(
                    run, prepared.config, owner=owner, lenses=lenses, data=prepared.digest, parent=parent, sweep=sweep
                )
                return run
            if not found.altered and (found.status != "paused" or found.owner == owner):
                self._join(found, owner, lenses, sweep)
                return run
        raise AssertionError("names never end")

    def _check_branch(self, config: RunConfig) -> Run:
        """The run that `config` goes on from, if it can."""
        assert config.branched_from is not None, config
        name, step = config.branched_from
        parent = self.store.run(name)
        if parent is None or step not in self.snapshots(name):
            raise ValueError(NO_PARENT.format(name, step))
        check_parent(config, parent.config)
        return parent

    def _prepare(self, config: RunConfig, data: str | None) -> Prepared:
        if data is None and config.data:
            data = self.store.text(config.data)
        size, most = len((data or "").encode(errors="replace")), limits().text_bytes
        if size > most:
            raise ValueError(
                f"The text or series has {size:,} bytes, and this host allows {most:,.0f}. Give a shorter one."
            )
        return prepare(config, data)

    def _join(self, run: Run, owner: str, lenses: Sequence[str], sweep: str = "") -> None:
        missing = [lens for lens in lenses if lens not in run.lenses]
        if missing:
            self.store.change(run.id, lenses=(*run.lenses, *missing))
            if run.step > 0:
                for lens in missing:
                    self.store.command(run.id, "fill", lens)
        if run.status in ("stopped", "failed"):
            if not sweep:
                self._check_queue(owner)
            self.store.change(run.id, owner=owner, attempts=0, sweep=sweep)
            self.store.set_status(run.id, "queued")
        elif run.status == "paused":
            self.store.command(run.id, "resume")
        if run.sweep and not sweep and not run.finished:  # asked for by itself: it needn't wait for its sweep
            self.store.change(run.id, sweep="")

    def _check_queue(self, owner: str) -> None:
        allowed = int(limits().queued)
        mine = [run for run in self.store.runs("queued", "running") if run.owner == owner]
        waiting = len({run.sweep or run.id for run in mine})
        if waiting >= allowed:
            raise ValueError(
                f"{waiting} of your runs train or wait already, a sweep counted as one, and this host allows {allowed}. "
                "Wait for one to end, or stop one."
            )

    # -- steering -----------------------------------------------------------------------------

    def pause(self, run: str, owner: str) -> None:
        """Hold a run after its present step."""
        self._steer(run, owner, "pause")

    def resume(self, run: str, owner: str) -> None:
        """Let a paused or stopped run go on."""
        with self.store.transaction():
            found = self._own(run, owner)
            if found.status in ("stopped", "failed"):
                self._join(found, owner, ())
            else:
                self._steer(run, owner, "resume")

    def step_once(self, run: str, owner: str) -> None:
        """One more step, then pause."""
        self._steer(run, owner, "step")

    def stop(self, run: str, owner: str) -> None:
        """End a run early; it keeps its tape and can go on later."""
        self._steer(run, owner, "stop")

    def stop_sweep(self, sweep: str, owner: str) -> None:
        """End the run of a sweep that trains and take those that wait out of the queue; what is done stays.

        Raises:
            ValueError: no such sweep, or somebody else's.
        """
        with self.store.transaction():
            found = self.store.sweep(sweep)
            if found is None:
                raise ValueError("There is no such sweep here (any more). Start it again.")
            if found.owner != owner:
                raise ValueError("This sweep belongs to someone else. Start one of your own with another seed.")
            for run in filter(None, map(self.store.run, found.runs)):
                if run.sweep != sweep or run.status not in ACTIVE:
                    continue
                if run.status == "queued" and run.step == 0:
                    self.store.delete(run.id)
                else:
                    self.store.command(run.id, "stop")

    def set_lr(self, run: str, owner: str, lr: float) -> None:
        """Train on with another learning rate (the peak of its schedule); the run counts as altered.

        Raises:
            ValueError: not a learning rate, not the owner, or the run has ended.
        """
        lr = RunConfig(lr=lr).lr
        with self.store.transaction():
            self._steer(run, owner, "lr", repr(lr))
            self.store.change(run, altered=True)

    def delete(self, run: str, owner: str) -> None:
        """Remove an own run and its tape.

        Raises:
            ValueError: it is someone else's, ships with the project, or still trains.
        """
        with self.store.transaction():
            found = self.found(run)
            if found.pinned:
                raise ValueError("This recorded run ships with the project and can't be deleted.")
            self._own(run, owner)
            if found.status in ACTIVE and found.status != "queued":
                raise ValueError("This run still trains. Stop it first, then delete it.")
            self.store.delete(run)

    def _steer(self, run: str, owner: str, kind: str, value: str = "") -> None:
        with self.store.transaction():
            found = self._own(run, owner)
            if found.finished:
                raise ValueError(f"This run is {found.status} already.")
            self.store.command(run, kind, value)

    def _own(self, run: str, owner: str) -> Run:
        found = self.found(run)
        if found.pinned or found.owner != owner:
            raise ValueError("This run belongs to someone else. Start one of your own with another seed.")
        return found


def _names(run_id: str) -> Iterator[str]:
    yield run_id
    for number in count(2):
        yield f"{run_id}-{number}"
