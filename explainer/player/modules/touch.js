// Fingers on a chart, and the axes that they may move.

/**
 * The axes of a drawn figure that a person may move.
 *
 * @type {(plot: any) => [string, any][]}
 */
export function movable(plot) {
  const axes = Object.entries(plot._fullLayout || {}).filter(([name, axis]) => /^[xy]axis\d*$/.test(name) && axis?.range);
  return axes.filter(([, axis]) => !axis.fixedrange && axis.visible !== false && axis.range.every(Number.isFinite));
}

/**
 * A range drawn out by `factor` about the place under one finger's share of it, moved to another share, within `home`.
 *
 * @type {(range: number[], factor: number, share: number, moved: number, home: number[]) => number[]}
 */
function stretched([from, to], factor, share, moved, home) {
  const size = (to - from) / factor;
  if (Math.abs(size) >= Math.abs(home[1] - home[0])) return [...home];
  const place = from + share * (to - from);
  const [low, high] = [Math.min(...home), Math.max(...home)];
  const first = place - moved * size;
  const shift = Math.max(0, low - Math.min(first, first + size)) - Math.max(0, Math.max(first, first + size) - high);
  return [first + shift, first + size + shift];
}

/**
 * Fingers on a chart. One scrolls the page, and a tap is a click; two zoom and move. Where its menu says that dragging
 * zooms, one finger does what a mouse does.
 *
 * `drags()` tells whether that is so, `zoom(ranges)` takes new ranges by axis, `home(name)` has those without zoom.
 *
 * @type {(plot: any, tell: { drags: () => boolean, zoom: (ranges: Record<string, number[]>) => void, home: (name: string) => number[] | undefined }) => void}
 */
export function fingers(plot, { drags, zoom, home }) {
  /** @type {any} */
  let start = null;
  const seen = (/** @type {TouchEvent} */ { touches: [one, two] }) => {
    const box = plot.getBoundingClientRect();
    const [x, y] = [(one.clientX + two.clientX) / 2 - box.left, (one.clientY + two.clientY) / 2 - box.top];
    return { x, y, apart: Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) || 1 };
  };
  // On its way down: plotly, which would keep the finger for itself, does not hear of it.
  plot.addEventListener("touchstart", (/** @type {TouchEvent} */ event) => {
    if (drags()) return;
    event.stopPropagation();
    start = null;
    if (event.touches.length === 2 && plot._fullLayout)
      start = { ...seen(event), axes: movable(plot).map(([name, axis]) => ({ name, range: [...axis.range], offset: axis._offset, length: axis._length })) };
  }, { capture: true, passive: true });
  plot.addEventListener("touchmove", (/** @type {TouchEvent} */ event) => {
    if (!start || event.touches.length !== 2) return;
    const now = seen(event);
    zoom(Object.fromEntries(start.axes.map((/** @type {{ name: string, range: number[], offset: number, length: number }} */ { name, range, offset, length }) => {
      const along = (/** @type {{ x: number, y: number }} */ pixel) => (name.startsWith("x") ? pixel.x - offset : offset + length - pixel.y) / length;
      return [name, stretched(range, now.apart / start.apart, along(start), along(now), home(name) || range)];
    })));
  }, { capture: true, passive: true });
}
