// Through time: play, hold, and go to a moment.

import { sayBar, tell } from "./bar.js";
import { playedOn } from "./clock.js";
import { followLater } from "./passes.js";
import { address } from "./sharing.js";
/** @import { Player } from "./types.js" */

const AGAIN_MS = 2500; // from the end until a tape is played again

/** Show the moment of a number. @type {(player: Player, index: number, follow?: boolean) => void} */
export function seek(player, index, follow = false) {
  const { times } = player;
  if (!times.length) return;
  player.step = times[Math.max(0, Math.min(index, times.length - 1))];
  player.follow = follow;
  player.draw();
}

/** Hold, and go to the moment of a number. @type {(player: Player, index: number) => void} */
export function scrub(player, index) {
  pause(player);
  seek(player, index);
  address(player);
}

/** Play or hold. @param {Player} player */
export function toggle(player) {
  if (!player.playing) return play(player);
  pause(player);
  address(player);
}

/** Hold. @param {Player} player */
export function pause(player) {
  player.playing = player.follow = false;
  sayBar(player);
  followLater(player);
  tell(player);
}

/** Play on from this moment, from the last from the first. @param {Player} player */
export function play(player) {
  if (!player.times.length) return;
  if (player.index >= player.times.length - 1) seek(player, 0);
  player.playing = true;
  player.follow = false;
  address(player);
  sayBar(player);
  const turn = ++player.turn;
  let last = performance.now();
  let position = player.index;
  const run = (/** @type {number} */ now) => {
    if (!player.playing || player.closed || turn !== player.turn) return;
    if (player.late) return requestAnimationFrame(run); // never ahead of what is drawn
    const { data, live, speed, times } = player;
    position = playedOn(position, now - last, times.length, speed);
    last = now;
    if (Math.floor(position) !== player.index) seek(player, Math.floor(position));
    if (position < times.length - 1) return requestAnimationFrame(run);
    if (live) return goLive(player);
    player.playing = false;
    followLater(player);
    if (data.loop) player.later("loop", AGAIN_MS, () => play(player));
    else tell(player);
    sayBar(player);
  };
  requestAnimationFrame(run);
}

/** Follow the training. @param {Player} player */
export function goLive(player) {
  player.playing = false;
  player.follow = true;
  address(player);
  seek(player, player.times.length - 1, true);
}
