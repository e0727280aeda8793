// What the page's component calls (boot.js).

import { leave, playerIn, update } from "./player.js";
/** @import { Component, Player } from "./types.js" */

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
  const told = new TextDecoder().decode(component.data);
  const known = players.get(host);
  if (known) known.setState = component.setStateValue;
  if (known?.told === told) return;
  const data = JSON.parse(told);
  const player = known || playerIn(host, component, data);
  player.told = told;
  players.set(host, player);
  update(player, data);
}

/**
 * The component leaves the page.
 *
 * @type {(component: Component) => void}
 */
export function close(component) {
  const host = hostOf(component);
  const player = players.get(host);
  if (player) leave(player);
  players.delete(host);
}
