"""Other processors' arithmetic on this machine: which kernels numpy and torch are told to use, and which they do use.

A sum has another last bit with other kernels. `python -m tests.portable` runs the tests under each of these, since a
result that turns on that bit is a fault of its definition.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CHOSEN = "UNROLLED_ARITHMETIC"
"""The environment variable that tells a test run which arithmetic it is meant to have."""

WITHOUT_AVX = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"

ARITHMETICS: Mapping[str, Mapping[str, str]] = {
    "haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "zen": {"OPENBLAS_CORETYPE": "Zen"},
    "skylakex": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "numpy": {"NPY_DISABLE_CPU_FEATURES": WITHOUT_AVX},
    "torch": {"ATEN_CPU_CAPABILITY": "default"},
    "oldest": {
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": WITHOUT_AVX,
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    },
}
"""By name, the environment of each. The last one is all at once, torch's own libraries for matrices included."""


def environment(name: str) -> dict[str, str]:
    """This process's environment with that of an arithmetic; numpy is told to do without what this processor has only,
    for it complains about anything else.
    """
    chosen = dict(ARITHMETICS[name])
    if "NPY_DISABLE_CPU_FEATURES" in chosen:
        has = set(in_force()["numpy"])
        kept = [feature for feature in chosen.pop("NPY_DISABLE_CPU_FEATURES").split() if feature in has]
        if kept:
            chosen["NPY_DISABLE_CPU_FEATURES"] = " ".join(kept)
    return {**os.environ, **chosen, CHOSEN: name}


def in_force() -> dict[str, object]:
    """What this process computes with: OpenBLAS's kernels, numpy's features, torch's kernels."""
    import numpy as np
    import torch
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    library = next((Path(np.__file__).parents[1] / "numpy.libs").glob("libscipy_openblas*"), None)
    core = ""
    if library is not None:
        name = ctypes.CDLL(str(library)).scipy_openblas_get_corename64_
        name.restype = ctypes.c_char_p
        core = name().decode()
    return {
        "openblas": core,
        "numpy": [feature for feature in __cpu_dispatch__ if __cpu_features__.get(feature)],
        "torch": torch.backends.cpu.get_cpu_capability(),
    }


def missing(name: str) -> str:
    """Why this machine can't imitate an arithmetic; "" if it can."""
    answer = subprocess.run(
        [sys.executable, "-c", "import json; from tests.arithmetic import in_force; print(json.dumps(in_force()))"],
        env=environment(name),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    if answer.returncode:
        return f"Python does not start with it: {answer.stderr.strip().splitlines()[-1]}"
    return unlike(name, json.loads(answer.stdout))


def unlike(name: str, found: Mapping[str, object]) -> str:
    """In what the kernels found differ from those that an arithmetic asks for; "" if they don't."""
    asked = ARITHMETICS[name]
    core = asked.get("OPENBLAS_CORETYPE", "")
    if core and str(found["openblas"]).lower() != core.lower():
        return f"OpenBLAS uses {found['openblas'] or 'no kernels that can be named'} where {core} was asked for"
    features = found["numpy"]
    assert isinstance(features, list)
    kept = sorted(set(features) & set(asked.get("NPY_DISABLE_CPU_FEATURES", "").split()))
    if kept:
        return f"numpy still uses {', '.join(kept)}"
    if "ATEN_CPU_CAPABILITY" in asked and found["torch"] != "DEFAULT":
        return f"torch uses {found['torch']}"
    return ""
