// Where a panel's numbers come from: the same words as in charts/source.py, which has them for files and for the page without routes.

import { tapeOf } from "./slots.js";
/** @import { Frame, Panel, Selection } from "./types.js" */
/** @import { Tape } from "./tape.js" */

export const OF_A_MOMENT = new Set(["frame", "labels", "across", "mosaic", "project"]); // slots that a lens's view fills
/** @type {Record<string, string>} */
const RUNNING = { running: "training now", paused: "training paused" };

/**
 * Of each tape that a panel draws on, the views that it shows of a moment: pairs of a tape and a set of frames.
 *
 * @type {(spec: Panel, tapes: Tape[], step: number, selection: Selection) => [Tape, Set<Frame>][]}
 */
export function viewsOf(spec, tapes, step, selection) {
  const found = new Map();
  for (const { kind, run, lens } of [...spec.slots, ...spec.readings.map((reading) => ({ kind: "frame", ...reading }))]) {
    const tape = kind === "own" || kind === "step" ? null : tapeOf(tapes, run, selection);
    if (!tape) continue;
    if (!found.has(tape)) found.set(tape, new Set());
    const frame = OF_A_MOMENT.has(kind) && tape.at(lens, step);
    if (frame) found.get(tape).add(frame);
  }
  return [...found];
}

/**
 * "step 370", "steps 360 to 370", or "" for no step.
 *
 * @type {(steps: number[]) => string}
 */
export function stepsInWords(steps) {
  const [low, high] = [Math.min(...steps), Math.max(...steps)];
  return !steps.length ? "" : low === high ? `step ${low}` : `steps ${low} to ${high}`;
}

/**
 * What stands beside a panel's sentence: where its numbers come from, of which step and run.
 *
 * @type {(spec: Panel, views: [Tape, Set<Frame>][], awaited: boolean) => { kind: string, words: string, names: string }}
 */
export function sourceOf(spec, views, awaited) {
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
