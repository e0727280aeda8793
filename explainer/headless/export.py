"""One self-contained HTML file with all the figures of a look: plotly.js inside, nothing fetched.

The figures are the panels of the pages, filled by `fill` as the page without routes does it, each
with its reading as caption. Text that came from a user is escaped wherever it stands.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace
from string import Template
from typing import Any

import orjson
from plotly.offline import get_plotlyjs

from explainer.charts.panel import Notes, Panel, Reel, fill, reading_at, unclickable
from explainer.charts.source import mark
from explainer.charts.subject import subject
from explainer.headless.view import View
from explainer.lenses import LENSES
from explainer.player.annotate import Annotator, joined
from explainer.player.assets import joined as joined_modules
from explainer.runs.again import command, training_words

THEME = "light"
INK = "#1f2933"
POINT = 9  # pixels
ASKED = "computed for this file · own input"
CONFIG = {
    "responsive": True,
    "displaylogo": False,
    # What is left are zoom, pan and their reset, which plotly leaves out where no axis can move. The first would send the
    # figure to a server; a picture with its words is a button of ours.
    "modeBarButtonsToRemove": [
        "sendChartToCloud",
        "toImage",
        "select2d",
        "lasso2d",
        "zoomIn2d",
        "zoomOut2d",
        "autoScale2d",
    ],
}

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1f2933; font: 15px/1.5 "Source Sans 3", system-ui, sans-serif; }
main { max-width: 1300px; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .25rem; }
.panels { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 1.5rem; margin: 1.5rem 0; }
figure { margin: 0; }
figcaption, p, summary { color: #5f6b7a; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 800px) { figure { grid-column: 1 / -1 !important; } }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p>$about</p>
<div class="panels">
$figures
</div>
<details><summary>The same run, and the same look, again</summary>
<pre>$commands</pre></details>
</main>
<script>$plotly</script>
<script type="application/json" id="figures">$data</script>
<script>
$take
JSON.parse(document.getElementById("figures").textContent).forEach(async (figure, number) => {
  const plot = document.getElementById("plot-" + number);
  const said = (tag) => plot.parentElement.querySelector(tag).textContent;
  const take = async () => {
    const words = { title: said("h2"), sentence: said("figcaption"), source: document.querySelector("main > p").textContent };
    const layout = { ...figure.layout, font: { ...figure.layout.font, family: PRINT_FONT } };
    const width = Math.max(PRINT_WIDTH, plot.clientWidth);
    const made = await drawing({ data: figure.data, layout }, words, { ground: "#FFFFFF", ink: "$ink" }, width, plot.clientHeight);
    handOver(await pngFile(made), plot.dataset.name + ".png");
  };
  const button = { name: "picture", title: "Picture with its words (PNG)", icon: Plotly.Icons.camera, click: take };
  // A finger on a chart scrolls the page: plotly, which would keep it, does not hear of it.
  plot.addEventListener("touchstart", (event) => event.stopPropagation(), { capture: true, passive: true });
  await Plotly.newPlot(plot, figure.data, figure.layout, { ...$config, modeBarButtonsToAdd: [button] });
  const [picture, ...rest] = plot.querySelectorAll(".main-svg");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-labelledby", "title-" + number);
  picture.setAttribute("aria-describedby", "said-" + number);
  for (const each of rest) each.setAttribute("aria-hidden", "true");
});
</script>
</body>
</html>
""")

FIGURE = Template("""<figure style="grid-column: span $span" aria-labelledby="title-$number">
<h2 id="title-$number">$title</h2>
<div id="plot-$number" data-name="$name" style="height: ${height}px"></div>
<figcaption id="said-$number">$reading <small>$source</small></figcaption>
</figure>""")


def page_of(view: View, notes: Notes, annotator: Annotator, selection: Mapping[str, int] | None = None) -> str:
    """The file's text.

    Args:
        view: what the lens saw.
        notes: its sentences and derived arrays.
        annotator: of the store with the run's tape.
        selection: the layer and head that figures show, from 0.
    """
    run, config = view.run, view.run.config
    about = subject(config, run.meta)
    panels = LENSES[view.lens].panels(about, THEME)
    reels = [reel_of(view, notes, annotator)]
    figures, captions = [], []
    for number, panel in enumerate(panels):
        shown = with_points(panel) if view.given else panel
        figures.append(seen(unclickable(fill(shown, reels, view.step, selection))))
        captions.append(
            FIGURE.substitute(
                number=number,
                name=f"{panel.id}-{view.step}",
                span=panel.span,
                height=panel.height,
                title=html.escape(panel.title),
                reading=html.escape(reading_at(panel, reels, view.step, selection)),
                source=html.escape(mark(panel, reels, view.step, selection, asked=ASKED)),
            )
        )
    said = f"Seed {config.seed}, after {view.step:,} of {config.steps:,} updates of the weights. Run {run.id}."
    if name := run.meta.get("data_name"):
        said += f" It learns from {name}."
    if view.given:
        said += f" It reads: {view.given}" + (f". {view.said}" if view.said else "")
    return PAGE.substitute(
        title=html.escape(f"{about['label']} on the task “{config.task}”: {view.lens}"),
        about=html.escape(said),
        figures="\n".join(captions),
        commands=html.escape(commands(view, selection)),
        plotly=get_plotlyjs(),
        config=orjson.dumps(CONFIG).decode(),
        ink=INK,
        take=joined_modules("take.js", "dom.js"),
        # Within a script element only "<" could end it early; in JSON it stands in texts alone.
        data=orjson.dumps(figures).decode().replace("<", "\\u003c"),
    )


def with_points(panel: Panel) -> Panel:
    """The panel with a point on every line over training at what the lens saw on the user's own input.

    A panel that has such points of its own is as it was.
    """
    ends = {slot.to: slot for slot in panel.slots if slot.kind == "history"}
    if any(slot.kind == "asked" for slot in panel.slots):
        return panel
    traces, slots = list(panel.figure["data"]), list(panel.slots)
    for number, trace in enumerate(panel.figure["data"]):
        x, y = (ends.get(f"data.{number}.{axis}") for axis in "xy")
        if x is None or y is None:
            continue
        slots += [replace(slot, to=f"data.{len(traces)}.{axis}", kind="asked") for axis, slot in (("x", x), ("y", y))]
        traces.append(_points(trace))
    return replace(panel, figure={**panel.figure, "data": traces}, slots=tuple(slots))


def _points(line: Mapping[str, Any]) -> dict[str, Any]:
    """Points in a line's colour, with a rim that stands out from it."""
    colour = line.get("line", {}).get("color", INK)
    axis = {name: line[name] for name in ("xaxis", "yaxis") if name in line}
    return {
        "type": "scatter",
        "mode": "markers",
        "marker": {"size": POINT, "color": colour, "line": {"width": 1.5, "color": INK}},
        "showlegend": False,
        "hovertemplate": f"{line.get('name', '')} on the own input<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
        **axis,
    }


def seen(figure: dict[str, Any]) -> dict[str, Any]:
    """A filled figure whose lines of a single place are points: a line needs two to be drawn."""
    for trace in figure["data"]:
        places = [place for place in zip(trace.get("x") or (), trace.get("y") or (), strict=False) if None not in place]
        if trace.get("mode") == "lines" and len(places) == 1:
            trace |= {"mode": "markers", "marker": {"size": POINT, "color": trace.get("line", {}).get("color", INK)}}
    return figure


def reel_of(view: View, notes: Notes, annotator: Annotator) -> Reel:
    """The run's whole tape with this look in it; one at the user's own input is its answer, as on a page."""
    ours = joined(view.step, view.record, notes)
    tape = annotator.reel(view.run, [view.lens])
    contexts = dict(tape.contexts)
    context = LENSES[view.lens].context
    if context and not contexts.get(view.lens):
        contexts[view.lens] = context([view.record])
    if view.given:
        return replace(tape, answers={view.lens: ours}, contexts=contexts)
    others = [frame for frame in tape.frames[view.lens] if frame.step != view.step]
    frames = sorted([*others, ours], key=lambda frame: frame.step)
    return replace(tape, frames={view.lens: frames}, contexts=contexts)


def commands(view: View, selection: Mapping[str, int] | None = None) -> str:
    """Two command lines that make this file again, anywhere: of a run on own data, with the file to give."""
    run = view.run
    there = run.id if run.pinned else run.config.run_id(run.data)  # a run of ours may have a number behind its id
    look = ["look", there, "--lens", view.lens, "--step", str(view.step)]
    for name, number in (selection or {}).items():
        look += [f"--{name}", str(number + 1)] if number else []
    if view.given:
        look += ["--input", view.given]
    return "\n".join(command(words) for words in (training_words(run), [*look, "--html", "look.html"]))
