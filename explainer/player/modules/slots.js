// Filling a figure: places in plotly's JSON that a moment's arrays fill, as `fill` in charts/panel.py does it.

/** @import { Figure, List, Packed, Panel, Selection, Slot, Tensor, Values } from "./types.js" */
/** @import { Tape } from "./tape.js" */

/**
 * The part of an array under the leading indices.
 *
 * @type {(array: Tensor, indices: number[]) => Tensor}
 */
function under({ shape, values }, indices) {
  for (const index of indices) {
    const size = values.length / shape[0];
    const row = Math.min(index, shape[0] - 1);
    values = values.subarray(row * size, (row + 1) * size);
    shape = shape.slice(1);
  }
  return { shape, values };
}

/**
 * The same as plotly wants it: a number, a row, or a list of rows.
 *
 * @type {(array: Tensor, indices: number[]) => any}
 */
function part(array, indices) {
  const { shape, values } = under(array, indices);
  if (shape.length === 0) return values[0];
  if (shape.length === 1) return Array.from(values);
  if (shape.length === 2) {
    return Array.from({ length: shape[0] }, (_, row) => values.subarray(row * shape[1], (row + 1) * shape[1]));
  }
  throw new Error("a slot must end in a number, a row or a table");
}

/**
 * log10 of a number, a row or a table, to 32 bits, in which all processors agree; NaN, a gap, for what has none or is not finite.
 *
 * @type {(value: any) => any}
 */
function logged(value) {
  if (typeof value === "number") return value > 0 && value < Infinity ? Math.fround(Math.log10(value)) : NaN;
  return Array.from(value, logged);
}

/** @type {(rows: List[]) => any[][]} */
function transposed(rows) {
  return Array.from(rows[0] || [], (_, column) => rows.map((row) => row[column]));
}

/**
 * How many positions, in both directions, share one cell of a mosaic: there are only so many pixels.
 *
 * @type {(shape: number[]) => number}
 */
export function mosaicCell([L, H, T, S]) {
  return Math.max(1, Math.ceil(Math.max(L * T, H * S) / 1000));
}

/**
 * All layers x heads of (L, H, T, T) as one table with a gap between the maps; a cell has its largest value.
 *
 * @type {(maps: Tensor, gap: number) => Float32Array[]}
 */
function mosaic({ shape, values }, gap) {
  const [L, H, T, S] = shape;
  const cell = mosaicCell(shape);
  const [tall, wide] = [Math.ceil(T / cell) + gap, Math.ceil(S / cell) + gap];
  const table = Array.from({ length: L * tall - gap }, () => new Float32Array(H * wide - gap).fill(NaN));
  for (let l = 0; l < L; l++)
    for (let h = 0; h < H; h++)
      for (let t = 0; t < T; t++) {
        const from = ((l * H + h) * T + t) * S;
        const row = table[l * tall + Math.floor(t / cell)];
        if (cell === 1) row.set(values.subarray(from, from + S), h * wide);
        else
          for (let s = 0; s < S; s++) {
            const at = h * wide + Math.floor(s / cell);
            row[at] = t % cell || s % cell ? Math.max(row[at], values[from + s]) : values[from + s];
          }
      }
  return table;
}

/**
 * (T, N) states on one axis of a fixed basis: (state - mean) . basis[column].
 *
 * @type {(states: Tensor, mean: Tensor, basis: Tensor, column: number) => number[]}
 */
function projected({ shape, values }, mean, basis, column) {
  const N = shape[shape.length - 1];
  return Array.from({ length: values.length / N }, (_, t) => {
    let sum = 0;
    for (let n = 0; n < N; n++) sum += (values[t * N + n] - mean.values[n]) * basis.values[column * N + n];
    return sum;
  });
}

/**
 * Text for plotly, which reads some HTML: user's text must stay text.
 *
 * @type {(text: unknown) => string}
 */
export function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** @type {(figure: Figure, path: string, value: any) => void} */
function put(figure, path, value) {
  const names = path.split(".");
  const last = /** @type {string} */ (names.pop());
  /** @type {Record<string, any>} */
  let place = figure;
  for (const name of names) place = place[name] ||= {};
  place[last] = value;
}

/**
 * The tape of run number `run`, or of the run that the selection of that name has.
 *
 * @type {<T>(tapes: T[], run: number | string | undefined, selection: Selection) => T}
 */
export function tapeOf(tapes, run, selection) {
  const number = typeof run === "string" ? selection[run] || 0 : run || 0;
  return tapes[Math.min(number, tapes.length - 1)];
}

/**
 * An array that came with a panel: {shape, body} in base64 becomes {shape, values}.
 *
 * @type {(array: Packed) => Tensor}
 */
export function unpacked({ shape, body }) {
  return { shape, values: new Float32Array(Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0)).buffer) };
}

/**
 * A range, widened where finite values lie beyond it, with a twentieth of it to spare there.
 *
 * @type {(range: number[], values: Values[]) => number[]}
 */
function covering([from, to], values) {
  let [low, high] = [from, to];
  for (const row of values)
    for (const value of row)
      if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = 0.05 * (high - low);
  return [low < from ? low - room : low, high > to ? high + room : high];
}

/**
 * The lowest finite value of a metric at or before a step, or its step: one or none.
 *
 * @type {(metrics: Record<string, number[]>, name: string, step: number) => number[]}
 */
function lowest(metrics, name, step) {
  const metric = name.replace(/:step$/, "");
  const [steps, values] = [metrics[`${metric}:step`] || [], metrics[metric] || []];
  let found = -1;
  steps.forEach((each, at) => {
    if (each <= step && Number.isFinite(values[at]) && !(found >= 0 && values[found] <= values[at])) found = at;
  });
  return found < 0 ? [] : [metrics[name][found]];
}

/**
 * Of each learning rate that was set by hand an upright line from 0 to 1 with a label; then a gap (`rate_points`).
 *
 * @type {(tape: Tape, name: string) => any[]}
 */
function ratePoints({ header, metrics }, name) {
  const last = metrics.step?.at(-1) || 0;
  return (header.rates || []).flatMap(([step, lr], number) => ({
    x: [step, step, step, null],
    y: [0, 1 - 0.12 * (number % 4), 1, null],
    text: ["", `\u00a0lr ${lr}\u00a0`, "", ""],
    hover: Array(4).fill(`learning rate ${lr} after step ${step}`),
    side: Array(4).fill(`bottom ${step > last / 2 ? "left" : "right"}`),
  })[name]);
}

/**
 * What a slot asks for at a step, or undefined when the tape has none of it yet.
 *
 * @type {(slot: Slot, tapes: Tape[], step: number, selection: Selection, own: Record<string, Tensor>) => any}
 */
function slotValue(slot, tapes, step, selection, own) {
  const tape = tapeOf(tapes, slot.run, selection);
  const indices = (slot.index || []).map((index) => (typeof index === "string" ? selection[index] || 0 : index));
  if (slot.kind === "step") return step;
  if (slot.kind === "own") return part(own[slot.name], indices);
  if (slot.kind === "series") return tape.metrics[slot.name];
  if (slot.kind === "lowest") return lowest(tape.metrics, slot.name, step);
  if (slot.kind === "rates") return ratePoints(tape, slot.name);
  if (slot.kind === "context") {
    const found = tape.contexts[slot.lens]?.[slot.name];
    if (!found || !slot.covers) return found && part(found, indices);
    return covering(part(found, indices), tape.asked(slot.lens).map((frame) => under(frame.arrays[slot.covers], indices).values));
  }
  if (slot.kind === "history" || slot.kind === "asked") {
    const frames = slot.kind === "asked" ? tape.asked(slot.lens) : tape.frames[slot.lens] || [];
    if (slot.name === "step") return frames.map((frame) => frame.step);
    const found = frames.map((frame) => (frame.arrays[slot.name] ? part(frame.arrays[slot.name], indices) : NaN));
    const rows = slot.log ? logged(found) : found;
    return slot.transpose ? transposed(rows) : rows;
  }
  const frame = tape.at(slot.lens, step);
  if (!frame) return undefined;
  if (slot.kind === "across") {
    const texts = JSON.parse(frame.text[slot.name] || "[]").map(plain);
    return texts.map((/** @type {string} */ text) => (slot.transpose ? texts.map(() => text) : texts));
  }
  if (slot.kind === "labels") {
    const labels = frame.text[slot.name];
    if (labels === undefined) return undefined;
    const texts = JSON.parse(labels).map(plain);
    return indices.length ? texts[Math.min(indices[0], texts.length - 1)] : texts;
  }
  const array = frame.arrays[slot.name];
  if (!array) return undefined;
  if (slot.kind === "mosaic") return mosaic(array, slot.gap);
  if (slot.kind === "project") {
    const context = tape.contexts[slot.lens];
    return context && projected(under(array, indices), context.mean, context.basis, slot.column);
  }
  const value = slot.log ? logged(part(array, indices)) : part(array, indices);
  return slot.transpose ? transposed(value) : value;
}

/**
 * A figure at a step: its base with every slot filled.
 *
 * @type {(spec: Panel, tapes: Tape[], step: number, selection: Selection, own: Record<string, Tensor>) => Figure}
 */
export function filled(spec, tapes, step, selection, own) {
  const figure = {
    data: structuredClone(spec.data),
    layout: structuredClone(spec.layout),
  };
  for (const slot of spec.slots) {
    const value = slotValue(slot, tapes, step, selection, own);
    if (value !== undefined) put(figure, slot.to, value);
  }
  return figure;
}

/**
 * Whether a table is another one at another moment; a history of all moments is not.
 *
 * @type {(spec: Panel, index: number) => boolean}
 */
export function moves(spec, index) {
  return spec.slots.some((slot) => slot.to === `data.${index}.z` && slot.kind !== "history");
}
