// What fits into a figure of this width: labels, words in cells, rows of a legend.

import { cellsOf } from "./cells.js";
import { untagged } from "./csv.js";
import { extent, ticks } from "./scales.js";
/** @import { Figure, Layout, Trace } from "./types.js" */

const SMALLEST = 8; // pixels of a letter in a cell

/** @type {CanvasRenderingContext2D | undefined} */
let pen; // that measures

/**
 * About how many pixels a colour bar takes with its numbers and its title.
 *
 * @type {(figure: Figure) => number}
 */
export function barWidth({ data, layout }) {
  const trace = data.find((each) => (each.type === "heatmap" && each.showscale !== false) || each.marker?.colorbar);
  if (!trace) return 0;
  const { colorbar, zmin = -1, zmax = 1 } = trace.type === "heatmap" ? trace : { ...trace.marker, zmin: 0, zmax: 99 };
  const numbers = ticks([zmin, zmax]).map((value) => wide(value, 12, layout));
  return Math.max(...numbers) + (colorbar?.title?.side === "right" ? 52 : 38);
}

/**
 * How wide a text is in pixels.
 *
 * @type {(text: unknown, size: number, layout: Layout) => number}
 */
export function wide(text, size, { font }) {
  pen ||= /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  pen.font = `${size}px ${font.family}`;
  return pen.measureText(String(text)).width;
}

/**
 * Move labels of lines that are close together down, the highest first, so that each has a line of text to itself.
 *
 * @type {(figure: Figure, height: number) => void}
 */
export function stack({ data, layout }, height) {
  const notes = (layout.annotations || []).filter((/** @type {Layout} */ note) => note.name === "reference");
  if (!notes.length) return;
  const log = layout.yaxis.type === "log";
  const drawn = data.filter((trace) => trace.yaxis !== "y2").map((trace) => Array.from(trace.y || [], (value) => (log ? Math.log10(value) : Number(value))));
  const [low, high] = extent([...drawn, notes.map((/** @type {Layout} */ note) => note.y)]);
  const { t = 10, b = 44 } = layout.margin || {};
  const pixels = (height - t - b) / (1.1 * (high - low) || 1);
  let room = Infinity;
  for (const note of notes) {
    const place = note.y * pixels;
    note.yshift = Math.min(0, room - place);
    room = place + note.yshift - 14;
  }
}

/**
 * Leave out labels under the axis that would stand on each other in this width; words in the cells of a table become
 * smaller, or stand upright. True where cells are too narrow even for that, and have none.
 *
 * @type {(figure: Figure, width: number) => boolean}
 */
export function fit({ data, layout }, width) {
  const { l = 58, r = 14 } = layout.margin || {};
  const axis = layout.xaxis;
  const values = axis?.tickvals;
  // Without a range: as many columns as the table has, or the labels' places with a margin.
  const [from, to] = axis?.range || [0, data[0]?.z?.[0]?.length || 1.13 * values?.length];
  const unit = (width - l - r - barWidth({ data, layout })) / (Math.abs(to - from) || 1); // pixels
  const unwritten = writeCells({ data, layout }, unit);
  for (const trace of data) squeeze(trace, layout, unit);
  if (axis?.type === "log" || !(values?.length > 1) || !axis.ticktext) return unwritten;
  const size = axis.tickfont?.size || 11;
  const gap = (values[1] - values[0]) * unit;
  const apart = (/** @type {number} */ every, /** @type {number} */ size) => axis.ticktext.every((/** @type {string} */ text, /** @type {number} */ at) => at % every || at < every || (wide(text, size, layout) + wide(axis.ticktext[at - every], size, layout)) / 2 + 3 <= every * gap);
  if (apart(1, size)) {
    axis.tickangle = 0;
    return unwritten;
  }
  const upright = axis.tickangle !== 0 ? Math.ceil((size + 1) / gap) : Infinity;
  let every = 1;
  if (apart(1, size - 1)) axis.tickfont = { ...axis.tickfont, size: size - 1 };
  else while (every < values.length && !apart(every, size)) every++;
  axis.tickangle = every > upright ? -90 : 0;
  every = Math.min(every, upright);
  axis.tickvals = Array.from(values).filter((_, at) => at % every === 0);
  axis.ticktext = axis.ticktext.filter((/** @type {string} */ _, /** @type {number} */ at) => at % every === 0);
  return unwritten;
}

/**
 * Write what stands in a table's cells, `unit` pixels wide, as it can be read: smaller, else upright, else not at all,
 * which is answered with true (hovering still tells).
 *
 * @type {(figure: Figure, unit: number) => boolean}
 */
function writeCells({ data, layout }, unit) {
  const table = data.find((trace) => trace.type === "heatmap");
  if (!table?.z?.length) return false;
  const { t = 10, b = 44 } = layout.margin || {};
  const tall = (layout.height - t - b) / table.z.length;
  let unwritten = false;
  for (const trace of data) {
    const cells = cellsOf(trace);
    if (!cells.length) continue;
    const most = (/** @type {number} */ size) => Math.max(...cells.map(({ text }) => wide(untagged(text), size, layout)));
    const given = trace.textfont?.size || 12;
    const sizes = Array.from({ length: Math.max(1, given - SMALLEST + 1) }, (_, less) => given - less);
    const level = sizes.find((size) => most(size) + 1 < unit);
    const upright = level ? undefined : sizes.find((size) => size + 2 < unit && most(size) + 2 < tall);
    if (level === given) continue;
    if (level) {
      trace.textfont = { ...trace.textfont, size: level };
      continue;
    }
    unwritten ||= !upright;
    if (trace.type === "heatmap") delete trace.texttemplate;
    else Object.assign(trace, { mode: "markers", marker: { ...trace.marker, opacity: 0 } });
    if (!upright) continue;
    const notes = cells.map(({ x, y, text, colour }) => (
      { x, y, text, textangle: -90, showarrow: false, captureevents: false, font: { size: upright, color: colour } }));
    layout.annotations = [...(layout.annotations || []), ...notes];
  }
  return unwritten;
}

/**
 * Letters on squares that would stand on each other do without places where none stands, and become smaller.
 *
 * @type {(trace: Trace, layout: Layout, unit: number) => void}
 */
function squeeze(trace, { xaxis }, unit) {
  const size = trace.marker?.size;
  if (trace.mode !== "markers+text" || trace.marker.symbol !== "square" || unit >= size || !trace.x?.length) return;
  const [from, to] = xaxis.range;
  const end = Math.min(to, Math.max(extent([trace.x])[1] + 0.8, from + ((to - from) * unit) / size));
  const room = Math.min(size, (unit * (to - from)) / (end - from));
  xaxis.range = [from, end];
  trace.marker = { ...trace.marker, size: room };
  trace.textfont = { ...trace.textfont, size: Math.min(trace.textfont.size, Math.max(SMALLEST, 1.5 * room)) };
}

/**
 * How high plotly's legend above the axes will be: a row, or more where the names do not fit side by side.
 *
 * @type {(traces: Trace[], layout: Layout, room: number) => number}
 */
export function legendHeight(traces, layout, room) {
  const names = traces.filter((trace) => trace.showlegend !== false && trace.name);
  const entries = names.map((trace) => wide(trace.name, 12, layout) + 45);
  const all = entries.reduce((sum, each) => sum + each, 0);
  const rows = all <= room ? 1 : Math.ceil(entries.length / Math.max(1, Math.floor(room / Math.max(...entries))));
  return names.length ? 10 + 19 * rows : 0;
}

/**
 * How much higher than one row plotly's legend above the axes is in this width.
 *
 * @type {(figure: Figure, width: number) => number}
 */
export function moreRows({ data, layout }, width) {
  if (!layout.showlegend) return 0;
  const { l = 58, r = 14 } = layout.margin || {};
  return Math.max(0, legendHeight(data, layout, width - l - r) - legendHeight(data, layout, Infinity));
}
