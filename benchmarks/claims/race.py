"""Who can learn what, and who can't?"""

from __future__ import annotations

from typing import Any

from benchmarks.claims.claim import Answer, Answers, Claim, at_least, at_most, exactly
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run


def _right(run: Run, step: int | None = None, times: int = 1) -> float:
    """The share of right answers at so many times the length of training."""
    record = run.look("race", step)
    return float(record.right[record.lengths.tolist().index(times * record.trained)])


def _least(lab: Lab, asked: Experiment, step: int | None = None, times: int = 1, **fields: Any) -> float:
    return min(_right(run, step, times) for run in lab.seeds(asked.config, **fields))


def _most(lab: Lab, asked: Experiment, **fields: Any) -> float:
    return max(_right(run) for run in lab.seeds(asked.config, **fields))


def _lstm_at_every_rate(lab: Lab, asked: Experiment) -> tuple[float, ...]:
    rates = (0.001, 0.003, 0.01)
    return (max(100 * _most(lab, asked, model="lstm", width=64, lr=lr) for lr in rates), *rates)


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("it ends below [60] % right", lambda lab, asked: 100 * _most(lab, asked), at_most),
            Claim(
                "the one that may be negative is above [99] % by step 200",
                lambda lab, asked: 100 * _least(lab, asked, 200, keep="signed"),
                at_least,
            ),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained"},
    ),
    2: Answer(
        claims=(
            Claim(
                "above [99] % right after 400 steps",
                lambda lab, asked: min(100 * _least(lab, asked, model=model) for model in ("lstm", "gru")),
                at_least,
            ),
            Claim(
                "above [95] % at four times the length",
                lambda lab, asked: min(100 * _least(lab, asked, times=4, model=model) for model in ("lstm", "gru")),
                at_least,
            ),
            Claim(
                "The minGRU with one layer stays under [80] %",
                lambda lab, asked: 100 * _most(lab, asked, model="mingru"),
                at_most,
            ),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained", "400 steps": "the setting"},
    ),
    3: Answer(
        claims=(
            Claim(
                "the Transformer, [2,224] numbers in all",
                lambda lab, asked: sum(
                    each.size for each in lab.run(asked.config, model="transformer").weights(400).values()
                ),
            ),
            Claim(
                "is above [95] % right after 400 steps",
                lambda lab, asked: 100 * _least(lab, asked, model="transformer"),
                at_least,
            ),
            Claim(
                "the LSTM and the minGRU are below [40] %",
                lambda lab, asked: max(100 * _most(lab, asked, model=model) for model in ("lstm", "mingru")),
                at_most,
            ),
            Claim(
                "An LSTM of 64 units stays below [40] % as well, at learning rates of [0.001], [0.003] and [0.01]",
                _lstm_at_every_rate,
                (at_most, exactly, exactly, exactly),
            ),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained", "400 steps": "the setting"},
    ),
    4: Answer(
        claims=(
            Claim(
                "The LSTM is above [99] % right, at four times the length too",
                lambda lab, asked: min(100 * _least(lab, asked, times=times, model="lstm") for times in (1, 4)),
                at_least,
            ),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained"},
    ),
}
