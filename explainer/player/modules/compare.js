// Two moments, or two runs, in one figure or side by side, and what is said of it: which is taken from which; in the titles, the
// sentences and when hovering.

import { alike } from "./alike.js";
import { extent } from "./scales.js";
import { moves, plain } from "./slots.js";
/** @import { Compared, Figure, Panel, Side, Trace } from "./types.js" */

/**
 * Each panel with a table, and its twin for the compared moment next to it; then the other panels.
 *
 * @type {(panels: Panel[]) => Side[]}
 */
export function beside(panels) {
  const twofold = (/** @type {Panel} */ spec) => spec.data.some((trace, index) => trace.type === "heatmap" && moves(spec, index));
  const pairs = panels.filter(twofold).flatMap((spec) => {
    const half = /** @type {Side} */ ({ ...spec, span: 6, rows: 1, side: "here" });
    return [half, /** @type {Side} */ ({ ...half, id: `${spec.id}-compared`, name: `${spec.name} (compared)`, side: "there", compared: true, click: null })];
  });
  return [...pairs, ...panels.filter((spec) => !twofold(spec))];
}

/**
 * Two moments in one figure: tables become their difference, lines and points get the other one behind them.
 * Returns of each table how far the two are apart, or that they have different sizes, and whether something lies behind.
 *
 * @type {(figure: Figure, other: Figure, scale: any, spec: Panel, sides: string[]) => { tables: Compared[], behind: boolean }}
 */
export function against(figure, other, scale, spec, sides) {
  /** @type {Trace[]} */
  const behind = [];
  /** @type {Compared[]} */
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
      trace.z = trace.z.map((/** @type {number[]} */ row, /** @type {number} */ y) => Array.from(row, (value, x) => value - twin.z[y][x]));
      const numbers = trace.z.some((/** @type {number[]} */ row) => row.some(Number.isFinite));
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

/**
 * The two sides of a comparison in words: the one shown, and the one that it is compared with.
 *
 * `reference` has the compared `step` (null: the same as here), `names` the two runs' names, null where both are of one run.
 *
 * @type {(reference: { step: number | null }, step: number, names: string[] | null) => string[]}
 */
export function sidesOf(reference, step, names) {
  const moments = [`step ${step}`, `step ${reference.step ?? step}`];
  if (!names) return moments;
  if (reference.step == null || reference.step === step) return names;
  return names.map((name, at) => `${name}, ${moments[at]}`);
}

/**
 * A panel's title where its table is a difference, or where it is one of two beside each other.
 *
 * @type {(spec: Side, sides: string[], minus?: boolean) => string}
 */
export function comparedTitle({ title, side }, [here, there], minus) {
  if (side) return `${title}: ${side === "there" ? there : here}`;
  return minus ? `${title}: ${here} minus ${there}` : title;
}

/**
 * What a figure shows of a comparison (see `against`), as sentences before that of the side shown.
 *
 * @type {(found: { tables: Compared[], behind: boolean }, sides: string[]) => string}
 */
export function comparedWords({ tables, behind }, [here, there]) {
  const said = tables.map(({ low, high, sizes }) => {
    if (sizes) return `Not compared: the table of ${there} is ${sizes[1]}, that of ${here} ${sizes[0]}.`;
    if (low === undefined || high === undefined) return `${capital(here)} minus ${there}: no cell is a number in both.`;
    return `The colours are the difference, ${here} minus ${there}, from ${low.toPrecision(2)} to ${high.toPrecision(2)}: orange where ${here} is higher.`;
  });
  if (behind) said.push(`Faint: ${there}.`);
  return said.join(" ");
}

/** @type {(text: string) => string} */
export function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
