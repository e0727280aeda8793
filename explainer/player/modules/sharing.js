// The address: step and selection are part of what a colleague sees.

import { copyAddress, outerAddress, writeAddress, zoomsOf, zoomText } from "./address.js";
import { sayNote } from "./bar.js";
/** @import { Player } from "./types.js" */

/** Write into the address what is shown, once it rests. @param {Player} player */
export function address(player) {
  player.later("address", 250, () => writeAddress(addressed(player)));
}

/**
 * The page's address with what this player shows; while it plays without the step, unless this very moment is meant.
 *
 * @type {(player: Player, moment?: boolean) => URL}
 */
function addressed(player, moment = false) {
  const { alone, bar, data, reference, selection, tapes } = player;
  const url = new URL(location.href);
  const given = url.searchParams;
  /** @type {(name: string, value: string | number) => void} */
  const put = (name, value) => (value === "" ? given.delete(name) : given.set(name, String(value)));
  put("step", player.follow || (player.playing && !moment) || !player.times.length ? "" : player.step);
  for (const { name } of data.select) put(name, (selection[name] || 0) === (data.start[name] || 0) ? "" : selection[name]);
  // Other players of the page have theirs in the same address: what is not this one's stays.
  if (!reference || reference.tapes === tapes) put("against", reference ? `@${reference.step}` : "");
  if (reference && bar.mode.value === "beside") put("compare", "beside");
  else if (data.diverging) put("compare", "");
  const own = new Set(data.figures.flatMap(({ id }) => [id, `${id}-compared`]));
  const others = Object.entries(zoomsOf(given.get("zoom"))).filter(([id]) => !own.has(id));
  put("zoom", zoomText({ ...Object.fromEntries(others), ...player.zooms }));
  if (alone || own.has(given.get("figure") ?? "")) put("figure", alone);
  if (data.ask || bar.ask.value) put("input", bar.ask.value);
  return url;
}

/** Copy the address of this moment, or of its figure. @type {(player: Player, button: HTMLElement, figure?: string) => void} */
export function copyLink(player, button, figure) {
  const url = addressed(player, true);
  if (figure) url.searchParams.set("figure", figure.replace(/-compared$/, ""));
  copyAddress(button, outerAddress(url.href), (address) => {
    player.offered = `The browser lets no page copy here. The address is ${address}`;
    sayNote(player);
  });
}
