// Colours, ranges and round numbers.

/** @type {Record<string, string[]>} */
const SCALES = {
  Viridis: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
};

/**
 * A colour as it stands in a figure, #rrggbb or rgba(r, g, b, a), as four bytes.
 *
 * @type {(colour: string) => number[]}
 */
function bytesOf(colour) {
  const numbers = Array.from(colour.matchAll(/[\d.]+/g), Number);
  if (!colour.startsWith("#")) return [...numbers.slice(0, 3), 255 * (numbers[3] ?? 1)];
  return [...[1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)), 255];
}

/**
 * 256 colours of a plotly colour scale, as four bytes each.
 *
 * @type {(scale?: string | [number, string][]) => number[][]}
 */
export function palette(scale) {
  /** @type {[number, string][]} */
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

/** Which of a palette's colours a share of its range has. @param {number} share */
export const levelOf = (share) => Math.round(255 * Math.max(0, Math.min(1, share)));

/**
 * The smallest and the largest finite number of some lists.
 *
 * @type {(lists: Iterable<Iterable<number>>) => [number, number]}
 */
export function extent(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists)
    for (const value of list)
      if (Number.isFinite(value)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
  return low > high ? [0, 1] : [low, high];
}

/**
 * Round numbers that divide an axis into some four parts.
 *
 * @type {(range: number[]) => number[]}
 */
export function ticks([from, to]) {
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const pace = ([1, 2, 5].find((each) => each * power >= rough) ?? 10) * power;
  const places = [];
  for (let at = Math.ceil(low / pace) * pace; at <= high + pace / 1e6; at += pace) places.push(Number(at.toPrecision(12)));
  return places;
}

/**
 * A power of ten as plotly writes it: 1, 10, 10 to the power of three.
 *
 * @type {(value: number) => string}
 */
export function powerOf(value) {
  const power = Math.round(Math.log10(value));
  return power === 0 || power === 1 ? String(value) : "10" + String(power).replace(/./g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
}

/**
 * Where the cells of a table begin and end along an axis whose middles may be given.
 *
 * @type {(middles: number[] | null | undefined, count: number) => number[]}
 */
export function edges(middles, count) {
  if (!middles) return Array.from({ length: count + 1 }, (_, at) => at - 0.5);
  const between = middles.slice(1).map((middle, at) => (middle + middles[at]) / 2);
  const first = count > 1 ? between[0] - middles[0] : 0.5;
  const last = count > 1 ? middles[count - 1] - between[count - 2] : 0.5;
  return [middles[0] - first, ...between, middles[count - 1] + last];
}
