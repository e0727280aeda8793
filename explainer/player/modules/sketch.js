// A first sight: the browser needs a second or two to read plotly.js. Until then a figure is drawn on a canvas, plainly:
// its tables, lines, points and bars on its own axes, with neither hover nor zoom.

import { make } from "./dom.js";
import { barWidth, legendHeight, wide } from "./fit.js";
import { edges, extent, levelOf, palette, powerOf, ticks } from "./scales.js";
/** @import { Axis, Figure, Layout, Trace, Values } from "./types.js" */
/** @typedef {[number, number]} Point */

export class Sketch {
  /** A figure on a canvas of this many pixels. @param {Figure} figure @param {number} width @param {number} height */
  constructor({ data, layout }, width, height) {
    this.layout = layout;
    this.traces = data.filter((trace) => trace.visible !== false && (trace.z?.length || trace.y?.length || trace.x?.length));
    this.canvas = make("canvas", { class: "sketch", "aria-hidden": "true" });
    const density = window.devicePixelRatio || 1;
    this.canvas.width = width * density;
    this.canvas.height = height * density;
    this.canvas.style.cssText = `width: ${width}px; height: ${height}px`;
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.pen.scale(density, density);
    const { l = 58, r = 14, t = 10, b = 44 } = layout.margin || {};
    const over = t + (layout.showlegend ? legendHeight(this.traces, layout, width - l - r) : 0);
    this.area = { left: l, top: over, width: Math.max(1, width - l - r - barWidth({ data: this.traces, layout })), height: Math.max(1, height - over - b) };
    /** @type {Record<string, Axis>} */
    this.axes = {};
    for (const trace of this.traces) {
      this.axes[trace.xaxis || "x"] ??= this.axis("x", trace.xaxis || "x");
      this.axes[trace.yaxis || "y"] ??= this.axis("y", trace.yaxis || "y");
    }
    this.sameScale();
    for (const axis of Object.values(this.axes)) this.drawAxis(axis);
    for (const trace of this.traces) this.drawTrace(trace);
  }

  /** Where both axes have one scale, so that a circle is round, widen the range of the one with more room. */
  sameScale() {
    const { x, y } = this.axes;
    if (!x || !y || !(x.set.scaleanchor || y.set.scaleanchor)) return;
    const unit = (/** @type {Axis} */ { range, pixels }) => Math.abs((range[1] - range[0]) / (pixels[1] - pixels[0]));
    const [wide, tall] = unit(x) < unit(y) ? [x, y] : [y, x];
    const more = unit(tall) / unit(wide);
    const middle = (wide.range[0] + wide.range[1]) / 2;
    wide.range.forEach((end, at) => (wide.range[at] = middle + (end - middle) * more));
  }

  /** One axis: from where to where it goes in numbers and in pixels. @type {(letter: "x" | "y", id: string) => Axis} */
  axis(letter, id) {
    const set = this.layout[`${letter}axis${id.slice(1)}`] || {};
    const on = this.traces.filter((trace) => (trace[`${letter}axis`] || letter) === id);
    const log = set.type === "log";
    const names = [...new Set(on.flatMap((trace) => Array.from(trace[letter] || [])).filter((value) => typeof value === "string"))];
    const place = (/** @type {any} */ value) => {
      if (typeof value === "string") return names.indexOf(value);
      return value === null ? NaN : log ? Math.log10(value) : Number(value);
    };
    const range = set.range?.every((/** @type {any} */ end) => end !== null) ? [...set.range] : this.rangeOf(letter, set, on, place);
    const [from, to] = set.domain || [0, 1];
    const { left, top, width, height } = this.area;
    const pixels = letter === "x" ? [left + from * width, left + to * width] : [top + (1 - from) * height, top + (1 - to) * height];
    const pixel = (/** @type {number} */ where) => pixels[0] + ((where - range[0]) / (range[1] - range[0])) * (pixels[1] - pixels[0]);
    return { id, letter, set, range, pixels, names, log, place, pixel, at: (value) => pixel(place(value)) };
  }

  /**
   * From where to where an axis goes that follows its traces, as plotly has it.
   *
   * @type {(letter: "x" | "y", set: Layout, on: Trace[], place: Axis["place"]) => number[]}
   */
  rangeOf(letter, set, on, place) {
    const reach = (/** @type {Trace[]} */ traces) => extent(traces.map((trace) => this.places(trace, letter, place)));
    const [low, high] = reach(on);
    const bars = on.filter((trace) => trace.type === "bar");
    const along = bars.some((trace) => (trace.orientation === "h") === (letter === "x")); // from 0 on
    const tables = on.some((trace) => trace.type === "heatmap");
    const roomy = tables ? [] : on.filter((trace) => letter === "y" || trace.mode?.includes("markers"));
    const [least, most] = roomy.length ? reach(roomy) : [low, high];
    const edge = bars.length && !along ? 0.5 : roomy.length ? (high - low || 1) * 0.05 : 0;
    const range = bars.length
      ? [along && set.type !== "log" ? Math.min(0, low) : low - edge, high + edge]
      : [Math.min(low, least - edge), Math.max(high, most + edge)];
    return set.autorange === "reversed" ? range.reverse() : range;
  }

  /** Where a trace's values are; of a table its cells' edges. @type {(trace: Trace, letter: "x" | "y", place: Axis["place"]) => number[]} */
  places(trace, letter, place) {
    const given = trace[letter] && Array.from(trace[letter], place);
    if (trace.type === "heatmap") return edges(given, letter === "x" ? trace.z[0].length : trace.z.length);
    const from = trace[`${letter}0`] ?? 0;
    return given || [from, from + (trace.x || trace.y).length - 1];
  }

  /** The lines, numbers and title of an axis. @param {Axis} axis */
  drawAxis({ letter, set, range, pixels, names, at, log }) {
    if (set.visible === false) return;
    const { pen, layout } = this;
    const across = letter === "x";
    const other = this.axes[set.anchor] || Object.values(this.axes).find((axis) => axis.letter !== letter);
    const [foot, end] = other.pixels;
    const values = set.tickvals || (names.length ? names : log ? ticks(range).filter(Number.isInteger).map((power) => 10 ** power) : ticks(range));
    const size = set.tickfont?.size || 11;
    let widest = 0;
    pen.font = `${size}px ${layout.font.family}`;
    pen.fillStyle = set.tickfont?.color || layout.font.color;
    pen.strokeStyle = set.gridcolor || "#888";
    pen.textAlign = across ? "center" : "right";
    pen.textBaseline = across ? "top" : "middle";
    values.forEach((/** @type {any} */ value, /** @type {number} */ index) => {
      const place = at(value);
      if (!(place >= Math.min(...pixels) - 1 && place <= Math.max(...pixels) + 1)) return;
      if (set.showgrid !== false) this.line(across ? [[place, foot], [place, end]] : [[foot, place], [end, place]], 1);
      if (set.showticklabels === false) return;
      const own = typeof value === "string" ? value : log ? powerOf(value) : Number(Number(value).toPrecision(4));
      const text = String(set.ticktext?.[index] ?? own).replace("-", "−");
      widest = Math.max(widest, wide(text, size, layout));
      if (set.tickangle === -90) this.upright(text, across ? place : foot - 8, across ? foot + 5 : place, across ? "right" : "center");
      else if (across) pen.fillText(text, place, foot + 5);
      else pen.fillText(text, foot - 5, place, foot - 6);
    });
    const title = set.title?.text || "";
    const middle = (pixels[0] + pixels[1]) / 2;
    pen.font = `12px ${layout.font.family}`;
    pen.fillStyle = layout.font.color;
    pen.textAlign = "center";
    if (across) pen.fillText(title, middle, foot + 9 + (set.tickangle === -90 ? widest : size));
    else this.upright(title, foot - widest - 15, middle, "center");
  }

  /**
   * Text that is read from below, and ends at a place, or has its middle there.
   *
   * @type {(text: string, x: number, y: number, align: CanvasTextAlign) => void}
   */
  upright(text, x, y, align) {
    const { pen } = this;
    pen.save();
    pen.translate(x, y);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = align;
    pen.textBaseline = "middle";
    pen.fillText(text, 0, 0);
    pen.restore();
  }

  /** @param {Trace} trace */
  drawTrace(trace) {
    const [x, y] = [this.axes[trace.xaxis || "x"], this.axes[trace.yaxis || "y"]];
    if (trace.type === "heatmap") return this.drawTable(trace, x, y);
    const count = Math.max(trace.x?.length || 0, trace.y?.length || 0);
    const points = Array.from({ length: count }, (_, at) => /** @type {Point} */ (
      [x.at(trace.x ? trace.x[at] : at + (trace.x0 ?? 0)), y.at(trace.y ? trace.y[at] : at)]));
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

  /** Errors as upright lines with short ends. @type {(trace: Trace, points: Point[], y: Axis) => void} */
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

  /**
   * Bars from zero, or from the foot of a log axis; those of several traces side by side.
   *
   * @type {(trace: Trace, points: Point[], x: Axis, y: Axis) => void}
   */
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

  /** @type {(trace: Trace, points: Point[]) => void} */
  words({ text, textfont }, points) {
    this.pen.font = `${textfont?.size || 12}px ${this.layout.font.family}`;
    this.pen.textAlign = "center";
    this.pen.textBaseline = "middle";
    points.forEach(([x, y], at) => {
      this.pen.fillStyle = [textfont?.color || this.layout.font.color].flat()[Array.isArray(textfont?.color) ? at : 0];
      this.pen.fillText(text?.[at] ?? "", x, y);
    });
  }

  /** A line, broken where there is no number. @type {(points: Point[], width: number, dash?: string, within?: string) => void} */
  line(points, width, dash, within) {
    const { pen } = this;
    pen.lineWidth = width;
    pen.setLineDash(dash === "dash" ? [9, 5] : dash === "dot" ? [2, 4] : []);
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

  /** Points as a trace's marker has them. @type {(points: Point[], marker: Layout) => void} */
  dots(points, { size = 6, color, colorscale, cmin, cmax, symbol = "circle", line }) {
    const scaled = Array.isArray(color) && color.every((/** @type {unknown} */ each) => typeof each === "number");
    const [low, high] = scaled ? extent([color]) : [0, 1];
    const colours = scaled ? palette(colorscale) : [];
    points.forEach(([x, y], index) => {
      if (scaled) {
        const share = (color[index] - (cmin ?? low)) / ((cmax ?? high) - (cmin ?? low) || 1);
        this.pen.fillStyle = `rgb(${colours[levelOf(share)].slice(0, 3)})`;
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

  /** @type {(trace: Trace, x: Axis, y: Axis) => void} */
  drawTable({ z, x: columns, y: rows, zmin, zmax, zmid, colorscale, reversescale }, x, y) {
    let [low, high] = extent(z);
    if (zmid !== undefined && zmin === undefined) {
      const most = Math.max(high - zmid, zmid - low);
      [low, high] = [zmid - most, zmid + most];
    }
    [low, high] = [zmin ?? low, zmax ?? high];
    const colours = reversescale ? palette(colorscale).reverse() : palette(colorscale);
    const image = new ImageData(z[0].length, z.length);
    z.forEach((/** @type {Values} */ row, /** @type {number} */ r) => row.forEach((value, c) => {
      if (Number.isFinite(value)) image.data.set(colours[levelOf((value - low) / (high - low || 1))], 4 * (r * row.length + c));
    }));
    const small = make("canvas", { width: image.width, height: image.height });
    /** @type {CanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(image, 0, 0);
    const lefts = this.places({ type: "heatmap", z, x: columns }, "x", x.place).map(x.pixel);
    const tops = this.places({ type: "heatmap", z, y: rows }, "y", y.place).map(y.pixel);
    const { pen } = this;
    pen.save();
    pen.imageSmoothingEnabled = false;
    pen.translate(0, tops[0]);
    pen.scale(1, (tops[image.height] - tops[0]) / image.height);
    for (let c = 0; c < image.width; c++) {
      // A little into the next column, or the background would shine through where columns are narrower than a pixel.
      pen.drawImage(small, c, 0, 1, image.height, lefts[c], 0, lefts[c + 1] - lefts[c] + 0.6, image.height);
    }
    pen.restore();
  }
}
