// What comes of the tapes is fetched and shown, and so is the run that is compared.

import { sayNote } from "./bar.js";
import { momentsOf } from "./clock.js";
import { Busy, Tape } from "./tape.js";
import { play, seek } from "./transport.js";
/** @import { Player } from "./types.js" */

/** @type {Record<string, number>} */
const POLL_MS = { queued: 120, running: 220, paused: 700, filling: 400 };

/** How long until a tape is due. @param {Tape} tape */
const waitFor = (tape) => Math.max(10, tape.due - performance.now());

/** Fetch what is due, again and again, until nothing more will come. @type {(player: Player, tapes?: Tape[]) => Promise<void>} */
export async function poll(player, tapes = player.tapes) {
  const due = tapes.filter((tape) => tape.due <= performance.now());
  await Promise.all(due.map((tape) => fetchTape(player, tape)));
  if (player.closed || player.tapes !== tapes) return; // it shows others
  if (due.length) received(player);
  const wait = Math.min(...tapes.map(waitFor));
  if (wait < Infinity) player.later("poll", wait, () => poll(player, tapes));
}

/** @type {(player: Player, tape: Tape) => Promise<void>} */
async function fetchTape(player, tape) {
  try {
    await tape.fetch(player.base);
    tape.failures = 0;
    const wait = tape.header.more ? 0 : POLL_MS[tape.status] ?? Infinity;
    tape.due = performance.now() + (document.hidden ? Math.max(wait, 2000) : wait);
  } catch (error) {
    tape.failures += 1;
    tape.due = performance.now() + Math.min(8000, 250 * 2 ** tape.failures);
    if (error instanceof Busy || tape.after >= 0 || tape.failures < 2) return;
    if (player.everyTape.includes(tape)) player.setState("routes", "unreachable");
  }
}

/** Show what has come, the first time as the address and the viewer's settings want it. @param {Player} player */
function received(player) {
  const { pinned, tapes } = player;
  const times = (player.times = momentsOf(tapes));
  const end = times.length - 1;
  const whole = tapes.every((tape) => !tape.header.more);
  player.heard ||= whole || pinned === null || times[end] >= pinned;
  if (times.length && !player.started) {
    player.started = pinned !== null || player.live || player.autoplay || whole;
    if (pinned !== null) player.step = pinned;
    else if (player.live) player.follow = true;
    else if (player.autoplay) play(player);
    else if (whole) seek(player, end);
  }
  if (player.follow) seek(player, end, true);
  else player.draw();
  const states = tapes.map((tape) => `${tape.id}:${tape.status}`).join();
  if (whole && states !== player.reported) {
    const over = tapes.some((tape, number) => player.data.runs[number].live && !tape.live);
    const news = over || player.reported !== "";
    player.reported = states;
    if (news) player.setState("states", states); // so that Python shows the buttons that fit
  }
  sayNote(player);
}

/** Compare with another moment, or with another run, or with none, as Python says. @param {Player} player */
export function compareWith(player) {
  const { bar, data: { against, key }, surgery, tapes } = player;
  const wanted = JSON.stringify(against);
  if (wanted === player.compared) return;
  player.compared = wanted;
  player.reference = against && { tapes, step: against.step };
  if (!player.reference || !against?.run) return;
  const tape = new Tape({ id: against.run, lenses: tapes[0]?.lenses || [], key });
  Object.assign(tape, { input: bar.ask.value, surgery });
  player.reference.tapes = [tape];
  pollReference(player, tape);
}

/** @type {(player: Player, tape: Tape) => Promise<void>} */
async function pollReference(player, tape) {
  if (!player.reference?.tapes.includes(tape)) return;
  await fetchTape(player, tape);
  if (player.closed) return;
  player.draw();
  if (tape.due < Infinity) player.later("reference", waitFor(tape), () => pollReference(player, tape));
}
