// New chunks of the page's tapes, fetched as long as there are any to come.

import { momentsOf } from "./clock.js";
import { Busy } from "./tape.js";
/** @import { Player } from "./player.js" */
/** @import { Tape } from "./tape.js" */

/** @type {Record<string, number>} */
const POLL_MS = { queued: 120, running: 220, paused: 700, filling: 400 };

/** What is heard of the tapes. */
export class Feed {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.generation = 0; // of the page's tapes: an answer for those of before is none
    this.heard = false; // enough to show the moment that is asked for
    this.started = false;
    this.reported = ""; // states of the runs, as Python knows them
  }

  /** The player has other tapes than before. */
  begin() {
    this.heard = this.started = false;
    this.reported = "";
    clearTimeout(this.timer);
    this.generation += 1;
    if (this.player.tapes.length) this.poll(this.generation);
  }

  /** @param {number} generation */
  gone(generation) {
    return this.player.closed || generation !== this.generation;
  }

  /** @param {number} generation */
  async poll(generation) {
    if (this.gone(generation)) return;
    const { tapes } = this.player;
    const due = tapes.filter((tape) => tape.due <= performance.now());
    await Promise.all(due.map((tape) => this.fetchTape(tape)));
    if (this.gone(generation)) return;
    if (due.length) this.received();
    const waits = tapes.map((tape) => tape.due - performance.now()).filter((wait) => wait < 1e9);
    if (waits.length) this.timer = setTimeout(() => this.poll(generation), Math.max(10, Math.min(...waits)));
  }

  /**
   * The tape of another run, for a comparison.
   *
   * @type {(tape: Tape) => Promise<void>}
   */
  async pollReference(tape) {
    if (this.player.closed || !this.player.reference?.tapes.includes(tape)) return;
    await this.fetchTape(tape);
    this.player.draw();
    if (tape.due < Infinity) setTimeout(() => this.pollReference(tape), Math.max(10, tape.due - performance.now()));
  }

  /** @param {Tape} tape */
  async fetchTape(tape) {
    const { generation } = this;
    try {
      await tape.fetch(this.player.base);
      tape.failures = 0;
      const wait = tape.header.more ? 0 : POLL_MS[tape.status];
      tape.due = wait === undefined ? Infinity : performance.now() + (document.hidden ? Math.max(wait, 2000) : wait);
    } catch (error) {
      tape.failures += 1;
      tape.due = performance.now() + Math.min(8000, 250 * 2 ** tape.failures);
      if (error instanceof Busy) return;
      if (generation === this.generation && tape.after < 0 && tape.failures >= 2) this.player.setState("routes", "unreachable");
    }
  }

  received() {
    const { player } = this;
    const { tapes, time, pinned } = player;
    time.times = momentsOf(tapes);
    const { times } = time;
    const whole = tapes.every((tape) => !tape.header.more);
    this.heard ||= whole || pinned === null || Number(times.at(-1)) >= pinned;
    if (times.length && !this.started) {
      this.started = true;
      if (pinned !== null) player.step = pinned;
      else if (time.live) time.follow = true;
      else if (time.autoplay) time.play();
      else if (whole) time.seek(times.length - 1, true);
      else this.started = false;
    }
    if (time.follow) time.seek(times.length - 1, true);
    else player.draw();
    const states = tapes.map((tape) => `${tape.id}:${tape.status}`).join();
    if (whole && states !== this.reported) {
      const over = tapes.some((tape, number) => player.data.runs[number].live && !tape.live);
      const news = over || this.reported !== "";
      this.reported = states;
      if (news) player.setState("states", states); // so that Python shows the buttons that fit
    }
    player.bar.showNote();
  }

  /** Without tapes the bar moves through the places of an axis, which may become more or fewer. */
  scanned() {
    if (this.started) return;
    this.started = true;
    if (this.player.time.autoplay) this.player.time.play();
  }
}
