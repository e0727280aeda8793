// What of a figure is another than before.

/** @import { Trace } from "./types.js" */

/** @type {(value: any) => boolean} */
const isList = (value) => Array.isArray(value) || ArrayBuffer.isView(value);

/**
 * Whether two values of a figure are the same, numbers and texts compared one by one.
 *
 * @type {(one: any, other: any) => boolean}
 */
export function alike(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (isList(one)) {
    if (one.length !== other.length || !isList(other)) return false;
    for (let at = 0; at < one.length; at++) if (one[at] !== other[at] && !alike(one[at], other[at])) return false;
    return true;
  }
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => alike(one[name], other[name]));
}

/**
 * Of each trace the names of what is another than before; null where there are more traces, or fewer.
 *
 * @type {(before: Trace[], data: Trace[]) => string[][] | null}
 */
export function changesOf(before, data) {
  if (before.length !== data.length) return null;
  return data.map((trace, at) => [...new Set([...Object.keys(trace), ...Object.keys(before[at])])].filter((name) => !alike(trace[name], before[at][name])));
}

/**
 * A copy of a figure's part that shares its arrays of numbers, for plotly.js writes into what it is given.
 *
 * @type {(value: any) => any}
 */
export function outline(value) {
  if (ArrayBuffer.isView(value) || typeof value !== "object" || !value) return value;
  if (Array.isArray(value)) return typeof value[0] === "object" && !ArrayBuffer.isView(value[0]) ? value.map(outline) : value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, outline(each)]));
}
