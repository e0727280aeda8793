// The player's component: Streamlit runs it from a blob, and it fetches the player from our own routes.

import { serverAddress } from "./address.js";

/** @import { Component } from "./types.js" */

/** @type {Promise<typeof import("./main.js")> | null} */
let main = null;

/** @param {Component} component */
export default function (component) {
  const { base = "/", main: path } = /** @type {HTMLElement} */ (component.parentElement.querySelector(".unrolled-player")).dataset;
  main ||= import(serverAddress(base) + path);
  main.then(({ show }) => show(component), (error) => {
    console.error(error);
    main = null;
    component.setStateValue("routes", "unreachable"); // Python draws from here on
  });
  return () => main?.then(({ close }) => close(component), () => {});
}
