"""Where a run trains, and what to call it on a page."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def pick_device() -> torch.device:
    """CUDA where torch finds it, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device | str | None = None) -> str:
    """The device's name for people: "NVIDIA H200", or "AMD EPYC 7B13, 1 thread".

    Args:
        device: default, `pick_device()`.
    """
    device = pick_device() if device is None else torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_cpu_model()}, {threads} thread{'s' if threads > 1 else ''}"


def threads_on(device: torch.device | str) -> int | None:
    """The threads that share a sum on the CPU, on which its last bits depend; None on another device."""
    return torch.get_num_threads() if torch.device(device).type == "cpu" else None


def set_threads() -> int:
    """Let torch use all cores that this process may use but one, and at least one. Returns their number.

    One core stays free for the server: a training run that takes all of them makes every page slow.
    """
    # Linux knows which cores a process may use (a container often gets fewer than the machine has).
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, cores - 1)
    torch.set_num_threads(threads)
    return threads


def _cpu_model() -> str:
    """The processor's name as Linux tells it; elsewhere, and where Linux doesn't, its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "CPU"
