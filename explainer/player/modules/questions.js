// The viewer's own input, and what is done to the models: what every model on the page is asked.

import { sayNote } from "./bar.js";
import { address } from "./sharing.js";
/** @import { Player } from "./types.js" */
/** @import { Tape } from "./tape.js" */

const AHEAD_MS = 250; // an answer that takes longer costs others too much to be asked for before it is wanted

/** The box, its button, and what they say of themselves. @param {Player} player */
export function offerQuestions({ bar, data: { ask } }) {
  bar.ask.hidden = !ask;
  bar.example.hidden = !ask?.examples.length;
  if (!ask) return;
  Object.assign(bar.ask, { maxLength: ask.most, placeholder: ask.placeholder, title: ask.help });
  bar.ask.setAttribute("aria-label", ask.label);
  bar.example.title = ask.fill;
}

/** Put what is in the box to every model on the page; nothing: the tape's own sequence. @param {Player} player */
export function ask(player) {
  question(player, { input: player.bar.ask.value });
  address(player);
  player.draw();
}

/** Put the next example into the box, and to every model. @param {Player} player */
export function askExample(player) {
  const { bar, data } = player;
  const examples = data.ask?.examples ?? [];
  bar.ask.value = examples[(examples.indexOf(bar.ask.value) + 1) % examples.length];
  ask(player);
}

/** Operate on every model on the page; "" leaves them whole. @type {(player: Player, surgery: string) => void} */
export function operate(player, surgery) {
  if (surgery === player.surgery) return;
  player.surgery = surgery;
  question(player, { input: player.bar.ask.value, surgery });
  player.draw();
}

/** Ask every model on the page something else; its answers are forgotten. @type {(player: Player, asked: Partial<Tape>) => void} */
function question(player, asked) {
  for (const tape of player.everyTape) Object.assign(tape, asked, { said: "", answers: new Map() });
  player.complaint = "";
  sayNote(player);
  player.asking.clear();
}

/** Ask what is not known yet of this moment and the compared one, a question a tape and lens at a time. @param {Player} player */
export function wonder(player) {
  const held = player.reference?.step ?? null;
  for (const tape of player.everyTape.filter(({ question }) => question)) {
    const shown = held === null || player.tapes.includes(tape) ? player.step : held;
    for (const step of held === null ? [shown] : [shown, held]) {
      const kept = tape.kept(step);
      if (kept !== undefined) for (const lens of tape.lenses) wonderAbout(player, tape, lens, kept);
    }
  }
}

/**
 * Ask what a lens sees at a kept moment, where that is neither known nor being asked.
 *
 * @type {(player: Player, tape: Tape, lens: string, step: number) => Promise<void>}
 */
async function wonderAbout(player, tape, lens, step) {
  const key = `${tape.id} ${lens}`;
  if (player.asking.has(key) || tape.answers.get(lens)?.some((frame) => frame.step === step)) return;
  player.asking.add(key);
  const { question } = tape;
  const start = performance.now();
  const failed = () => "The question could not be put: the server did not answer.";
  const answer = await tape.ask(player.base, lens, step).catch(failed);
  player.asking.delete(key);
  if (player.closed) return;
  if (tape.question !== question) return wonder(player);
  if (typeof answer === "string") {
    player.complaint = answer;
    for (const each of player.everyTape) each.input = each.surgery = each.said = "";
  } else if ("again" in answer) return player.later(`again ${key}`, answer.again, () => wonder(player));
  else {
    tape.said = answer.said ?? "";
    tape.answers.set(lens, [...(tape.answers.get(lens) || []), answer].sort((a, b) => a.step - b.step));
    const took = performance.now() - start;
    if (took < AHEAD_MS) player.later(`ahead ${key}`, took, () => wonderAhead(player, tape, lens));
  }
  sayNote(player);
  player.draw();
}

/**
 * For figures with the own input's course: the other kept moments too, in turn, while answers come quickly.
 *
 * @type {(player: Player, tape: Tape, lens: string) => void}
 */
function wonderAhead(player, tape, lens) {
  if (!tape.question || !player.data.figures.some((spec) => spec.slots.some((slot) => slot.kind === "asked"))) return;
  const known = new Set(tape.asked(lens).map((frame) => frame.step));
  const next = tape.header.snapshots?.findLast((step) => !known.has(step));
  if (next !== undefined) wonderAbout(player, tape, lens, next);
}
