// What is written in a table's cells.

import { tableRows, tickTexts, untagged } from "./csv.js";
import { make } from "./dom.js";
import { levelOf, palette } from "./scales.js";
/** @import { Cell, Figure, Trace } from "./types.js" */

/**
 * What is written in a table's cells by a trace: words over them, or the table's own numbers and texts.
 *
 * @type {(trace: Trace) => Cell[]}
 */
export function cellsOf(trace) {
  if (trace.mode === "text") {
    const colour = (/** @type {number} */ at) => [trace.textfont?.color].flat()[Array.isArray(trace.textfont?.color) ? at : 0];
    const cells = Array.from(trace.text || [], (text, at) => ({ x: trace.x?.[at], y: trace.y?.[at], text, colour: colour(at) }));
    return cells.filter(({ x, y }) => [x, y].every((place) => typeof place === "string" || Number.isFinite(place)));
  }
  if (trace.type !== "heatmap" || !trace.texttemplate) return [];
  const colours = palette(trace.colorscale);
  const [low, high] = [trace.zmin, trace.zmax];
  return tableRows(trace).filter(({ value }) => Number.isFinite(value)).map(({ x, y, value, text }) => {
    const [red, green, blue] = colours[levelOf((value - low) / (high - low || 1))];
    const light = 0.3 * red + 0.6 * green + 0.1 * blue > 140;
    return { x, y, text: text ?? value.toFixed(2).replace("-", "−"), colour: light ? "#111111" : "#FFFFFF" };
  });
}

/**
 * The words of a table's cells as a table of text: a row for each column of the picture, in the picture's own words.
 *
 * @type {(figure: Figure) => HTMLElement}
 */
export function wordTable({ data, layout }) {
  const ticks = tickTexts(layout.xaxis);
  const rows = new Map();
  const names = new Set();
  for (const { x, y, text } of data.flatMap(cellsOf)) {
    names.add(y);
    if (!rows.has(x)) rows.set(x, new Map());
    rows.get(x).set(y, text);
  }
  const said = (/** @type {any} */ place) => (ticks.get(place) === undefined ? String(place) : `${place}: ${untagged(ticks.get(place))}`);
  const head = make("tr", {}, ...[untagged(layout.xaxis?.title?.text) || "column", ...names].map((text) => make("th", { scope: "col", text: untagged(text) })));
  const body = Array.from(rows, ([x, words]) => make("tr", {}, make("th", { scope: "row", text: said(x) }),
    ...[...names].map((name) => make("td", { text: untagged(words.get(name) ?? "") }))));
  return make("div", { class: "list", tabindex: 0, role: "group", "aria-label": "What stands in the cells" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}
