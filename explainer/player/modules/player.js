// The player: keeps the tapes of a page's runs, draws one moment of them, and moves through time.
//
// Figures come whole from Python (plotly's JSON) with slots: places that a moment's arrays fill. New chunks of tape are fetched
// from /api/tape; nothing here asks Python to run again for a frame. What it does is in its parts: `feed` fetches, `time` moves, `passes`
// draws, `asker` asks, `view` is what can be done with a figure, `bar` has the buttons.

import { serverAddress, writeAddress } from "./address.js";
import { Asker } from "./asker.js";
import { Bar } from "./bar.js";
import { beside, sidesOf } from "./compare.js";
import { make } from "./dom.js";
import { Feed } from "./feed.js";
import { listen, listenNoMore, open } from "./keys.js";
import { menuButton } from "./menu.js";
import { Passes } from "./passes.js";
import { listWords } from "./sight.js";
import { unpacked } from "./slots.js";
import { Tape } from "./tape.js";
import { Time } from "./time.js";
import { fingers } from "./touch.js";
import { View } from "./view.js";
/** @import { Component, Content, Moment, Place, Reference, Selection, Side } from "./types.js" */

const THEME_MS = 800; // that a player leaves to another which asks for the figures of another theme
const ADDRESS_MS = 250; // of rest before the address is written

/** One component of a page: what it shows, and its parts. */
export class Player {
  static made = 0;

  /** @param {HTMLElement} host */
  constructor(host) {
    this.host = host;
    this.number = ++Player.made;
    this.closed = false;
    /** @type {Tape[]} */
    this.tapes = [];
    /** @type {Place[]} */
    this.places = [];
    /** @type {Selection} */
    this.selection = {};
    this.step = 0; // that is asked for
    /** @type {Moment | null} */
    this.moment = null; // what all figures in sight show
    /** @type {number | null} */
    this.pinned = null; // the step of the address
    /** @type {Reference | null} */
    this.reference = null; // what it is compared with
    this.base = this.signature = "";
    /** @type {string | undefined} */
    this.wanted = undefined; // the runs that it shows, as is what it compares with, its figures and its width
    /** @type {string | undefined} */
    this.compared = undefined;
    this.shape = "";
    this.width = 0;
    this.data = /** @type {Content} */ (/** @type {unknown} */ (undefined)); // until `update`
    /** @type {Component["setStateValue"]} */
    this.setState = () => {};
    this.time = new Time(this);
    this.asker = new Asker(this);
    this.view = new View(this);
    this.feed = new Feed(this);
    this.passes = new Passes(this);
    open.add(this);
    listen();
    this.bar = new Bar(this);
    this.grid = make("div", { class: "grid" });
    host.replaceChildren(this.grid, this.bar.element);
    this.drawnOn = this.background();
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.grid);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.schemeChanged = () => this.followTheme();
    this.scheme.addEventListener("change", this.schemeChanged);
    this.seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        const place = this.places.find(({ box }) => box === target);
        if (place) place.visible = isIntersecting;
      }
      this.draw();
    }, { rootMargin: "200px" });
  }

  background() {
    return getComputedStyle(this.host).getPropertyValue("--st-background-color");
  }

  /** The system went over to dark or light: once Streamlit has followed, Python draws the figures for it. */
  followTheme(frames = 120) {
    if (this.closed || !frames) return;
    const now = this.background();
    if (now === this.drawnOn) {
      requestAnimationFrame(() => this.followTheme(frames - 1));
      return;
    }
    this.drawnOn = now;
    // One player after the other: Streamlit takes what several say at once for that of one, and its part of the page alone.
    const before = this.signature;
    const ask = () => this.closed || this.signature !== before || this.setState("background", now);
    setTimeout(ask, THEME_MS * [...open].indexOf(this));
  }

  close() {
    open.delete(this);
    this.closed = true;
    this.resizer.disconnect();
    this.scheme.removeEventListener("change", this.schemeChanged);
    this.seen.disconnect();
    clearTimeout(this.feed.timer);
    clearTimeout(this.addressTimer);
    this.time.close();
    listenNoMore();
    this.passes.close();
  }

  /**
   * Take what Python says: runs, figures, theme. Called again whenever that changes.
   *
   * @param {Component} component
   */
  update({ data: content, setStateValue }) {
    this.setState = setStateValue;
    const signature = new TextDecoder().decode(content);
    if (signature === this.signature) return;
    this.signature = signature;
    /** @type {Content} */
    const data = JSON.parse(signature);
    this.data = data;
    this.base = serverAddress(data.base);
    const wanted = data.runs.map((run) => `${run.id}|${run.lenses}`).join() || data.scan?.label || "";
    if (wanted !== this.wanted) {
      const first = this.wanted === undefined;
      this.wanted = wanted;
      this.begin(data, first);
    }
    if (data.scan) {
      this.time.times = data.scan.places;
      this.step = data.scan.places[this.time.index] ?? 0;
      this.feed.scanned();
    }
    this.asker.operate(data.surgery);
    this.compareWith(data.against);
    this.grid.classList.toggle("stale", Boolean(data.shown?.stale)); // the controls ask for something else
    if (data.shown?.stale && this.time.playing) this.time.pause();
    this.layOut();
    this.bar.take(data);
    this.draw();
  }

  /** @type {(data: Content, first: boolean) => void} */
  begin(data, first) {
    const { asker, bar, time } = this;
    this.tapes = data.runs.map((run) => new Tape({ ...run, key: data.key }));
    this.selection = { ...data.selection };
    this.pinned = data.step ?? null;
    this.step = this.pinned ?? 0;
    this.moment = this.reference = null;
    this.compared = undefined;
    time.follow = time.playing = false;
    time.autoplay = !data.shown?.stale && this.pinned === null && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    time.times = [];
    this.view.begin(data, first);
    if (first) bar.modeSelect.value = data.against && data.beside ? "beside" : "difference";
    bar.askBox.value = first ? data.ask?.input || "" : "";
    bar.offered = asker.complaint = asker.surgery = "";
    asker.asking = new Set();
    for (const tape of this.tapes) tape.input = bar.askBox.value;
    if (!first) this.address();
    this.feed.begin();
  }

  everyTape() {
    return this.reference ? [...new Set([...this.tapes, ...this.reference.tapes])] : this.tapes;
  }

  /** The moment that the figures show. */
  get present() {
    return this.moment || this.newest;
  }

  /** The moment that is asked for. */
  get newest() {
    return { step: this.step, index: this.time.index };
  }

  /** Ask for the newest moment to be drawn. */
  draw() {
    this.passes.seek();
    this.bar.show();
    this.asker.wonder();
    this.passes.wake();
  }

  // -- comparing: a second moment, or a second run at the same moment

  /** @param {Content["against"]} wanted */
  compareWith(wanted) {
    const key = JSON.stringify(wanted);
    if (key === this.compared) return;
    this.compared = key;
    if (!wanted) this.reference = null;
    else if (!wanted.run) this.reference = { tapes: this.tapes, step: wanted.step };
    else {
      const tape = new Tape({ id: wanted.run, lenses: this.tapes[0]?.lenses || [], key: this.data.key });
      tape.input = this.bar.askBox.value;
      tape.surgery = this.asker.surgery;
      this.reference = { tapes: [tape], step: wanted.step };
      this.feed.pollReference(tape);
    }
  }

  /** Keep this moment to compare others with, or let it go. */
  pin() {
    this.reference = this.reference ? null : { tapes: this.tapes, step: this.step };
    this.layOut();
    this.address();
    this.draw();
  }

  /** The two sides of what is compared, in words. */
  sides(moment = this.present) {
    const { own = "", name = "" } = this.data.against || {};
    const reference = this.reference || { tapes: this.tapes, step: null };
    return sidesOf(reference, moment.step, reference.tapes === this.tapes ? null : [own, name]);
  }

  /** The compared moment. */
  other(moment = this.present) {
    return { tapes: this.reference?.tapes || this.tapes, step: this.reference?.step ?? moment.step };
  }

  /**
   * The tapes that a figure shows, and their step.
   *
   * @type {(spec: Side, moment?: Moment) => { tapes: Tape[], step: number }}
   */
  shown(spec, moment = this.present) {
    return spec.compared ? this.other(moment) : { tapes: this.tapes, step: moment.step };
  }

  // -- where the figures are

  layOut() {
    const { data, view } = this;
    const figures = view.chosen(this.reference && this.bar.modeSelect.value === "beside" ? beside(data.figures) : data.figures);
    const shape = figures.map((spec) => spec.id).join();
    if (shape !== this.shape) {
      this.shape = shape;
      for (const { box } of this.places) this.seen.unobserve(box);
      this.passes.purge();
      this.places = figures.map((spec) => this.placeOf(spec));
      this.grid.replaceChildren(...this.places.map(({ box }) => box));
    }
    figures.forEach((spec, index) => {
      const place = this.places[index];
      place.spec = spec;
      place.own = Object.fromEntries(Object.entries(spec.arrays || {}).map(([name, array]) => [name, unpacked(array)]));
      place.dirty = place.fresh = true;
      place.title.textContent = spec.title;
      place.box.classList.toggle("dragged", Boolean(view.drags[spec.id]));
      place.menu.tabIndex = data.runs.length || data.scan || data.link ? -1 : 0; // else the bar has one
      place.box.style.setProperty("--span", String(spec.span));
      place.box.style.setProperty("--rows", String(spec.rows || 1));
      place.plot.style.height = `${spec.height}px`;
    });
  }

  /** @type {(spec: Side) => Place} */
  placeOf(spec) {
    const id = `unrolled-${this.number}-${spec.id}`;
    const span = (/** @type {string} */ name) => make("span", { class: name });
    const [title, aside, caption, source] = [make("span"), span("aside"), make("span"), span("source")];
    const menu = menuButton(`What to do with “${spec.name}”`, "more", () => this.view.entriesFor(place));
    const words = make("details", { class: "words", hidden: "" }, make("summary", { text: "What the cells say, which are too narrow here to write in" }));
    const head = make("div", { class: "head" }, make(/** @type {"h2"} */ (`h${this.data.heading}`), { id }, title, " ", aside), menu);
    const plot = make("div", { class: "plot" });
    const said = make("figcaption", { id: `${id}-said` }, caption, " ", source);
    const box = make("figure", { "data-figure": spec.id, "aria-labelledby": id }, head, plot, said, words);
    const flags = { visible: true, plotted: false, dirty: true, fresh: true };
    /** @type {Place} */
    const place = { spec, own: {}, plot, caption, source, title, aside, box, menu, words, ...flags };
    words.ontoggle = () => listWords(this, place);
    fingers(plot, {
      drags: () => Boolean(this.view.drags[place.spec.id]),
      zoom: (ranges) => this.view.zoom(place, ranges),
      home: (name) => place.home?.[name],
    });
    this.seen.observe(box);
    return place;
  }

  /** @param {Selection} selection */
  choose(selection) {
    Object.assign(this.selection, selection);
    this.bar.showChoices();
    this.address();
    this.draw();
  }

  /** Figures are made for their width: a new one asks for all of them again. */
  resize() {
    this.bar.showTicks();
    const width = this.grid.clientWidth;
    if (width === this.width) return; // it is as high as its figures, which says nothing
    this.width = width;
    for (const place of this.places) place.fresh = true;
    if (this.places.length) this.draw();
  }

  // -- the address: step and selection are part of what a colleague sees

  address() {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => writeAddress(this.addressed()), ADDRESS_MS);
  }

  /** The page's address with what this player shows; while it plays without the step, unless this very moment is meant. */
  addressed(moment = false) {
    const { bar, data, reference, selection, time } = this;
    const url = new URL(location.href);
    const put = (/** @type {string} */ name, /** @type {unknown} */ value, mine = true) => {
      if (value !== null) url.searchParams.set(name, String(value));
      else if (mine) url.searchParams.delete(name); // else it is another player's
    };
    put("step", time.follow || (time.playing && !moment) || !time.times.length ? null : this.step);
    for (const { name } of data.select) {
      const chosen = selection[name] || 0;
      put(name, chosen === (data.start[name] || 0) ? null : chosen);
    }
    put("against", reference && reference.tapes === this.tapes ? `@${reference.step}` : null, !reference);
    put("compare", reference && bar.modeSelect.value === "beside" ? "beside" : null, Boolean(data.diverging));
    this.view.address(url);
    put("input", bar.askBox.value || null, Boolean(data.ask));
    return url;
  }
}
