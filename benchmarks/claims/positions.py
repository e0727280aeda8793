"""How does a Transformer know the order?"""

from __future__ import annotations

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, at_least
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.theory.encodings import (
    dot_kernel,
    offset_error,
    rotary_kernel,
    sinusoidal,
    sinusoidal_bug,
    still_share,
    wavelengths,
)

T, D = 512, 128
ROTARY_T, K = 256, 32


def _second_rise() -> tuple[float, float]:
    """Where the rotary score with a base of 10 comes back highest, once it has been below 0: its value and the offset."""
    curve = rotary_kernel(ROTARY_T, K, 10)
    gone = int((curve < 0.05).argmax())
    at = gone + int(curve[gone:].argmax())
    return float(curve[at]), float(at)


def _likeness(lab: Lab, asked: Experiment, step: int) -> tuple[float, float, float]:
    """Mean cosine of two positions of the delay, across the first border, and across the second, at a step."""
    run = lab.run(asked.config)
    kernel = run.look("positions", step).kernel
    before, delay = slice(0, 10), slice(11, 10 + asked.config.length - 1)
    after = slice(10 + asked.config.length, None)
    inside = kernel[delay, delay][~np.eye(delay.stop - delay.start, dtype=bool)].mean()
    return float(inside), float(kernel[before, delay].mean()), float(kernel[delay, after].mean())


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("the longest is [4.7e8] positions", lambda lab, asked: wavelengths(D, kind="double_step").max()),
            Claim("instead of [54,410]", lambda lab, asked: wavelengths(D).max()),
            Claim("[43 %] of the dimensions", lambda lab, asked: still_share(sinusoidal_bug(T, D, kind="double_step"))),
            Claim("([2 %] in the right table)", lambda lab, asked: still_share(sinusoidal(T, D))),
            Claim("differ by up to [9.1]", lambda lab, asked: offset_error(sinusoidal_bug(T, D, kind="other_exponent"))),
            Claim("the largest is to be [64]", lambda lab, asked: dot_kernel(sinusoidal(T, D)).max()),
        ),
        given={"512 positions": "T of the address"},
    ),
    2: Answer(
        claims=(
            Claim("round every [54] positions", lambda lab, asked: wavelengths(K, 10).max()),
            Claim("to [0.32] at an offset of [101]", lambda lab, asked: _second_rise()),
            Claim("With 10,000 it stays above [0.1]", lambda lab, asked: rotary_kernel(ROTARY_T, K).min(), at_least),
        ),
    ),
    3: Answer(
        claims=(
            Claim(
                "Within the delay all positions stay alike",
                lambda lab, asked: _likeness(lab, asked, 800)[0] > 0.5 + max(_likeness(lab, asked, 800)[1:]),
            ),
        ),
        given={
            "First two, before and after": "blocks; that they come one after the other is to be seen, not measured here",
            "some hundreds of steps": "when the third block is to be seen",
            "on three: the ten symbols": "three parts of the sequence, of which the first has the ten symbols of the task",
            "the ten to recall": "of the task",
        },
        asked={"ten symbols": "of the task"},
    ),
}  # fmt: skip
