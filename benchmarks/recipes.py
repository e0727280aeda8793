"""The runs that are measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.row import Missing, Settings
from explainer.config import RunConfig
from explainer.lessons import LESSONS, Lesson

DEFAULT_TEXT = Path(__file__).resolve().parents[2] / "shared" / "data" / "tinyshakespeare.txt"

#: A recurrent network of the size that the lessons use.
GRU = RunConfig(task="adding", length=32, model="gru", width=64, batch=32, lr=3e-3, steps=2000)

#: nanoGPT's recipe for a CPU (`train_shakespeare_char.py` with the flags of its README).
NANOGPT = RunConfig(
    task="text",
    length=64,
    model="transformer",
    layers=4,
    heads=4,
    width=128,
    tied=True,
    positions="learned",
    dropout=0.0,
    batch=12,
    lr=1e-3,
    schedule="cosine",
    warmup=100,
    min_lr=1e-4,
    beta2=0.99,
    weight_decay=0.1,
    clip=1.0,
    steps=2000,
)


def induction() -> Lesson:
    """The lesson in which induction heads form: repeated sequences, at least two blocks.

    Raises:
        Missing: there is none.
    """
    for lesson in LESSONS.values():
        config = lesson.config
        if "attention" in lesson.lenses and config.task == "repeat" and config.layers >= 2:
            return lesson
    raise Missing("No lesson trains at least two blocks on repeated sequences (explainer/lessons.py).")


def read_text(settings: Settings) -> str:
    """The text of the language model.

    Raises:
        Missing: there is none.
    """
    if settings.text is None:
        raise Missing(
            "The text is not here. Give tinyshakespeare (1,115,394 characters) as --text FILE, or name it in "
            "UNROLLED_BENCH_TEXT."
        )
    return settings.text.read_text(encoding="utf-8")
