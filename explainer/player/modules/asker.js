// The viewer's own input and surgery: put to every tape of the page, and answered moment by moment.

/** @import { Player } from "./player.js" */
/** @import { Tape } from "./tape.js" */

const AHEAD_MS = 250; // an answer that takes longer costs others too much to be asked for before it is wanted

/** What is asked, and what is known of it. */
export class Asker {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.surgery = "";
    this.complaint = ""; // why the last question has no answer
    /** @type {Set<string>} */
    this.asking = new Set();
  }

  /**
   * Put an input to every model on the page; the empty one goes back to the tape's own sequence.
   *
   * @param {string} input
   */
  ask(input) {
    this.question({ input });
    this.player.address();
    this.player.draw();
  }

  /** Put the next example into the box, and to every model. */
  askExample() {
    const { data, bar: { askBox } } = this.player;
    const examples = data.ask?.examples || [];
    askBox.value = examples[(examples.indexOf(askBox.value) + 1) % examples.length];
    this.ask(askBox.value);
  }

  /**
   * Operate on every model on the page; "" leaves them whole.
   *
   * @param {string} surgery
   */
  operate(surgery) {
    if (surgery === this.surgery) return;
    this.surgery = surgery;
    this.question({ input: this.player.bar.askBox.value, surgery });
    this.player.draw();
  }

  /**
   * Change what every model on the page is asked; what was answered before is forgotten.
   *
   * @param {{ input: string, surgery?: string }} asked
   */
  question(asked) {
    for (const tape of this.player.everyTape()) Object.assign(tape, asked, { said: "", answers: new Map() });
    this.complaint = "";
    this.player.bar.showNote();
    this.asking.clear();
  }

  /** Ask what is not known yet of this moment, one question a tape and lens at a time. */
  wonder() {
    const { reference, tapes, step } = this.player;
    for (const tape of this.player.everyTape()) {
      if (!tape.question) continue;
      const held = reference?.step ?? null;
      const steps = [tape.kept(held !== null && !tapes.includes(tape) ? held : step), held === null ? undefined : tape.kept(held)];
      if (steps[0] === undefined) continue;
      for (const each of steps) if (each !== undefined) for (const lens of tape.lenses) this.wonderAbout(tape, lens, each);
    }
  }

  /** @type {(tape: Tape, lens: string, step: number) => Promise<unknown>} */
  async wonderAbout(tape, lens, step) {
    const key = `${tape.id} ${lens}`;
    const known = tape.answers.get(lens) || [];
    if (this.asking.has(key) || known.some((frame) => frame.step === step)) return;
    this.asking.add(key);
    const question = tape.question;
    const start = performance.now();
    const answer = await tape.ask(this.player.base, lens, step).catch(() => "The question could not be put: the server did not answer.");
    this.asking.delete(key);
    const again = () => this.player.closed || this.wonder();
    if (this.player.closed || tape.question !== question) return again();
    if (typeof answer === "string") {
      this.complaint = answer;
      for (const each of this.player.everyTape()) each.input = each.surgery = each.said = "";
    } else if ("again" in answer) return setTimeout(again, answer.again);
    else {
      tape.said = answer.said || "";
      tape.answers.set(lens, [...(tape.answers.get(lens) || []), answer].sort((a, b) => a.step - b.step));
      const took = performance.now() - start;
      if (took < AHEAD_MS) setTimeout(() => this.wonderAhead(tape, lens), took);
    }
    this.player.bar.showNote();
    this.player.draw();
  }

  /**
   * For figures with the own input's course: the other kept moments too, in turn, while answers come quickly.
   *
   * @type {(tape: Tape, lens: string) => void}
   */
  wonderAhead(tape, lens) {
    const { closed, data } = this.player;
    if (closed || !tape.question || !data.figures.some((spec) => spec.slots.some((slot) => slot.kind === "asked"))) return;
    const known = new Set(tape.asked(lens).map((frame) => frame.step));
    const next = (tape.header.snapshots || []).findLast((step) => !known.has(step));
    if (next !== undefined) this.wonderAbout(tape, lens, next);
  }
}
