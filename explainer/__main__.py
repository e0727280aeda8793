"""`python -m explainer`: train, look and record lessons from the command line.

Exit status: 0 when it went well; 1 when a run diverged or failed; 2 when what was asked for can't
be, with one sentence on stderr; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from explainer import __version__
from explainer.config import KNOBS, RunConfig

if TYPE_CHECKING:
    from explainer.tables import Options, Understanding

    Commands: TypeAlias = "argparse._SubParsersAction[Parser]"

WORDS = argparse.RawDescriptionHelpFormatter
ABOUT = """Small sequence models train, and every number inside them can be looked at.

The app itself starts with `make run`, or `streamlit run app.py`."""

EXAMPLES = """examples:
  python -m explainer train --task adding --model gru --set steps=600 --seed 0
  python -m explainer train --text novel.txt --model transformer --set layers=2 steps=2000
  python -m explainer train --csv sales.csv --column total --check
  python -m explainer look RUN --lens gradients --step 300 --html gradients.html
  python -m explainer look lesson-hidden --lens hidden --json
  python -m explainer race --task parity --models lstm,transformer --equal seconds --seeds 3
  python -m explainer tapes lesson-hidden

`python -m explainer COMMAND --help` says more about one of them."""


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message[:1].upper()}{message[1:]}. `{self.prog} --help` says what can be asked for.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for. Returns the exit status."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0

    from explainer.runs.database import StoreError

    try:
        return int(options.act(options))
    except ValueError as error:
        place = f" (The store is {error.place}.)" if isinstance(error, StoreError) and error.place else ""
        print(" ".join(f"{error}{place}".split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has gone: nothing more to say, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def make_parser() -> Parser:
    """The command line; its help needs no torch."""
    parser = Parser(prog="python -m explainer", description=ABOUT, epilog=EXAMPLES, formatter_class=WORDS)
    parser.add_argument("--version", action="version", version=f"Unrolled {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    _add_train(commands)
    _add_look(commands)
    _add_race(commands)
    _add_tapes(commands)
    _command(commands, _reference)
    return parser


def _command(commands: Commands, act: Callable[[argparse.Namespace], int], epilog: str | None = None) -> Parser:
    """The command of a function, whose docstring is what its help says."""
    said, _, more = cleandoc(act.__doc__ or "").partition("\n\n")
    words = f"{said[:1].lower()}{said[1:].rstrip('.')}"
    made = commands.add_parser(act.__name__[1:], help=words, description=more, epilog=epilog, formatter_class=WORDS)
    made.set_defaults(act=act)
    return made


def _add_train(commands: Commands) -> None:
    train = _command(commands, _train, settings_help())
    add = train.add_argument
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    add("--task", help="what is to be learnt")
    add("--model", help="family of the network")
    add("--seed", help="of weights, batches and dropout")
    add("--set", **several, metavar="NAME=VALUE", help="any setting of the list below")
    after = "the learning rate from after that many updates on, such as 120=0.003"
    add("--lr-at", **several, metavar="STEP=RATE", help=after)
    data = train.add_mutually_exclusive_group()
    data.add_argument("--text", type=Path, metavar="FILE", help="a text to learn from, with the task text")
    data.add_argument("--csv", type=Path, metavar="FILE", help="a series to learn from, with the task forecast")
    add("--encoding", metavar="NAME", help="of the file, such as Big5; else it is found by the content")
    _add_table(train)
    _add_store(train)


def _add_look(commands: Commands) -> None:
    look = _command(commands, _look)
    add = look.add_argument
    add("run", metavar="RUN", help="id of a run, or the name of a lesson such as lesson-hidden")
    add("--lens", required=True, help="what to look through, such as hidden, gradients, attention, positions")
    add("--step", type=int, help="number of updates of the weights; default, the last")
    add("--input", default="", metavar="TEXT", help="look at this input; default, the tape's own batch")
    add("--layer", type=int, default=1, help="the layer that a figure shows, from 1")
    add("--head", type=int, default=1, help="the attention head that a figure shows, from 1")
    add("--html", type=Path, metavar="FILE", help="write the figures into one self-contained file")
    add("--json", action="store_true", help="print the record's arrays and readings as JSON")
    _add_store(look)


def _reference(options: argparse.Namespace) -> int:
    """Print docs/reference.md: families, tasks, lenses and settings."""
    from explainer.headless.reference import reference

    print(reference(), end="")
    return 0


def _add_race(commands: Commands) -> None:
    race = _command(commands, _race, settings_help())
    add = race.add_argument
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    add("--task", default="parity", help="what is to be learnt; default, parity")
    add("--models", required=True, metavar="A,B", help="families of the networks, 2 to 4, between commas")
    add("--equal", default="steps", help="steps, seconds or parameters; default, steps")
    add("--seconds", type=float, default=20.0, help="of training that each has with --equal seconds; default, 20")
    add("--seeds", type=int, default=3, help="how many; default, 3")
    add(
        "--rates",
        **several,
        type=float,
        metavar="RATE",
        help="learning rates; default, a third of lr, lr, three times lr",
    )
    add("--set", **several, metavar="NAME=VALUE", help="any setting of the list below, for all networks that have it")


def _add_tapes(commands: Commands) -> None:
    tapes = _command(commands, _tapes)
    tapes.add_argument("names", nargs="*", metavar="NAME", help="lessons to record; default, all")
    tapes.add_argument("--folder", type=Path, metavar="DIR", help="where to; default, tapes/ of the project")


def settings_help() -> str:
    """The fields of `RunConfig` as the epilog of `train --help`."""
    default = RunConfig()
    lines = ["settings for --set (their defaults in brackets):"]
    for name, knob in KNOBS.items():
        choices = knob.metadata["choices"]
        meaning = knob.metadata["meaning"] + (f": {', '.join(choices)}" if choices else "")
        lines.append(f"  {name:<13} {meaning} [{default[name]}]")
    return "\n".join(lines)


def _add_table(parser: argparse.ArgumentParser) -> None:
    """How a table is to be read, where what is found out is not what is meant."""
    group = parser.add_argument_group(
        "the table of --csv", "What is not said here is found out, and printed before anything trains."
    )
    add = group.add_argument
    add("--column", metavar="NAME|NUMBER", help="the series; default, the first that looks like one")
    add("--separator", metavar="MARK", help="comma, semicolon, tab, pipe, blanks, none, or the mark itself")
    add("--decimal", metavar="MARK", help="point or comma")
    add("--thousands", metavar="MARK", help="none, comma, point, blank or apostrophe")
    add("--header", action=argparse.BooleanOptionalAction, help="whether a line of names comes first")
    add("--missing", nargs="+", action="extend", metavar="VALUE", help="cells that mean “no value”, such as -999")
    add("--order", metavar="FIRST", help="oldest or newest: the row that comes first in the file")
    add("--gap", type=int, metavar="STEPS", help="longest run of missing values that is filled in")
    add("--left-out", metavar="HOW", help="times without a row: fill them in, or keep the rows as they are")
    add("--check", action="store_true", help="print what is understood, and train nothing")


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, metavar="DIR", help="default, EXPLAINER_STORE or .store in the project")


def _train(options: argparse.Namespace) -> int:
    """Train a run, recorded like one of the app.

    Train a run and record it in the store, where the app shows it too. The last line of the output is
    JSON with the run's id and its final numbers. The same run again answers at once from its tape; one
    that was stopped (Ctrl-C) goes on. While the app runs on this store, its worker does the training.
    """
    from explainer.headless.request import requested

    table = _table(options)
    if options.check:
        assert table is not None
        table.series()
        return 0
    config, data = requested(
        {"task": options.task, "model": options.model, "seed": options.seed},
        options.set,
        text=options.text,
        table=table,
        encoding=options.encoding if options.csv is None else None,
    )
    from explainer.headless.train import train_run
    from explainer.runs.rates import rates_from_text

    rates = rates_from_text(options.lr_at)
    file = options.text or options.csv
    how = _table_options(options).words() if table else ["--encoding", options.encoding] if options.encoding else []
    return train_run(config, data, options.store, name=file.name if file else "", how=shlex.join(how), rates=rates)


def _race(options: argparse.Namespace) -> int:
    """Race networks on the same batches.

    Train 2 to 4 networks on one task at equal steps, seconds or parameters, for some seeds and learning rates, and print a line for
    each as it ends and JSON at the end: when each solved it, its right answers at each length, seconds, parameters. With --equal
    parameters the first network keeps its width. A network is said not to solve a task only after three seeds at three rates.
    """
    from explainer.headless.race import race, rates_around
    from explainer.headless.request import requested

    models = [model.strip() for model in options.models.split(",") if model.strip()]
    configs = [requested({"task": options.task, "model": model, "seed": None}, options.set)[0] for model in models]
    if options.seeds < 1 or not options.seconds > 0:
        raise ValueError(
            f"seeds = {options.seeds}, seconds = {options.seconds:g} can't be. Give at least one seed, and seconds above 0."
        )
    rates = options.rates or (list(rates_around(configs[0].lr)) if configs else [])
    return race(configs, options.equal, options.seconds, options.seeds, rates)


def _table(options: argparse.Namespace) -> Understanding | None:
    """What was understood of the table, printed; None where none is named.

    Raises:
        ValueError: it can't be read, or an option of a table stands without one.
    """
    from explainer.headless.table import in_words, understood

    if options.csv is None:
        given = [word.split("=")[0] for word in _table_options(options).words() if not word.startswith("--encoding")]
        if given or options.check:
            raise ValueError(f"{(*given, '--check')[0]} is about a table. Give the file with --csv.")
        return None
    table = understood(options.csv, _table_options(options))
    print(in_words(options.csv, table))
    return table


def _table_options(options: argparse.Namespace) -> Options:
    """How a table is to be read.

    Raises:
        ValueError: a value that is none.
    """
    from explainer.tables import DECIMALS, SEPARATORS, THOUSANDS, Options, named

    marks = {"separator": SEPARATORS, "decimal": DECIMALS, "thousands": THOUSANDS}
    others = ("column", "header", "order", "gap", "left_out", "encoding")
    given = {name: getattr(options, name) for name in (*marks, *others) if getattr(options, name) is not None}
    given |= {name: named(given[name], names) for name, names in marks.items() if name in given}
    if options.missing is not None:
        given["missing"] = tuple(options.missing)
    return Options(**given)


def _look(options: argparse.Namespace) -> int:
    """Look at a moment of a run through a lens.

    Look at a recorded run through a lens, at the kept moment nearest to the step asked for. Where its
    weights are kept the lens looks at them here; else its record comes from the tape.
    """
    from explainer.headless.look import look_at

    return look_at(
        options.run,
        options.lens,
        step=options.step,
        given=options.input,
        selection={"layer": options.layer, "head": options.head},
        html=options.html,
        as_json=options.json,
        folder=options.store,
    )


def _tapes(options: argparse.Namespace) -> int:
    """Record the lessons that ship with the project.

    Train the lessons of explainer/lessons.py on one thread of the CPU and write a tape of each into
    tapes/. The same code on the same machine gives the same bytes. All tapes together take 8 MB at most.
    """
    from explainer.headless.tapes import make_tapes

    return make_tapes(options.names, options.folder)


if __name__ == "__main__":
    sys.exit(main())
