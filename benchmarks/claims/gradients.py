"""Why does an RNN forget?"""

from __future__ import annotations

from benchmarks.claims.claim import Answer, Answers, Claim, about, at_least, at_most, exactly, magnitude, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run
from explainer.theory.baselines import adding_constant
from explainer.theory.jacobian import mean_factor, verdict

LEARNT, SOLVED = 0.01, 0.02  # validation losses that the answers speak of


def _factor(run: Run, step: int) -> float:
    record = run.look("gradients", step)
    return mean_factor(record.norms[: record.last + 1])


def _is_healthy(run: Run) -> bool:
    return verdict(_factor(run, 0), run.look("gradients", 0).last) == "healthy"


def _arrives(run: Run) -> float:
    """What of the last step's gradient is left at the first, before training."""
    record = run.look("gradients", 0)
    return float(record.norms[0] / record.norms[record.last])


def _identity_learns(lab: Lab, asked: Experiment) -> tuple[float, float, float]:
    steps = [run.solved(LEARNT) for run in lab.seeds(asked.config)]
    return LEARNT, min(steps), max(steps)


def _calmer(lab: Lab, asked: Experiment) -> float:
    """The least factor by which the gradient's norm has fallen at step 400."""
    runs = lab.seeds(asked.config)
    return min(run.look("gradients", 0).total / run.look("gradients", 400).total for run in runs)


def _bias_solves(lab: Lab, asked: Experiment) -> tuple[float, float, float]:
    steps = [run.solved(SOLVED) for run in lab.seeds(asked.config)]
    return SOLVED, min(steps), max(steps)


def _bias_is_sooner(lab: Lab, asked: Experiment) -> bool:
    pairs = zip(lab.seeds(asked.config), lab.seeds(asked.config, forget_bias=0.0), strict=True)
    return all(biased.solved(SOLVED) < usual.solved(SOLVED) for biased, usual in pairs)


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("It starts at × [0.991]", lambda lab, asked: _factor(lab.run(asked.config), 0)),
            Claim("healthy: [0.64] of the gradient arrives", lambda lab, asked: _arrives(lab.run(asked.config))),
            Claim("healthy:", lambda lab, asked: _is_healthy(lab.run(asked.config))),
            Claim(
                "loss falls below [0.01] between steps [300] and [700]", _identity_learns, (exactly, at_least, at_most)
            ),
            Claim(
                "the tanh network is still above [0.16] at step 800",
                lambda lab, asked: min(run.error(800) for run in lab.seeds(asked.config, model="rnn", init="default")),
                at_least,
            ),
            Claim("guessing the mean sum ([0.167])", lambda lab, asked: adding_constant()),
            Claim(
                "after step 300 single batches still cost over [0.05]",
                lambda lab, asked: min(run.losses[300:].max() for run in lab.seeds(asked.config)),
                at_least,
            ),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained"},
    ),
    2: Answer(
        claims=(
            Claim("explodes, by × [1.26] per", lambda lab, asked: _factor(lab.run(asked.config), 0)),
            Claim("norm is above [10⁵]", lambda lab, asked: lab.run(asked.config).look("gradients", 0).total, at_least),
            Claim("clipped to [1]", lambda lab, asked: lab.run(asked.config).look("gradients", 0).clipped),
            Claim(
                "ρ⁴⁹ would be [10²³]",
                lambda lab, asked: lab.run(asked.config).look("gradients", 0).radius ** 49,
                magnitude(4.0),
            ),
            Claim("norm at step 400 is a [thousand] times smaller or less", _calmer, at_least),
            Claim(
                "the task is not learnt",
                lambda lab, asked: min(run.error() for run in lab.seeds(asked.config)) > 0.1,
            ),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained", "tanh′ near 0": "of a saturated unit"},
        asked={"step 0": "the moment"},
    ),
    3: Answer(
        claims=(
            Claim("the factor is × [0.923] instead", lambda lab, asked: _factor(lab.run(asked.config), 0)),
            Claim("of × [0.58], so", lambda lab, asked: _factor(lab.run(asked.config, forget_bias=0.0), 0)),
            Claim("about [1/50], of", lambda lab, asked: _arrives(lab.run(asked.config)), about(0.1)),
            Claim("less than [10⁻¹¹]", lambda lab, asked: _arrives(lab.run(asked.config, forget_bias=0.0)), at_most),
            Claim(
                "the first hundred steps bring it down to × [0.82]",
                lambda lab, asked: _factor(lab.run(asked.config), 100),
                within(0.01),
            ),
            Claim("below [0.02] between steps [450] and [600]", _bias_solves, (exactly, at_least, at_most)),
            Claim("sooner than without the bias each time", _bias_is_sooner),
            Claim(
                "with seed 1, that takes more than 800 steps",
                lambda lab, asked: lab.run(asked.config, forget_bias=0.0, seed=1).solved(SOLVED) > 800,
            ),
        ),
        given={
            "At step 0": "the moment",
            "t = 0": "the first moment of the sequence",
            "0.923⁴⁹": "the power of the factor before it",
            "seeds 0, 1 and 2": "the seeds that are trained",
        },
        asked={"step 0": "the moment"},
    ),
}
