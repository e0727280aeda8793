"""The interface's side of the store: ask for runs and steer them. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count

from explainer.config import RunConfig
from explainer.data import short_name
from explainer.limits import limits, refuse_if_too_big, refuse_sweep_if_too_big
from explainer.runs.inputs import NO_PARENT, Prepared, check_parent, prepare, training_inputs
from explainer.runs.rates import Rates, check_rates
from explainer.runs.reader import LATEST, NO_RUN, Reader, check_lenses
from explainer.runs.rows import StoredSweep, Unreadable
from explainer.runs.sharing import is_private
from explainer.runs.store import ACTIVE, Listing, Run
from explainer.runs.tape import event
from explainer.runs.viewer import Viewer
from explainer.sweep import Sweep, hashed

__all__ = ["LATEST", "Client", "training_inputs"]


class Client(Reader):
    """What a page can do with runs: all that a `Reader` can, ask for runs, and steer one's own.

    Everything that a user can cause raises ValueError with a sentence for the page.
    """

    # -- asking for a run ---------------------------------------------------------------------

    def submit(
        self,
        config: RunConfig,
        owner: str,
        lenses: Iterable[str] = (),
        data: str | None = None,
        parent: str = "",
        *,
        name: str = "",
        how: str = "",
        rates: Rates = (),
    ) -> str:
        """Ask for a run, or join the one that exists.

        A run whose configuration is the same is shared, also between people; one's own that ended early goes on
        from where it was. A run whose learning rate was set by hand otherwise, that someone else has paused or stopped or that failed
        for them, or that is on data of their own, is not for the one who asks: then a run of their own begins,
        with "-2", "-3" … behind its id and the same numbers. A run stays with the one who asked for it first.

        Args:
            owner: the session; only it may steer the run.
            lenses: names of what should look while it trains.
            data: the user's own text, or a series' canonical text. What the configuration names instead must
                have been given by the same owner.
            parent: the run that it is compared with; one that is branched has it in its configuration.
            name: what the user's own data is called; of a branch, as its parent's.
            how: the options of the command line that read the file so, such as "--encoding Big5".
            rates: learning rates that take the place of the configuration's, each after so many updates.

        Returns:
            The run's id.

        Raises:
            ValueError: unknown lens, unfit data, too big for this host, too many in the queue, a rate after
                the last step, or a parent that is gone or is another network.
        """
        lenses = tuple(dict.fromkeys(lenses))
        check_lenses(*lenses)
        check_rates(rates, config)
        if config.branched_from:
            branched = self._check_branch(config, owner)
            parent = branched.id
            name, how = name or branched.meta.get("data_name", ""), how or branched.meta.get("data_how", "")
            if data is None and branched.data not in ("", config.problem.digest):
                data = self.store.text(branched.data)  # the default text of another version of Python
        prepared = self._prepare(config, owner, data)
        refuse_if_too_big(
            prepared.config, *training_inputs(prepared.config, prepared.body or None), lenses=lenses, speed=self.speed
        )
        with self.store.transaction():
            return self._ask_for(prepared, owner, lenses, parent, told=_told(prepared.config, name, how), rates=rates)

    def submit_sweep(self, sweep: Sweep, owner: str, lenses: Iterable[str] = ()) -> str:
        """Ask for the runs of a sweep, all or none; those that are recorded, or that somebody trains, are shared.

        Args:
            owner: the session; only it may stop the sweep.
            lenses: what looks at the first and the last moment of each run.

        Returns:
            The sweep's id.

        Raises:
            ValueError: unknown lens, unfit data, a run or the whole too big for this host, or too many in the queue.
        """
        lenses = tuple(dict.fromkeys(lenses))
        check_lenses(*lenses)
        prepared = [self._prepare(config, owner, None) for config in sweep.configs]
        refuse_sweep_if_too_big(
            [(each.config, *training_inputs(each.config, each.body or None)) for each in prepared],
            lenses=lenses,
            speed=self.speed,
        )
        with self.store.transaction():
            number, known = self._sweep_for(prepared, owner)
            still = known is not None and any(
                run is not None and run.status in ACTIVE for run in map(self.store.run, known.runs)
            )
            if not still:
                self._check_queue(owner, len(prepared))
            runs = [self._ask_for(each, owner, lenses, sweep=number) for each in prepared]
            self.store.save_sweep(number, sweep, runs, known.owner if known is not None else owner)
        return number

    def _sweep_for(self, prepared: Sequence[Prepared], owner: str) -> tuple[str, StoredSweep | None]:
        """The id of a sweep of these runs, and the sweep if there is one.

        Somebody else's is shared as long as nothing of it is missing and nothing has to be gone on with: else it
        would change under them. Then, and on own data, the sweep is the owner's own.
        """
        ids = [each.config.run_id(each.digest) for each in prepared]
        number = hashed(ids)
        known = self._known_sweep(number)
        theirs = known is not None and known.owner != owner
        places = [self._place(each, owner) for each in prepared]
        changes = known is not None and (
            known.runs != tuple(name for name, _ in places) or any(found is None for _, found in places)
        )
        if any(each.config.data for each in prepared) or (theirs and changes):
            number = hashed([*ids, owner])
            known = self._known_sweep(number)
        return number, known

    def _known_sweep(self, number: str) -> StoredSweep | None:
        """A sweep whose row can be read; another one is as good as none, and is written anew."""
        try:
            return self.store.sweep(number)
        except Unreadable:
            return None

    def _ask_for(
        self,
        prepared: Prepared,
        owner: str,
        lenses: Sequence[str],
        parent: str = "",
        sweep: str = "",
        told: Mapping[str, str] | None = None,
        rates: Rates = (),
    ) -> str:
        """Create or join a run, inside a transaction; for a sweep it waits with the others of that."""
        run, found = self._place(prepared, owner, rates)
        if prepared.config.data:
            self.keep(prepared.digest, prepared.body, owner)
        if found is not None:
            self._join(found, owner, lenses, sweep)
            return run
        if not sweep:
            self._check_queue(owner)
        if prepared.digest:
            self.store.save_text(prepared.digest, prepared.body)
        self.store.create(
            run,
            prepared.config,
            owner=owner,
            lenses=lenses,
            data=prepared.digest,
            parent=parent,
            sweep=sweep,
            meta=told,
        )
        if rates:
            self.store.append(run, [event(step, "lr", value=lr) for step, lr in rates], 0)
            self.store.change(run, altered=True, meta={"rates": rates})
        return run

    def _place(self, prepared: Prepared, owner: str, rates: Rates = ()) -> tuple[str, Run | None]:
        """The id under which an owner's wish is met, and the run if one is there to be joined."""
        name = prepared.config.run_id(prepared.digest)
        for run in chain([name], (f"{name}-{number}" for number in count(2))):
            found = self.store.run(run)
            if found is None or _joinable(found, owner, rates):
                return run, found
        raise AssertionError("names never end")

    def recorded(self, config: RunConfig, owner: str, viewer: Viewer) -> Run | None:
        """The run that an owner's wish would find with its numbers there: to its end, or as far as their own came.

        None also where it can't be told, for want of data. Recorded lessons have names of their own and are not among these.
        """
        try:
            found = self._place(self._prepare(config, owner, None), owner)[1]
        except ValueError:
            return None
        if found is None or not found.step or not self.store.seen([found.id], viewer):
            return None
        return found if found.status in ("done", "diverged") or found.owner == owner else None

    def recorded_sweep(self, sweep: Sweep, owner: str, viewer: Viewer) -> StoredSweep | None:
        """The sweep that an owner's wish would find with all of its runs at their ends."""
        try:
            known = self._sweep_for([self._prepare(config, owner, None) for config in sweep.configs], owner)[1]
        except ValueError:
            return None
        if known is None or self.store.seen(known.runs, viewer) != set(known.runs):
            return None
        return known if all(run is not None and run.finished for run in map(self.store.run, known.runs)) else None

    def keep(self, digest: str, body: str, owner: str, name: str = "") -> None:
        """Keep a text or series for who gave it, so that they find it again before anything was trained on it.

        Args:
            digest: SHA-256 of `body`.
            name: what its owner calls it, such as the file's name.

        Raises:
            ValueError: it is longer than this host allows.
        """
        _refuse_too_long(body)
        with self.store.transaction():
            self.store.save_text(digest, body)
            self.store.own_text(digest, owner, name)

    def _check_branch(self, config: RunConfig, owner: str) -> Run:
        """The run that `config` goes on from, if it can, and if it is not somebody else's on data of their own."""
        assert config.branched_from is not None, config
        name, step = config.branched_from
        parent = self.store.run(name)
        if parent is None or parent.unreadable or _of_another(parent, owner) or step not in self.snapshots(name):
            raise ValueError(NO_PARENT.format(name, step))
        check_parent(config, parent.config)
        return parent

    def _prepare(self, config: RunConfig, owner: str, data: str | None) -> Prepared:
        if data is None and config.data:
            data = self.text(config.data, owner)
        _refuse_too_long(data or "")
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
            self.store.change(run.id, attempts=0, sweep=sweep)
            self.store.set_status(run.id, "queued")
        elif run.status == "paused":
            self.store.command(run.id, "resume")
        if run.sweep and not sweep and not run.finished:  # asked for by itself: it needn't wait for its sweep
            self.store.change(run.id, sweep="")

    def _check_queue(self, owner: str, runs: int = 1) -> None:
        """Refuse more runs than an owner or the host may have waiting, and any while none can train: a ValueError."""
        if self.store.trouble:
            raise ValueError(self.store.trouble)
        allowed = limits()
        mine = self.store.places_of(owner)
        if mine >= allowed.queued:
            raise ValueError(
                f"{mine} of your runs train, wait or are paused already, a sweep counted as one, and this host allows "
                f"{allowed.queued:.0f}. Wait for one to end, or stop one."
            )
        waiting = self.store.count(Listing(statuses=("queued", "paused")))
        if waiting + runs > allowed.waiting:
            raise ValueError(
                f"{waiting} runs of all visitors wait or are paused on this host, and it allows {allowed.waiting:.0f}. "
                "Try again when some of them have ended; recorded runs can be looked through meanwhile."
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

    def deletes(self, run: Run, owner: str) -> bool:
        """Whether `delete` takes this run from this owner: their own, recorded here, and not in training."""
        return not run.pinned and run.owner == owner and (run.status not in ACTIVE or run.status == "queued")

    def delete(self, run: str, owner: str) -> None:
        """Remove an own run and its tape; data of one's own goes with the last of one's runs on it.

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
            if is_private(found) or found.unreadable:
                self.store.disown_text(found.data, owner)

    def share(self, runs: Sequence[str], owner: str) -> str:
        """A key that opens own runs for whoever has it, until `unshare`.

        Raises:
            ValueError: one of them is gone, or someone else's.
        """
        with self.store.transaction():
            for run in runs:
                self._own(run, owner)
            return self.store.share(runs)

    def unshare(self, run: str, owner: str) -> None:
        """Take back all keys to an own run; a ValueError as for `share`."""
        with self.store.transaction():
            self._own(run, owner)
            self.store.unshare(run)

    def _steer(self, run: str, owner: str, kind: str, value: str = "") -> None:
        with self.store.transaction():
            found = self._own(run, owner)
            if found.finished:
                raise ValueError(f"This run is {found.status} already.")
            self.store.command(run, kind, value)

    def _own(self, run: str, owner: str) -> Run:
        found = self.found(run)
        if _of_another(found, owner):
            raise ValueError(NO_RUN.format(run[:80]))
        if found.pinned or found.owner != owner:
            raise ValueError("This run belongs to someone else. Start one of your own with another seed.")
        return found


def _told(config: RunConfig, name: str, how: str) -> dict[str, str]:
    """What the `meta` of a run on own data says of where that came from."""
    told = {"data_name": short_name(name), "data_how": how} if config.data else {}
    return {key: value for key, value in told.items() if value}


def _of_another(run: Run, owner: str) -> bool:
    """Whether a run is on data that somebody else gave for it."""
    return is_private(run) and run.owner != owner


def _joinable(run: Run, owner: str, rates: Rates = ()) -> bool:
    """Whether a run is what its configuration and these rates say, and who asks for that may have this one."""
    if run.unreadable or run.altered != bool(rates) or run.rates != rates:
        return False
    if run.altered and not run.finished and run.owner != owner:  # its rate may yet be set once more
        return False
    return run.owner == owner or not (is_private(run) or run.status in ("paused", "stopped", "failed"))


def _refuse_too_long(data: str) -> None:
    size, most = len(data.encode(errors="replace")), limits().text_bytes
    if size > most:
        raise ValueError(
            f"The text or series has {size:,} bytes, and this host allows {most:,.0f}. Give a shorter one."
        )
