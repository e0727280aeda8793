// A page's player: keeps the tapes of its runs, draws one moment of them, and moves through time.
//
// Figures come whole from Python (plotly's JSON) with slots: places that a moment's arrays fill. New chunks of tape are fetched
// from /api/tape; nothing here asks Python to run again for a frame. This is its state, and what Python changes of it.

import { serverAddress, zoomsOf } from "./address.js";
import { barOf, sayBar, sayShown } from "./bar.js";
import { indexAt } from "./clock.js";
import { figureEntries, showAlone } from "./deeds.js";
import { make } from "./dom.js";
import { compareWith, poll } from "./following.js";
import { listen, listenNoMore, open } from "./keys.js";
import { layOut, layOutSelectors, purge, resize } from "./layout.js";
import { menuButton } from "./menu.js";
import { wake } from "./passes.js";
import { ask, askExample, offerQuestions, operate, wonder } from "./questions.js";
import { address, copyLink } from "./sharing.js";
import { Tape } from "./tape.js";
import { goLive, pause, play, scrub, toggle } from "./transport.js";
/** @import { Begun, Component, Player, Told } from "./types.js" */

const THEME_MS = 800; // that a player leaves to another which asks for the figures of another theme

let made = 0; // players so far

/** What the figures are made for: the page's ground. @param {HTMLElement} host */
const groundOf = (host) => getComputedStyle(host).getPropertyValue("--st-background-color");

/** What is shown, so that other runs are told from the same with other figures. @param {Told} data */
const wantedOf = ({ runs, scan }) => runs.map((run) => `${run.id}|${run.lenses}`).join() || scan?.label || "";

/** What begins anew with other runs. @type {(data: Told, zoom?: string) => Begun} */
const begun = (data, zoom = "") => ({
  tapes: data.runs.map((run) => new Tape({ ...run, key: data.key })),
  wanted: wantedOf(data),
  times: [], step: data.step ?? 0, pinned: data.step, moment: null, selection: { ...data.selection },
  playing: false, follow: false, started: false, heard: false, reported: "",
  autoplay: !data.shown?.stale && data.step === null && !matchMedia("(prefers-reduced-motion: reduce)").matches,
  reference: null, compared: "",
  zooms: zoomsOf(zoom), drags: {}, resets: 0,
  asking: new Set(), complaint: "", offered: "", surgery: "",
});

/** Fetch what is to be shown, with this in the box for an own input. @type {(player: Player, input?: string) => void} */
function begin(player, input = "") {
  player.bar.ask.value = input;
  for (const tape of player.tapes) tape.input = input;
  clearTimeout(player.timers.poll);
  poll(player);
}

/** A new player in an element of the page. @type {(host: HTMLElement, component: Component, data: Told) => Player} */
export function playerIn(host, { setStateValue }, data) {
  const take = menuButton("Take away: picture or numbers of a figure", "take", (anchor) => figureEntries(player, anchor));
  const number = ++made;
  const grid = make("div", { class: "grid" });
  /** @type {Player} */
  const player = {
    ...begun(data, data.zoom),
    host, grid, number, data, told: "", bar: barOf(number, take), setState: setStateValue, base: serverAddress(data.base),
    panes: [], shape: "", offers: "", alone: data.figure,
    said: "", ticked: "", width: -1, ground: groundOf(host), speed: 1, turn: 0,
    drawn: 0, drawing: false, soughtAt: 0, sketched: false, unreachable: false, closed: false, skippable: false,
    timers: {},
    resized: new ResizeObserver(() => resize(player)),
    scheme: matchMedia("(prefers-color-scheme: dark)"),
    seen: new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) /** @type {any} */ (target).panel.visible = isIntersecting;
      player.draw();
    }, { rootMargin: "200px" }),

    get index() {
      return indexAt(this.times, this.step);
    },
    get live() {
      return this.tapes.some((tape) => tape.live);
    },
    get newest() {
      return { step: this.step, index: this.index };
    },
    get present() {
      return this.moment || this.newest;
    },
    get late() {
      return this.panes.some((pane) => pane.visible && pane.dirty);
    },
    get movable() {
      return !this.closed && !this.bar.box.hidden && this.times.length > 1;
    },
    get everyTape() {
      return [...new Set([...this.tapes, ...(this.reference?.tapes ?? [])])];
    },

    later(name, wait, act) {
      clearTimeout(this.timers[name]);
      this.timers[name] = setTimeout(() => this.closed || act(), wait);
    },
    draw() {
      for (const pane of this.panes) pane.dirty = true;
      this.soughtAt = performance.now();
      sayBar(this);
      wonder(this);
      wake(this);
    },
    arrange() {
      layOut(this);
      address(this);
      this.draw();
    },
    move(by) {
      if (by) scrub(this, this.index + by);
      else toggle(this);
    },
  };
  host.replaceChildren(grid, player.bar.box);
  player.bar.mode.value = data.against && data.beside ? "beside" : "difference";
  player.resized.observe(grid);
  player.scheme.onchange = () => followTheme(player);
  handle(player);
  open.add(player);
  listen();
  begin(player, data.ask?.input);
  return player;
}

/** What the bar's buttons and boxes do. @param {Player} player */
function handle(player) {
  const { bar } = player;
  bar.play.onclick = () => player.move(0);
  bar.back.onclick = () => player.move(-1);
  bar.forward.onclick = () => player.move(1);
  bar.slider.oninput = () => scrub(player, Number(bar.slider.value));
  bar.slider.onkeydown = ({ key }) => {
    if (player.playing && key === "Home") scrub(player, 0); // a slider that stands there tells of no change
  };
  bar.slider.onpointerdown = () => {
    if (player.playing) pause(player); // also where it is taken hold of without being moved
  };
  bar.all.onclick = () => showAlone(player, "");
  bar.link.onclick = () => copyLink(player, bar.link);
  bar.speed.onchange = () => (player.speed = Number(bar.speed.value));
  bar.live.onclick = () => goLive(player);
  bar.pin.onclick = () => {
    player.reference = player.reference ? null : { tapes: player.tapes, step: player.step };
    player.arrange();
  };
  bar.mode.onchange = () => player.arrange();
  bar.ask.onchange = () => ask(player);
  bar.example.onclick = () => askExample(player);
}

/** Take what Python says, whenever that changes: runs, figures, theme. @type {(player: Player, data: Told) => void} */
export function update(player, data) {
  player.data = data;
  if (wantedOf(data) !== player.wanted) {
    Object.assign(player, begun(data));
    begin(player);
    address(player);
  }
  scan(player);
  operate(player, data.surgery);
  compareWith(player);
  offerQuestions(player);
  sayShown(player);
  if (data.shown?.stale && player.playing) pause(player);
  layOut(player);
  layOutSelectors(player);
  player.draw();
}

/** Without tapes the bar moves through the places of an axis, which may become more or fewer. @param {Player} player */
function scan(player) {
  const places = player.data.scan?.places;
  if (!places) return;
  player.times = places;
  player.step = places[player.index] ?? 0;
  if (player.started) return;
  player.started = true;
  if (player.autoplay) play(player);
}

/**
 * The system went over to dark or light: once Streamlit has followed, Python draws the figures for it.
 *
 * @type {(player: Player, frames?: number) => void}
 */
function followTheme(player, frames = 120) {
  const { closed, data, host } = player;
  const ground = groundOf(host);
  if (closed || !frames) return;
  if (ground === player.ground) {
    requestAnimationFrame(() => followTheme(player, frames - 1));
    return;
  }
  player.ground = ground;
  // One player after the other: Streamlit takes what several say at once for that of one, and its part of the page alone.
  const wait = THEME_MS * [...open].indexOf(player);
  player.later("theme", wait, () => player.data !== data || player.setState("background", ground));
}

/** The page is left, or goes on without this player. @param {Player} player */
export function leave(player) {
  open.delete(player);
  player.closed = true;
  player.playing = false;
  for (const timer of Object.values(player.timers)) clearTimeout(timer);
  player.resized.disconnect();
  player.seen.disconnect();
  player.scheme.onchange = null;
  listenNoMore();
  purge(player);
}
