// Below the charts of a page without the player: a button for each that gives its numbers.

import { csvFile, numbersOf } from "./csv.js";
import { handOver } from "./dom.js";

/** @import { Component, Figure, Mosaic } from "./types.js" */
/** @typedef {{ chart: string, title: string, name: string, mosaics: Record<string, Mosaic>, across: Record<string, { name: string, transpose: boolean }> }} Chart */

/** @param {Component} component */
export default function ({ parentElement, data }) {
  const content = new TextDecoder().decode(data);
  const row = /** @type {HTMLElement} */ (parentElement.querySelector(".bar"));
  if (row.dataset.content === content) return; // who stands on a button stays there
  row.dataset.content = content;
  row.replaceChildren("Numbers (CSV): ", ...JSON.parse(content).map((/** @type {Chart} */ { chart, title, name, mosaics, across }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    button.onclick = () => {
      const { data, layout } = /** @type {Element & Figure} */ (document.querySelector(`.st-key-${CSS.escape(chart)} .js-plotly-plot`));
      const texts = Object.entries(across).map(([at, { name, transpose }]) => {
        const rows = data[Number(at)][name] || [];
        return [at, transpose ? { y: rows.map((/** @type {string[]} */ texts) => texts[0]) } : { x: rows[0] }];
      });
      const page = location.pathname.replace(/\/+$/, "").split("/").pop() || "home";
      handOver(csvFile(numbersOf({ data, layout }, mosaics, Object.fromEntries(texts))), `${page}-${name}.csv`);
    };
    return button;
  }));
}
