// What the page's component calls (boot.js).

import { Player } from "./player.js";
/** @import { Component } from "./types.js" */

/** @type {WeakMap<HTMLElement, Player>} */
const players = new WeakMap();
const hostOf = (/** @type {Component} */ { parentElement }) => /** @type {HTMLElement} */ (parentElement.querySelector(".unrolled-player"));

/**
 * Show what Python says of a component: of a new one by a new player.
 *
 * @type {(component: Component) => void}
 */
export function show(component) {
  const host = hostOf(component);
  if (!players.has(host)) players.set(host, new Player(host));
  players.get(host)?.update(component);
}

/**
 * The component leaves the page.
 *
 * @type {(component: Component) => void}
 */
export function close(component) {
  const host = hostOf(component);
  players.get(host)?.close();
  players.delete(host);
}
