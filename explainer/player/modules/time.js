// Where in time a player is, and how it moves: by the bar, by keys, by itself, or with a run that trains.

import { indexAt, playedOn } from "./clock.js";
/** @import { Player } from "./player.js" */

const TELL_MS = 700; // of rest before a moment is told to a screen reader
const AGAIN_MS = 2500; // from the end of a picture that plays for ever to its next beginning

/** The moments that there are, and what moves through them. */
export class Time {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    /** @type {number[]} */
    this.times = [];
    this.playing = false;
    this.follow = false; // the newest moment of a run that trains
    this.autoplay = false;
    this.speed = 1;
    this.turn = 0;
  }

  get index() {
    return indexAt(this.times, this.player.step);
  }

  get live() {
    return this.player.tapes.some((tape) => tape.live);
  }

  /** What the runs are doing, in a word. */
  get doing() {
    /** @type {Record<string, string>} */
    const words = { running: "training", paused: "training paused", queued: "waiting to train", filling: "looking back" };
    const status = Object.keys(words).find((each) => this.player.tapes.some((tape) => tape.status === each));
    return status ? words[status] : "";
  }

  /** Whether there is anything to play or to step through. */
  get movable() {
    return !this.player.closed && !this.player.bar.element.hidden && this.times.length > 1;
  }

  /** @type {(index: number, keepFollowing?: boolean) => void} */
  seek(index, keepFollowing = false) {
    if (!this.times.length) return;
    this.player.step = this.times[Math.max(0, Math.min(index, this.times.length - 1))];
    if (!keepFollowing) this.follow = false;
    this.player.draw();
  }

  /** @param {number} index */
  scrub(index) {
    this.pause();
    this.seek(index);
    this.player.address();
  }

  /** @param {number} by */
  nudge(by) {
    this.pause();
    this.seek(this.index + by);
    this.player.address();
  }

  toggle() {
    if (!this.playing) return this.play();
    this.pause();
    this.player.address();
  }

  pause() {
    this.playing = false;
    this.follow = false;
    this.player.bar.show();
    this.player.passes.followLater();
    this.tell();
  }

  /** Tell a screen reader the moment and the first sentence in sight, once both stand still. */
  tell() {
    clearTimeout(this.tellTimer);
    this.tellTimer = setTimeout(() => {
      const { closed, places, passes, bar } = this.player;
      if (closed || this.playing || this.follow) return;
      if (passes.drawing) return this.tell();
      const seen = places.find(({ box }) => box.getBoundingClientRect().bottom > 0) || places[0];
      bar.told.textContent = [bar.said, seen?.caption.textContent].filter(Boolean).join(". ");
    }, TELL_MS);
  }

  play() {
    const { player } = this;
    if (!this.times.length) return;
    if (this.index >= this.times.length - 1) this.seek(0);
    this.playing = true;
    this.follow = false;
    player.address();
    player.bar.show();
    let last = performance.now();
    let position = this.index;
    const turn = (this.turn += 1);
    const run = (/** @type {number} */ now) => {
      if (!this.playing || player.closed || turn !== this.turn) return;
      if (player.passes.late) return requestAnimationFrame(run); // never ahead of what is drawn
      position = playedOn(position, now - last, this.times.length, this.speed);
      last = now;
      if (Math.floor(position) !== this.index) this.seek(Math.floor(position), true);
      if (position < this.times.length - 1) requestAnimationFrame(run);
      else if (this.live) this.goLive();
      else this.end();
    };
    requestAnimationFrame(run);
  }

  /** The last moment has been played. */
  end() {
    const { player } = this;
    this.playing = false;
    player.passes.followLater();
    if (player.data.loop) this.loopTimer = setTimeout(() => player.closed || this.play(), AGAIN_MS);
    else this.tell();
    player.bar.show();
  }

  goLive() {
    this.playing = false;
    this.follow = true;
    this.player.address();
    this.seek(this.times.length - 1, true);
  }

  close() {
    this.playing = false;
    clearTimeout(this.loopTimer);
    clearTimeout(this.tellTimer);
  }
}
