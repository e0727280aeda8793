"""Training curves: loss against step, with the validation loss and its lowest, references and a line at this moment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.charts.panel import Moment, Panel, Slot
from explainer.charts.rates import AXIS, rate_marks, rates_words
from explainer.charts.references import in_unit, reference_lines, references_of, shared_references, standing
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_NAMES, LOSS_AXIS, ink, marked, plain, stroke
from explainer.charts.traces import Runs, Seen, moment, over_training, scatter, series
from explainer.theory.lowest import MEAN_ERROR, RISE_ERROR, SURE, VALIDATION, lowest

WINDOW = 20  # steps whose training losses are taken together: one batch's goes up and down


def loss_panel(runs: Runs, theme: str, lens: str, *, span: int = 4, height: int = 260) -> Panel:
    """The loss of one or more runs against the training step.

    Args:
        runs: of each, `subject()` gives `model`, `label`, `references`; those that all share are drawn.
        lens: whose notes carry the sentence `loss`.
    """
    numbers = range(len(runs))
    lines, annotations = reference_lines(shared_references(runs), theme, logarithmic=True, said=in_unit(runs[0]))
    data = [
        *(_curve(runs, number, name) for number in numbers for name in ("loss", VALIDATION)),
        *(rate_marks(theme, number) for number in numbers),
        *(lowest_marker(runs, theme, number) for number in numbers),
    ]
    axes = {"yaxis": LOSS_AXIS, "yaxis2": AXIS, "shapes": [moment(theme), *lines], "annotations": annotations}
    figure = over_training(theme, data, **axes, showlegend=len(runs) > 1)
    title = "Loss while training" if len(runs) == 1 else "Loss: validation bold, training thin"
    return Seen(lens).panel("loss", title, figure, runs=runs, span=span, height=height, click={"seek": True})


def _curve(runs: Runs, number: int, name: str) -> dict[str, Any]:
    """The training loss of one of the runs, thin, or its validation loss, bold."""
    run, bold = runs[number], name == VALIDATION
    label = plain(run["label"])
    return scatter(
        **(marked(run["model"]) if len(runs) > 1 and bold else {"mode": "lines"}),
        name=label,
        x=series(f"{VALIDATION}:step" if bold else "step", number),
        y=series(name, number),
        showlegend=bold,
        line=stroke(FAMILY_COLOURS[run["model"]], 2.6 if bold else 1.2, "solid"),
        opacity=1.0 if bold else 0.55 if len(runs) == 1 else 0.9,
        hover=f"{label}{', validation' if bold else ''}<br>step %{{x}}: %{{y:.4g}}",
    )


def lowest_marker(runs: Runs, theme: str, number: int) -> dict[str, Any]:
    """A ring around the lowest validation loss of run `number` until this moment."""
    return scatter(
        "markers",
        name="lowest",
        x=Slot("", "lowest", run=number, name=f"{VALIDATION}:step"),
        y=Slot("", "lowest", run=number, name=VALIDATION),
        showlegend=False,
        marker={"symbol": "circle-open", "size": 10, "color": ink(theme).text, "line": {"width": 2}},
        hover=f"{plain(runs[number]['label'])}<br>lowest validation loss so far: %{{y:.4g}} at step %{{x}}",
    )


def loss_reading(moment: Moment, label: str = "") -> str:
    """One or two sentences: training and validation loss at this step, where they come from, and the references.

    Args:
        moment: with the metrics so far.
        label: of the run; default, its family's name.
    """
    label = label or FAMILY_NAMES[moment.meta["model"]]
    parts = [said for said in (training_trend(moment), validation_trend(moment)) if said]
    if not parts:
        return f"{label}: no step taken yet."
    said_in, loss = in_unit(moment.meta), moment.metric(VALIDATION)
    stands = standing(references_of(moment.meta), loss, moment.metric(MEAN_ERROR), said_in)
    if stands and moment.meta.get("loss_scale"):
        stands = f"an error of {said_in(loss)} (root mean square), {stands}"
    said = f"{label}, step {moment.step}: {'; '.join(parts)}."
    more = f"That is {stands}." if stands else ""
    return " ".join(filter(None, (said, more, rates_until(moment), moment.meta.get("not_held_out", ""))))


def rates_until(moment: Moment) -> str:
    """A sentence on the learning rates that were set by hand until this moment; "" where none was."""
    said = rates_words([(step, lr) for step, lr in moment.meta.get("rates", ()) if step < moment.step])
    return f"Set by hand: {said}." if said else ""


def training_trend(moment: Moment) -> str:
    """Of this step's batch, beside that of the first: "training loss 0.03, down from 0.8 at step 1".

    Where the mean of the last `WINDOW` batches is more than three standard errors above the lowest such mean before,
    that is said instead: the way down from the first step would hide the rise since.
    """
    steps, values = moment.until_now("loss")
    if not len(values):
        return ""
    first, last = float(values[0]), float(values[-1])
    said = f"training loss {spoken(last)}"
    if len(values) == 1 or not (math.isfinite(first) and math.isfinite(last)) or spoken(first) == spoken(last):
        return said
    found = risen_means(np.asarray(values, dtype=np.float64))
    if found is not None:
        start, low, high = found
        return (
            f"{said}, its mean over {WINDOW} steps {spoken(high)}, up from {spoken(low)} at steps "
            f"{int(steps[start])} to {int(steps[start + WINDOW - 1])}"
        )
    return f"{said}, {'down' if last < first else 'up'} from {spoken(first)} at step {int(steps[0])}"


def risen_means(values: NDArray[np.float64]) -> tuple[int, float, float] | None:
    """The lowest mean of `WINDOW` values behind each other, and that of the last, if that is clearly higher.

    Each batch is new, so the two means m and m' are independent, with standard errors s / √W: they differ by more than
    three times √(s² + s'²) / √W.

    Returns:
        where the lowest window begins, its mean, the last one's; None where they overlap or the last is not higher.
    """
    if len(values) < 2 * WINDOW or not np.isfinite(values[-WINDOW:]).all():
        return None
    sums = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(values), values, 0.0))])
    broken = np.concatenate([[0], np.cumsum(~np.isfinite(values))])
    means = (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW
    means[broken[WINDOW:] > broken[:-WINDOW]] = np.inf
    start = int(np.argmin(means))
    if start > len(values) - 2 * WINDOW:
        return None
    then, now = values[start : start + WINDOW], values[-WINDOW:]
    error = math.sqrt((then.var(ddof=1) + now.var(ddof=1)) / WINDOW)
    low, high = float(then.mean()), float(now.mean())
    return (start, low, high) if high - low > SURE * error else None


def validation_trend(moment: Moment) -> str:
    """The last measurement with its step, beside the lowest before.

    "validation loss 2.87 at step 600, risen by 0.63 ± 0.08 since its lowest, 2.24 at step 125".
    """
    steps, values = moment.until_now(VALIDATION)
    if not len(values):
        return ""
    said = f"{VALIDATION} {spoken(float(values[-1]))} at step {int(steps[-1])}"
    found = lowest(steps, values, moment.until_now(RISE_ERROR)[1])
    if len(values) == 1 or found is None:
        return said
    low = f"{spoken(found.value)} at step {found.step}"
    if found.risen:
        return f"{said}, risen by {with_error(found.rise, found.error)} since its lowest, {low}"
    if found.step == int(steps[-1]):
        return f"{said}, the lowest so far"
    return f"{said} (lowest: {low})"


def with_error(value: float, error: float) -> str:
    """Two digits of the error, and the value to the same place: "0.768 ± 0.107" is "0.77 ± 0.11"."""
    if not (math.isfinite(error) and error > 0):
        return spoken(value)
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def spoken(value: float) -> str:
    """Three digits, or that it is not a number."""
    return f"{value:.3g}" if math.isfinite(value) else "not a finite number"
