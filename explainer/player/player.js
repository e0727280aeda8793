// The player: keeps the tapes of a page's runs, draws one moment of them, and moves through time.
//
// Figures come whole from Python (plotly's JSON) with slots: places that a moment's arrays fill.
// In front of this stand link.js, which knows of addresses, keys.js, what keys do, pinned.js, how two moments are told apart,
// take.js, what a figure gives away, and menu.js, what can be done with one.
// New chunks of tape are fetched from /api/tape; nothing here asks Python to run again for a frame.

const PLAY_SECONDS = 14; // a whole tape at speed 1
const AHEAD_MS = 250; // an answer that takes longer costs others too much to be asked for before it is wanted
const POLL_MS = { queued: 120, running: 220, paused: 700, filling: 400 };
// A figure's buttons are those of its own menu: plotly's stand on what is drawn, and one sends a chart elsewhere.
const PLOTLY_CONFIG = { displaylogo: false, responsive: false, displayModeBar: false, doubleClick: false };
const SMALLEST = 8; // pixels of a letter in a cell
const CALM_MS = 300; // without a new moment, until figures out of sight follow
const SHORT_MS = 8; // that preparing figures may take before the browser gets a turn
const THEME_MS = 800; // that a player leaves to another which asks for the figures of another theme
const TELL_MS = 700; // of rest before a moment is told to a screen reader
const SKETCH_MS = 2000; // that a player without tapes leaves to those which wait for theirs
const players = new WeakMap();
const open = new Set(); // all that are on the page

export default function (component) {
  const host = component.parentElement.querySelector(".unrolled-player");
  let player = players.get(host);
  if (!player) {
    player = new Player(host);
    players.set(host, player);
  }
  player.update(component);
  return () => {
    player.close();
    players.delete(host);
  };
}

// ---- reading a tape ---------------------------------------------------------------------------

const KINDS = { F32: Float32Array, F64: Float64Array, I32: Int32Array, I16: Int16Array, U8: Uint8Array, BOOL: Uint8Array };

/** One safetensors file: {text, arrays}, an array being {shape, values}. */
function readTensors(buffer, start) {
  const view = new DataView(buffer, start);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start + 8, length)));
  const text = header.__metadata__ || {};
  const arrays = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [from, to] = entry.data_offsets.map((offset) => start + 8 + length + offset);
    if (entry.dtype === "I64") {
      arrays[name] = { shape: entry.shape, values: Float64Array.from(new BigInt64Array(buffer.slice(from, to)), Number) };
      continue;
    }
    let values = new KINDS[entry.dtype](buffer.slice(from, to));
    if (text["scale:" + name] !== undefined) {
      const scale = Number(text["scale:" + name]);
      values = Float32Array.from(values, (level) => level * scale);
    }
    arrays[name] = { shape: entry.shape, values };
  }
  return { text, arrays };
}

/** A response of the tape route: length-prefixed safetensors files, the first being the header. */
function readParts(buffer) {
  const parts = [];
  const view = new DataView(buffer);
  for (let at = 0; at < buffer.byteLength; ) {
    const length = view.getUint32(at, true);
    parts.push(readTensors(buffer, at + 4));
    at += 4 + length;
  }
  return parts;
}

/** The server is there, and will answer later. */
class Busy extends Error {}

/** What has been fetched of one run. */
class Tape {
  constructor(run) {
    this.id = run.id;
    this.key = run.key; // to runs of others on their own data
    this.lenses = run.lenses;
    this.after = -1;
    this.context = "";
    this.contexts = {};
    this.words = {}; // sentences over the whole tape, by lens
    this.status = "unknown";
    this.header = {};
    this.frames = Object.fromEntries(run.lenses.map((lens) => [lens, []]));
    this.metrics = {};
    this.due = 0;
    this.failures = 0;
    this.said = ""; // what the server says of that input, such as that it is of another kind than those of training
    this.input = ""; // the viewer's own input, what is done to the model, and what the lenses saw then, by lens and kept moment
    this.surgery = "";
    this.answers = new Map();
  }

  async fetch(base) {
    const query = new URLSearchParams({ lenses: this.lenses.join(","), after: this.after, context: this.context, key: this.key });
    const answer = await fetch(`${base}api/tape/${encodeURIComponent(this.id)}?${query}`);
    if (!answer.ok || answer.headers.get("content-type") !== "application/octet-stream") {
      if (answer.status === 503) throw new Busy("the store can't be read at the moment");
      throw new Error(`the tape route answered ${answer.status}`);
    }
    this.take(readParts(await answer.arrayBuffer()));
  }

  /** The last moment at or before a step whose weights are kept, so that it can be asked. */
  kept(step) {
    const steps = this.header.snapshots || [];
    return steps.findLast((each) => each <= step) ?? steps[0];
  }

  /** What the viewer asks, beyond what is on the tape; "" for nothing. */
  get question() {
    return this.input || this.surgery ? `${this.input}\n${this.surgery}` : "";
  }

  /**
   * Ask what a lens sees on the own input, in the operated model, at a kept moment; a sentence if that can't be, and
   * { again: milliseconds } if too many questions wait at the moment.
   */
  async ask(base, lens, step) {
    const query = new URLSearchParams({ lens, step, input: this.input, surgery: this.surgery, key: this.key });
    const answer = await fetch(`${base}api/look/${encodeURIComponent(this.id)}?${query}`);
    if (answer.status === 429) return { again: 1000 * (Number(answer.headers.get("retry-after")) || 1) };
    if (answer.headers.get("content-type") !== "application/octet-stream") return (await answer.json()).error;
    const [head, body, notes] = readParts(await answer.arrayBuffer());
    const { readings, said } = JSON.parse(head.text.header);
    return { said, step, arrays: { ...body.arrays, ...notes.arrays }, text: { ...body.text, ...notes.text }, readings, asked: true };
  }

  take(parts) {
    const header = JSON.parse(parts[0].text.header);
    this.header = header;
    this.status = header.status;
    this.after = header.after;
    let part = 1;
    if (header.context) {
      this.context = header.context;
      for (const lens of header.context_lenses) {
        this.contexts[lens] = parts[part].arrays;
        this.words[lens] = JSON.parse(parts[part++].text.words);
      }
    }
    for (const chunk of header.chunks) {
      const body = parts[part++];
      if (chunk.kind === "metrics") this.append(body.arrays);
      else {
        const frame = { step: chunk.step, arrays: body.arrays, text: body.text, readings: chunk.readings || {} };
        if (chunk.notes) {
          const notes = parts[part++];
          Object.assign(frame.arrays, notes.arrays);
          Object.assign(frame.text, notes.text);
        }
        const frames = this.frames[chunk.lens];
        let at = frames.length;
        while (at > 0 && frames[at - 1].step >= frame.step) at--;
        frames.splice(at, frames[at]?.step === frame.step ? 1 : 0, frame);
      }
    }
  }

  append(arrays) {
    for (const [name, { values }] of Object.entries(arrays)) {
      const series = name.startsWith("metric:") ? name.slice(7).replace(/:value$/, "") : name;
      (this.metrics[series] ||= []).push(...values);
    }
  }

  /** The last frame of a lens at or before a step: on the own input if there is one and it is answered. */
  at(lens, step) {
    if (this.question) {
      const answers = this.answers.get(lens) || [];
      const answer = answers.findLast((frame) => frame.step <= step) || answers[0];
      if (answer) return answer;
    }
    const frames = this.frames[lens] || [];
    let low = 0;
    let high = frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (frames[middle].step <= step) low = middle + 1;
      else high = middle;
    }
    return frames[Math.max(0, low - 1)];
  }

  /** Whether a view is the last one of the tape, of any lens: itself then. */
  newest(frame) {
    return Object.values(this.frames).some((frames) => frames.at(-1) === frame) ? frame : null;
  }

  /** What a lens saw on the own input so far, in the order of the steps. */
  asked(lens) {
    return (this.question && this.answers.get(lens)) || [];
  }

  get live() {
    return this.status === "running" || this.status === "queued" || this.status === "paused";
  }
}

// ---- filling a figure -------------------------------------------------------------------------

/** The part of an array under the leading indices. */
function under({ shape, values }, indices) {
  for (const index of indices) {
    const size = values.length / shape[0];
    const row = Math.min(index, shape[0] - 1);
    values = values.subarray(row * size, (row + 1) * size);
    shape = shape.slice(1);
  }
  return { shape, values };
}

/** The same as plotly wants it: a number, a row, or a list of rows. */
function part(array, indices) {
  const { shape, values } = under(array, indices);
  if (shape.length === 0) return values[0];
  if (shape.length === 1) return Array.from(values);
  if (shape.length === 2) {
    return Array.from({ length: shape[0] }, (_, row) => values.subarray(row * shape[1], (row + 1) * shape[1]));
  }
  throw new Error("a slot must end in a number, a row or a table");
}

/** log10 of a number, a row or a table; NaN, a gap, for what has none or is not finite. */
function logged(value) {
  if (typeof value === "number") return value > 0 && value < Infinity ? Math.log10(value) : NaN;
  return Array.from(value, logged);
}

function transposed(rows) {
  return Array.from(rows[0] || [], (_, column) => rows.map((row) => row[column]));
}

/** How many positions, in both directions, share one cell of a mosaic: there are only so many pixels. */
function mosaicCell([L, H, T, S]) {
  return Math.max(1, Math.ceil(Math.max(L * T, H * S) / 1000));
}

/** All layers x heads of (L, H, T, T) as one table with a gap between the maps; a cell has its largest value. */
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

/** (T, N) states on one axis of a fixed basis: (state - mean) . basis[column]. */
function projected({ shape, values }, mean, basis, column) {
  const N = shape[shape.length - 1];
  return Array.from({ length: values.length / N }, (_, t) => {
    let sum = 0;
    for (let n = 0; n < N; n++) sum += (values[t * N + n] - mean.values[n]) * basis.values[column * N + n];
    return sum;
  });
}

/** Text for plotly, which reads some HTML: user's text must stay text. */
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function put(figure, path, value) {
  const names = path.split(".");
  let place = figure;
  for (const name of names.slice(0, -1)) place = place[name] ||= {};
  place[names.at(-1)] = value;
}

/** The tape of run number `run`, or of the run that the selection of that name has. */
function tapeOf(tapes, run, selection) {
  const number = typeof run === "string" ? selection[run] || 0 : run || 0;
  return tapes[Math.min(number, tapes.length - 1)];
}

/** An array that came with a panel: {shape, body} in base64 becomes {shape, values}. */
function unpacked({ shape, body }) {
  return { shape, values: new Float32Array(Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0)).buffer) };
}

/** A range, widened where finite values lie beyond it, with a twentieth of it to spare there. */
function covering([from, to], values) {
  let [low, high] = [from, to];
  for (const row of values)
    for (const value of row)
      if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = 0.05 * (high - low);
  return [low < from ? low - room : low, high > to ? high + room : high];
}

/** The lowest finite value of a metric at or before a step, or its step: one or none. */
function lowest(metrics, name, step) {
  const metric = name.replace(/:step$/, "");
  const [steps, values] = [metrics[`${metric}:step`] || [], metrics[metric] || []];
  let found = -1;
  steps.forEach((each, at) => {
    if (each <= step && Number.isFinite(values[at]) && !(found >= 0 && values[found] <= values[at])) found = at;
  });
  return found < 0 ? [] : [metrics[name][found]];
}

/** Of each learning rate that was set by hand an upright line from 0 to 1 with a label; then a gap (`rate_points`). */
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

/** What a slot asks for at a step, or undefined when the tape has none of it yet. */
function slotValue(slot, tapes, step, selection, own) {
  const tape = tapeOf(tapes, slot.run, selection);
  const indices = (slot.index || []).map((index) => (typeof index === "string" ? selection[index] || 0 : index));
  if (slot.kind === "step") return slot.offset ? step + slot.offset : step;
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
    return texts.map((text) => (slot.transpose ? texts.map(() => text) : texts));
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

/** A figure at a step: its base with every slot filled. */
function filled(spec, tapes, step, selection, own) {
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

/** Whether a table is another one at another moment; a history of all moments is not. */
function moves(spec, index) {
  return spec.slots.some((slot) => slot.to === `data.${index}.z` && slot.kind !== "history");
}

/** Whether two values of a figure are the same, numbers and texts compared one by one. */
function alike(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) || ArrayBuffer.isView(one)) {
    if (one.length !== other.length || !(Array.isArray(other) || ArrayBuffer.isView(other))) return false;
    for (let at = 0; at < one.length; at++) if (one[at] !== other[at] && !alike(one[at], other[at])) return false;
    return true;
  }
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => alike(one[name], other[name]));
}

const NUMBERS = new Set(["x", "y", "z", "text", "customdata"]); // arrays of a trace that renumber can put into its drawing

/** Of each trace the names of what is another than before; null where there are more traces, or fewer. */
function changesOf(before, data) {
  if (before.length !== data.length) return null;
  return data.map((trace, at) => [...new Set([...Object.keys(trace), ...Object.keys(before[at])])].filter((name) => !alike(trace[name], before[at][name])));
}

/** Whether an axis of a drawing stays where it is when these places on it become those: it is fixed, or follows others that lie further out. */
function stays(axis, { marker, line }, ...lists) {
  if (axis.type !== "linear" && axis.type !== "log") return false;
  if (!axis.autorange) return true;
  const [low, high] = [...axis.range].sort((a, b) => a - b);
  const sizes = [marker?.size || 0, line?.width || 0].flat();
  const room = (0.05 + (Math.max(...sizes) / 2 + 1) / axis._length) * (high - low); // what plotly.js leaves around points, at most
  const place = (value) => (axis.type === "log" ? Math.log10(value) : value);
  return lists.flat().map(place).every((at) => !Number.isFinite(at) || (at > low + room && at < high - room));
}

/**
 * Whether a drawing of plotly.js's can take a figure's new numbers as it stands: tables that have as many cells and a colour scale
 * of their own, curves and points that are as many and move no axis.
 */
function renumbers(plot, data, changes) {
  const { _fullData: traces, _fullLayout: layout } = plot;
  const axis = (trace, letter) => layout[trace[`${letter}axis`].replace(letter, `${letter}axis`)];
  const same = (one, other) => Array.isArray(one) && Array.isArray(other) && one.length === other.length;
  const bare = ({ type, error_x, error_y }) => type === "heatmap" || (type === "scatter" && !error_x?.visible && !error_y?.visible);
  if (namedAxes(layout).length && !traces.every(bare)) return false;
  return changes.every((names, at) => {
    const [trace, before, known] = [data[at], plot.data[at], traces[at]];
    const takes = (name) => {
      if (name !== "textfont") return NUMBERS.has(name) && same(known[name], trace[name]);
      const { color, ...font } = trace.textfont || {};
      return same(known.textfont?.color, color) && alike({ ...font, color }, { ...before.textfont, color });
    };
    if (!names.length) return true;
    if (!bare(known) || !names.every(takes)) return false;
    const places = ["x", "y"].filter((letter) => names.includes(letter));
    if (known.type === "scatter") return places.every((letter) => stays(axis(known, letter), known, before[letter], trace[letter]));
    return !places.length && trace.zmin !== undefined && trace.zmax !== undefined && trace.z?.[0]?.length === known.z[0]?.length;
  });
}

/** The axes of a drawing that have names in the place of numbers, which plotly.js learns from all traces. */
function namedAxes(layout) {
  return Object.entries(layout).filter(([name, axis]) => /^[xy]axis\d*$/.test(name) && axis.type === "category").map(([, axis]) => axis);
}

/**
 * Put a figure's new numbers into its drawing, of which axes, legend and colour bar stay: plotly.js's own steps from numbers
 * to a picture without all others, a fifth of the time. They are plotly.js's inside, so a test holds the picture against a new one.
 * Whether that could be done.
 */
function renumber(plot, data, changes) {
  if (!renumbers(plot, data, changes)) return false;
  const { _fullData: traces, _fullLayout: { _basePlotModules: bases, _modules: modules, _rehover: rehover } } = plot;
  const named = namedAxes(plot._fullLayout);
  for (const axis of named) axis.clearCalc();
  changes.forEach((names, at) => {
    for (const name of names) {
      plot.data[at][name] = data[at][name];
      if (name === "textfont") traces[at].textfont.color = data[at].textfont.color;
      else traces[at][name] = data[at][name];
    }
    if ((!names.length && !named.length) || traces[at].visible !== true) return;
    const points = traces[at]._module.calc(plot, traces[at]);
    points[0].t ||= {};
    points[0].trace = traces[at];
    plot.calcdata[at] = points;
  });
  for (const base of bases) base.plot(plot);
  for (const style of new Set(modules.map((each) => each.style))) style?.(plot);
  rehover?.();
  return true;
}

/** A copy of a figure's part that shares its arrays of numbers, for plotly.js writes into what it is given. */
function outline(value) {
  if (ArrayBuffer.isView(value) || typeof value !== "object" || !value) return value;
  if (Array.isArray(value)) return typeof value[0] === "object" && !ArrayBuffer.isView(value[0]) ? value.map(outline) : value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, outline(each)]));
}

/** A turn for whatever else the browser has to do. */
const giveWay = () => new Promise((next) => setTimeout(next));

/** Each panel with a table, and its twin for the compared moment next to it; then the other panels. */
function beside(panels) {
  const twofold = (spec) => spec.data.some((trace, index) => trace.type === "heatmap" && moves(spec, index));
  const pairs = panels.filter(twofold).flatMap((spec) => {
    const half = { ...spec, span: 6, rows: 1, side: "here" };
    return [half, { ...half, id: `${spec.id}-compared`, name: `${spec.name} (compared)`, side: "there", compared: true, click: null }];
  });
  return [...pairs, ...panels.filter((spec) => !twofold(spec))];
}

/**
 * Two moments in one figure: tables become their difference, lines and points get the other one behind them.
 * Returns of each table how far the two are apart, or that they have different sizes, and whether something lies behind.
 */
function against(figure, other, scale, spec, sides) {
  const behind = [];
  const tables = [];
  const minus = plain(sides.join(" minus "));
  figure.data.forEach((trace, index) => {
    const twin = other.data[index];
    // Marks and helpers, which say nothing of their own; and what has its own comparison, on an axis of its own.
    if (!twin || trace.hoverinfo === "skip" || trace.meta === "alone") return;
    if (trace.mode === "text") { // words in cells, which get other colours; those of the other moment would stand on them
      trace.textfont = { ...trace.textfont, color: "#111111", shadow: "0 0 3px #FFFFFF, 0 0 3px #FFFFFF" };
      return;
    }
    if (trace.type === "heatmap") {
      if (!moves(spec, index) || !trace.z?.length || !twin.z?.length) return;
      const [here, there] = [trace.z, twin.z].map((rows) => `${rows.length} × ${rows[0].length}`);
      if (here !== there) {
        tables.push({ sizes: [here, there] });
        return;
      }
      trace.z = trace.z.map((row, y) => Array.from(row, (value, x) => value - twin.z[y][x]));
      const numbers = trace.z.some((row) => row.some(Number.isFinite));
      const [low, high] = numbers ? extent(trace.z) : [0, 0];
      const most = Math.max(-low, high);
      tables.push(numbers ? { low, high } : {});
      if (trace.hovertemplate) trace.hovertemplate = trace.hovertemplate.replace(/(<extra>.*<\/extra>)?$/, `<extra>${minus}</extra>`);
      Object.assign(trace, { colorscale: scale, reversescale: false, zmid: 0, zauto: false, zmin: -most || -1, zmax: most || 1 });
      if (trace.colorbar) trace.colorbar = { ...trace.colorbar, title: { ...trace.colorbar.title, text: "difference", side: "right" }, tickvals: null };
    } else if ((trace.x?.length || trace.y?.length) && !(alike(trace.x, twin.x) && alike(trace.y, twin.y))) {
      behind.push({ ...twin, name: `${twin.name || ""} (compared)`, opacity: 0.4, line: { ...twin.line, dash: "dot" }, marker: { ...twin.marker, showscale: false, colorbar: undefined }, showlegend: false });
    }
  });
  figure.data.push(...behind);
  return { tables, behind: behind.length > 0 };
}

// ---- where numbers come from ------------------------------------------------------------------
//
// The same words as in figures/source.py, which has them for files and for the page without routes.

const OF_A_MOMENT = new Set(["frame", "labels", "across", "mosaic", "project"]); // slots that a lens's view fills
const RUNNING = { running: "training now", paused: "training paused" };

/** Of each tape that a panel draws on, the views that it shows of a moment: pairs of a tape and a set of frames. */
function viewsOf(spec, tapes, step, selection) {
  const found = new Map();
  for (const { kind = "frame", run, lens } of [...spec.slots, ...spec.readings]) {
    const tape = kind === "own" || kind === "step" ? null : tapeOf(tapes, run, selection);
    if (!tape) continue;
    if (!found.has(tape)) found.set(tape, new Set());
    const frame = OF_A_MOMENT.has(kind) && tape.at(lens, step);
    if (frame) found.get(tape).add(frame);
  }
  return [...found];
}

/** "step 370", "steps 360 to 370", or "" for no step. */
function stepsInWords(steps) {
  const [low, high] = [Math.min(...steps), Math.max(...steps)];
  return !steps.length ? "" : low === high ? `step ${low}` : `steps ${low} to ${high}`;
}

/** What stands beside a panel's sentence: where its numbers come from, of which step and run. */
function sourceOf(spec, views, awaited) {
  if (spec.source || !views.length) return { kind: spec.source.split(" · ")[0], words: spec.source, names: "" };
  const frames = views.flatMap(([, each]) => [...each]);
  const asked = views.filter(([, each]) => [...each].some((frame) => frame.asked)).map(([tape]) => tape);
  const growing = views.find(([tape, each]) => RUNNING[tape.status] && (!each.size || [...each].some((frame) => frame === tape.newest(frame))));
  const kind = asked.length ? "computed now" : growing ? RUNNING[growing[0].status] : "recorded";
  const input = !asked.length ? "" : asked[0].input ? "your input" : "operated";
  const names = [...new Set(views.map(([tape]) => tape.header.name).filter(Boolean))];
  const who = views.length > 1 ? `${views.length} runs` : names[0];
  const when = stepsInWords(frames.map((frame) => frame.step)) || "all steps";
  if (awaited) return { kind, words: ["asking the network …", kind, input, when].filter(Boolean).join(" · "), names: names.join("; ") };
  return { kind, words: [kind, input, when, who].filter(Boolean).join(" · "), names: names.join("; ") };
}

// ---- what fits --------------------------------------------------------------------------------

/** About how many pixels a colour bar takes with its numbers and its title. */
function barWidth({ data, layout }) {
  const trace = data.find((each) => (each.type === "heatmap" && each.showscale !== false) || each.marker?.colorbar);
  if (!trace) return 0;
  const { colorbar, zmin = -1, zmax = 1 } = trace.type === "heatmap" ? trace : { ...trace.marker, zmin: 0, zmax: 99 };
  const numbers = ticks([zmin, zmax]).map((value) => wide(value, 12, layout));
  return Math.max(...numbers) + (colorbar?.title?.side === "right" ? 52 : 38);
}

/** How wide a text is in pixels. */
function wide(text, size, { font }) {
  const pen = (wide.pen ||= document.createElement("canvas").getContext("2d"));
  pen.font = `${size}px ${font.family}`;
  return pen.measureText(String(text)).width;
}

/** Move labels of lines that are close together down, the highest first, so that each has a line of text to itself. */
function stack({ data, layout }, height) {
  const notes = (layout.annotations || []).filter((note) => note.name === "reference");
  if (!notes.length) return;
  const log = layout.yaxis.type === "log";
  const drawn = data.filter((trace) => trace.yaxis !== "y2").map((trace) => Array.from(trace.y || [], (value) => (log ? Math.log10(value) : Number(value))));
  const [low, high] = extent([...drawn, notes.map((note) => note.y)]);
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
 */
function fit({ data, layout }, width) {
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
  const apart = (every, size) => axis.ticktext.every((text, at) => at % every || at < every || (wide(text, size, layout) + wide(axis.ticktext[at - every], size, layout)) / 2 + 3 <= every * gap);
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
  axis.ticktext = axis.ticktext.filter((_, at) => at % every === 0);
  return unwritten;
}

/**
 * Write what stands in a table's cells, `unit` pixels wide, as it can be read: smaller, else upright, else not at all,
 * which is answered with true (hovering still tells).
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
    const most = (size) => Math.max(...cells.map(({ text }) => wide(untagged(text), size, layout)));
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

/** Letters on squares that would stand on each other do without places where none stands, and become smaller. */
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

/** How much higher than one row plotly's legend above the axes is in this width. */
function moreRows({ data, layout }, width) {
  if (!layout.showlegend) return 0;
  const { l = 58, r = 14 } = layout.margin || {};
  return Math.max(0, Sketch.legendHeight(data, layout, width - l - r) - Sketch.legendHeight(data, layout, Infinity));
}

/** What is written in a table's cells by a trace: words over them, or the table's own numbers and texts. */
function cellsOf(trace) {
  if (trace.mode === "text") {
    const colour = (at) => [trace.textfont?.color].flat()[Array.isArray(trace.textfont?.color) ? at : 0];
    const cells = Array.from(trace.text || [], (text, at) => ({ x: trace.x?.[at], y: trace.y?.[at], text, colour: colour(at) }));
    return cells.filter(({ x, y }) => [x, y].every((place) => typeof place === "string" || Number.isFinite(place)));
  }
  if (trace.type !== "heatmap" || !trace.texttemplate) return [];
  const colours = palette(trace.colorscale);
  const [low, high] = [trace.zmin, trace.zmax];
  return tableRows(trace).filter(({ value }) => Number.isFinite(value)).map(({ x, y, value, text }) => {
    const [red, green, blue] = colours[Math.round(255 * Math.max(0, Math.min(1, (value - low) / (high - low || 1))))];
    const light = 0.3 * red + 0.6 * green + 0.1 * blue > 140;
    return { x, y, text: text ?? value.toFixed(2).replace("-", "−"), colour: light ? "#111111" : "#FFFFFF" };
  });
}

/** The words of a table's cells as a table of text: a row for each column of the picture, in the picture's own words. */
function wordTable({ data, layout }) {
  const ticks = tickTexts(layout.xaxis);
  const rows = new Map();
  const names = new Set();
  for (const { x, y, text } of data.flatMap(cellsOf)) {
    names.add(y);
    if (!rows.has(x)) rows.set(x, new Map());
    rows.get(x).set(y, text);
  }
  const said = (place) => (ticks.get(place) === undefined ? String(place) : `${place}: ${untagged(ticks.get(place))}`);
  const head = make("tr", {}, ...[untagged(layout.xaxis?.title?.text) || "column", ...names].map((text) => make("th", { scope: "col", text: untagged(text) })));
  const body = Array.from(rows, ([x, words]) => make("tr", {}, make("th", { scope: "row", text: said(x) }),
    ...[...names].map((name) => make("td", { text: untagged(words.get(name) ?? "") }))));
  return make("div", { class: "list", tabindex: 0, role: "group", "aria-label": "What stands in the cells" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

// ---- a first sight ----------------------------------------------------------------------------
//
// The browser needs a second or two to read plotly.js. Until then a figure is drawn here on a canvas, plainly:
// its tables, lines, points and bars on its own axes, with neither hover nor zoom.

const SCALES = {
  Viridis: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
};

/** A colour as it stands in a figure, #rrggbb or rgba(r, g, b, a), as four bytes. */
function bytesOf(colour) {
  const numbers = colour.match(/[\d.]+/g);
  if (!colour.startsWith("#")) return [...numbers.slice(0, 3).map(Number), 255 * (numbers[3] ?? 1)];
  return [...[1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)), 255];
}

/** 256 colours of a plotly colour scale, as four bytes each. */
function palette(scale) {
  const stops = Array.isArray(scale) ? scale : SCALES[scale || "Viridis"].map((colour, index, all) => [index / (all.length - 1), colour]);
  const bytes = stops.map(([, colour]) => bytesOf(colour));
  return Array.from({ length: 256 }, (_, level) => {
    const share = level / 255;
    const upper = Math.max(1, stops.findIndex(([at]) => at >= share));
    const [from, to] = [stops[upper - 1][0], stops[upper][0]];
    const weight = (share - from) / (to - from || 1);
    return bytes[upper].map((value, channel) => bytes[upper - 1][channel] * (1 - weight) + value * weight);
  });
}

/** The smallest and the largest finite number of some lists. */
function extent(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists)
    for (const value of list)
      if (Number.isFinite(value)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
  return low > high ? [0, 1] : [low, high];
}

/** Round numbers that divide an axis into some four parts. */
function ticks([from, to]) {
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const pace = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
  const places = [];
  for (let at = Math.ceil(low / pace) * pace; at <= high + pace / 1e6; at += pace) places.push(Number(at.toPrecision(12)));
  return places;
}

/** A power of ten as plotly writes it: 1, 10, 10 to the power of three. */
function powerOf(value) {
  const power = Math.round(Math.log10(value));
  return power === 0 || power === 1 ? String(value) : "10" + String(power).replace(/./g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
}

/** Where the cells of a table begin and end along an axis whose middles may be given. */
function edges(middles, count) {
  if (!middles) return Array.from({ length: count + 1 }, (_, at) => at - 0.5);
  const between = middles.slice(1).map((middle, at) => (middle + middles[at]) / 2);
  const first = count > 1 ? between[0] - middles[0] : 0.5;
  const last = count > 1 ? middles[count - 1] - between[count - 2] : 0.5;
  return [middles[0] - first, ...between, middles[count - 1] + last];
}

class Sketch {
  /** A figure on a canvas of this many pixels. */
  constructor({ data, layout }, width, height) {
    this.layout = layout;
    this.traces = data.filter((trace) => trace.visible !== false && (trace.z?.length || trace.y?.length || trace.x?.length));
    this.canvas = make("canvas", { class: "sketch", "aria-hidden": "true" });
    const density = window.devicePixelRatio || 1;
    this.canvas.width = width * density;
    this.canvas.height = height * density;
    this.canvas.style.cssText = `width: ${width}px; height: ${height}px`;
    this.pen = this.canvas.getContext("2d");
    this.pen.scale(density, density);
    const { l = 58, r = 14, t = 10, b = 44 } = layout.margin || {};
    const over = t + (layout.showlegend ? Sketch.legendHeight(this.traces, layout, width - l - r) : 0);
    this.area = { left: l, top: over, width: Math.max(1, width - l - r - barWidth({ data: this.traces, layout })), height: Math.max(1, height - over - b) };
    this.axes = {};
    for (const trace of this.traces) for (const letter of ["x", "y"]) this.axis(letter, trace[`${letter}axis`] || letter);
    this.sameScale();
    for (const axis of Object.values(this.axes)) this.drawAxis(axis);
    for (const trace of this.traces) this.drawTrace(trace);
  }

  /** Where both axes have one scale, so that a circle is round, widen the range of the one with more room. */
  sameScale() {
    const { x, y } = this.axes;
    if (!x || !y || !(x.set.scaleanchor || y.set.scaleanchor)) return;
    const unit = ({ range, pixels }) => Math.abs((range[1] - range[0]) / (pixels[1] - pixels[0]));
    const [wide, tall] = unit(x) < unit(y) ? [x, y] : [y, x];
    const more = unit(tall) / unit(wide);
    const middle = (wide.range[0] + wide.range[1]) / 2;
    wide.range.forEach((end, at) => (wide.range[at] = middle + (end - middle) * more));
  }

  /** How high plotly's legend above the axes will be: a row, or more where the names do not fit side by side. */
  static legendHeight(traces, layout, room) {
    const names = traces.filter((trace) => trace.showlegend !== false && trace.name);
    const entries = names.map((trace) => wide(trace.name, 12, layout) + 45);
    const all = entries.reduce((sum, each) => sum + each, 0);
    const rows = all <= room ? 1 : Math.ceil(entries.length / Math.max(1, Math.floor(room / Math.max(...entries))));
    return names.length ? 10 + 19 * rows : 0;
  }

  /** One axis: from where to where it goes in numbers and in pixels. */
  axis(letter, id) {
    if (this.axes[id]) return;
    const set = this.layout[`${letter}axis${id.slice(1)}`] || {};
    const on = this.traces.filter((trace) => (trace[`${letter}axis`] || letter) === id);
    const log = set.type === "log";
    const names = [...new Set(on.flatMap((trace) => Array.from(trace[letter] || [])).filter((value) => typeof value === "string"))];
    const place = (value) => (typeof value === "string" ? names.indexOf(value) : value === null ? NaN : log ? Math.log10(value) : Number(value));
    let range = set.range && set.range.every((end) => end !== null) ? [...set.range] : null;
    if (!range) {
      const tables = on.some((trace) => trace.type === "heatmap");
      const bars = on.filter((trace) => trace.type === "bar");
      const along = bars.some((trace) => (trace.orientation === "h") === (letter === "x")); // from 0 on
      const [low, high] = extent(on.map((trace) => this.places(trace, letter, place)));
      const roomy = on.filter((trace) => letter === "y" || trace.mode?.includes("markers")); // as plotly has it
      const [least, most] = tables || !roomy.length ? [low, high] : extent(roomy.map((trace) => this.places(trace, letter, place)));
      const edge = bars.length && !along ? 0.5 : tables || !roomy.length ? 0 : (high - low || 1) * 0.05;
      if (bars.length) range = [along && !log ? Math.min(0, low) : low - edge, high + edge];
      else range = [Math.min(low, least - edge), Math.max(high, most + edge)];
      if (set.autorange === "reversed") range.reverse();
    }
    const [from, to] = set.domain || [0, 1];
    const { left, top, width, height } = this.area;
    const pixels = letter === "x" ? [left + from * width, left + to * width] : [top + (1 - from) * height, top + (1 - to) * height];
    const pixel = (where) => pixels[0] + ((where - range[0]) / (range[1] - range[0])) * (pixels[1] - pixels[0]);
    this.axes[id] = { id, letter, set, range, pixels, names, log, place, pixel, at: (value) => pixel(place(value)) };
  }

  places(trace, letter, place) {
    const given = trace[letter] && Array.from(trace[letter], place);
    if (trace.type === "heatmap") return edges(given, letter === "x" ? trace.z[0].length : trace.z.length);
    const from = trace[`${letter}0`] ?? 0;
    return given || [from, from + (trace.x || trace.y).length - 1];
  }

  drawAxis({ letter, set, range, pixels, names, at, log }) {
    if (set.visible === false) return;
    const { pen, layout } = this;
    const across = letter === "x";
    const other = this.axes[set.anchor] || Object.values(this.axes).find((axis) => axis.letter !== letter);
    const foot = other.pixels[0];
    const powers = log ? ticks(range).filter(Number.isInteger) : [];
    const values = set.tickvals || (names.length ? names : log ? powers.map((power) => 10 ** power) : ticks(range));
    const size = set.tickfont?.size || 11;
    let widest = 0;
    pen.font = `${size}px ${layout.font.family}`;
    pen.fillStyle = set.tickfont?.color || layout.font.color;
    pen.strokeStyle = set.gridcolor || "#888";
    pen.textAlign = across ? "center" : "right";
    pen.textBaseline = across ? "top" : "middle";
    values.forEach((value, index) => {
      const place = at(value);
      if (!(place >= Math.min(...pixels) - 1 && place <= Math.max(...pixels) + 1)) return;
      if (set.showgrid !== false) this.line(across ? [[place, foot], [place, other.pixels[1]]] : [[foot, place], [other.pixels[1], place]], 1);
      if (set.showticklabels === false) return;
      const text = String(set.ticktext?.[index] ?? (typeof value === "string" ? value : log ? powerOf(value) : Number(Number(value).toPrecision(4)))).replace("-", "−");
      widest = Math.max(widest, wide(text, size, layout));
      if (set.tickangle === -90) this.upright(text, across ? place : foot - 8, across ? foot + 5 : place, across);
      else if (across) pen.fillText(text, place, foot + 5);
      else pen.fillText(text, foot - 5, place, foot - 6);
    });
    pen.font = `12px ${layout.font.family}`;
    pen.fillStyle = layout.font.color;
    pen.textAlign = "center";
    pen.save();
    const middle = (pixels[0] + pixels[1]) / 2;
    if (across) pen.translate(middle, foot + 9 + (set.tickangle === -90 ? widest : size));
    else {
      pen.translate(foot - widest - 15, middle);
      pen.rotate(-Math.PI / 2);
    }
    pen.fillText(set.title?.text || "", 0, 0);
    pen.restore();
  }

  /** Text that is read from below: under an axis it ends at a place, beside one its middle is there. */
  upright(text, x, y, under) {
    const { pen } = this;
    pen.save();
    pen.translate(x, y);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = under ? "right" : "center";
    pen.textBaseline = "middle";
    pen.fillText(text, 0, 0);
    pen.restore();
  }

  drawTrace(trace) {
    const [x, y] = [this.axes[trace.xaxis || "x"], this.axes[trace.yaxis || "y"]];
    if (trace.type === "heatmap") return this.drawTable(trace, x, y);
    const count = Math.max(trace.x?.length || 0, trace.y?.length || 0);
    const points = Array.from({ length: count }, (_, at) => [x.at(trace.x ? trace.x[at] : at + (trace.x0 ?? 0)), y.at(trace.y ? trace.y[at] : at)]);
    const { pen } = this;
    pen.save();
    pen.globalAlpha = (trace.opacity ?? 1) * (trace.type === "bar" || trace.mode === "markers" ? trace.marker?.opacity ?? 1 : 1);
    pen.beginPath();
    pen.rect(x.pixels[0], y.pixels[1], x.pixels[1] - x.pixels[0], y.pixels[0] - y.pixels[1]);
    pen.clip();
    const colour = trace.line?.color || (typeof trace.marker?.color === "string" && trace.marker.color) || this.layout.font.color;
    pen.strokeStyle = pen.fillStyle = colour;
    if (trace.type === "bar") this.bars(trace, points, x, y);
    else if (trace.mode === "text") this.words(trace, points);
    else {
      if (!trace.mode || trace.mode.includes("lines")) this.line(points, trace.line?.width ?? 2, trace.line?.dash, trace.fill === "toself" ? trace.fillcolor : "");
      const every = Math.ceil(points.length / (trace.marker?.maxdisplayed || points.length));
      if (trace.mode?.includes("markers")) this.dots(points.filter((_, at) => at % every === 0), trace.marker || {});
    }
    if (trace.error_y?.array) this.whiskers(trace, points, y);
    pen.restore();
  }

  /** Errors as upright lines with short ends. */
  whiskers({ y: values, error_y: { array, color, thickness, width } }, points, y) {
    const { pen } = this;
    pen.globalAlpha = 1;
    pen.strokeStyle = color;
    pen.lineWidth = thickness;
    pen.beginPath();
    points.forEach(([x], at) => {
      const [low, high] = [y.at(values[at] - array[at]), y.at(values[at] + array[at])];
      if (!Number.isFinite(low) || !Number.isFinite(high)) return;
      pen.moveTo(x, low);
      pen.lineTo(x, high);
      for (const end of [low, high]) {
        pen.moveTo(x - width, end);
        pen.lineTo(x + width, end);
      }
    });
    pen.stroke();
  }

  /** Bars from zero, or from the foot of a log axis; those of several traces side by side. */
  bars(trace, points, x, y) {
    const group = this.layout.barmode === "overlay" ? [trace] : this.traces.filter((each) => each.type === "bar");
    const lies = trace.orientation === "h";
    const [along, across] = lies ? [x, y] : [y, x];
    const share = Math.abs(across.pixel(1) - across.pixel(0)) * (1 - (this.layout.bargap ?? 0.2));
    const thick = share / group.length;
    const turn = across.pixel(1) > across.pixel(0) ? 1 : -1;
    const zero = along.log ? along.pixels[0] : along.at(0);
    const colours = Array.isArray(trace.marker?.color) ? trace.marker.color : [];
    const offset = turn * ((group.indexOf(trace) + 0.5) * thick - share / 2);
    points.forEach(([left, top], at) => {
      if (typeof colours[at] === "string") this.pen.fillStyle = colours[at];
      const middle = (lies ? top : left) + offset;
      if (lies) this.pen.fillRect(Math.min(zero, left), middle - thick / 2, Math.abs(left - zero), thick);
      else this.pen.fillRect(middle - thick / 2, Math.min(zero, top), thick, Math.abs(zero - top));
    });
  }

  words({ text, textfont }, points) {
    this.pen.font = `${textfont?.size || 12}px ${this.layout.font.family}`;
    this.pen.textAlign = "center";
    this.pen.textBaseline = "middle";
    points.forEach(([x, y], at) => {
      this.pen.fillStyle = [textfont?.color || this.layout.font.color].flat()[Array.isArray(textfont?.color) ? at : 0];
      this.pen.fillText(text?.[at] ?? "", x, y);
    });
  }

  /** A line that is broken where there is no number. */
  line(points, width, dash, within) {
    const { pen } = this;
    pen.lineWidth = width;
    pen.setLineDash({ dash: [9, 5], dot: [2, 4] }[dash] || []);
    pen.beginPath();
    let whole = false;
    for (const [x, y] of points) {
      const there = Number.isFinite(x) && Number.isFinite(y);
      if (there) whole ? pen.lineTo(x, y) : pen.moveTo(x, y);
      whole = there;
    }
    if (within) {
      pen.fillStyle = within;
      pen.fill();
    }
    if (width) pen.stroke();
  }

  dots(points, { size = 6, color, colorscale, cmin, cmax, symbol = "circle", line }) {
    const scaled = Array.isArray(color) && color.every((each) => typeof each === "number");
    const [low, high] = scaled ? extent([color]) : [0, 1];
    const colours = scaled ? palette(colorscale) : [];
    points.forEach(([x, y], index) => {
      if (scaled) {
        const share = (color[index] - (cmin ?? low)) / ((cmax ?? high) - (cmin ?? low) || 1);
        this.pen.fillStyle = `rgb(${colours[Math.round(255 * Math.max(0, Math.min(1, share)))].slice(0, 3)})`;
      }
      const shape = Array.isArray(symbol) ? symbol[index] : symbol;
      const radius = (Array.isArray(size) ? size[index] : size) / 2;
      this.pen.beginPath();
      if (shape === "line-ns-open") {
        this.pen.moveTo(x, y - radius);
        this.pen.lineTo(x, y + radius);
      } else this.pen.arc(x, y, radius, 0, 2 * Math.PI);
      if (!/open|thin/.test(shape)) return this.pen.fill();
      this.pen.lineWidth = line?.width || 1.5;
      this.pen.strokeStyle = line?.color || this.pen.fillStyle;
      this.pen.stroke();
    });
  }

  drawTable({ z, x: columns, y: rows, zmin, zmax, zmid, colorscale, reversescale }, x, y) {
    let [low, high] = extent(z);
    if (zmid !== undefined && zmin === undefined) {
      const most = Math.max(high - zmid, zmid - low);
      [low, high] = [zmid - most, zmid + most];
    }
    [low, high] = [zmin ?? low, zmax ?? high];
    const colours = reversescale ? palette(colorscale).reverse() : palette(colorscale);
    const image = new ImageData(z[0].length, z.length);
    z.forEach((row, r) => row.forEach((value, c) => {
      if (!Number.isFinite(value)) return;
      const level = Math.round(255 * Math.max(0, Math.min(1, (value - low) / (high - low || 1))));
      image.data.set(colours[level], 4 * (r * row.length + c));
    }));
    const small = make("canvas", { width: image.width, height: image.height });
    small.getContext("2d").putImageData(image, 0, 0);
    const lefts = this.places({ type: "heatmap", z, x: columns }, "x", x.place).map(x.pixel);
    const tops = this.places({ type: "heatmap", z, y: rows }, "y", y.place).map(y.pixel);
    const { pen } = this;
    pen.save();
    pen.imageSmoothingEnabled = false;
    pen.translate(0, tops[0]);
    pen.scale(1, (tops.at(-1) - tops[0]) / image.height);
    for (let c = 0; c < image.width; c++) {
      // A little into the next column, or the background would shine through where columns are narrower than a pixel.
      pen.drawImage(small, c, 0, 1, image.height, lefts[c], 0, lefts[c + 1] - lefts[c] + 0.6, image.height);
    }
    pen.restore();
  }
}

// ---- the player -------------------------------------------------------------------------------

const THUMB = 16; // how wide a slider's thumb is

/** Whether the moments of a bar lie equally far apart, but for the last one. */
function isEven(times) {
  const gap = times[1] - times[0];
  return times.slice(1, -1).every((step, at) => step - times[at] === gap);
}

/** Where a step stands on a bar that goes from moment to moment, from 0 to 1. */
function placeOf(step, times) {
  const after = Math.max(1, times.findIndex((each) => each >= step));
  const [from, to] = [times[after - 1], times[after]];
  return (after - 1 + (step - from) / (to - from)) / (times.length - 1);
}

/** The steps that are written under a bar: both ends, then 1, 10, 100 …, then 5 and 2 times these, where there is room. */
function named(times, share) {
  const [first, last] = [times[0], times.at(-1)];
  const powers = Array.from({ length: 8 }, (_, at) => 10 ** at);
  const wanted = [first, last, ...powers, ...powers.flatMap((power) => [5 * power, 2 * power])];
  const found = [];
  for (const step of new Set(wanted.filter((each) => each >= first && each <= last))) {
    const [at, half] = [placeOf(step, times), share(step) / 2 + share("0") / 2];
    if (found.every((other) => Math.abs(other.at - at) > other.half + half)) found.push({ step, at, half });
  }
  return found;
}

let plotlyReady = null;

/** plotly.js, once a page, from our own server. */
function plotly(url) {
  plotlyReady ||= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = document.createElement("script");
    script.src = url;
    script.onerror = () => {
      plotlyReady = null;
      reject(new Error("plotly.js could not be loaded"));
    };
    // Where our routes are missing, the answer is the app's own page: it loads, and brings no Plotly.
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : script.onerror());
    document.head.append(script);
  });
  return plotlyReady;
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const ICONS = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  back: "M6 5h2v14H6zM20 5v14L9 12z",
  forward: "M16 5h2v14h-2zM4 5v14l11-7z",
  more: "M4 10h4v4H4zM10 10h4v4h-4zM16 10h4v4h-4z",
  take: "M11 3h2v8.6l3.3-3.3 1.4 1.4L12 15.4 6.3 9.7l1.4-1.4L11 11.6zM4 18h16v2H4z",
  keys: "M2 5h20v14H2zM4 7v10h16V7zM6 9h2v2H6zM10 9h2v2h-2zM14 9h2v2h-2zM17 9h2v2h-2zM7 13h10v2H7z",
};

function icon(button, name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  button.replaceChildren(svg);
}

class Player {
  static made = 0;

  constructor(host) {
    this.host = host;
    this.tapes = [];
    this.panels = [];
    this.selection = {};
    this.playing = false;
    this.follow = false;
    this.step = 0;
    this.speed = 1;
    this.closed = false;
    this.drawn = 0;
    this.moment = null; // what all figures in sight show: { step, index }
    this.reported = "";
    this.sketched = false;
    this.number = ++Player.made;
    open.add(this);
    listen();
    this.build();
  }

  build() {
    const button = (name, label, onclick) => {
      const made = make("button", { type: "button", "aria-label": label, title: label, onclick });
      icon(made, name);
      return made;
    };
    this.playButton = button("play", "Play the recording", () => this.toggle());
    this.backButton = button("back", "One frame back", () => this.nudge(-1));
    this.forwardButton = button("forward", "One frame on", () => this.nudge(1));
    this.playButton.id = `unrolled-play-${this.number}`;
    this.playButton.setAttribute("aria-keyshortcuts", "K");
    this.backButton.setAttribute("aria-keyshortcuts", "J ArrowLeft");
    this.forwardButton.setAttribute("aria-keyshortcuts", "L ArrowRight");
    this.backButton.title = "One frame back (J or ←)";
    this.forwardButton.title = "One frame on (L or →)";
    this.slider = make("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Training step" });
    this.slider.oninput = () => this.scrub(Number(this.slider.value));
    this.slider.addEventListener("keydown", ({ key }) => {
      if (this.playing && key === "Home") this.scrub(0); // a slider that stands there tells of no change
    });
    this.slider.onpointerdown = () => {
      if (this.playing) this.pause(); // also where it is taken hold of without being moved
    };
    this.ticks = make("span", { class: "ticks", "aria-hidden": "true" });
    const scale = make("span", { class: "scale" }, this.slider, this.ticks);
    this.speedSelect = make("select", { class: "speed", "aria-label": "Speed of playing", title: "Speed" });
    for (const speed of [0.25, 0.5, 1, 2, 4]) {
      this.speedSelect.append(make("option", { value: speed, text: `${speed}×` }));
    }
    this.speedSelect.value = "1";
    this.speedSelect.onchange = () => (this.speed = Number(this.speedSelect.value));
    this.liveButton = make("button", { type: "button", class: "live", text: "Live", title: "Follow the training", onclick: () => this.goLive() });
    this.stepLabel = make("output", { class: "step", "aria-live": "off" });
    this.selectors = make("span", { class: "selectors" });
    this.pinButton = make("button", { type: "button", class: "pin", text: "Pin", onclick: () => this.pin() });
    this.askBox = make("input", { type: "text", class: "ask", autocomplete: "off", spellcheck: "false" });
    this.askBox.onchange = () => this.ask(this.askBox.value);
    this.exampleButton = make("button", { type: "button", class: "example", text: "Example", onclick: () => this.askExample() });
    this.modeSelect = make("select", { class: "mode", "aria-label": "How to compare", title: "How to compare" });
    for (const [value, text] of [["difference", "Difference"], ["beside", "Side by side"]]) {
      this.modeSelect.append(make("option", { value, text }));
    }
    this.modeSelect.onchange = () => {
      this.layOut(this.data.figures);
      this.address();
      this.draw();
    };
    this.linkButton = make("button", { type: "button", class: "link", text: "Copy link", title: "Copy the address of this moment", "aria-live": "polite" });
    this.linkButton.onclick = () => this.copyLink();
    this.takeButton = menuButton("Take away: picture or numbers of a figure", "take", (anchor) => this.figureEntries(anchor));
    this.takeButton.classList.add("take");
    this.allButton = make("button", { type: "button", class: "all", text: "All figures", onclick: () => this.showAlone("") });
    this.note = make("p", { class: "note", role: "status" });
    this.shownLine = make("p", { class: "shown" });
    this.told = make("p", { class: "told", role: "status" });
    const keys = keysHelp(`unrolled-keys-${this.number}`);
    this.bar = make(
      "div",
      { class: "bar", role: "group", "aria-label": "Player" },
      make("span", { class: "row" }, this.backButton, this.playButton, this.forwardButton, scale, this.allButton, this.linkButton, this.takeButton),
      make(
        "span",
        { class: "row" },
        this.stepLabel, this.speedSelect, this.liveButton, this.selectors, this.pinButton, this.modeSelect, this.askBox, this.exampleButton, keys.button,
      ),
      this.shownLine,
      keys.panel,
      this.note, // in the bar, which is always in sight
      this.told,
    );
    this.grid = make("div", { class: "grid" });
    this.host.replaceChildren(this.grid, this.bar);
    this.drawnOn = this.background();
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.grid);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.schemeChanged = () => this.followTheme();
    this.scheme.addEventListener("change", this.schemeChanged);
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.target.panel.visible = entry.isIntersecting;
      this.draw();
    }, { rootMargin: "200px" });
  }

  background() {
    return getComputedStyle(this.host).getPropertyValue("--st-background-color");
  }

  /** The system went over to dark or light: once Streamlit has followed, Python draws the figures for it. */
  followTheme(frames = 120) {
    if (this.closed || !frames) return;
    const now = this.background();
    if (now === this.drawnOn) return requestAnimationFrame(() => this.followTheme(frames - 1));
    this.drawnOn = now;
    // One player after the other: Streamlit takes what several say at once for that of one, and its part of the page alone.
    const before = this.signature;
    const ask = () => this.closed || this.signature !== before || this.setState("background", now);
    setTimeout(ask, THEME_MS * [...open].indexOf(this));
  }

  close() {
    open.delete(this);
    this.closed = true;
    this.playing = false;
    clearTimeout(this.loopTimer);
    clearTimeout(this.calmTimer);
    this.resizer.disconnect();
    this.scheme.removeEventListener("change", this.schemeChanged);
    this.seen.disconnect();
    clearTimeout(this.pollTimer);
    clearTimeout(this.addressTimer);
    clearTimeout(this.tellTimer);
    listenNoMore();
    for (const panel of this.panels) if (panel.plotted) window.Plotly.purge(panel.plot);
  }

  /** Take what Python says: runs, figures, theme. Called again whenever that changes. */
  update({ data: content, setStateValue }) {
    this.setState = setStateValue;
    const signature = new TextDecoder().decode(content);
    if (signature === this.signature) return;
    this.signature = signature;
    const data = JSON.parse(signature);
    this.data = data;
    this.base = serverAddress(data.base);
    const wanted = data.runs.map((run) => `${run.id}|${run.lenses}`).join() || data.scan?.label || "";
    if (wanted !== this.wanted) {
      const first = this.wanted === undefined;
      this.wanted = wanted;
      this.begin(data, first);
    }
    if (data.scan) this.scan(data.scan.places);
    this.operate(data.surgery);
    this.compareWith(data.against);
    this.askBox.hidden = !data.ask;
    this.exampleButton.hidden = !data.ask?.examples.length;
    if (data.ask) {
      this.askBox.maxLength = data.ask.most;
      this.askBox.placeholder = data.ask.placeholder;
      this.askBox.title = data.ask.help;
      this.exampleButton.title = data.ask.fill;
      this.askBox.setAttribute("aria-label", data.ask.label);
    }
    this.sayShown(data.shown);
    this.layOut(data.figures);
    this.layOutSelectors(data.select || []);
    const moves = data.runs.length > 0 || Boolean(data.scan);
    this.bar.hidden = !moves && !data.link && !this.alone;
    this.bar.classList.toggle("only", !moves);
    this.draw();
  }

  begin(data, first) {
    this.tapes = data.runs.map((run) => new Tape({ ...run, key: data.key }));
    this.selection = { ...data.selection };
    this.follow = false;
    this.playing = false;
    this.pinned = data.step ?? null;
    this.step = this.pinned ?? 0;
    this.moment = null;
    this.autoplay = data.autoplay && !data.shown?.stale && this.pinned === null && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.started = false;
    this.heard = false;
    this.reported = "";
    this.times = [];
    this.reference = null;
    this.compared = undefined;
    if (first) {
      this.alone = data.figure || "";
      this.modeSelect.value = data.against && data.beside ? "beside" : "difference";
    }
    this.zooms = first ? zoomsOf(data.zoom) : {};
    this.drags = {};
    this.resets = 0;
    this.askBox.value = first ? data.ask?.input || "" : "";
    this.asking = new Set();
    this.complaint = "";
    this.offered = "";
    this.surgery = "";
    for (const tape of this.tapes) tape.input = this.askBox.value;
    if (!first) this.address();
    clearTimeout(this.pollTimer);
    this.generation = (this.generation || 0) + 1;
    if (this.tapes.length) this.poll(this.generation);
  }

  /** Say what the figures show; grey them, and hold what plays, while the page's controls ask for something else. */
  sayShown(shown) {
    const stale = Boolean(shown?.stale);
    this.shownLine.textContent = shown ? `${shown.said}${stale ? ". The controls ask for something else." : ""}` : "";
    this.grid.classList.toggle("stale", stale);
    if (stale && this.playing) this.pause();
  }

  // -- the viewer's own input

  /** Put an input to every model on the page; the empty one goes back to the tape's own sequence. */
  ask(input) {
    for (const tape of this.everyTape()) {
      tape.input = input;
      tape.said = "";
      tape.answers = new Map();
    }
    this.complaint = "";
    this.showNote();
    this.asking.clear();
    this.address();
    this.draw();
  }

  /** Put the next example into the box, and to every model. */
  askExample() {
    const { examples } = this.data.ask;
    this.askBox.value = examples[(examples.indexOf(this.askBox.value) + 1) % examples.length];
    this.ask(this.askBox.value);
  }

  /** Operate on every model on the page; "" leaves them whole. */
  operate(surgery) {
    if (surgery === this.surgery) return;
    this.surgery = surgery;
    for (const tape of this.everyTape()) {
      tape.input = this.askBox.value;
      tape.surgery = surgery;
      tape.said = "";
      tape.answers = new Map();
    }
    this.complaint = "";
    this.showNote();
    this.asking.clear();
    this.draw();
  }

  everyTape() {
    return this.reference ? [...new Set([...this.tapes, ...this.reference.tapes])] : this.tapes;
  }

  /** Ask what is not known yet of this moment, one question a tape and lens at a time. */
  wonder() {
    for (const tape of this.everyTape()) {
      if (!tape.question) continue;
      const step = tape.kept(this.reference?.step != null && !this.tapes.includes(tape) ? this.reference.step : this.step);
      if (step === undefined) continue;
      for (const lens of tape.lenses) this.wonderAbout(tape, lens, step);
      if (this.reference?.step != null) for (const lens of tape.lenses) this.wonderAbout(tape, lens, tape.kept(this.reference.step));
    }
  }

  async wonderAbout(tape, lens, step) {
    const key = `${tape.id} ${lens}`;
    const known = tape.answers.get(lens) || [];
    if (this.asking.has(key) || known.some((frame) => frame.step === step)) return;
    this.asking.add(key);
    const question = tape.question;
    const start = performance.now();
    const answer = await tape.ask(this.base, lens, step).catch(() => "The question could not be put: the server did not answer.");
    this.asking.delete(key);
    if (this.closed || tape.question !== question) return this.closed || this.wonder();
    if (answer.again) return setTimeout(() => this.closed || this.wonder(), answer.again);
    if (typeof answer === "string") {
      this.complaint = answer;
      for (const each of this.everyTape()) each.input = each.surgery = each.said = "";
    } else {
      tape.said = answer.said;
      const frames = [...(tape.answers.get(lens) || []), answer].sort((a, b) => a.step - b.step);
      tape.answers.set(lens, frames);
      const took = performance.now() - start;
      if (took < AHEAD_MS) setTimeout(() => this.wonderAhead(tape, lens), took);
    }
    this.showNote();
    this.draw();
  }

  /** For figures with the own input's course: the other kept moments too, in turn, while answers come quickly. */
  wonderAhead(tape, lens) {
    if (this.closed || !tape.question || !this.data.figures.some((spec) => spec.slots.some((slot) => slot.kind === "asked"))) return;
    const known = new Set(tape.asked(lens).map((frame) => frame.step));
    const next = (tape.header.snapshots || []).findLast((step) => !known.has(step));
    if (next !== undefined) this.wonderAbout(tape, lens, next);
  }

  // -- comparing: a second moment, or a second run at the same moment

  compareWith(wanted) {
    const key = JSON.stringify(wanted);
    if (key === this.compared) return;
    this.compared = key;
    if (!wanted) this.reference = null;
    else if (!wanted.run) this.reference = { tapes: this.tapes, step: wanted.step };
    else {
      const tape = new Tape({ id: wanted.run, lenses: this.tapes[0]?.lenses || [], key: this.data.key });
      tape.input = this.askBox.value;
      tape.surgery = this.surgery;
      this.reference = { tapes: [tape], step: wanted.step };
      this.pollReference(tape);
    }
  }

  async pollReference(tape) {
    if (this.closed || !this.reference?.tapes.includes(tape)) return;
    await this.fetchTape(tape, this.generation);
    this.draw();
    if (tape.due < Infinity) setTimeout(() => this.pollReference(tape), Math.max(10, tape.due - performance.now()));
  }

  /** Keep this moment to compare others with, or let it go. */
  pin() {
    this.reference = this.reference ? null : { tapes: this.tapes, step: this.step };
    this.layOut(this.data.figures);
    this.address();
    this.draw();
  }

  /** Without tapes the bar moves through the places of an axis, which may become more or fewer. */
  scan(places) {
    this.times = places;
    this.step = places[this.index] ?? 0;
    if (this.started) return;
    this.started = true;
    if (this.autoplay) this.play();
  }

  // -- figures

  layOut(panels) {
    const all = this.reference && this.modeSelect.value === "beside" ? beside(panels) : panels;
    const figures = this.chosenAlone(all);
    const shape = figures.map((spec) => spec.id).join();
    if (shape !== this.shape) {
      this.shape = shape;
      for (const panel of this.panels) {
        this.seen.unobserve(panel.box);
        if (panel.plotted) window.Plotly.purge(panel.plot);
      }
      this.panels = figures.map((spec) => {
        const name = `unrolled-${this.number}-${spec.id}`;
        const plot = make("div", { class: "plot" });
        const caption = make("span", {});
        const source = make("span", { class: "source" });
        const title = make("span", { text: spec.title });
        const aside = make("span", { class: "aside" });
        const said = make("figcaption", { id: `${name}-said` }, caption, " ", source);
        const menu = menuButton(`What to do with “${spec.name}”`, "more", () => this.entriesFor(panel));
        const words = make("details", { class: "words", hidden: "" }, make("summary", { text: "What the cells say, which are too narrow here to write in" }));
        const head = make("div", { class: "head" }, make(`h${this.data.heading}`, { id: name }, title, " ", aside), menu);
        const box = make("figure", { "data-figure": spec.id, "aria-labelledby": name }, head, plot, said, words);
        const panel = { plot, caption, source, title, aside, box, menu, words, visible: true, plotted: false, dirty: true };
        words.ontoggle = () => this.listWords(panel);
        fingers(plot, {
          drags: () => Boolean(this.drags[panel.spec.id]),
          zoom: (ranges) => this.zoom(panel, ranges),
          home: (name) => panel.home?.[name],
        });
        box.panel = panel;
        this.seen.observe(box);
        return panel;
      });
      this.grid.replaceChildren(...this.panels.map((panel) => panel.box));
    }
    figures.forEach((spec, index) => {
      const panel = this.panels[index];
      panel.spec = spec;
      panel.own = Object.fromEntries(Object.entries(spec.arrays || {}).map(([name, array]) => [name, unpacked(array)]));
      panel.dirty = panel.fresh = true;
      panel.title.textContent = spec.title;
      panel.box.classList.toggle("dragged", Boolean(this.drags[spec.id]));
      panel.menu.tabIndex = this.data.runs.length || this.data.scan || this.data.link ? -1 : 0; // else the bar has one
      panel.box.style.setProperty("--span", spec.span);
      panel.box.style.setProperty("--rows", spec.rows || 1);
      panel.plot.style.height = `${spec.height}px`;
    });
  }

  layOutSelectors(select) {
    const offered = JSON.stringify(select);
    if (offered === this.offers) return; // who stands on one of them stays there
    this.offers = offered;
    this.selectors.replaceChildren();
    for (const { name, label, names } of select) {
      if (!(name in this.selection)) this.selection[name] = 0;
      if (names.length < 2) continue;
      const box = make("select", { "aria-label": label });
      names.forEach((text, value) => box.append(make("option", { value, text })));
      box.value = String(Math.min(this.selection[name], names.length - 1));
      box.dataset.name = name;
      box.onchange = () => this.choose({ [name]: Number(box.value) });
      this.selectors.append(box);
    }
  }

  choose(selection) {
    Object.assign(this.selection, selection);
    for (const box of this.selectors.querySelectorAll("select")) box.value = String(this.selection[box.dataset.name]);
    this.address();
    this.draw();
  }

  /** Figures are made for their width: a new one asks for all of them again. */
  resize() {
    this.showTicks();
    const width = this.grid.clientWidth;
    if (width === this.width) return; // it is as high as its figures, which says nothing
    this.width = width;
    for (const panel of this.panels) panel.fresh = true;
    if (this.panels.length) this.draw();
  }

  /** Ask for the newest moment to be drawn. */
  draw() {
    for (const panel of this.panels) panel.dirty = true;
    this.soughtAt = performance.now();
    this.showBar();
    this.wonder();
    this.wake();
  }

  /** Draw what there is to draw, pass by pass, until nothing is left. */
  wake() {
    clearTimeout(this.calmTimer);
    if (this.drawing || this.unreachable) return;
    this.drawing = true;
    requestAnimationFrame(async () => {
      try {
        if (!window.Plotly) await this.awaitPlotly();
        while (window.Plotly && !this.closed && !this.unreachable && (await this.pass())) await giveWay();
      } finally {
        this.drawing = false;
      }
      this.followLater();
    });
  }

  /**
   * One pass: a figure that was never drawn, which takes long, by itself, of the moment that the others show; else all
   * figures in sight at the newest moment, in one task, so that no frame of the screen has two moments; else, when nothing
   * moves, one of the others. Whether there was something to draw.
   */
  async pass() {
    const first = this.panels.find((panel) => panel.visible && panel.dirty && !panel.plotted);
    if (first) return this.drawAll([first], this.present);
    const seen = this.panels.filter((panel) => panel.visible && panel.dirty);
    if (seen.length || !alike(this.moment, this.newest)) return this.drawAll(seen, this.newest);
    const hidden = this.panels.find((panel) => panel.dirty && (!panel.plotted || this.calm));
    return hidden ? this.drawAll([hidden], this.moment) : false;
  }

  /** Prepare these figures of one moment, in as many tasks as that takes, then show all of them in one. */
  async drawAll(panels, moment) {
    const ready = [];
    let since = performance.now();
    for (const panel of panels) panel.dirty = false;
    for (const panel of panels) {
      if (performance.now() - since > SHORT_MS) {
        await giveWay();
        since = performance.now();
      }
      if (this.closed || !this.panels.includes(panel)) return true;
      const prepared = this.attempt(() => this.prepared(panel, moment));
      if (prepared) ready.push(prepared);
    }
    if (ready.length) await giveWay();
    if (this.closed || ready.some(({ panel }) => !this.panels.includes(panel))) return true;
    for (const each of ready) this.attempt(() => this.show(each));
    this.moment = moment;
    this.showMoment();
    return true;
  }

  /** A figure that can't be drawn leaves the others as they are. */
  attempt(act) {
    try {
      return act();
    } catch (error) {
      console.error(error);
      return null;
    }
  }

  /** The moment that the figures show. */
  get present() {
    return this.moment || this.newest;
  }

  /** The moment that is asked for. */
  get newest() {
    return { step: this.step, index: this.index };
  }

  /** Whether a figure in sight does not show the newest moment yet. */
  get late() {
    return this.panels.some((panel) => panel.visible && panel.dirty);
  }

  /** Whether nothing plays, is dragged or grows at the moment. */
  get calm() {
    const grows = this.follow && this.tapes.some((tape) => tape.status === "running");
    return !this.playing && !grows && performance.now() - this.soughtAt >= CALM_MS;
  }

  /** Figures out of sight follow when nothing has moved for a while. */
  followLater() {
    clearTimeout(this.calmTimer);
    if (this.closed || this.playing || !this.panels.some((panel) => panel.dirty && panel.plotted)) return;
    this.calmTimer = setTimeout(() => this.wake(), CALM_MS);
  }

  /** Load plotly.js; every figure that is in sight is sketched before, since its loading holds up the browser. */
  async awaitPlotly() {
    if (this.tapes.length && !this.heard) return; // a figure that can be sketched may come in a moment
    for (const panel of this.panels) {
      if (panel.box.getBoundingClientRect().top > innerHeight) continue;
      try {
        this.sketch(panel);
      } catch (error) {
        console.error(error); // plotly may still draw it
      }
    }
    this.sketched = true;
    this.moment = this.newest;
    this.showMoment();
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    const since = performance.now();
    // Another player's first sight would wait for plotly.js, too.
    while ([...open].some((each) => each.tapes.length && !each.sketched) && performance.now() - since < SKETCH_MS) {
      await new Promise((next) => setTimeout(next, 20));
    }
    await plotly(this.base + this.data.plotly).catch(() => {
      this.unreachable = true; // Python draws from here on
      this.setState("routes", "unreachable");
    });
  }

  sketch(panel) {
    const figure = this.figure(panel, this.newest);
    if (!figure) return;
    panel.plot.style.height = `${figure.layout.height}px`;
    panel.plot.replaceChildren(new Sketch(figure, panel.plot.clientWidth, figure.layout.height).canvas);
    this.describe(panel, figure);
  }

  /** A panel with its figure at a moment; of one that stands still only the moment. */
  prepared(panel, moment) {
    const { spec } = panel;
    if (panel.plotted && !panel.fresh && !spec.slots.length && !spec.readings.length) return { panel, moment };
    const figure = this.figure(panel, moment);
    if (!figure) return null;
    const changes = panel.plotted && changesOf(panel.shown.data, figure.data);
    return { panel, moment, figure, changes };
  }

  /**
   * Put a prepared figure on the page, within this task. Where only numbers have changed they are put into the drawing as it stands;
   * where none has, plotly.js need not read them again, and where nothing has, need do nothing.
   */
  show({ panel, moment, figure, changes }) {
    const { plot, spec } = panel;
    if (!figure) {
      plot.dataset.step = moment.step;
      return;
    }
    const { data, layout } = figure;
    const { shapes, ...rest } = layout;
    const known = changes && changes.every((names) => !names.length);
    const stands = changes && alike(panel.shown.rest, rest) && (known || this.attempt(() => renumber(plot, data, changes)));
    const marked = stands && alike(panel.shown.shapes, shapes);
    panel.shown = { data: outline(data), rest: outline(rest), shapes: outline(shapes) };
    if (!known && !stands) panel.revision = ++this.drawn;
    layout.datarevision = panel.revision;
    panel.fresh = false;
    plot.style.height = `${layout.height}px`;
    if (panel.plotted && !marked) Plotly.react(plot, known || stands ? plot.data : data, layout);
    if (!panel.plotted) {
      Plotly.newPlot(plot, data, layout, PLOTLY_CONFIG);
      panel.plotted = true;
      plot.querySelector(".sketch")?.remove();
      if (spec.click?.seek) plot.title = "A click on a curve goes to its step";
      if (spec.click) plot.on("plotly_click", (event) => this.clicked(panel.spec, event.points[0]));
      plot.on("plotly_relayout", (change) => this.zoomedByMouse(panel, change));
      plot.on("plotly_doubleclick", () => this.resetView(panel));
    }
    this.nameDrawing(panel);
    if (!this.zooms[spec.id]) panel.home = Object.fromEntries(movable(plot).map(([name, axis]) => [name, [...axis.range]]));
    this.describe(panel, figure);
  }

  /**
   * What a panel shows of a moment, with its step and reading; null while there is none: the picture stays.
   *
   * `width`: pixels for which it is made; Infinity leaves out nothing.
   */
  figure(panel, moment, width = panel.box.clientWidth) {
    const ready = this.tapes.some((tape) => tape.frames[tape.lenses[0]].length > 0);
    if (!ready && this.tapes.length) return null;
    const spec = panel.spec;
    const selection = { ...this.selection, place: moment.index };
    const shown = this.shown(spec, moment);
    const figure = filled(spec, shown.tapes, shown.step, selection, panel.own);
    const { layout } = figure;
    const { title, sentences } = this.layAgainst(spec, figure, selection, panel.own, this.reading(spec, shown), moment);
    layout.height = width < 420 ? Math.min(spec.height, 300 + moreRows(figure, width)) : spec.height;
    layout.dragmode = (this.drags[spec.id] ?? "zoom") || false;
    for (const [name, range] of Object.entries(this.zooms[spec.id] || {}))
      if (layout[name]) Object.assign(layout[name], { range: [...range], autorange: false });
    const unwritten = fit(figure, width);
    stack(figure, layout.height);
    layout.uirevision = spec.id + this.wanted + this.resets;
    layout.width = panel.plot.getBoundingClientRect().width || undefined; // plotly.js asks late, when others have moved the page
    layout.autosize = !layout.width;
    const views = viewsOf(spec, shown.tapes, shown.step, this.selection);
    const steps = views.flatMap(([, frames]) => [...frames]).map((frame) => frame.step);
    const awaited = spec.slots.some(({ kind, run, lens }) => {
      const tape = OF_A_MOMENT.has(kind) && tapeOf(shown.tapes, run, this.selection);
      return tape && tape.question && tape.at(lens, shown.step)?.asked === undefined;
    });
    return {
      ...figure,
      unwritten,
      awaited,
      step: moment.step,
      title,
      aside: steps.every((step) => step === shown.step) ? "" : stepsInWords(steps),
      reading: sentences.filter(Boolean).join("\n"),
      source: sourceOf(spec, views, awaited),
    };
  }

  /** The two sides of what is compared, in words. */
  sides(moment = this.present) {
    const { own, name } = this.data.against || {};
    return sidesOf(this.reference, moment.step, this.reference.tapes === this.tapes ? null : [own, name]);
  }

  /** Lay the compared moment against a figure of this one; the title and the sentences that then stand with it. */
  layAgainst(spec, figure, selection, own, reading, moment) {
    if (!this.reference) return { title: spec.title, sentences: [reading] };
    const sides = this.sides(moment);
    if (this.modeSelect.value !== "difference" || !spec.slots.length) return { title: comparedTitle(spec, sides), sentences: [reading] };
    const other = this.other(moment);
    const found = against(figure, filled(spec, other.tapes, other.step, selection, own), this.data.diverging, spec, sides);
    const minus = found.tables.some(({ low }) => low !== undefined);
    return { title: comparedTitle(spec, sides, minus), sentences: [comparedWords(found, sides), reading && minus ? `${capital(sides[0])} itself: ${reading}` : reading] };
  }

  /** The compared moment. */
  other(moment = this.present) {
    return { tapes: this.reference.tapes, step: this.reference.step ?? moment.step };
  }

  /** The tapes that a panel shows, and their step. */
  shown(spec, moment = this.present) {
    return spec.compared ? this.other(moment) : { tapes: this.tapes, step: moment.step };
  }

  describe(panel, { step, title, reading, unwritten, ...figure }) {
    const { title: heading, plot, caption, source, aside, words } = panel;
    heading.textContent = title;
    caption.textContent = reading;
    words.hidden = !unwritten;
    this.listWords(panel);
    source.textContent = figure.source.words;
    source.dataset.kind = figure.source.kind;
    panel.box.classList.toggle("awaited", figure.awaited); // the picture is that of the tape, and not yet the answer
    source.title = [this.data.sources[figure.source.kind], figure.source.names].filter(Boolean).join(": ");
    aside.textContent = figure.aside;
    plot.dataset.step = step;
  }

  /** The drawing is one picture with the figure's title and sentence; plotly's own buttons in it are no stops of Tab. */
  nameDrawing({ plot, title, caption }) {
    const [picture, ...rest] = plot.querySelectorAll(".main-svg");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-labelledby", title.parentElement.id);
    picture.setAttribute("aria-describedby", caption.parentElement.id);
    for (const each of rest) each.setAttribute("aria-hidden", "true");
    for (const each of plot.querySelectorAll("button, a, [tabindex]")) each.tabIndex = -1;
  }

  reading(spec, shown) {
    const sentences = [];
    for (const { run, lens, name } of spec.readings) {
      const tape = tapeOf(shown.tapes, run, this.selection);
      const frame = tape?.at(lens, shown.step);
      let sentence = frame?.readings[name] ?? tape?.words[lens]?.[name];
      if (sentence && typeof sentence === "object") {
        sentence = sentence[spec.reading_index.map((index) => this.selection[index] || 0).join(",")];
      }
      if (sentence) sentences.push(sentence);
    }
    return sentences.join("\n") || spec.reading || "";
  }

  // -- what can be done with a figure

  /** The figures to show: all, or the one that is looked at alone, large. */
  chosenAlone(all) {
    const chosen = all.filter((spec) => this.alone && [this.alone, `${this.alone}-compared`].includes(spec.id));
    this.allButton.hidden = !chosen.length;
    if (!chosen.length) this.alone = "";
    if (chosen.length !== 1) return chosen.length ? chosen : all;
    return [{ ...chosen[0], span: 12, rows: 1, height: Math.max(chosen[0].height, Math.min(640, innerHeight - 420)) }];
  }

  /** Show one figure alone and large; "" shows all again. */
  showAlone(id) {
    const back = this.host.contains(document.activeElement);
    this.alone = id;
    this.layOut(this.data.figures);
    this.bar.hidden = !this.tapes.length && !this.data.scan && !this.data.link && !id;
    this.address();
    this.draw();
    this.grid.scrollIntoView({ block: "nearest" });
    if (back && id) this.allButton.focus({ preventScroll: true });
    else if (back) this.takeButton.focus({ preventScroll: true });
  }

  /** The menu of the bar: each figure, and behind it what can be done with it. */
  figureEntries(anchor) {
    if (this.panels.length === 1) return this.entriesFor(this.panels[0]);
    return this.panels.map((panel) => ({
      text: `${panel.spec.name} …`,
      act: () => setTimeout(() => openMenu(anchor, panel.spec.name, this.entriesFor(panel))),
    }));
  }

  entriesFor(panel) {
    const { id } = panel.spec;
    const drags = this.drags[id] ?? (matchMedia("(pointer: coarse)").matches ? "" : "zoom");
    const drag = (mode, text) => ({ text, checked: drags === mode, act: () => this.dragBy(panel, drags === mode ? "" : mode) });
    const moves = panel.plotted && movable(panel.plot).length > 0;
    const zoomed = this.zooms[id] && Object.keys(this.zooms[id]).length > 0;
    return [
      ...(this.alone ? [{ text: "Show all figures", act: () => this.showAlone("") }] : []),
      ...(!this.alone && this.data.figures.length > 1 ? [{ text: "Show it alone, large", act: () => this.showAlone(id) }] : []),
      ...(moves ? [drag("zoom", "Zoom by dragging"), drag("pan", "Move by dragging")] : []),
      ...(zoomed ? [{ text: "Reset the view", act: () => this.resetView(panel) }] : []),
      ...(panel.plotted ? [
        { text: "Picture (PNG)", act: () => this.take(panel, "png") },
        { text: "Drawing (SVG)", act: () => this.take(panel, "svg") },
        { text: "Numbers (CSV)", act: () => this.take(panel, "csv") },
      ] : []),
      { text: "Copy link to this figure", act: (entry) => this.copyLinkTo(panel, entry) },
    ];
  }

  /** What dragging does, with a mouse and with a finger: "zoom", "pan" or "". Without a choice a mouse zooms, a finger scrolls the page. */
  dragBy(panel, mode) {
    this.drags[panel.spec.id] = mode;
    panel.box.classList.toggle("dragged", Boolean(mode));
    panel.dirty = panel.fresh = true;
    this.draw();
  }

  zoom(panel, ranges) {
    this.zooms[panel.spec.id] = { ...this.zooms[panel.spec.id], ...ranges };
    panel.dirty = panel.fresh = true;
    this.draw();
    this.address();
  }

  zoomedByMouse(panel, change) {
    const moved = new Set(Object.keys(change).map((name) => name.match(/^([xy]axis\d*)\.range/)?.[1]).filter(Boolean));
    const axes = movable(panel.plot).filter(([name]) => moved.has(name));
    if (axes.length) this.zoom(panel, Object.fromEntries(axes.map(([name, axis]) => [name, [...axis.range]])));
  }

  resetView(panel) {
    delete this.zooms[panel.spec.id];
    this.resets += 1; // plotly would keep what a person has zoomed
    for (const each of this.panels) each.dirty = each.fresh = true;
    this.draw();
    this.address();
  }

  /** Hand over a figure as it is now: as a picture with its words, or as its numbers. */
  async take(panel, kind) {
    const { id } = panel.spec;
    const page = location.pathname.replace(/\/+$/, "").split("/").pop() || "home";
    const step = this.times.length ? `-${this.shown(panel.spec).step}` : ""; // what does not move has none
    const name = `${page}-${id}${step}.${kind}`;
    try {
      if (kind === "csv") return handOver(csvFile(this.numbers(panel)), name);
      const made = await this.picture(panel);
      handOver(kind === "svg" ? svgFile(made) : await pngFile(made), name);
    } catch (error) {
      console.error(error);
      this.offered = "This browser could not make the file.";
      this.showNote();
    }
  }

  numbers(panel) {
    const mosaics = {};
    for (const slot of panel.spec.slots.filter(({ kind }) => kind === "mosaic")) {
      const shown = this.shown(panel.spec);
      const { shape } = tapeOf(shown.tapes, slot.run, this.selection).at(slot.lens, shown.step).arrays[slot.name];
      const cell = mosaicCell(shape);
      const [tall, wide] = shape.slice(2).map((size) => Math.ceil(size / cell) + slot.gap);
      mosaics[slot.to.split(".")[1]] = { tall, wide, cell, gap: slot.gap };
    }
    const figure = this.asShown(panel, this.figure(panel, this.present, Infinity));
    const across = {};
    for (const slot of panel.spec.slots.filter(({ kind }) => kind === "across")) {
      const [, at, name] = slot.to.split(".");
      const texts = figure.data[at][name] || [];
      across[at] = { ...across[at], ...(slot.transpose ? { y: texts.map((row) => row[0]) } : { x: texts[0] }) };
    }
    return numbersOf(figure, mosaics, across);
  }

  /** A figure without the traces that the viewer has put out in its legend. */
  asShown(panel, figure) {
    figure.data.forEach((trace, at) => {
      if (panel.plot.data?.[at]?.visible === "legendonly") trace.visible = "legendonly";
    });
    return figure;
  }

  picture(panel) {
    const { spec } = panel;
    const printed = { ...spec, layout: { ...spec.layout, font: { ...spec.layout.font, family: PRINT_FONT } } };
    const width = Math.max(PRINT_WIDTH, panel.box.clientWidth);
    const figure = this.asShown(panel, this.figure({ ...panel, spec: printed }, this.present, width));
    const style = getComputedStyle(this.host);
    const colours = { ground: style.getPropertyValue("--st-background-color"), ink: style.getPropertyValue("--st-text-color") };
    return drawing(figure, { title: this.reference ? figure.title : spec.name, sentence: figure.reading, source: this.source(spec, figure.awaited) }, colours, width, figure.layout.height);
  }

  /** Where a picture comes from: moment, runs, and whatever was chosen or done, in a line. */
  source(spec, awaited) {
    const used = new Set([...spec.slots.flatMap((slot) => [...(slot.index || []), slot.run]), ...spec.reading_index]);
    const choices = (this.data.select || []).filter(({ name, names }) => used.has(name) && names.length > 1);
    const held = this.reference && (this.reference.step ?? null) !== null ? `step ${this.reference.step}` : this.reference?.tapes[0].id;
    const shown = new Set(spec.slots.map(({ run }) => (typeof run === "string" ? this.selection[run] || 0 : run || 0)));
    const runs = this.data.runs.filter((_, number) => shown.has(number));
    return [
      this.times.length ? this.said : document.querySelector("h1")?.textContent,
      ...runs.map(({ id, name }) => (name && name !== id ? `${name} (run ${id})` : `run ${id}`)),
      ...choices.map(({ name, names }) => names[Math.min(this.selection[name] || 0, names.length - 1)]),
      this.askBox.value && `own input${awaited ? ", not answered yet" : ""}: ${this.askBox.value}`,
      this.surgery,
      this.reference && `compared with ${held}`,
      "Unrolled",
    ].filter(Boolean).join(" · ");
  }

  /** What stands in a table's cells, where they are too narrow for it: a list that is open, or can be opened. */
  listWords(panel) {
    const { words } = panel;
    if (words.hidden || !words.open) return;
    const figure = this.figure(panel, this.present, Infinity);
    if (figure) words.replaceChildren(words.firstChild, wordTable(figure));
  }

  copyLinkTo(panel, entry) {
    const url = this.addressed(true);
    url.searchParams.set("figure", panel.spec.id.replace(/-compared$/, ""));
    this.copyAddressOf(entry, url);
    return true;
  }

  /** Which figure is alone and how figures are zoomed, in an address where other players of the page have theirs, too. */
  addressView(url) {
    const own = new Set(this.data.figures.flatMap(({ id }) => [id, `${id}-compared`]));
    const others = Object.entries(zoomsOf(url.searchParams.get("zoom"))).filter(([id]) => !own.has(id));
    const zoom = zoomText({ ...Object.fromEntries(others), ...this.zooms });
    if (zoom) url.searchParams.set("zoom", zoom);
    else url.searchParams.delete("zoom");
    if (this.alone) url.searchParams.set("figure", this.alone);
    else if (own.has(url.searchParams.get("figure"))) url.searchParams.delete("figure");
  }

  clicked(spec, point) {
    if (spec.click.seek) {
      this.scrub(this.times.findLastIndex((step) => step <= point.x));
      return;
    }
    if (spec.click.select) {
      if (point.customdata !== undefined && point.data.mode === "markers") this.choose({ [spec.click.select]: point.customdata });
      return;
    }
    if (spec.click.cell) {
      const [query, key] = point.pointIndex;
      const { layer = 0, head = 0 } = this.selection;
      this.setState("cell", { layer, head, query, key, step: this.step, input: this.askBox.value });
      return;
    }
    if (spec.click.heads) {
      const row = [point.pointIndex].flat()[0]; // of a table or a chart with a row or a bar for each head
      this.choose({ layer: Math.floor(row / spec.click.heads), head: row % spec.click.heads });
      return;
    }
    if (spec.click.operates) {
      this.operate(point.customdata);
      this.setState("surgery", `${point.customdata}\n${++this.drawn}`); // a number, so that the same choice again is news
      return;
    }
    const frame = this.tapes[spec.click.run].at(spec.click.lens, this.step);
    const shape = frame.arrays[spec.click.name].shape;
    const [L, H, T, S] = shape;
    const cell = mosaicCell(shape);
    const layer = Math.floor(point.pointIndex[0] / (Math.ceil(T / cell) + spec.click.gap));
    const head = Math.floor(point.pointIndex[1] / (Math.ceil(S / cell) + spec.click.gap));
    if (layer < L && head < H) this.choose({ layer, head });
  }

  // -- time

  /** All steps at which a frame of any run can be shown. */
  mergeTimes() {
    const steps = new Set();
    for (const tape of this.tapes) for (const frame of tape.frames[tape.lenses[0]]) steps.add(frame.step);
    this.times = Array.from(steps).sort((a, b) => a - b);
  }

  get index() {
    let found = 0;
    this.times.forEach((step, index) => { if (step <= this.step) found = index; });
    return found;
  }

  get live() {
    return this.tapes.some((tape) => tape.live);
  }

  /** What the runs are doing, in a word. */
  get doing() {
    const words = { running: "training", paused: "training paused", queued: "waiting to train", filling: "looking back" };
    const status = Object.keys(words).find((each) => this.tapes.some((tape) => tape.status === each));
    return words[status] || "";
  }

  seek(index, keepFollowing = false) {
    if (!this.times.length) return;
    const bounded = Math.max(0, Math.min(index, this.times.length - 1));
    this.step = this.times[bounded];
    if (!keepFollowing) this.follow = false;
    this.draw();
  }

  scrub(index) {
    this.pause();
    this.seek(index);
    this.address();
  }

  nudge(by) {
    this.pause();
    this.seek(this.index + by);
    this.address();
  }

  toggle() {
    if (this.playing) {
      this.pause();
      this.address();
    } else this.play();
  }

  pause() {
    this.playing = false;
    this.follow = false;
    this.showBar();
    this.followLater();
    this.tell();
  }

  /** Tell a screen reader the moment and the first sentence in sight, once both stand still. */
  tell() {
    clearTimeout(this.tellTimer);
    this.tellTimer = setTimeout(() => {
      if (this.closed || this.playing || this.follow) return;
      if (this.drawing) return this.tell();
      const seen = this.panels.find(({ box }) => box.getBoundingClientRect().bottom > 0) || this.panels[0];
      this.told.textContent = [this.said, seen?.caption.textContent].filter(Boolean).join(". ");
    }, TELL_MS);
  }

  /** Whether there is anything to play or to step through. */
  get movable() {
    return !this.closed && !this.bar.hidden && this.times?.length > 1;
  }

  play() {
    if (!this.times.length) return;
    if (this.index >= this.times.length - 1) this.seek(0);
    this.playing = true;
    this.follow = false;
    this.address();
    this.showBar();
    let last = performance.now();
    let position = this.index;
    const turn = (this.playTurn = (this.playTurn || 0) + 1);
    const run = (now) => {
      if (!this.playing || this.closed || turn !== this.playTurn) return;
      if (this.late) return requestAnimationFrame(run); // never ahead of what is drawn
      const rate = Math.max(this.times.length / PLAY_SECONDS, 3) * this.speed;
      position += (Math.min(now - last, 250) / 1000) * rate;
      last = now;
      if (Math.floor(position) !== this.index) this.seek(Math.floor(position), true);
      if (position >= this.times.length - 1) {
        if (this.live) return this.goLive();
        this.playing = false;
        this.followLater();
        if (this.data.loop) this.loopTimer = setTimeout(() => !this.closed && this.play(), 2500);
        else this.tell();
        this.showBar();
        return;
      }
      requestAnimationFrame(run);
    };
    requestAnimationFrame(run);
  }

  goLive() {
    this.playing = false;
    this.follow = true;
    this.address();
    this.seek(this.times.length - 1, true);
  }

  showBar() {
    icon(this.playButton, this.playing ? "pause" : "play");
    const label = this.playing ? "Hold the recording" : "Play the recording";
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = `${label} (K)`;
    this.slider.setAttribute("aria-label", this.data?.scan ? this.data.scan.label : "Training step");
    this.showTicks();
    this.showMoment();
    this.pinButton.hidden = !this.times.length || !this.data?.diverging || this.data.loop;
    this.pinButton.classList.toggle("on", Boolean(this.reference));
    this.pinButton.textContent = this.reference ? `Compared with ${this.sides()[1]} ✕` : "Pin";
    this.pinButton.title = this.reference ? "Stop comparing" : "Keep this moment and compare others with it";
    this.modeSelect.hidden = !this.reference;
    if (!this.live && this.liveButton === document.activeElement) this.playButton.focus(); // it goes
    this.liveButton.hidden = !this.live;
    this.liveButton.classList.toggle("on", this.follow);
    this.liveButton.setAttribute("aria-pressed", this.follow);
    if (this.movable !== this.skippable) {
      this.skippable = this.movable;
      offerSkip();
    }
  }

  /** Some places of the bar by name, since it goes from kept moment to kept moment and these are dense at the start. */
  showTicks() {
    const width = this.slider.clientWidth - THUMB;
    const key = `${width} ${this.times.length} ${this.times.at(-1)}`;
    if (key === this.ticked) return;
    this.ticked = key;
    const uneven = !isEven(this.times);
    this.slider.title = uneven ? "From kept moment to kept moment, which are dense at the start: the bar is not even in steps" : "";
    const marks = this.times.length > 1 ? named(this.times, (text) => wide(text, 10, { font: { family: "sans-serif" } }) / width) : [];
    this.ticks.replaceChildren(
      ...marks.map(({ step, at }) => {
        const tick = make("i", { text: step });
        tick.style.left = `calc(${THUMB / 2}px + (100% - ${THUMB}px) * ${at})`;
        return tick;
      }),
    );
  }

  /** The moment that the figures show, on the bar; a thumb that has been moved on stays where it was put. */
  showMoment() {
    const { step } = this.present;
    this.slider.max = Math.max(0, this.times.length - 1);
    this.bar.dataset.late = step !== this.step;
    if (step === this.step) this.slider.value = this.index;
    const total = Math.max(0, ...this.tapes.map((tape) => tape.header.steps || 0));
    const scan = this.data?.scan;
    const said = (this.said = scan ? `${scan.label} ${step} of ${this.times.at(-1)}` : `step ${step} of ${total}`);
    this.stepLabel.textContent = [this.times.length ? said : "", this.doing].filter(Boolean).join(" · ");
    this.slider.setAttribute("aria-valuetext", this.playing ? "playing" : said); // not each frame to who stands on it
  }

  // -- the address: step and selection are part of what a colleague sees

  address() {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => writeAddress(this.addressed()), 250);
  }

  /** The page's address with what this player shows; while it plays without the step, unless this very moment is meant. */
  addressed(moment = false) {
    const url = new URL(location.href);
    if (this.follow || (this.playing && !moment) || !this.times.length) url.searchParams.delete("step");
    else url.searchParams.set("step", this.step);
    for (const { name } of this.data.select || []) {
      if ((this.selection[name] || 0) !== (this.data.start?.[name] || 0)) url.searchParams.set(name, this.selection[name]);
      else url.searchParams.delete(name);
    }
    const held = this.reference && this.reference.tapes === this.tapes ? `@${this.reference.step}` : null;
    if (held) url.searchParams.set("against", held);
    else if (!this.reference) url.searchParams.delete("against");
    if (this.reference && this.modeSelect.value === "beside") url.searchParams.set("compare", "beside");
    else if (this.data.diverging) url.searchParams.delete("compare");
    this.addressView(url);
    if (this.askBox.value) url.searchParams.set("input", this.askBox.value);
    else if (this.data.ask) url.searchParams.delete("input"); // without a box it is not this player's
    return url;
  }

  /** The address of this moment for somebody else. */
  copyLink() {
    this.copyAddressOf(this.linkButton, this.addressed(true));
  }

  copyAddressOf(button, url) {
    copyAddress(button, outerAddress(url.href), (address) => {
      this.offered = `The browser lets no page copy here. The address is ${address}`;
      this.showNote();
    });
  }

  // -- fetching

  async poll(generation) {
    if (this.closed || generation !== this.generation) return;
    const now = performance.now();
    const due = this.tapes.filter((tape) => tape.due <= now);
    await Promise.all(due.map((tape) => this.fetchTape(tape, generation)));
    if (this.closed || generation !== this.generation) return;
    if (due.length) this.received();
    const waits = this.tapes.map((tape) => tape.due - performance.now()).filter((wait) => wait < 1e9);
    if (waits.length) this.pollTimer = setTimeout(() => this.poll(generation), Math.max(10, Math.min(...waits)));
  }

  async fetchTape(tape, generation) {
    try {
      await tape.fetch(this.base);
      tape.failures = 0;
      const wait = tape.header.more ? 0 : POLL_MS[tape.status];
      tape.due = wait === undefined ? Infinity : performance.now() + (document.hidden ? Math.max(wait, 2000) : wait);
    } catch (error) {
      tape.failures += 1;
      tape.due = performance.now() + Math.min(8000, 250 * 2 ** tape.failures);
      if (error instanceof Busy) return;
      if (generation === this.generation && tape.after < 0 && tape.failures >= 2) this.setState("routes", "unreachable");
    }
  }

  received() {
    this.mergeTimes();
    const whole = this.tapes.every((tape) => !tape.header.more);
    this.heard ||= whole || this.pinned === null || this.times.at(-1) >= this.pinned;
    if (this.times.length && !this.started) {
      this.started = true;
      if (this.pinned !== null) this.step = this.pinned;
      else if (this.live) this.follow = true;
      else if (this.autoplay) this.play();
      else if (whole) this.seek(this.times.length - 1, true);
      else this.started = false;
    }
    if (this.follow) this.seek(this.times.length - 1, true);
    else this.draw();
    const states = this.tapes.map((tape) => `${tape.id}:${tape.status}`).join();
    if (whole && states !== this.reported) {
      const over = this.tapes.some((tape, number) => this.data.runs[number].live && !tape.live);
      const news = over || this.reported !== "";
      this.reported = states;
      if (news) this.setState("states", states); // so that Python shows the buttons that fit
    }
    this.showNote();
  }

  showNote() {
    this.askBox.setAttribute("aria-invalid", Boolean(this.complaint));
    const said = [...new Set(this.everyTape().map((tape) => tape.said))].map((words) => [words, "computed now · your input"]);
    const messages = this.tapes.map(({ header, live }) => [header.message, live ? "" : ["recorded", header.name].filter(Boolean).join(" · ")]);
    const sentences = [[this.complaint], [this.offered], ...said, ...messages].filter(([words]) => words);
    this.note.replaceChildren(...sentences.flatMap(([words, source]) => [
      `${words} `, ...(source ? [make("span", { class: "source", "data-kind": source.split(" · ")[0], text: source }), " "] : [])]));
  }
}
