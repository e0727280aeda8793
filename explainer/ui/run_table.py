"""Runs in words and tables: what each was, how far it is, and how it stands to its baseline.

The tables are Markdown: `st.dataframe` would bring pandas and pyarrow into the interface process,
which is 75 MB for a few rows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from explainer.charts.compare import differing
from explainer.charts.rates import rates_words
from explainer.charts.subject import network
from explainer.config import RunConfig
from explainer.data import OTHER
from explainer.data.alphabet import percent
from explainer.player.access import owner, query_of
from explainer.player.backend import annotator, client
from explainer.runs.sharing import is_private
from explainer.runs.store import Run
from explainer.ui.controls import LABELS, called
from explainer.ui.places import address, places_for
from explainer.words import literal, plural

UNKNOWN = "–"


def task(config: RunConfig, name: str = "") -> str:
    """The task's name, and what of the user's own it learns from.

    Args:
        name: of the user's own data, see `data_name`; from outside, so not Markdown.
    """
    own = f", {name or 'own data'}" if config.data else ""
    return f"{config.problem.title}{own}"


def title(config: RunConfig, name: str = "") -> str:
    """ "GRU, 64 units · Adding problem", "GRU, 64 units · Text, novel.txt"."""
    return f"{network(config)} · {task(config, name)}"


def data_name(run: Run) -> str:
    """What the user's own data of a run is called; "" where it has none, or nobody gave it a name."""
    return str(run.meta.get("data_name", ""))


def vocabulary(run: Run) -> str:
    """How many signs a run on text reads, and what stands as one of them, a sentence; "" for other tasks and before it began."""
    signs, rare = run.meta.get("outputs"), run.meta.get("rare")
    if not run.config.problem.characters or signs is None:
        return ""
    if not rare:
        return f"It reads {signs:,} distinct characters."
    return (
        f"It reads {signs:,} signs: the rarest {rare['characters']:,} characters, {percent(rare['share'])} of the text, "
        f"stand as one, {OTHER}."
    )


def filled(run: Run) -> str:
    """How many values of a run's series nobody measured, a sentence; "" for none."""
    count = run.meta.get("filled")
    if not count:
        return ""
    return f"Of its series {count:,} {plural(count, 'value')} {'was' if count == 1 else 'were'} missing, and filled in on straight lines."


def label(run: Run) -> str:
    """A run in a list, no two alike: its title and the beginning of its name."""
    name, mark, number = run.id.partition("-")
    named = "Unreadable" if run.unreadable else title(run.config, data_name(run))
    return f"{named} · {run.id if run.pinned else f'{name[:6]}{mark}{number}'}"


def result(run: Run) -> float | None:
    """The task's metric at the end of the run, or so far; None before it was measured."""
    name = run.meta.get("metric")
    final = run.meta.get("final", {}).get(name)
    if final is not None or run.step == 0:
        return final
    values = _metrics(run).get(str(name))
    return float(values[-1]) if values is not None and len(values) else None


def _metrics(run: Run) -> dict[str, NDArray[Any]]:
    """A run's metrics; none where its tape is damaged, which is no other run's matter."""
    try:
        return annotator().metrics(run)
    except ValueError:
        return {}


def row(run: Run, now: float) -> dict[str, str]:
    """One run's cells in Markdown, by column; its name leads to the page that shows it.

    Args:
        now: seconds since 1970.
    """
    if run.unreadable:
        unknown = dict.fromkeys(("Baseline", "Parameters", "Tape"), UNKNOWN)
        begun = _unbroken(ago(now - run.created)) if run.created else UNKNOWN
        said = {"Run": literal(label(run)), "Status": "can't be read", "Step": UNKNOWN, "Result": literal(run.message)}
        return {**said, **unknown, "Begun": begun, "Whose": _unbroken(_whose(run))}
    place = places_for(run.config, run.lenses)[0]
    metric = literal(str(run.meta.get("metric", "")))
    parameters = run.meta.get("parameters")
    return {
        "Run": f"[{literal(label(run))}]({address(place.path, query_of(client(), run))}){_more(run)}",
        "Status": run.status,
        "Step": _unbroken(f"{run.step:,} of {run.config.steps:,}"),
        "Result": f"{number(result(run))} {metric}{_measured(run)}",
        "Baseline": number(run.meta.get("baseline")),
        "Parameters": UNKNOWN if parameters is None else f"{parameters:,}",
        "Tape": _unbroken(size(run.bytes)),
        "Begun": _unbroken(ago(now - run.created)),
        "Whose": _unbroken(_whose(run)),
    }


def _whose(run: Run) -> str:
    """Whose a run is, and who else sees one on own data."""
    if run.pinned:
        return "lesson"
    if run.owner != owner():
        return "shared with you" if is_private(run) else ""
    if not is_private(run):
        return "yours"
    return "yours, shared" if client().store.keys_of(run.id) else "yours, for you alone"


def _measured(run: Run) -> str:
    """At which step a result was measured that is not the final one, and the lowest validation loss if it has risen since."""
    low = run.meta.get("lowest", {})
    if low.get("risen"):
        return f"; validation loss was lowest, {number(low['value'])}, at step {low['step']:,}"
    steps = _metrics(run).get(f"{run.meta.get('metric')}:step") if not run.meta.get("final") else None
    return f" at step {int(steps[-1]):,}" if run.step and steps is not None and len(steps) else ""


def computed(run: Run) -> str:
    """What the last digits of a run depend on: "Computed on …, 1 thread, with torch 2.9."; "" where that is not known.

    A run that went on elsewhere, or with other threads, has every change, with its step.
    """
    if "device" not in run.meta:
        return ""
    said = f"Computed on {run.meta['device']}, with torch {run.meta.get('torch', UNKNOWN)}"
    moves = run.meta.get("moved", [])
    for there in moves:
        said += f"; from step {there['step']} on {there['device']}, with torch {there['torch']}"
    return f"{said}: in one go its last digits would be others." if moves else f"{said}."


def rows(runs: Sequence[Run]) -> list[dict[str, str]]:
    """One row for each run."""
    now = time.time()
    return [row(run, now) for run in runs]


def settings(runs: Sequence[Run], names: Sequence[str], only_different: bool) -> list[dict[str, str]]:
    """The fields that any of the runs depends on, one row each in Markdown, with a column for every run.

    Args:
        runs: whose configuration.
        names: of their columns, no two alike.
        only_different: leave out what they have in common.
    """
    configs = [run.config for run in runs]
    relevant = [config.relevant() for config in configs]
    wanted = dict.fromkeys(differing(configs) if only_different else (name for fields in relevant for name in fields))
    if len({run.rates for run in runs}) > 1:
        wanted["lr"] = None
    return [
        {"Setting": literal(LABELS.get(name, name.capitalize()))}
        | {
            literal(column): literal(told(name, each.get(name)) + (_set_by_hand(run) if name == "lr" else ""))
            for column, run, each in zip(names, runs, relevant, strict=True)
        }
        for name in wanted
    ]


def _set_by_hand(run: Run) -> str:
    return "".join(f"; {lr:g} after step {step}" for step, lr in run.rates)


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of Markdown cells with the same columns as a Markdown table."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([each[column] for column in columns] for each in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None) -> str:
    """Four digits of a number, or why there are none."""
    if value is None:
        return UNKNOWN
    return f"{value:.4g}" if math.isfinite(value) else "not finite"


def size(count: int) -> str:
    """A number of bytes for people: "840 kB", "1.2 MB"."""
    return f"{count / 1e3:.0f} kB" if count < 999_500 else f"{count / 1e6:.1f} MB"


def ago(seconds: float) -> str:
    """How long something is past: "just now", "4 min ago", "3 days ago"."""
    for length, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {plural(count, unit) if unit == 'day' else unit} ago"
    return "just now"


def branch(config: RunConfig) -> str:
    """ "goes on from lesson-hidden at step 700 with layer 1 unit 5 = 0"; "" for a run with weights of its own."""
    operated = f" with {config.surgery}" if config.surgery else ""
    if config.branched_from is None:
        return operated.strip()
    return "goes on from {} at step {}".format(*config.branched_from) + operated


def _more(run: Run) -> str:
    """What its title does not say of a run: where its weights come from, and a learning rate that was set by hand."""
    said = filter(None, (branch(run.config), rates_words(run.rates)))
    return "".join(f", {literal(each)}" for each in said)


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def told(name: str, value: Any) -> str:
    """A field's value in words."""
    if value is None:
        return UNKNOWN
    if name == "data":
        return f"own, {value[:8]}…" if value else "default"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else called(name, value)
