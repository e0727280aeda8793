// What can be done with a figure: by its menu, by dragging, and by a click in it; and what is taken away of it.

import { sayNote } from "./bar.js";
import { csvFile, numbersOf } from "./csv.js";
import { handOver, pageName } from "./dom.js";
import { openMenu } from "./menu.js";
import { operate } from "./questions.js";
import { address, copyLink } from "./sharing.js";
import { mosaicCell, tapeOf } from "./slots.js";
import { drawing, pngFile, PRINT_FONT, PRINT_WIDTH, svgFile } from "./take.js";
import { movable } from "./touch.js";
import { scrub } from "./transport.js";
import { sightOf, viewOf } from "./views.js";
/** @import { Entry, Mosaic, OfPane, Pane, Player, Selection, Side, View, Zooms } from "./types.js" */

/** Each figure, and behind it what can be done with it. @type {(player: Player, anchor: HTMLElement) => Entry[]} */
export function figureEntries(player, anchor) {
  const { panes } = player;
  if (panes.length === 1) return entriesFor(player, panes[0]);
  return panes.map((pane) => ({
    text: `${pane.spec.name} …`,
    act: () => void setTimeout(() => openMenu(anchor, pane.spec.name, entriesFor(player, pane))),
  }));
}

/** The menu of a figure. @type {OfPane<Entry[]>} */
export function entriesFor(player, pane) {
  const { alone, data, drags, zooms } = player;
  const { plot, plotted, spec: { id } } = pane;
  const drag = drags[id] ?? (matchMedia("(pointer: coarse)").matches ? "" : "zoom");
  const dragging = (/** @type {string} */ mode, /** @type {string} */ text) => (
    { text, checked: drag === mode, act: () => dragBy(player, pane, drag === mode ? "" : mode) });
  const moves = plotted && movable(plot).length > 0;
  const zoomed = Object.keys(zooms[id] || {}).length > 0;
  return [
    ...(alone ? [{ text: "Show all figures", act: () => showAlone(player, "") }] : []),
    ...(!alone && data.figures.length > 1 ? [{ text: "Show it alone, large", act: () => showAlone(player, id) }] : []),
    ...(moves ? [dragging("zoom", "Zoom by dragging"), dragging("pan", "Move by dragging")] : []),
    ...(zoomed ? [{ text: "Reset the view", act: () => resetView(player, pane) }] : []),
    ...(plotted ? [
      { text: "Picture (PNG)", act: () => take(player, pane, "png") },
      { text: "Drawing (SVG)", act: () => take(player, pane, "svg") },
      { text: "Numbers (CSV)", act: () => take(player, pane, "csv") },
    ] : []),
    {
      text: "Copy link to this figure",
      act: (entry) => {
        copyLink(player, entry, id);
        return true;
      },
    },
  ];
}

/** Show one figure alone and large; "" shows all again. @type {(player: Player, id: string) => void} */
export function showAlone(player, id) {
  const { bar, grid, host } = player;
  const back = host.contains(document.activeElement);
  player.alone = id;
  player.arrange();
  grid.scrollIntoView({ block: "nearest" });
  if (back) (id ? bar.all : bar.take).focus({ preventScroll: true });
}

/**
 * What dragging does, with a mouse and with a finger: "zoom", "pan" or "". Without a choice a mouse zooms, a finger scrolls the page.
 *
 * @type {(player: Player, pane: Pane, mode: string) => void}
 */
function dragBy(player, pane, mode) {
  player.drags[pane.spec.id] = mode;
  pane.box.classList.toggle("dragged", Boolean(mode));
  pane.fresh = true;
  player.draw();
}

/** Show these ranges of a figure's axes. @type {(player: Player, pane: Pane, ranges: Zooms[string]) => void} */
export function zoom(player, pane, ranges) {
  const { id } = pane.spec;
  player.zooms[id] = { ...player.zooms[id], ...ranges };
  pane.fresh = true;
  player.draw();
  address(player);
}

/** What plotly.js has moved. @type {(player: Player, pane: Pane, change: Record<string, any>) => void} */
export function zoomedByMouse(player, pane, change) {
  const moved = new Set(Object.keys(change).map((name) => name.match(/^([xy]axis\d*)\.range/)?.[1]));
  const axes = movable(pane.plot).filter(([name]) => moved.has(name));
  if (axes.length) zoom(player, pane, Object.fromEntries(axes.map(([name, axis]) => [name, [...axis.range]])));
}

/** Show a figure without zoom. @type {OfPane} */
export function resetView(player, pane) {
  delete player.zooms[pane.spec.id];
  player.resets += 1; // plotly would keep what a person has zoomed
  for (const each of player.panes) each.fresh = true;
  player.draw();
  address(player);
}

/** Choose a layer, a head or the like in all figures. @type {(player: Player, selection: Selection) => void} */
export function choose(player, selection) {
  Object.assign(player.selection, selection);
  for (const box of player.bar.selectors.querySelectorAll("select")) box.value = String(player.selection[box.name]);
  address(player);
  player.draw();
}

/** What a click in a figure does. @type {(player: Player, pane: Pane, point: any) => void} */
export function clicked(player, { spec: { click } }, point) {
  const { bar, selection, step, tapes, times } = player;
  if (!click) return;
  if (click.seek) return scrub(player, times.findLastIndex((each) => each <= point.x));
  if (click.select) {
    const { customdata, data } = point;
    if (customdata !== undefined && data.mode === "markers") choose(player, { [click.select]: customdata });
  } else if (click.cell) {
    const [query, key] = point.pointIndex;
    const { layer = 0, head = 0 } = selection;
    player.setState("cell", { layer, head, query, key, step, input: bar.ask.value });
  } else if (click.heads) {
    const row = [point.pointIndex].flat()[0]; // of a table or a chart with a row or a bar for each head
    choose(player, { layer: Math.floor(row / click.heads), head: row % click.heads });
  } else if (click.operates) {
    operate(player, point.customdata);
    player.setState("surgery", `${point.customdata}\n${++player.drawn}`); // a number, so that the same choice again is news
  } else {
    const [L = 0, H = 0, T = 0, S = 0] = tapes[click.run].at(click.lens, step)?.arrays[click.name].shape ?? [];
    const cell = mosaicCell([L, H, T, S]);
    const [layer, head] = [T, S].map((size, at) => Math.floor(point.pointIndex[at] / (Math.ceil(size / cell) + click.gap)));
    if (layer < L && head < H) choose(player, { layer, head });
  }
}

/** Hand over a figure as a file. @type {(player: Player, pane: Pane, kind: "png" | "svg" | "csv") => Promise<void>} */
async function take(player, pane, kind) {
  const { spec } = pane;
  const step = player.times.length ? `-${sightOf(player, spec).step}` : ""; // what does not move has none
  try {
    const made = kind === "csv" ? numbers(player, pane) : await picture(player, pane);
    const file = typeof made === "string" ? csvFile(made) : await (kind === "svg" ? svgFile : pngFile)(made);
    handOver(file, `${pageName()}-${spec.id}${step}.${kind}`);
  } catch (error) {
    console.error(error);
    player.offered = "This browser could not make the file.";
    sayNote(player);
  }
}

/** A figure without what its legend has been told to hide. @type {(player: Player, pane: Pane, width: number) => View} */
function asShown(player, pane, width) {
  const view = /** @type {View} */ (viewOf(player, pane, player.present, width));
  view.data.forEach((trace, at) => {
    if (pane.plot.data?.[at]?.visible === "legendonly") trace.visible = "legendonly";
  });
  return view;
}

/** A figure's numbers as CSV. @type {OfPane<string>} */
function numbers(player, pane) {
  const { slots } = pane.spec;
  /** @type {Record<string, Mosaic>} */
  const mosaics = {};
  for (const { gap, lens, name, run, to } of slots.filter(({ kind }) => kind === "mosaic")) {
    const { tapes, step } = sightOf(player, pane.spec);
    const shape = tapeOf(tapes, run, player.selection).at(lens, step)?.arrays[name].shape ?? [];
    const cell = mosaicCell(shape);
    const [tall, wide] = shape.slice(2).map((size) => Math.ceil(size / cell) + gap);
    mosaics[to.split(".")[1]] = { tall, wide, cell, gap };
  }
  return numbersOf(asShown(player, pane, Infinity), mosaics, slots.filter(({ kind }) => kind === "across"));
}

/** A figure with its words. @type {OfPane<Promise<SVGSVGElement>>} */
function picture(player, pane) {
  const { layout, ...spec } = pane.spec;
  const width = Math.max(PRINT_WIDTH, pane.box.clientWidth);
  const printed = { ...spec, layout: { ...layout, font: { ...layout.font, family: PRINT_FONT } } };
  const view = asShown(player, { ...pane, spec: printed }, width);
  const colour = (/** @type {string} */ name) => getComputedStyle(player.host).getPropertyValue(`--st-${name}-color`);
  const title = player.reference ? view.title : spec.name;
  const words = { title, sentence: view.reading, source: originOf(player, pane.spec, view.awaited) };
  return drawing(view, words, { ground: colour("background"), ink: colour("text") }, width, view.layout.height);
}

/**
 * Where a picture comes from: moment, runs, and whatever was chosen or done, in a line.
 *
 * @type {(player: Player, spec: Side, awaited: boolean) => string}
 */
function originOf({ bar, data, reference, said, selection, surgery, times }, spec, awaited) {
  const used = new Set([...spec.slots.flatMap(({ index, run }) => [...index, run]), ...spec.reading_index]);
  const choices = data.select.filter(({ name, names }) => used.has(name) && names.length > 1);
  const shown = new Set(spec.slots.map(({ run }) => (typeof run === "string" ? selection[run] || 0 : run)));
  const runs = data.runs.filter((_, number) => shown.has(number));
  return [
    times.length ? said : document.querySelector("h1")?.textContent,
    ...runs.map(({ id, name }) => (name && name !== id ? `${name} (run ${id})` : `run ${id}`)),
    ...choices.map(({ name, names }) => names[Math.min(selection[name] || 0, names.length - 1)]),
    bar.ask.value && `own input${awaited ? ", not answered yet" : ""}: ${bar.ask.value}`,
    surgery,
    reference && `compared with ${reference.step === null ? reference.tapes[0].id : `step ${reference.step}`}`,
    "Unrolled",
  ].filter(Boolean).join(" · ");
}
