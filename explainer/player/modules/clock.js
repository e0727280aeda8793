// The moments of a bar: which there are, where they stand on it, and how playing goes from one to the next.

/** @import { Tape } from "./tape.js" */

const PLAY_SECONDS = 14; // a whole tape at speed 1
const SLOWEST = 3; // moments a second, at speed 1
const LONGEST_MS = 250; // between two frames of the screen, as far as playing makes up for it

/**
 * All steps at which a frame of any run can be shown, in order.
 *
 * @type {(tapes: Tape[]) => number[]}
 */
export function momentsOf(tapes) {
  const steps = new Set(tapes.flatMap((tape) => tape.frames[tape.lenses[0]].map(({ step }) => step)));
  return Array.from(steps).sort((a, b) => a - b);
}

/**
 * Which moment is the last at or before a step; the first where all are later, or there is none.
 *
 * @type {(times: number[], step: number) => number}
 */
export function indexAt(times, step) {
  return Math.max(0, times.findLastIndex((each) => each <= step));
}

/**
 * Where playing is so many milliseconds after it was at a place among `count` moments.
 *
 * @type {(position: number, milliseconds: number, count: number, speed: number) => number}
 */
export function playedOn(position, milliseconds, count, speed) {
  return position + (Math.min(milliseconds, LONGEST_MS) / 1000) * Math.max(count / PLAY_SECONDS, SLOWEST) * speed;
}

/**
 * Whether the moments of a bar lie equally far apart, but for the last one.
 *
 * @type {(times: number[]) => boolean}
 */
export function isEven(times) {
  const gap = times[1] - times[0];
  return times.slice(1, -1).every((step, at) => step - times[at] === gap);
}

/**
 * Where a step stands on a bar that goes from moment to moment, from 0 to 1.
 *
 * @type {(step: number, times: number[]) => number}
 */
function placeOf(step, times) {
  const after = Math.max(1, times.findIndex((each) => each >= step));
  const [from, to] = [times[after - 1], times[after]];
  return (after - 1 + (step - from) / (to - from)) / (times.length - 1);
}

/**
 * The steps that are written under a bar: both ends, then 1, 10, 100 …, then 5 and 2 times these, where there is room.
 *
 * @type {(times: number[], share: (text: string) => number) => { step: number, at: number, half: number }[]}
 */
export function named(times, share) {
  const [first, last] = [times[0], times[times.length - 1]];
  const powers = Array.from({ length: 8 }, (_, at) => 10 ** at);
  const wanted = [first, last, ...powers, ...powers.flatMap((power) => [5 * power, 2 * power])];
  /** @type {{ step: number, at: number, half: number }[]} */
  const found = [];
  for (const step of new Set(wanted.filter((each) => each >= first && each <= last))) {
    const [at, half] = [placeOf(step, times), share(String(step)) / 2 + share("0") / 2];
    if (found.every((other) => Math.abs(other.at - at) > other.half + half)) found.push({ step, at, half });
  }
  return found;
}
