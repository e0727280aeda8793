// What is drawn when: passes of one moment each, first sketches, then plotly.js; and how a figure is put on the page.

import { alike, changesOf, outline } from "./alike.js";
import { sayMoment } from "./bar.js";
import { open } from "./keys.js";
import { plotly, PLOTLY_CONFIG, renumber } from "./plot.js";
import { Sketch } from "./sketch.js";
import { movable } from "./touch.js";
import { listWords, viewOf } from "./views.js";
/** @import { Moment, OfPane, Pane, Player, Ready, View } from "./types.js" */

const CALM_MS = 300; // without a new moment, until figures out of sight follow
const SHORT_MS = 8; // that preparing figures may take before the browser gets a turn
const SKETCH_MS = 2000; // that a player without tapes leaves to those which wait for theirs

/** A turn for whatever else the browser has to do. */
const giveWay = (wait = 0) => new Promise((next) => setTimeout(next, wait));

/** Draw what there is to draw, pass by pass, until nothing is left. @param {Player} player */
export function wake(player) {
  clearTimeout(player.timers.calm);
  if (player.drawing || player.unreachable) return;
  player.drawing = true;
  requestAnimationFrame(async () => {
    try {
      if (!window.Plotly) await awaitPlotly(player);
      while (window.Plotly && !player.closed && !player.unreachable && (await pass(player))) await giveWay();
    } finally {
      player.drawing = false;
    }
    followLater(player);
  });
}

/**
 * One pass: a figure that was never drawn, which takes long, by itself, of the moment that the others show; else all
 * figures in sight at the newest moment, in one task, so that no frame of the screen has two moments; else, when nothing
 * moves, one of the others. Whether there was something to draw.
 *
 * @param {Player} player
 */
async function pass(player) {
  const { moment, newest, panes, present } = player;
  const seen = panes.filter((pane) => pane.visible && pane.dirty);
  const first = seen.find((pane) => !pane.plotted);
  if (first) return drawAll(player, [first], present);
  if (seen.length || !moment || !alike(moment, newest)) return drawAll(player, seen, newest);
  const hidden = panes.find((pane) => pane.dirty && (!pane.plotted || isCalm(player)));
  return hidden ? drawAll(player, [hidden], moment) : false;
}

/**
 * Prepare these figures of one moment, in as many tasks as that takes, then show all of them in one.
 *
 * @type {(player: Player, panes: Pane[], moment: Moment) => Promise<true>}
 */
async function drawAll(player, panes, moment) {
  /** @type {Ready[]} */
  const ready = [];
  const gone = (/** @type {Pane} */ pane) => !player.panes.includes(pane);
  let since = performance.now();
  for (const pane of panes) pane.dirty = false;
  for (const pane of panes) {
    if (performance.now() - since > SHORT_MS) {
      await giveWay();
      since = performance.now();
    }
    if (player.closed || gone(pane)) return true;
    const found = attempt(() => prepared(player, pane, moment));
    if (found) ready.push(found);
  }
  if (ready.length) await giveWay();
  if (player.closed || ready.some(({ pane }) => gone(pane))) return true;
  for (const each of ready) attempt(() => showReady(player, each));
  player.moment = moment;
  sayMoment(player);
  return true;
}

/** Whether nothing plays, is dragged or grows at the moment. @param {Player} player */
function isCalm({ follow, playing, soughtAt, tapes }) {
  const grows = follow && tapes.some((tape) => tape.status === "running");
  return !playing && !grows && performance.now() - soughtAt >= CALM_MS;
}

/** Figures out of sight follow when nothing has moved for a while. @param {Player} player */
export function followLater(player) {
  clearTimeout(player.timers.calm);
  if (player.closed || player.playing || !player.panes.some((pane) => pane.dirty && pane.plotted)) return;
  player.later("calm", CALM_MS, () => wake(player));
}

/** Load plotly.js; what is in sight is sketched before, since its loading holds up the browser. @param {Player} player */
async function awaitPlotly(player) {
  if (player.tapes.length && !player.heard) return; // a figure that can be sketched may come in a moment
  for (const pane of player.panes)
    if (pane.box.getBoundingClientRect().top <= innerHeight) attempt(() => sketch(player, pane)); // plotly may still draw it
  player.moment = player.newest;
  sayMoment(player);
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  player.sketched = true; // and painted: another player waits for that
  const since = performance.now();
  // Another player's first sight would wait for plotly.js, too.
  const waits = () => [...open].some((each) => each.tapes.length && !each.sketched);
  while (waits() && performance.now() - since < SKETCH_MS) await giveWay(20);
  await plotly(player.base + player.data.plotly).catch(() => {
    player.unreachable = true; // Python draws from here on
    player.setState("routes", "unreachable");
  });
}

/** A figure that can't be drawn leaves the others as they are. @type {<R>(act: () => R) => R | null} */
function attempt(act) {
  try {
    return act();
  } catch (error) {
    console.error(error);
    return null;
  }
}

/** A figure on a canvas, until plotly.js can draw it. @type {OfPane} */
function sketch(player, pane) {
  const view = viewOf(player, pane, player.newest);
  if (!view) return;
  const { height } = view.layout;
  pane.plot.style.height = `${height}px`;
  pane.plot.replaceChildren(new Sketch(view, pane.plot.clientWidth, height).canvas);
  describe(player, pane, view);
}

/** A panel with its figure at a moment. @type {(player: Player, pane: Pane, moment: Moment) => Ready | null} */
function prepared(player, pane, moment) {
  const { fresh, plotted, spec } = pane;
  if (plotted && !fresh && !spec.slots.length && !spec.readings.length) return { pane, moment };
  const view = viewOf(player, pane, moment);
  return view && { pane, moment, view, changes: plotted ? changesOf(pane.shown.data, view.data) : null };
}

/**
 * Put a prepared figure on the page, within this task. Where only numbers have changed they are put into the drawing as it stands;
 * where none has, plotly.js need not read them again, and where nothing has, need do nothing.
 *
 * @type {(player: Player, ready: Ready) => void}
 */
function showReady(player, { pane, moment, view, changes }) {
  const { plot, plotted, shown, spec } = pane;
  if (!view) {
    plot.dataset.step = String(moment.step);
    return;
  }
  const { data, layout } = view;
  const { shapes, ...rest } = layout;
  const known = changes?.every((names) => !names.length);
  const stands = changes && alike(shown.rest, rest) && (known || attempt(() => renumber(plot, data, changes)));
  const marked = stands && alike(shown.shapes, shapes);
  pane.shown = { data: outline(data), rest: outline(rest), shapes: outline(shapes) };
  if (!known && !stands) pane.revision = ++player.drawn;
  layout.datarevision = pane.revision;
  pane.fresh = false;
  plot.style.height = `${layout.height}px`;
  if (plotted && !marked) window.Plotly.react(plot, known || stands ? plot.data : data, layout);
  if (!plotted) {
    window.Plotly.newPlot(plot, data, layout, PLOTLY_CONFIG);
    pane.plotted = true;
    plot.querySelector(".sketch")?.remove();
    pane.listen();
  }
  nameDrawing(pane);
  if (!player.zooms[spec.id]) pane.home = Object.fromEntries(movable(plot).map(([name, axis]) => [name, [...axis.range]]));
  describe(player, pane, view);
}

/** What stands with a figure in words. @type {(player: Player, pane: Pane, view: View) => void} */
function describe(player, pane, { aside, awaited, reading, source, step, title, unwritten }) {
  pane.title.textContent = title;
  pane.aside.textContent = aside;
  pane.caption.textContent = reading;
  pane.source.textContent = source.words;
  pane.source.dataset.kind = source.kind;
  pane.source.title = [player.data.sources[source.kind], source.names].filter(Boolean).join(": ");
  pane.words.hidden = !unwritten;
  listWords(player, pane);
  pane.box.classList.toggle("awaited", awaited); // the picture is that of the tape, and not yet the answer
  pane.plot.dataset.step = String(step);
}

/** The drawing is one picture with title and sentence; plotly's buttons in it are no stops of Tab. @param {Pane} pane */
function nameDrawing({ plot, title, caption }) {
  const [picture, ...rest] = plot.querySelectorAll(".main-svg");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-labelledby", title.parentElement?.id ?? "");
  picture.setAttribute("aria-describedby", caption.parentElement?.id ?? "");
  for (const each of rest) each.setAttribute("aria-hidden", "true");
  for (const each of plot.querySelectorAll("button, a, [tabindex]")) each.setAttribute("tabindex", "-1");
}
