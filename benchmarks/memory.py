"""What the two processes hold after ten runs that somebody has watched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clients import Viewer, watch_together
from benchmarks.row import Missing, Row, Settings, at_most, say
from benchmarks.server import fill_lessons, fresh_store, scenes, serving
from explainer.lessons import LESSONS

UI_MB, WORKER_MB = 200.0, 500.0
RUNS = 10


def measure(settings: Settings) -> Iterator[Row]:
    """Ten runs of the lessons' networks, each with its page open and its tape followed to the end.

    Raises:
        Missing: a system without /proc.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        raise Missing("Memory is read from /proc, which this system doesn't have.")
    steps = settings.pick(300, 20)
    kinds = [(scene, LESSONS[name].config) for scene in scenes() for name in scene.runs]
    with fresh_store() as store:
        fill_lessons(store)
        with serving(store) as app:
            worker = app.wait_for_worker()
            start = {"interface": memory(app.pid), "worker": memory(worker)}
            for number in range(RUNS):
                scene, config = kinds[number * len(kinds) // RUNS]
                config = config.but(seed=100 + number, steps=steps, warmup=min(config["warmup"], steps // 2))
                run = app.client.submit(config, f"benchmark {number}", scene.lenses)
                viewer = Viewer(app.url, scene.path, run, scene.lenses)
                asyncio.run(follow_to_the_end(viewer))
                say(f"memory: run {number + 1} of {RUNS} ({scene.path}) {viewer.status}")
            end = {"interface": memory(app.pid), "worker": memory(worker)}
            assert app.wait_for_worker() == worker, "the worker died on the way"
    yield at_most(
        f"memory of the interface's process after {RUNS} runs",
        end["interface"]["rss"],
        UI_MB,
        "MB resident",
        before=start["interface"],
        after=end["interface"],
    )
    yield at_most(
        f"memory of the worker on the CPU after {RUNS} runs",
        end["worker"]["rss"],
        WORKER_MB,
        "MB resident",
        before=start["worker"],
        after=end["worker"],
    )


async def follow_to_the_end(viewer: Viewer) -> None:
    """Watch a run until it has ended."""
    await watch_together([viewer], asyncio.Event())


def memory(pid: int) -> dict[str, float]:
    """MB of a process (Linux): resident, its fair share of pages that others hold too, and the most it ever held."""
    values = {}
    for file, names in (("smaps_rollup", {"Rss": "rss", "Pss": "pss"}), ("status", {"VmHWM": "peak"})):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in names:
                values[names[name]] = int(rest.split()[0]) * 1024 / 1e6
    return values


def forget_peak(pid: int) -> None:
    """Count the most that a process ever held from now on (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used; NaN where the system doesn't tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
