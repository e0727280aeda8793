// plotly.js: fetched once a page, and given new numbers where it need not draw anew.

import { alike } from "./alike.js";
import { make } from "./dom.js";
/** @import { Layout, Trace } from "./types.js" */

// A figure's buttons are those of its own menu: plotly's stand on what is drawn, and one sends a chart elsewhere.
export const PLOTLY_CONFIG = { displaylogo: false, responsive: false, displayModeBar: false, doubleClick: false };
const NUMBERS = new Set(["x", "y", "z", "text", "customdata"]); // arrays of a trace that renumber can put into its drawing

/**
 * Whether an axis of a drawing stays where it is when these places on it become those: it is fixed, or follows others that lie further out.
 *
 * @type {(axis: any, trace: Trace, ...lists: any[]) => boolean}
 */
function stays(axis, { marker, line }, ...lists) {
  if (axis.type !== "linear" && axis.type !== "log") return false;
  if (!axis.autorange) return true;
  const [low, high] = [...axis.range].sort((a, b) => a - b);
  const sizes = [marker?.size || 0, line?.width || 0].flat();
  const room = (0.05 + (Math.max(...sizes) / 2 + 1) / axis._length) * (high - low); // what plotly.js leaves around points, at most
  const place = (/** @type {number} */ value) => (axis.type === "log" ? Math.log10(value) : value);
  return lists.flat().map(place).every((at) => !Number.isFinite(at) || (at > low + room && at < high - room));
}

/**
 * Whether a drawing of plotly.js's can take a figure's new numbers as it stands: tables that have as many cells and a colour scale
 * of their own, curves and points that are as many and move no axis.
 *
 * @type {(plot: any, data: Trace[], changes: string[][]) => boolean}
 */
function renumbers(plot, data, changes) {
  const { _fullData: traces, _fullLayout: layout } = plot;
  const axis = (/** @type {Trace} */ trace, /** @type {string} */ letter) => layout[trace[`${letter}axis`].replace(letter, `${letter}axis`)];
  const same = (/** @type {unknown} */ one, /** @type {unknown} */ other) => Array.isArray(one) && Array.isArray(other) && one.length === other.length;
  const bare = (/** @type {Trace} */ { type, error_x, error_y }) => type === "heatmap" || (type === "scatter" && !error_x?.visible && !error_y?.visible);
  if (namedAxes(layout).length && !traces.every(bare)) return false;
  return changes.every((names, at) => {
    const [trace, before, known] = [data[at], plot.data[at], traces[at]];
    const takes = (/** @type {string} */ name) => {
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

/**
 * The axes of a drawing that have names in the place of numbers, which plotly.js learns from all traces.
 *
 * @type {(layout: Layout) => any[]}
 */
function namedAxes(layout) {
  return Object.entries(layout).filter(([name, axis]) => /^[xy]axis\d*$/.test(name) && axis.type === "category").map(([, axis]) => axis);
}

/**
 * Put a figure's new numbers into its drawing, of which axes, legend and colour bar stay: plotly.js's own steps from numbers
 * to a picture without all others, a fifth of the time. They are plotly.js's inside, so a test holds the picture against a new one.
 * Whether that could be done.
 *
 * @type {(plot: any, data: Trace[], changes: string[][]) => boolean}
 */
export function renumber(plot, data, changes) {
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
  for (const style of new Set(modules.map((/** @type {any} */ each) => each.style))) style?.(plot);
  rehover?.();
  return true;
}

/** @type {Promise<any> | null} */
let plotlyReady = null;

/**
 * plotly.js, once a page, from our own server.
 *
 * @type {(url: string) => Promise<any>}
 */
export function plotly(url) {
  plotlyReady ||= new Promise((resolve, reject) => {
    // Where our routes are missing, the answer is the app's own page: it loads, and brings no Plotly.
    const come = () => {
      if (window.Plotly) return resolve(window.Plotly);
      plotlyReady = null;
      reject(new Error("plotly.js could not be loaded"));
    };
    document.head.append(make("script", { src: url, onload: come, onerror: come }));
  });
  return plotlyReady;
}
