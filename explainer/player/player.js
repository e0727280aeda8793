// The player: keeps the tapes of a page's runs, draws one moment of them, and moves through time.
//
// Figures come whole from Python (plotly's JSON) with slots: places that a moment's arrays fill.
// What is known of addresses is in link.js and what keys do in keys.js, which stand in front of this.
// New chunks of tape are fetched from /api/tape; nothing here asks Python to run again for a frame.

const PLAY_SECONDS = 14; // a whole tape at speed 1
const AHEAD_MS = 250; // an answer that takes longer costs others too much to be asked for before it is wanted
const POLL_MS = { queued: 120, running: 220, paused: 700, filling: 400 };
// Nothing that sends a chart anywhere: plotly's own set of buttons has one that does.
const BUTTONS = [["toImage"], ["zoom2d", "pan2d", "resetScale2d"]];
const PLOTLY_CONFIG = { displaylogo: false, responsive: false, displayModeBar: "hover", modeBarButtons: BUTTONS };
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
    const { readings } = JSON.parse(head.text.header);
    return { step, arrays: { ...body.arrays, ...notes.arrays }, text: { ...body.text, ...notes.text }, readings };
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

/** What a slot asks for at a step, or undefined when the tape has none of it yet. */
function slotValue(slot, tapes, step, selection, own) {
  const tape = tapeOf(tapes, slot.run, selection);
  const indices = (slot.index || []).map((index) => (typeof index === "string" ? selection[index] || 0 : index));
  if (slot.kind === "step") return slot.offset ? step + slot.offset : step;
  if (slot.kind === "own") return part(own[slot.name], indices);
  if (slot.kind === "series") return tape.metrics[slot.name];
  if (slot.kind === "lowest") return lowest(tape.metrics, slot.name, step);
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

/** Each panel with a table, and its twin for the compared moment next to it; then the other panels. */
function beside(panels) {
  const twofold = (spec) => spec.data.some((trace, index) => trace.type === "heatmap" && moves(spec, index));
  const pairs = panels.filter(twofold).flatMap((spec) => {
    const half = { ...spec, span: 6, rows: 1 };
    return [half, { ...half, id: `${spec.id}-compared`, title: `${spec.title} (compared)`, compared: true, click: null }];
  });
  return [...pairs, ...panels.filter((spec) => !twofold(spec))];
}

/**
 * Two moments in one figure: tables become their difference, lines and points get the other one behind them.
 * What there is to say of the tables: how far they are apart, or that they have different sizes.
 */
function against(figure, other, scale, spec) {
  const behind = [];
  const said = [];
  figure.data.forEach((trace, index) => {
    const twin = other.data[index];
    if (!twin || trace.hoverinfo === "skip") return; // marks and helpers, which say nothing of their own
    if (trace.mode === "text") { // words in cells, which get other colours; those of the other moment would stand on them
      trace.textfont = { ...trace.textfont, color: "#111111", shadow: "0 0 3px #FFFFFF, 0 0 3px #FFFFFF" };
      return;
    }
    if (trace.type === "heatmap") {
      if (!moves(spec, index) || !trace.z?.length || !twin.z?.length) return;
      const [here, there] = [trace.z, twin.z].map((rows) => `${rows.length} × ${rows[0].length}`);
      if (here !== there) {
        said.push(`Not compared: the other table is ${there}, this one ${here}.`);
        return;
      }
      trace.z = trace.z.map((row, y) => Array.from(row, (value, x) => value - twin.z[y][x]));
      const numbers = trace.z.some((row) => row.some(Number.isFinite));
      const [low, high] = numbers ? extent(trace.z) : [0, 0];
      const most = Math.max(-low, high);
      said.push(numbers ? `Differences from ${low.toPrecision(2)} to ${high.toPrecision(2)}.` : "No cell is a number in both.");
      Object.assign(trace, { colorscale: scale, reversescale: false, zmid: 0, zauto: false, zmin: -most || -1, zmax: most || 1 });
      if (trace.colorbar) trace.colorbar = { ...trace.colorbar, title: { ...trace.colorbar.title, text: "difference", side: "right" }, tickvals: null };
    } else if (trace.x?.length || trace.y?.length) {
      behind.push({ ...twin, name: `${twin.name || ""} (compared)`, opacity: 0.4, line: { ...twin.line, dash: "dot" }, marker: { ...twin.marker, showscale: false, colorbar: undefined }, showlegend: false });
    }
  });
  figure.data.push(...behind);
  return said;
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
  const drawn = data.map((trace) => Array.from(trace.y || [], (value) => (log ? Math.log10(value) : Number(value))));
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

/** Leave out labels under the axis, and words in the cells of a table, that would stand on each other in this width. */
function fit({ data, layout }, width) {
  const { l = 58, r = 14 } = layout.margin || {};
  const axis = layout.xaxis;
  const values = axis?.tickvals;
  // Without a range: as many columns as the table has, or the labels' places with a margin.
  const [from, to] = axis?.range || [0, data[0]?.z?.[0]?.length || 1.13 * values?.length];
  const unit = (width - l - r - barWidth({ data, layout })) / (Math.abs(to - from) || 1); // pixels
  if (data.some((trace) => trace.type === "heatmap"))
    for (const trace of data) {
      if (trace.mode !== "text" || Math.max(...(trace.text || []).map((text) => wide(text, trace.textfont.size, layout))) < unit) continue;
      Object.assign(trace, { mode: "markers", marker: { opacity: 0 } }); // hovering still tells
    }
  if (axis?.type === "log" || !(values?.length > 1) || !axis.ticktext) return;
  const size = axis.tickfont?.size || 11;
  const gap = (values[1] - values[0]) * unit;
  const apart = (every, size) => axis.ticktext.every((text, at) => at % every || at < every || (wide(text, size, layout) + wide(axis.ticktext[at - every], size, layout)) / 2 + 3 <= every * gap);
  if (apart(1, size)) {
    axis.tickangle = 0;
    return;
  }
  const upright = axis.tickangle !== 0 ? Math.ceil((size + 1) / gap) : Infinity;
  let every = 1;
  if (apart(1, size - 1)) axis.tickfont = { ...axis.tickfont, size: size - 1 };
  else while (every < values.length && !apart(every, size)) every++;
  axis.tickangle = every > upright ? -90 : 0;
  every = Math.min(every, upright);
  axis.tickvals = Array.from(values).filter((_, at) => at % every === 0);
  axis.ticktext = axis.ticktext.filter((_, at) => at % every === 0);
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
    const over = t + (layout.showlegend ? this.legendHeight(width - l - r) : 0);
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
  legendHeight(room) {
    const names = this.traces.filter((trace) => trace.showlegend !== false && trace.name);
    const entries = names.map((trace) => wide(trace.name, 12, this.layout) + 45);
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
    this.turn = -1;
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
    this.speedSelect = make("select", { "aria-label": "Speed of playing", title: "Speed" });
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
    this.modeSelect = make("select", { "aria-label": "How to compare", title: "How to compare" });
    for (const [value, text] of [["difference", "Difference"], ["beside", "Side by side"]]) {
      this.modeSelect.append(make("option", { value, text }));
    }
    this.modeSelect.onchange = () => {
      this.layOut(this.data.figures);
      this.draw();
    };
    this.linkButton = make("button", { type: "button", class: "link", text: "Copy link", title: "Copy the address of this moment", "aria-live": "polite" });
    this.linkButton.onclick = () => this.copyLink();
    this.note = make("p", { class: "note", role: "status" });
    this.told = make("p", { class: "told", role: "status" });
    const keys = keysHelp(`unrolled-keys-${this.number}`);
    this.bar = make(
      "div",
      { class: "bar", role: "group", "aria-label": "Player" },
      make("span", { class: "row" }, this.backButton, this.playButton, this.forwardButton, this.slider, this.linkButton),
      make(
        "span",
        { class: "row" },
        this.stepLabel, this.speedSelect, this.liveButton, this.selectors, this.pinButton, this.modeSelect, this.askBox, keys.button,
      ),
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
    this.setState("background", now);
  }

  close() {
    open.delete(this);
    this.closed = true;
    this.playing = false;
    clearTimeout(this.loopTimer);
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
    if (data.ask) {
      this.askBox.maxLength = data.ask.most;
      this.askBox.placeholder = data.ask.placeholder;
      this.askBox.title = data.ask.help;
      this.askBox.setAttribute("aria-label", data.ask.label);
    }
    this.layOut(data.figures);
    this.layOutSelectors(data.select || []);
    const moves = data.runs.length > 0 || Boolean(data.scan);
    this.bar.hidden = !moves && !data.link;
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
    this.autoplay = data.autoplay && this.pinned === null && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.started = false;
    this.heard = false;
    this.reported = "";
    this.times = [];
    this.reference = null;
    this.compared = undefined;
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

  // -- the viewer's own input

  /** Put an input to every model on the page; the empty one goes back to the tape's own sequence. */
  ask(input) {
    for (const tape of this.everyTape()) {
      tape.input = input;
      tape.answers = new Map();
    }
    this.complaint = "";
    this.showNote();
    this.asking.clear();
    this.address();
    this.draw();
  }

  /** Operate on every model on the page; "" leaves them whole. */
  operate(surgery) {
    if (surgery === this.surgery) return;
    this.surgery = surgery;
    for (const tape of this.everyTape()) {
      tape.input = this.askBox.value;
      tape.surgery = surgery;
      tape.answers = new Map();
    }
    this.complaint = "";
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
      for (const each of this.everyTape()) each.input = each.surgery = "";
    } else {
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
    const figures = this.reference && this.modeSelect.value === "beside" ? beside(panels) : panels;
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
        const caption = make("figcaption", { id: `${name}-said` });
        const title = make(`h${this.data.heading}`, { id: name, text: spec.title });
        const box = make("figure", { "data-figure": spec.id, "aria-labelledby": name }, title, plot, caption);
        const panel = { plot, caption, title, box, visible: true, plotted: false, dirty: true };
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
      panel.dirty = true;
      panel.title.textContent = spec.title;
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

  resize() {
    for (const panel of this.panels) if (panel.plotted) window.Plotly.Plots.resize(panel.plot);
  }

  /** Draw the present moment: one figure a task, so that no task is long; only the latest moment. */
  draw() {
    for (const panel of this.panels) panel.dirty ||= panel.spec.slots.length + panel.spec.readings.length > 0;
    this.showBar();
    this.wonder();
    if (this.drawing || this.unreachable) return;
    this.drawing = true;
    const next = async () => {
      if (!window.Plotly) await this.awaitPlotly();
      // In turn, so that a fast tape does not keep the last figure from being drawn.
      const count = this.panels.length;
      const order = this.panels.map((_, offset) => this.panels[(this.turn + 1 + offset) % count]);
      const panel = order.find((each) => each.dirty && (each.visible || !each.plotted));
      if (!panel || this.closed || this.unreachable) {
        this.drawing = false;
        return;
      }
      this.turn = this.panels.indexOf(panel);
      panel.dirty = false;
      try {
        await this.drawPanel(panel);
      } catch (error) {
        console.error(error);
      }
      setTimeout(next, 0);
    };
    requestAnimationFrame(() => next());
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
    const figure = this.figure(panel);
    if (!figure) return;
    panel.plot.replaceChildren(new Sketch(figure, panel.plot.clientWidth, figure.layout.height).canvas);
    this.describe(panel, figure);
  }

  async drawPanel(panel) {
    const figure = this.figure(panel);
    if (!figure || !window.Plotly) return;
    await new Promise((next) => setTimeout(next)); // filling is a task, drawing another
    if (this.closed || !this.panels.includes(panel)) return;
    const { data, layout } = figure;
    const spec = panel.spec;
    await Plotly.react(panel.plot, data, layout, { ...PLOTLY_CONFIG, toImageButtonOptions: { filename: spec.id, scale: 2 } });
    this.nameDrawing(panel);
    if (!panel.plotted) {
      panel.plotted = true;
      panel.plot.querySelector(".sketch")?.remove();
      if (spec.click?.seek) panel.plot.title = "A click on a curve goes to its step";
      if (spec.click) panel.plot.on("plotly_click", (event) => this.clicked(panel.spec, event.points[0]));
    }
    this.describe(panel, figure);
  }

  /** What a panel shows of the present moment, with its step and reading; null while there is none: the picture stays. */
  figure(panel) {
    const ready = this.tapes.some((tape) => tape.frames[tape.lenses[0]].length > 0);
    if (!ready && this.tapes.length) return null;
    const spec = panel.spec;
    const selection = { ...this.selection, place: this.index };
    const shown = this.shown(spec);
    const figure = filled(spec, shown.tapes, shown.step, selection, panel.own);
    const { layout } = figure;
    const sentences = [this.reading(spec, shown)];
    if (this.reference && this.modeSelect.value === "difference" && spec.slots.length) {
      const other = this.other();
      sentences.push(...against(figure, filled(spec, other.tapes, other.step, selection, panel.own), this.data.diverging, spec));
    }
    const small = panel.box.clientWidth < 420;
    fit(figure, panel.box.clientWidth);
    stack(figure, small ? Math.min(spec.height, 300) : spec.height);
    layout.datarevision = ++this.drawn;
    layout.uirevision = spec.id + this.wanted;
    layout.height = small ? Math.min(spec.height, 300) : spec.height;
    panel.plot.style.height = `${layout.height}px`;
    layout.width = undefined;
    layout.autosize = true;
    return { ...figure, step: this.step, reading: sentences.filter(Boolean).join("\n") };
  }

  /** The compared moment. */
  other() {
    return { tapes: this.reference.tapes, step: this.reference.step ?? this.step };
  }

  /** The moment that a panel shows. */
  shown(spec) {
    return spec.compared ? this.other() : { tapes: this.tapes, step: this.step };
  }

  describe({ plot, caption }, { step, reading }) {
    caption.textContent = reading;
    plot.dataset.step = step;
  }

  /** The drawing is one picture with the figure's title and sentence; plotly's own buttons in it are no stops of Tab. */
  nameDrawing({ plot, title, caption }) {
    const [picture, ...rest] = plot.querySelectorAll(".main-svg");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-labelledby", title.id);
    picture.setAttribute("aria-describedby", caption.id);
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
    this.tell();
  }

  /** Tell a screen reader the moment and the first sentence in sight, once both stand still. */
  tell() {
    clearTimeout(this.tellTimer);
    this.tellTimer = setTimeout(() => {
      if (this.closed || this.playing || this.follow) return;
      if (this.drawing) return this.tell();
      const seen = this.panels.find(({ box }) => box.getBoundingClientRect().bottom > 0) || this.panels[0];
      this.told.textContent = [this.slider.getAttribute("aria-valuetext"), seen?.caption.textContent].filter(Boolean).join(". ");
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
      const rate = Math.max(this.times.length / PLAY_SECONDS, 3) * this.speed;
      position += (Math.min(now - last, 250) / 1000) * rate;
      last = now;
      if (Math.floor(position) !== this.index) this.seek(Math.floor(position), true);
      if (position >= this.times.length - 1) {
        if (this.live) return this.goLive();
        this.playing = false;
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
    const index = this.index;
    this.slider.max = Math.max(0, this.times.length - 1);
    this.slider.value = index;
    const total = Math.max(0, ...this.tapes.map((tape) => tape.header.steps || 0));
    const scan = this.data?.scan;
    const said = scan ? `${scan.label} ${this.step} of ${this.times.at(-1)}` : `step ${this.step} of ${total}`;
    this.slider.setAttribute("aria-label", scan ? scan.label : "Training step");
    this.stepLabel.textContent = [this.times.length ? said : "", this.doing].filter(Boolean).join(" · ");
    this.slider.setAttribute("aria-valuetext", this.playing ? "playing" : said); // not each frame to who stands on it
    this.pinButton.hidden = !this.times.length || !this.data?.diverging || this.data.loop;
    this.pinButton.classList.toggle("on", Boolean(this.reference));
    const held = this.reference?.step ?? "";
    this.pinButton.textContent = this.reference ? `Compared with ${held === "" ? "another run" : `step ${held}`} ✕` : "Pin";
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
    if (this.askBox.value) url.searchParams.set("input", this.askBox.value);
    else if (this.data.ask) url.searchParams.delete("input"); // without a box it is not this player's
    return url;
  }

  /** The address of this moment for somebody else. */
  copyLink() {
    copyAddress(this.linkButton, outerAddress(this.addressed(true).href), (address) => {
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
    this.note.textContent = [this.complaint, this.offered, ...this.tapes.map((tape) => tape.header.message)].filter(Boolean).join(" ");
  }
}
