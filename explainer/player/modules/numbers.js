// Below the charts of a page without the player: a button for each that gives its numbers.

import { csvFile, numbersOf } from "./csv.js";
import { button, handOver, pageName } from "./dom.js";

/** @import { Component, Figure, Mosaic, Slot } from "./types.js" */
/** @typedef {{ chart: string, title: string, name: string, mosaics: Record<string, Mosaic>, across: Slot[] }} Chart */

/** @param {Component} component */
export default function ({ parentElement, data }) {
  const content = new TextDecoder().decode(data);
  const row = /** @type {HTMLElement} */ (parentElement.querySelector(".bar"));
  if (row.dataset.content === content) return; // who stands on a button stays there
  row.dataset.content = content;
  row.replaceChildren("Numbers (CSV): ", ...JSON.parse(content).map((/** @type {Chart} */ { chart, title, name, mosaics, across }) => {
    const give = () => {
      const drawn = /** @type {Element & Figure} */ (document.querySelector(`.st-key-${CSS.escape(chart)} .js-plotly-plot`));
      handOver(csvFile(numbersOf(drawn, mosaics, across)), `${pageName()}-${name}.csv`);
    };
    return button({ text: title, onclick: give });
  }));
}
