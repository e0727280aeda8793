// The figures on the page, and the boxes to choose what they show.

import { sayTicks } from "./bar.js";
import { beside } from "./compare.js";
import { choose, clicked, entriesFor, resetView, zoom, zoomedByMouse } from "./deeds.js";
import { choices, make } from "./dom.js";
import { menuButton } from "./menu.js";
import { unpacked } from "./slots.js";
import { fingers } from "./touch.js";
import { listWords } from "./views.js";
/** @import { Pane, Player, Side } from "./types.js" */

/** Put the figures on the page; those that stand there stay, as Python has them now. @param {Player} player */
export function layOut(player) {
  const { bar, data, drags, grid } = player;
  const moves = data.runs.length > 0 || data.scan !== null;
  const figures = chosen(player);
  const shape = figures.map(({ id }) => id).join();
  if (shape !== player.shape) {
    player.shape = shape;
    for (const pane of player.panes) player.seen.unobserve(pane.box);
    purge(player);
    player.panes = figures.map((spec) => paneOf(player, spec));
    for (const pane of player.panes) player.seen.observe(pane.box);
    grid.replaceChildren(...player.panes.map(({ box }) => box));
  }
  figures.forEach((spec, index) => {
    const pane = player.panes[index];
    const own = Object.fromEntries(Object.entries(spec.arrays).map(([name, array]) => [name, unpacked(array)]));
    Object.assign(pane, { spec, own, fresh: true });
    pane.title.textContent = spec.title;
    pane.box.classList.toggle("dragged", Boolean(drags[spec.id]));
    pane.menu.tabIndex = moves || data.link ? -1 : 0; // else the bar has one
    pane.box.style.setProperty("--span", String(spec.span));
    pane.box.style.setProperty("--rows", String(spec.rows));
    pane.plot.style.height = `${spec.height}px`;
  });
  bar.box.hidden = !moves && !data.link && !player.alone;
  bar.box.classList.toggle("only", !moves);
}

/** Give back what plotly.js keeps of the figures. @param {Player} player */
export function purge({ panes }) {
  for (const { plot, plotted } of panes) if (plotted) window.Plotly.purge(plot);
}

/** The figures to show: all, or the one that is looked at alone, large. @type {(player: Player) => Side[]} */
function chosen(player) {
  const { bar, data, reference } = player;
  const all = reference && bar.mode.value === "beside" ? beside(data.figures) : data.figures;
  const found = all.filter(({ id }) => player.alone && [player.alone, `${player.alone}-compared`].includes(id));
  bar.all.hidden = !found.length;
  if (!found.length) player.alone = "";
  if (found.length !== 1) return found.length ? found : all;
  const [spec] = found;
  return [{ ...spec, span: 12, rows: 1, height: Math.max(spec.height, Math.min(640, innerHeight - 420)) }];
}

/** A figure's place on the page. @type {(player: Player, spec: Side) => Pane} */
function paneOf(player, spec) {
  const { data, number } = player;
  const id = `unrolled-${number}-${spec.id}`;
  const title = make("span");
  const aside = make("span", { class: "aside" });
  const menu = menuButton(`What to do with “${spec.name}”`, "more", () => entriesFor(player, pane));
  const heading = make(/** @type {"h2"} */ (`h${data.heading}`), { id }, title, " ", aside);
  const plot = make("div", { class: "plot" });
  const caption = make("span");
  const source = make("span", { class: "source" });
  const summary = make("summary", { text: "What the cells say, which are too narrow here to write in" });
  const words = make("details", { class: "words", hidden: "", ontoggle: () => listWords(player, pane) }, summary);
  const said = make("figcaption", { id: `${id}-said` }, caption, " ", source);
  const box = make("figure", { "data-figure": spec.id, "aria-labelledby": id }, make("div", { class: "head" }, heading, menu), plot, said, words);
  /** @type {Pane} */
  const pane = {
    spec, own: {}, box, plot, title, aside, menu, caption, source, words, home: {},
    visible: true, plotted: false, dirty: true, fresh: true, revision: 0, shown: { data: [], rest: {}, shapes: null },
    listen() {
      const { click } = pane.spec;
      if (click?.seek) plot.title = "A click on a curve goes to its step";
      if (click) pane.plot.on("plotly_click", (/** @type {any} */ event) => clicked(player, pane, event.points[0]));
      pane.plot.on("plotly_relayout", (/** @type {any} */ change) => zoomedByMouse(player, pane, change));
      pane.plot.on("plotly_doubleclick", () => resetView(player, pane));
    },
  };
  fingers(plot, {
    drags: () => Boolean(player.drags[pane.spec.id]),
    zoom: (ranges) => zoom(player, pane, ranges),
    home: (name) => pane.home[name],
  });
  return Object.assign(box, { panel: pane }).panel;
}

/** A box for each selection that has a choice; who stands on one of them stays there. @param {Player} player */
export function layOutSelectors(player) {
  const { bar, data: { select }, selection } = player;
  const offered = JSON.stringify(select);
  if (offered === player.offers) return;
  player.offers = offered;
  for (const { name } of select) selection[name] ??= 0;
  const boxes = select.filter(({ names }) => names.length > 1).map(({ name, label, names }) => {
    const onchange = () => choose(player, { [name]: Number(box.value) });
    const box = choices({ name, "aria-label": label, onchange }, names.map((text, value) => [value, text]));
    box.value = String(Math.min(selection[name], names.length - 1));
    return box;
  });
  bar.selectors.replaceChildren(...boxes);
}

/** Figures are made for their width: a new one asks for all of them again. @param {Player} player */
export function resize(player) {
  const width = player.grid.clientWidth;
  sayTicks(player);
  if (width === player.width) return; // it is as high as its figures, which says nothing
  player.width = width;
  for (const pane of player.panes) pane.fresh = true;
  if (player.panes.length) player.draw();
}
