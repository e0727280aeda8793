"""A bound on the worker's memory that holds whatever was estimated.

The system refuses a process memory beyond it, torch and numpy say so in an exception, and the run or the look that asked
ends with a sentence. Without it the system would kill the worker, and every run with it.
"""

from __future__ import annotations

from pathlib import Path

try:
    import resource
except ImportError:  # there is none on Windows, where nothing is bounded
    resource = None  # type: ignore[assignment]

SHARE = 2.0
"""Times what one run may take: the largest one, with what runs beside it keep between their updates."""
KEPT_FREE = 0.1
"""Of what is free on the host when the worker begins, for the interface and the system."""
LEAST = 64_000_000
CGROUP = Path("/sys/fs/cgroup")


def bound_memory(run_mb: float) -> int | None:
    """Let this process take `SHARE` times `run_mb` more than it has now, or what the host has free if that is less.

    Returns:
        The bytes that it may have from now on; None where the system has no such bound.
    """
    used = _status_bytes(Path("/proc/self/status"), "VmData")
    if resource is None or used is None:
        return None
    more = SHARE * run_mb * 1e6
    free = free_bytes()
    if free is not None:
        more = min(more, (1 - KEPT_FREE) * free)
    allowed = used + int(max(LEAST, more))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        allowed = min(allowed, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    return allowed


def free_bytes(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> float | None:
    """What this host, or the container that this process is in, has free; None where nobody tells."""
    known = [free for free in (_status_bytes(meminfo, "MemAvailable"), _container_bytes(cgroup)) if free is not None]
    return min(known, default=None)


def _container_bytes(cgroup: Path) -> float | None:
    """What a container's limit leaves. Pages of files that nobody reads any more don't count: they go when asked for."""
    try:
        most = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        counted = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return most - used + int(counted.get("inactive_file", 0))
    except (OSError, ValueError):  # no container, "max", or an older kind of cgroup
        return None


def _status_bytes(path: Path, name: str) -> int | None:
    """A number of bytes from a file of lines such as "VmData:  1234 kB"."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
