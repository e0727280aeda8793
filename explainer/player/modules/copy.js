// *Copy link* on a page without the player, whose bar has it else.

import { copyAddress, outerAddress } from "./address.js";

export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const said = parentElement.querySelector("output");
  button.onclick = () => copyAddress(button, outerAddress(location.href), (address) => (said.textContent = address));
}
