// The numbers of a figure as CSV.

/** @import { Figure, Layout, List, Mosaic, Row, Slot, Trace } from "./types.js" */

const FORMULA = /^[=+\-@\t\r]/; // what a spreadsheet takes for one
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * The text that plotly shows for a text with its few tags: a user's own has none, for its signs are written out.
 *
 * @type {(text: unknown) => string}
 */
export function untagged(text) {
  /** @type {Record<string, string>} */
  const signs = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  return String(text ?? "").replace(/<br>/g, " ").replace(/<[^>]*>/g, "").replace(/&(lt|gt|amp);/g, (sign) => signs[sign]);
}

/**
 * One cell of a CSV file (RFC 4180): no number where there is none, and no text that a spreadsheet would compute.
 *
 * @type {(value: any) => string}
 */
function csvCell(value) {
  if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value))) return "";
  // The fewest digits that tell a number from every other one: of 32 bits where it came with 32.
  if (typeof value === "number") return String(Math.fround(value) === value ? Number(value.toPrecision(9)) : value);
  let text = untagged(value);
  if (FORMULA.test(text) && !NUMBER.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/**
 * What stands at places of an axis: the text of a tick by its place.
 *
 * @type {(axis?: Layout) => Map<any, string>}
 */
export function tickTexts(axis) {
  const texts = axis?.ticktext || [];
  return new Map(Array.from(axis?.tickvals || [], (place, at) => /** @type {[any, string]} */ ([place, texts[at]])).filter(([, text]) => text !== undefined && text !== ""));
}

/**
 * The rows of a table with maps side by side: of each cell its layer and head, its query and its key, but not the gaps.
 *
 * @type {(z: List[], mosaic: Mosaic) => Row[]}
 */
function mosaicRows(z, { tall, wide, cell, gap }) {
  return z.flatMap((row, r) => Array.from(row, (value, c) => {
    const [y, x] = [r % tall, c % wide];
    if (y >= tall - gap || x >= wide - gap) return null;
    return { layer: Math.floor(r / tall) + 1, head: Math.floor(c / wide) + 1, y: y * cell, x: x * cell, value };
  })).filter((row) => row !== null);
}

/**
 * What a trace is called, else what it says of itself when hovered, else its number.
 *
 * @type {(trace: Trace, number: number) => string}
 */
function seriesName({ name, hovertemplate }, number) {
  return name || untagged(String(hovertemplate || "").split(/<br>|%\{/)[0]).replace(/[\s,:=]+$/, "") || String(number);
}

/** @type {(trace: Trace) => Row[]} */
export function tableRows({ z, x, y, x0 = 0, y0 = 0, text, texttemplate }) {
  return Array.from(z || []).flatMap((row, r) => Array.from(row, (value, c) => (
    { x: x?.[c] ?? x0 + c, y: y?.[r] ?? y0 + r, value, text: texttemplate === "%{text}" ? text?.[r]?.[c] : undefined })));
}

/** @type {(trace: Trace) => Row[]} */
function pointRows({ x, y, x0 = 0, text, marker, error_x, error_y }) {
  const missing = (/** @type {unknown} */ value) => value === null || value === undefined || Number.isNaN(value);
  const colours = Array.isArray(marker?.color) && marker.color.every((/** @type {unknown} */ each) => typeof each === "number") ? marker.color : [];
  return Array.from({ length: Math.max(x?.length || 0, y?.length || 0) }, (_, at) => ({
    x: x ? x[at] : x0 + at,
    y: y ? y[at] : at,
    value: colours[at],
    error: (error_y?.array || error_x?.array)?.[at],
    text: Array.isArray(text) ? text[at] : undefined,
  })).filter((row) => !(missing(row.x) || missing(row.y)) || !missing(row.value));
}

/**
 * The numbers of a figure as a CSV text, a row for each point or cell, as they are at this moment.
 *
 * `mosaics` says of traces with many maps in one table where each stands, by the trace's place { tall, wide, cell, gap };
 * `across` are the slots with what stands at each of a table's columns or rows.
 *
 * @type {(figure: Figure, mosaics?: Record<string, Mosaic>, across?: Pick<Slot, "to" | "transpose">[]) => string}
 */
export function numbersOf({ data, layout }, mosaics = {}, across = []) {
  const shown = data.map((trace, at) => ({ trace, at })).filter(({ trace }) => (trace.visible ?? true) === true && trace.hoverinfo !== "skip");
  const titled = (/** @type {string} */ letter) => {
    const titles = shown.map(({ trace }) => untagged(layout[`${letter}axis${(trace[`${letter}axis`] || letter).slice(1)}`]?.title?.text));
    const known = [...new Set(titles.filter(Boolean))];
    return known.length === 1 ? known[0] : letter;
  };
  const bars = shown.map(({ trace }) => untagged((trace.colorbar || trace.marker?.colorbar)?.title?.text)).filter(Boolean);
  /** @type {Record<string, Map<any, string>>} */
  const ticks = { x: tickTexts(layout.xaxis), y: tickTexts(layout.yaxis) };
  /** @type {Record<string, Record<string, string[]>>} */
  const texts = {};
  for (const { to, transpose } of across) {
    const [, at, name] = to.split(".");
    const rows = data[Number(at)][name] || [];
    (texts[at] ||= {})[transpose ? "y" : "x"] = transpose ? rows.map((/** @type {string[]} */ row) => row[0]) : rows[0];
  }
  const several = shown.length > 1;
  const rows = shown.flatMap(({ trace, at }) => {
    const found = mosaics[at] ? mosaicRows(Array.from(trace.z || []), mosaics[at]) : trace.type === "heatmap" ? tableRows(trace) : pointRows(trace);
    const text = (/** @type {string} */ letter, /** @type {any} */ place) => texts[at]?.[letter]?.[place] ?? ticks[letter].get(place);
    const labels = (/** @type {Row} */ row) => (mosaics[at] ? {} : { xText: text("x", row.x), yText: text("y", row.y) });
    return found.map((row) => /** @type {Row} */ ({ series: several ? seriesName(trace, at + 1) : trace.name, ...row, ...labels(row) }));
  });
  const maps = Object.keys(mosaics).length > 0;
  const [x, y] = maps ? ["key", "query"] : [titled("x"), titled("y")];
  /** @type {Record<string, string>} */
  const names = {
    series: "series", layer: "layer", head: "head", ...(maps ? { y, x } : { x, xText: `${x}: label`, y, yText: `${y}: label` }),
    value: bars[0] || "value", error: "error", text: "text",
  };
  if (names.x === names.y) [names.x, names.y, names.xText, names.yText] = [`${x} (x)`, `${y} (y)`, `${x} (x): label`, `${y} (y): label`];
  const columns = Object.keys(names).filter((name) => ["x", "y"].includes(name) || rows.some((row) => row[name] !== undefined));
  const lines = [columns.map((name) => names[name]), ...rows.map((row) => columns.map((name) => row[name]))];
  return lines.map((line) => line.map(csvCell).join(",") + "\r\n").join("");
}

/**
 * A CSV text as a file; the mark at its beginning tells spreadsheets that it is UTF-8.
 *
 * @type {(text: string) => Blob}
 */
export function csvFile(text) {
  return new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" });
}
