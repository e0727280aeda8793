// *Copy link* on a page without the player, whose bar has it else.

import { copyAddress, outerAddress } from "./address.js";

/** @param {{ parentElement: Element }} component */
export default function ({ parentElement }) {
  const button = /** @type {HTMLElement} */ (parentElement.querySelector("button"));
  const said = /** @type {HTMLElement} */ (parentElement.querySelector("output"));
  button.onclick = () => copyAddress(button, outerAddress(location.href), (address) => (said.textContent = address));
}
