// @ts-nocheck: its types are still to be written
// The player: keeps the tapes of a page's runs, draws one moment of them, and moves through time.
//
// Figures come whole from Python (plotly's JSON) with slots: places that a moment's arrays fill. New chunks of tape are fetched
// from /api/tape; nothing here asks Python to run again for a frame.

import { copyAddress, outerAddress, serverAddress, writeAddress, zoomsOf, zoomText } from "./address.js";
import { alike, changesOf, outline } from "./alike.js";
import { wordTable } from "./cells.js";
import { indexAt, isEven, momentsOf, named, playedOn } from "./clock.js";
import { against, beside, capital, comparedTitle, comparedWords, sidesOf } from "./compare.js";
import { csvFile, numbersOf } from "./csv.js";
import { handOver, icon, make } from "./dom.js";
import { fit, moreRows, stack, wide } from "./fit.js";
import { keysHelp, listen, listenNoMore, offerSkip, open } from "./keys.js";
import { menuButton, openMenu } from "./menu.js";
import { plotly, PLOTLY_CONFIG, renumber } from "./plot.js";
import { Sketch } from "./sketch.js";
import { filled, mosaicCell, tapeOf, unpacked } from "./slots.js";
import { OF_A_MOMENT, sourceOf, stepsInWords, viewsOf } from "./source.js";
import { drawing, pngFile, PRINT_FONT, PRINT_WIDTH, svgFile } from "./take.js";
import { Busy, Tape } from "./tape.js";
import { fingers, movable } from "./touch.js";

const AHEAD_MS = 250; // an answer that takes longer costs others too much to be asked for before it is wanted
const POLL_MS = { queued: 120, running: 220, paused: 700, filling: 400 };
const CALM_MS = 300; // without a new moment, until figures out of sight follow
const SHORT_MS = 8; // that preparing figures may take before the browser gets a turn
const THEME_MS = 800; // that a player leaves to another which asks for the figures of another theme
const TELL_MS = 700; // of rest before a moment is told to a screen reader
const SKETCH_MS = 2000; // that a player without tapes leaves to those which wait for theirs
const THUMB = 16; // how wide a slider's thumb is

/** A turn for whatever else the browser has to do. */
const giveWay = () => new Promise((next) => setTimeout(next));

export class Player {
  static made = 0;

  constructor(host) {
    this.host = host;
    this.tapes = [];
    this.panels = [];
    this.selection = {};
    this.playing = false;
    this.follow = false;
    this.step = 0;
    this.speed = 1;
    this.closed = false;
    this.drawn = 0;
    this.moment = null; // what all figures in sight show: { step, index }
    this.reported = "";
    this.sketched = false;
    this.number = ++Player.made;
    open.add(this);
    listen();
    this.build();
  }

  build() {
    const button = (name, label, onclick) => {
      const made = make("button", { type: "button", "aria-label": label, title: label, onclick });
      icon(made, name);
      return made;
    };
    this.playButton = button("play", "Play the recording", () => this.toggle());
    this.backButton = button("back", "One frame back", () => this.nudge(-1));
    this.forwardButton = button("forward", "One frame on", () => this.nudge(1));
    this.playButton.id = `unrolled-play-${this.number}`;
    this.playButton.setAttribute("aria-keyshortcuts", "K");
    this.backButton.setAttribute("aria-keyshortcuts", "J ArrowLeft");
    this.forwardButton.setAttribute("aria-keyshortcuts", "L ArrowRight");
    this.backButton.title = "One frame back (J or ←)";
    this.forwardButton.title = "One frame on (L or →)";
    this.slider = make("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Training step" });
    this.slider.oninput = () => this.scrub(Number(this.slider.value));
    this.slider.addEventListener("keydown", ({ key }) => {
      if (this.playing && key === "Home") this.scrub(0); // a slider that stands there tells of no change
    });
    this.slider.onpointerdown = () => {
      if (this.playing) this.pause(); // also where it is taken hold of without being moved
    };
    this.ticks = make("span", { class: "ticks", "aria-hidden": "true" });
    const scale = make("span", { class: "scale" }, this.slider, this.ticks);
    this.speedSelect = make("select", { class: "speed", "aria-label": "Speed of playing", title: "Speed" });
    for (const speed of [0.25, 0.5, 1, 2, 4]) {
      this.speedSelect.append(make("option", { value: speed, text: `${speed}×` }));
    }
    this.speedSelect.value = "1";
    this.speedSelect.onchange = () => (this.speed = Number(this.speedSelect.value));
    this.liveButton = make("button", { type: "button", class: "live", text: "Live", title: "Follow the training", onclick: () => this.goLive() });
    this.stepLabel = make("output", { class: "step", "aria-live": "off" });
    this.selectors = make("span", { class: "selectors" });
    this.pinButton = make("button", { type: "button", class: "pin", text: "Pin", onclick: () => this.pin() });
    this.askBox = make("input", { type: "text", class: "ask", autocomplete: "off", spellcheck: "false" });
    this.askBox.onchange = () => this.ask(this.askBox.value);
    this.exampleButton = make("button", { type: "button", class: "example", text: "Example", onclick: () => this.askExample() });
    this.modeSelect = make("select", { class: "mode", "aria-label": "How to compare", title: "How to compare" });
    for (const [value, text] of [["difference", "Difference"], ["beside", "Side by side"]]) {
      this.modeSelect.append(make("option", { value, text }));
    }
    this.modeSelect.onchange = () => {
      this.layOut(this.data.figures);
      this.address();
      this.draw();
    };
    this.linkButton = make("button", { type: "button", class: "link", text: "Copy link", title: "Copy the address of this moment", "aria-live": "polite" });
    this.linkButton.onclick = () => this.copyLink();
    this.takeButton = menuButton("Take away: picture or numbers of a figure", "take", (anchor) => this.figureEntries(anchor));
    this.takeButton.classList.add("take");
    this.allButton = make("button", { type: "button", class: "all", text: "All figures", onclick: () => this.showAlone("") });
    this.note = make("p", { class: "note", role: "status" });
    this.shownLine = make("p", { class: "shown" });
    this.told = make("p", { class: "told", role: "status" });
    const keys = keysHelp(`unrolled-keys-${this.number}`);
    this.bar = make(
      "div",
      { class: "bar", role: "group", "aria-label": "Player" },
      make("span", { class: "row" }, this.backButton, this.playButton, this.forwardButton, scale, this.allButton, this.linkButton, this.takeButton),
      make(
        "span",
        { class: "row" },
        this.stepLabel, this.speedSelect, this.liveButton, this.selectors, this.pinButton, this.modeSelect, this.askBox, this.exampleButton, keys.button,
      ),
      this.shownLine,
      keys.panel,
      this.note, // in the bar, which is always in sight
      this.told,
    );
    this.grid = make("div", { class: "grid" });
    this.host.replaceChildren(this.grid, this.bar);
    this.drawnOn = this.background();
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.grid);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.schemeChanged = () => this.followTheme();
    this.scheme.addEventListener("change", this.schemeChanged);
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.target.panel.visible = entry.isIntersecting;
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
    if (now === this.drawnOn) return requestAnimationFrame(() => this.followTheme(frames - 1));
    this.drawnOn = now;
    // One player after the other: Streamlit takes what several say at once for that of one, and its part of the page alone.
    const before = this.signature;
    const ask = () => this.closed || this.signature !== before || this.setState("background", now);
    setTimeout(ask, THEME_MS * [...open].indexOf(this));
  }

  close() {
    open.delete(this);
    this.closed = true;
    this.playing = false;
    clearTimeout(this.loopTimer);
    clearTimeout(this.calmTimer);
    this.resizer.disconnect();
    this.scheme.removeEventListener("change", this.schemeChanged);
    this.seen.disconnect();
    clearTimeout(this.pollTimer);
    clearTimeout(this.addressTimer);
    clearTimeout(this.tellTimer);
    listenNoMore();
    for (const panel of this.panels) if (panel.plotted) window.Plotly.purge(panel.plot);
  }

  /** Take what Python says: runs, figures, theme. Called again whenever that changes. */
  update({ data: content, setStateValue }) {
    this.setState = setStateValue;
    const signature = new TextDecoder().decode(content);
    if (signature === this.signature) return;
    this.signature = signature;
    const data = JSON.parse(signature);
    this.data = data;
    this.base = serverAddress(data.base);
    const wanted = data.runs.map((run) => `${run.id}|${run.lenses}`).join() || data.scan?.label || "";
    if (wanted !== this.wanted) {
      const first = this.wanted === undefined;
      this.wanted = wanted;
      this.begin(data, first);
    }
    if (data.scan) this.scan(data.scan.places);
    this.operate(data.surgery);
    this.compareWith(data.against);
    this.askBox.hidden = !data.ask;
    this.exampleButton.hidden = !data.ask?.examples.length;
    if (data.ask) {
      this.askBox.maxLength = data.ask.most;
      this.askBox.placeholder = data.ask.placeholder;
      this.askBox.title = data.ask.help;
      this.exampleButton.title = data.ask.fill;
      this.askBox.setAttribute("aria-label", data.ask.label);
    }
    this.sayShown(data.shown);
    this.layOut(data.figures);
    this.layOutSelectors(data.select || []);
    const moves = data.runs.length > 0 || Boolean(data.scan);
    this.bar.hidden = !moves && !data.link && !this.alone;
    this.bar.classList.toggle("only", !moves);
    this.draw();
  }

  begin(data, first) {
    this.tapes = data.runs.map((run) => new Tape({ ...run, key: data.key }));
    this.selection = { ...data.selection };
    this.follow = false;
    this.playing = false;
    this.pinned = data.step ?? null;
    this.step = this.pinned ?? 0;
    this.moment = null;
    this.autoplay = !data.shown?.stale && this.pinned === null && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.started = false;
    this.heard = false;
    this.reported = "";
    this.times = [];
    this.reference = null;
    this.compared = undefined;
    if (first) {
      this.alone = data.figure || "";
      this.modeSelect.value = data.against && data.beside ? "beside" : "difference";
    }
    this.zooms = first ? zoomsOf(data.zoom) : {};
    this.drags = {};
    this.resets = 0;
    this.askBox.value = first ? data.ask?.input || "" : "";
    this.asking = new Set();
    this.complaint = "";
    this.offered = "";
    this.surgery = "";
    for (const tape of this.tapes) tape.input = this.askBox.value;
    if (!first) this.address();
    clearTimeout(this.pollTimer);
    this.generation = (this.generation || 0) + 1;
    if (this.tapes.length) this.poll(this.generation);
  }

  /** Say what the figures show; grey them, and hold what plays, while the page's controls ask for something else. */
  sayShown(shown) {
    const stale = Boolean(shown?.stale);
    this.shownLine.textContent = shown ? `${shown.said}${stale ? ". The controls ask for something else." : ""}` : "";
    this.grid.classList.toggle("stale", stale);
    if (stale && this.playing) this.pause();
  }

  // -- the viewer's own input

  /** Put an input to every model on the page; the empty one goes back to the tape's own sequence. */
  ask(input) {
    this.question({ input });
    this.address();
    this.draw();
  }

  /** Put the next example into the box, and to every model. */
  askExample() {
    const { examples } = this.data.ask;
    this.askBox.value = examples[(examples.indexOf(this.askBox.value) + 1) % examples.length];
    this.ask(this.askBox.value);
  }

  /** Operate on every model on the page; "" leaves them whole. */
  operate(surgery) {
    if (surgery === this.surgery) return;
    this.surgery = surgery;
    this.question({ input: this.askBox.value, surgery });
    this.draw();
  }

  /** Change what every model on the page is asked; what was answered before is forgotten. */
  question(asked) {
    for (const tape of this.everyTape()) Object.assign(tape, asked, { said: "", answers: new Map() });
    this.complaint = "";
    this.showNote();
    this.asking.clear();
  }

  everyTape() {
    return this.reference ? [...new Set([...this.tapes, ...this.reference.tapes])] : this.tapes;
  }

  /** Ask what is not known yet of this moment, one question a tape and lens at a time. */
  wonder() {
    for (const tape of this.everyTape()) {
      if (!tape.question) continue;
      const step = tape.kept(this.reference?.step != null && !this.tapes.includes(tape) ? this.reference.step : this.step);
      if (step === undefined) continue;
      for (const lens of tape.lenses) this.wonderAbout(tape, lens, step);
      if (this.reference?.step != null) for (const lens of tape.lenses) this.wonderAbout(tape, lens, tape.kept(this.reference.step));
    }
  }

  async wonderAbout(tape, lens, step) {
    const key = `${tape.id} ${lens}`;
    const known = tape.answers.get(lens) || [];
    if (this.asking.has(key) || known.some((frame) => frame.step === step)) return;
    this.asking.add(key);
    const question = tape.question;
    const start = performance.now();
    const answer = await tape.ask(this.base, lens, step).catch(() => "The question could not be put: the server did not answer.");
    this.asking.delete(key);
    if (this.closed || tape.question !== question) return this.closed || this.wonder();
    if (answer.again) return setTimeout(() => this.closed || this.wonder(), answer.again);
    if (typeof answer === "string") {
      this.complaint = answer;
      for (const each of this.everyTape()) each.input = each.surgery = each.said = "";
    } else {
      tape.said = answer.said;
      const frames = [...(tape.answers.get(lens) || []), answer].sort((a, b) => a.step - b.step);
      tape.answers.set(lens, frames);
      const took = performance.now() - start;
      if (took < AHEAD_MS) setTimeout(() => this.wonderAhead(tape, lens), took);
    }
    this.showNote();
    this.draw();
  }

  /** For figures with the own input's course: the other kept moments too, in turn, while answers come quickly. */
  wonderAhead(tape, lens) {
    if (this.closed || !tape.question || !this.data.figures.some((spec) => spec.slots.some((slot) => slot.kind === "asked"))) return;
    const known = new Set(tape.asked(lens).map((frame) => frame.step));
    const next = (tape.header.snapshots || []).findLast((step) => !known.has(step));
    if (next !== undefined) this.wonderAbout(tape, lens, next);
  }

  // -- comparing: a second moment, or a second run at the same moment

  compareWith(wanted) {
    const key = JSON.stringify(wanted);
    if (key === this.compared) return;
    this.compared = key;
    if (!wanted) this.reference = null;
    else if (!wanted.run) this.reference = { tapes: this.tapes, step: wanted.step };
    else {
      const tape = new Tape({ id: wanted.run, lenses: this.tapes[0]?.lenses || [], key: this.data.key });
      tape.input = this.askBox.value;
      tape.surgery = this.surgery;
      this.reference = { tapes: [tape], step: wanted.step };
      this.pollReference(tape);
    }
  }

  async pollReference(tape) {
    if (this.closed || !this.reference?.tapes.includes(tape)) return;
    await this.fetchTape(tape, this.generation);
    this.draw();
    if (tape.due < Infinity) setTimeout(() => this.pollReference(tape), Math.max(10, tape.due - performance.now()));
  }

  /** Keep this moment to compare others with, or let it go. */
  pin() {
    this.reference = this.reference ? null : { tapes: this.tapes, step: this.step };
    this.layOut(this.data.figures);
    this.address();
    this.draw();
  }

  /** Without tapes the bar moves through the places of an axis, which may become more or fewer. */
  scan(places) {
    this.times = places;
    this.step = places[this.index] ?? 0;
    if (this.started) return;
    this.started = true;
    if (this.autoplay) this.play();
  }

  // -- figures

  layOut(panels) {
    const all = this.reference && this.modeSelect.value === "beside" ? beside(panels) : panels;
    const figures = this.chosenAlone(all);
    const shape = figures.map((spec) => spec.id).join();
    if (shape !== this.shape) {
      this.shape = shape;
      for (const panel of this.panels) {
        this.seen.unobserve(panel.box);
        if (panel.plotted) window.Plotly.purge(panel.plot);
      }
      this.panels = figures.map((spec) => {
        const name = `unrolled-${this.number}-${spec.id}`;
        const plot = make("div", { class: "plot" });
        const caption = make("span", {});
        const source = make("span", { class: "source" });
        const title = make("span", { text: spec.title });
        const aside = make("span", { class: "aside" });
        const said = make("figcaption", { id: `${name}-said` }, caption, " ", source);
        const menu = menuButton(`What to do with “${spec.name}”`, "more", () => this.entriesFor(panel));
        const words = make("details", { class: "words", hidden: "" }, make("summary", { text: "What the cells say, which are too narrow here to write in" }));
        const head = make("div", { class: "head" }, make(`h${this.data.heading}`, { id: name }, title, " ", aside), menu);
        const box = make("figure", { "data-figure": spec.id, "aria-labelledby": name }, head, plot, said, words);
        const panel = { plot, caption, source, title, aside, box, menu, words, visible: true, plotted: false, dirty: true };
        words.ontoggle = () => this.listWords(panel);
        fingers(plot, {
          drags: () => Boolean(this.drags[panel.spec.id]),
          zoom: (ranges) => this.zoom(panel, ranges),
          home: (name) => panel.home?.[name],
        });
        box.panel = panel;
        this.seen.observe(box);
        return panel;
      });
      this.grid.replaceChildren(...this.panels.map((panel) => panel.box));
    }
    figures.forEach((spec, index) => {
      const panel = this.panels[index];
      panel.spec = spec;
      panel.own = Object.fromEntries(Object.entries(spec.arrays || {}).map(([name, array]) => [name, unpacked(array)]));
      panel.dirty = panel.fresh = true;
      panel.title.textContent = spec.title;
      panel.box.classList.toggle("dragged", Boolean(this.drags[spec.id]));
      panel.menu.tabIndex = this.data.runs.length || this.data.scan || this.data.link ? -1 : 0; // else the bar has one
      panel.box.style.setProperty("--span", spec.span);
      panel.box.style.setProperty("--rows", spec.rows || 1);
      panel.plot.style.height = `${spec.height}px`;
    });
  }

  layOutSelectors(select) {
    const offered = JSON.stringify(select);
    if (offered === this.offers) return; // who stands on one of them stays there
    this.offers = offered;
    this.selectors.replaceChildren();
    for (const { name, label, names } of select) {
      if (!(name in this.selection)) this.selection[name] = 0;
      if (names.length < 2) continue;
      const box = make("select", { "aria-label": label });
      names.forEach((text, value) => box.append(make("option", { value, text })));
      box.value = String(Math.min(this.selection[name], names.length - 1));
      box.dataset.name = name;
      box.onchange = () => this.choose({ [name]: Number(box.value) });
      this.selectors.append(box);
    }
  }

  choose(selection) {
    Object.assign(this.selection, selection);
    for (const box of this.selectors.querySelectorAll("select")) box.value = String(this.selection[box.dataset.name]);
    this.address();
    this.draw();
  }

  /** Figures are made for their width: a new one asks for all of them again. */
  resize() {
    this.showTicks();
    const width = this.grid.clientWidth;
    if (width === this.width) return; // it is as high as its figures, which says nothing
    this.width = width;
    for (const panel of this.panels) panel.fresh = true;
    if (this.panels.length) this.draw();
  }

  /** Ask for the newest moment to be drawn. */
  draw() {
    for (const panel of this.panels) panel.dirty = true;
    this.soughtAt = performance.now();
    this.showBar();
    this.wonder();
    this.wake();
  }

  /** Draw what there is to draw, pass by pass, until nothing is left. */
  wake() {
    clearTimeout(this.calmTimer);
    if (this.drawing || this.unreachable) return;
    this.drawing = true;
    requestAnimationFrame(async () => {
      try {
        if (!window.Plotly) await this.awaitPlotly();
        while (window.Plotly && !this.closed && !this.unreachable && (await this.pass())) await giveWay();
      } finally {
        this.drawing = false;
      }
      this.followLater();
    });
  }

  /**
   * One pass: a figure that was never drawn, which takes long, by itself, of the moment that the others show; else all
   * figures in sight at the newest moment, in one task, so that no frame of the screen has two moments; else, when nothing
   * moves, one of the others. Whether there was something to draw.
   */
  async pass() {
    const first = this.panels.find((panel) => panel.visible && panel.dirty && !panel.plotted);
    if (first) return this.drawAll([first], this.present);
    const seen = this.panels.filter((panel) => panel.visible && panel.dirty);
    if (seen.length || !alike(this.moment, this.newest)) return this.drawAll(seen, this.newest);
    const hidden = this.panels.find((panel) => panel.dirty && (!panel.plotted || this.calm));
    return hidden ? this.drawAll([hidden], this.moment) : false;
  }

  /** Prepare these figures of one moment, in as many tasks as that takes, then show all of them in one. */
  async drawAll(panels, moment) {
    const ready = [];
    let since = performance.now();
    for (const panel of panels) panel.dirty = false;
    for (const panel of panels) {
      if (performance.now() - since > SHORT_MS) {
        await giveWay();
        since = performance.now();
      }
      if (this.closed || !this.panels.includes(panel)) return true;
      const prepared = this.attempt(() => this.prepared(panel, moment));
      if (prepared) ready.push(prepared);
    }
    if (ready.length) await giveWay();
    if (this.closed || ready.some(({ panel }) => !this.panels.includes(panel))) return true;
    for (const each of ready) this.attempt(() => this.show(each));
    this.moment = moment;
    this.showMoment();
    return true;
  }

  /** A figure that can't be drawn leaves the others as they are. */
  attempt(act) {
    try {
      return act();
    } catch (error) {
      console.error(error);
      return null;
    }
  }

  /** The moment that the figures show. */
  get present() {
    return this.moment || this.newest;
  }

  /** The moment that is asked for. */
  get newest() {
    return { step: this.step, index: this.index };
  }

  /** Whether a figure in sight does not show the newest moment yet. */
  get late() {
    return this.panels.some((panel) => panel.visible && panel.dirty);
  }

  /** Whether nothing plays, is dragged or grows at the moment. */
  get calm() {
    const grows = this.follow && this.tapes.some((tape) => tape.status === "running");
    return !this.playing && !grows && performance.now() - this.soughtAt >= CALM_MS;
  }

  /** Figures out of sight follow when nothing has moved for a while. */
  followLater() {
    clearTimeout(this.calmTimer);
    if (this.closed || this.playing || !this.panels.some((panel) => panel.dirty && panel.plotted)) return;
    this.calmTimer = setTimeout(() => this.wake(), CALM_MS);
  }

  /** Load plotly.js; every figure that is in sight is sketched before, since its loading holds up the browser. */
  async awaitPlotly() {
    if (this.tapes.length && !this.heard) return; // a figure that can be sketched may come in a moment
    for (const panel of this.panels) {
      if (panel.box.getBoundingClientRect().top > innerHeight) continue;
      try {
        this.sketch(panel);
      } catch (error) {
        console.error(error); // plotly may still draw it
      }
    }
    this.moment = this.newest;
    this.showMoment();
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    this.sketched = true; // and painted: another player waits for that
    const since = performance.now();
    // Another player's first sight would wait for plotly.js, too.
    while ([...open].some((each) => each.tapes.length && !each.sketched) && performance.now() - since < SKETCH_MS) {
      await new Promise((next) => setTimeout(next, 20));
    }
    await plotly(this.base + this.data.plotly).catch(() => {
      this.unreachable = true; // Python draws from here on
      this.setState("routes", "unreachable");
    });
  }

  sketch(panel) {
    const figure = this.figure(panel, this.newest);
    if (!figure) return;
    panel.plot.style.height = `${figure.layout.height}px`;
    panel.plot.replaceChildren(new Sketch(figure, panel.plot.clientWidth, figure.layout.height).canvas);
    this.describe(panel, figure);
  }

  /** A panel with its figure at a moment; of one that stands still only the moment. */
  prepared(panel, moment) {
    const { spec } = panel;
    if (panel.plotted && !panel.fresh && !spec.slots.length && !spec.readings.length) return { panel, moment };
    const figure = this.figure(panel, moment);
    if (!figure) return null;
    const changes = panel.plotted && changesOf(panel.shown.data, figure.data);
    return { panel, moment, figure, changes };
  }

  /**
   * Put a prepared figure on the page, within this task. Where only numbers have changed they are put into the drawing as it stands;
   * where none has, plotly.js need not read them again, and where nothing has, need do nothing.
   */
  show({ panel, moment, figure, changes }) {
    const { plot, spec } = panel;
    if (!figure) {
      plot.dataset.step = moment.step;
      return;
    }
    const { data, layout } = figure;
    const { shapes, ...rest } = layout;
    const known = changes && changes.every((names) => !names.length);
    const stands = changes && alike(panel.shown.rest, rest) && (known || this.attempt(() => renumber(plot, data, changes)));
    const marked = stands && alike(panel.shown.shapes, shapes);
    panel.shown = { data: outline(data), rest: outline(rest), shapes: outline(shapes) };
    if (!known && !stands) panel.revision = ++this.drawn;
    layout.datarevision = panel.revision;
    panel.fresh = false;
    plot.style.height = `${layout.height}px`;
    if (panel.plotted && !marked) window.Plotly.react(plot, known || stands ? plot.data : data, layout);
    if (!panel.plotted) {
      window.Plotly.newPlot(plot, data, layout, PLOTLY_CONFIG);
      panel.plotted = true;
      plot.querySelector(".sketch")?.remove();
      if (spec.click?.seek) plot.title = "A click on a curve goes to its step";
      if (spec.click) plot.on("plotly_click", (event) => this.clicked(panel.spec, event.points[0]));
      plot.on("plotly_relayout", (change) => this.zoomedByMouse(panel, change));
      plot.on("plotly_doubleclick", () => this.resetView(panel));
    }
    this.nameDrawing(panel);
    if (!this.zooms[spec.id]) panel.home = Object.fromEntries(movable(plot).map(([name, axis]) => [name, [...axis.range]]));
    this.describe(panel, figure);
  }

  /**
   * What a panel shows of a moment, with its step and reading; null while there is none: the picture stays.
   *
   * `width`: pixels for which it is made; Infinity leaves out nothing.
   */
  figure(panel, moment, width = panel.box.clientWidth) {
    const ready = this.tapes.some((tape) => tape.frames[tape.lenses[0]].length > 0);
    if (!ready && this.tapes.length) return null;
    const spec = panel.spec;
    const selection = { ...this.selection, place: moment.index };
    const shown = this.shown(spec, moment);
    const figure = filled(spec, shown.tapes, shown.step, selection, panel.own);
    const { layout } = figure;
    const { title, sentences } = this.layAgainst(spec, figure, selection, panel.own, this.reading(spec, shown), moment);
    layout.height = width < 420 ? Math.min(spec.height, 300 + moreRows(figure, width)) : spec.height;
    layout.dragmode = (this.drags[spec.id] ?? "zoom") || false;
    for (const [name, range] of Object.entries(this.zooms[spec.id] || {}))
      if (layout[name]) Object.assign(layout[name], { range: [...range], autorange: false });
    const unwritten = fit(figure, width);
    stack(figure, layout.height);
    layout.uirevision = spec.id + this.wanted + this.resets;
    layout.width = panel.plot.getBoundingClientRect().width || undefined; // plotly.js asks late, when others have moved the page
    layout.autosize = !layout.width;
    const views = viewsOf(spec, shown.tapes, shown.step, this.selection);
    const steps = views.flatMap(([, frames]) => [...frames]).map((frame) => frame.step);
    const awaited = spec.slots.some(({ kind, run, lens }) => {
      const tape = OF_A_MOMENT.has(kind) && tapeOf(shown.tapes, run, this.selection);
      return tape && tape.question && tape.at(lens, shown.step)?.asked === undefined;
    });
    return {
      ...figure,
      unwritten,
      awaited,
      step: moment.step,
      title,
      aside: steps.every((step) => step === shown.step) ? "" : stepsInWords(steps),
      reading: sentences.filter(Boolean).join("\n"),
      source: sourceOf(spec, views, awaited),
    };
  }

  /** The two sides of what is compared, in words. */
  sides(moment = this.present) {
    const { own, name } = this.data.against || {};
    return sidesOf(this.reference, moment.step, this.reference.tapes === this.tapes ? null : [own, name]);
  }

  /** Lay the compared moment against a figure of this one; the title and the sentences that then stand with it. */
  layAgainst(spec, figure, selection, own, reading, moment) {
    if (!this.reference) return { title: spec.title, sentences: [reading] };
    const sides = this.sides(moment);
    if (this.modeSelect.value !== "difference" || !spec.slots.length) return { title: comparedTitle(spec, sides), sentences: [reading] };
    const other = this.other(moment);
    const found = against(figure, filled(spec, other.tapes, other.step, selection, own), this.data.diverging, spec, sides);
    const minus = found.tables.some(({ low }) => low !== undefined);
    return { title: comparedTitle(spec, sides, minus), sentences: [comparedWords(found, sides), reading && minus ? `${capital(sides[0])} itself: ${reading}` : reading] };
  }

  /** The compared moment. */
  other(moment = this.present) {
    return { tapes: this.reference.tapes, step: this.reference.step ?? moment.step };
  }

  /** The tapes that a panel shows, and their step. */
  shown(spec, moment = this.present) {
    return spec.compared ? this.other(moment) : { tapes: this.tapes, step: moment.step };
  }

  describe(panel, { step, title, reading, unwritten, ...figure }) {
    const { title: heading, plot, caption, source, aside, words } = panel;
    heading.textContent = title;
    caption.textContent = reading;
    words.hidden = !unwritten;
    this.listWords(panel);
    source.textContent = figure.source.words;
    source.dataset.kind = figure.source.kind;
    panel.box.classList.toggle("awaited", figure.awaited); // the picture is that of the tape, and not yet the answer
    source.title = [this.data.sources[figure.source.kind], figure.source.names].filter(Boolean).join(": ");
    aside.textContent = figure.aside;
    plot.dataset.step = step;
  }

  /** The drawing is one picture with the figure's title and sentence; plotly's own buttons in it are no stops of Tab. */
  nameDrawing({ plot, title, caption }) {
    const [picture, ...rest] = plot.querySelectorAll(".main-svg");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-labelledby", title.parentElement.id);
    picture.setAttribute("aria-describedby", caption.parentElement.id);
    for (const each of rest) each.setAttribute("aria-hidden", "true");
    for (const each of plot.querySelectorAll("button, a, [tabindex]")) each.tabIndex = -1;
  }

  reading(spec, shown) {
    const sentences = [];
    for (const { run, lens, name } of spec.readings) {
      const tape = tapeOf(shown.tapes, run, this.selection);
      const frame = tape?.at(lens, shown.step);
      let sentence = frame?.readings[name] ?? tape?.words[lens]?.[name];
      if (sentence && typeof sentence === "object") {
        sentence = sentence[spec.reading_index.map((index) => this.selection[index] || 0).join(",")];
      }
      if (sentence) sentences.push(sentence);
    }
    return sentences.join("\n") || spec.reading || "";
  }

  // -- what can be done with a figure

  /** The figures to show: all, or the one that is looked at alone, large. */
  chosenAlone(all) {
    const chosen = all.filter((spec) => this.alone && [this.alone, `${this.alone}-compared`].includes(spec.id));
    this.allButton.hidden = !chosen.length;
    if (!chosen.length) this.alone = "";
    if (chosen.length !== 1) return chosen.length ? chosen : all;
    return [{ ...chosen[0], span: 12, rows: 1, height: Math.max(chosen[0].height, Math.min(640, innerHeight - 420)) }];
  }

  /** Show one figure alone and large; "" shows all again. */
  showAlone(id) {
    const back = this.host.contains(document.activeElement);
    this.alone = id;
    this.layOut(this.data.figures);
    this.bar.hidden = !this.tapes.length && !this.data.scan && !this.data.link && !id;
    this.address();
    this.draw();
    this.grid.scrollIntoView({ block: "nearest" });
    if (back && id) this.allButton.focus({ preventScroll: true });
    else if (back) this.takeButton.focus({ preventScroll: true });
  }

  /** The menu of the bar: each figure, and behind it what can be done with it. */
  figureEntries(anchor) {
    if (this.panels.length === 1) return this.entriesFor(this.panels[0]);
    return this.panels.map((panel) => ({
      text: `${panel.spec.name} …`,
      act: () => setTimeout(() => openMenu(anchor, panel.spec.name, this.entriesFor(panel))),
    }));
  }

  entriesFor(panel) {
    const { id } = panel.spec;
    const drags = this.drags[id] ?? (matchMedia("(pointer: coarse)").matches ? "" : "zoom");
    const drag = (mode, text) => ({ text, checked: drags === mode, act: () => this.dragBy(panel, drags === mode ? "" : mode) });
    const moves = panel.plotted && movable(panel.plot).length > 0;
    const zoomed = this.zooms[id] && Object.keys(this.zooms[id]).length > 0;
    return [
      ...(this.alone ? [{ text: "Show all figures", act: () => this.showAlone("") }] : []),
      ...(!this.alone && this.data.figures.length > 1 ? [{ text: "Show it alone, large", act: () => this.showAlone(id) }] : []),
      ...(moves ? [drag("zoom", "Zoom by dragging"), drag("pan", "Move by dragging")] : []),
      ...(zoomed ? [{ text: "Reset the view", act: () => this.resetView(panel) }] : []),
      ...(panel.plotted ? [
        { text: "Picture (PNG)", act: () => this.take(panel, "png") },
        { text: "Drawing (SVG)", act: () => this.take(panel, "svg") },
        { text: "Numbers (CSV)", act: () => this.take(panel, "csv") },
      ] : []),
      { text: "Copy link to this figure", act: (entry) => this.copyLinkTo(panel, entry) },
    ];
  }

  /** What dragging does, with a mouse and with a finger: "zoom", "pan" or "". Without a choice a mouse zooms, a finger scrolls the page. */
  dragBy(panel, mode) {
    this.drags[panel.spec.id] = mode;
    panel.box.classList.toggle("dragged", Boolean(mode));
    panel.dirty = panel.fresh = true;
    this.draw();
  }

  zoom(panel, ranges) {
    this.zooms[panel.spec.id] = { ...this.zooms[panel.spec.id], ...ranges };
    panel.dirty = panel.fresh = true;
    this.draw();
    this.address();
  }

  zoomedByMouse(panel, change) {
    const moved = new Set(Object.keys(change).map((name) => name.match(/^([xy]axis\d*)\.range/)?.[1]).filter(Boolean));
    const axes = movable(panel.plot).filter(([name]) => moved.has(name));
    if (axes.length) this.zoom(panel, Object.fromEntries(axes.map(([name, axis]) => [name, [...axis.range]])));
  }

  resetView(panel) {
    delete this.zooms[panel.spec.id];
    this.resets += 1; // plotly would keep what a person has zoomed
    for (const each of this.panels) each.dirty = each.fresh = true;
    this.draw();
    this.address();
  }

  /** Hand over a figure as it is now: as a picture with its words, or as its numbers. */
  async take(panel, kind) {
    const { id } = panel.spec;
    const page = location.pathname.replace(/\/+$/, "").split("/").pop() || "home";
    const step = this.times.length ? `-${this.shown(panel.spec).step}` : ""; // what does not move has none
    const name = `${page}-${id}${step}.${kind}`;
    try {
      if (kind === "csv") return handOver(csvFile(this.numbers(panel)), name);
      const made = await this.picture(panel);
      handOver(kind === "svg" ? svgFile(made) : await pngFile(made), name);
    } catch (error) {
      console.error(error);
      this.offered = "This browser could not make the file.";
      this.showNote();
    }
  }

  numbers(panel) {
    const mosaics = {};
    for (const slot of panel.spec.slots.filter(({ kind }) => kind === "mosaic")) {
      const shown = this.shown(panel.spec);
      const { shape } = tapeOf(shown.tapes, slot.run, this.selection).at(slot.lens, shown.step).arrays[slot.name];
      const cell = mosaicCell(shape);
      const [tall, wide] = shape.slice(2).map((size) => Math.ceil(size / cell) + slot.gap);
      mosaics[slot.to.split(".")[1]] = { tall, wide, cell, gap: slot.gap };
    }
    const figure = this.asShown(panel, this.figure(panel, this.present, Infinity));
    const across = {};
    for (const slot of panel.spec.slots.filter(({ kind }) => kind === "across")) {
      const [, at, name] = slot.to.split(".");
      const texts = figure.data[at][name] || [];
      across[at] = { ...across[at], ...(slot.transpose ? { y: texts.map((row) => row[0]) } : { x: texts[0] }) };
    }
    return numbersOf(figure, mosaics, across);
  }

  /** A figure without the traces that the viewer has put out in its legend. */
  asShown(panel, figure) {
    figure.data.forEach((trace, at) => {
      if (panel.plot.data?.[at]?.visible === "legendonly") trace.visible = "legendonly";
    });
    return figure;
  }

  picture(panel) {
    const { spec } = panel;
    const printed = { ...spec, layout: { ...spec.layout, font: { ...spec.layout.font, family: PRINT_FONT } } };
    const width = Math.max(PRINT_WIDTH, panel.box.clientWidth);
    const figure = this.asShown(panel, this.figure({ ...panel, spec: printed }, this.present, width));
    const style = getComputedStyle(this.host);
    const colours = { ground: style.getPropertyValue("--st-background-color"), ink: style.getPropertyValue("--st-text-color") };
    return drawing(figure, { title: this.reference ? figure.title : spec.name, sentence: figure.reading, source: this.source(spec, figure.awaited) }, colours, width, figure.layout.height);
  }

  /** Where a picture comes from: moment, runs, and whatever was chosen or done, in a line. */
  source(spec, awaited) {
    const used = new Set([...spec.slots.flatMap((slot) => [...(slot.index || []), slot.run]), ...spec.reading_index]);
    const choices = (this.data.select || []).filter(({ name, names }) => used.has(name) && names.length > 1);
    const held = this.reference && (this.reference.step ?? null) !== null ? `step ${this.reference.step}` : this.reference?.tapes[0].id;
    const shown = new Set(spec.slots.map(({ run }) => (typeof run === "string" ? this.selection[run] || 0 : run || 0)));
    const runs = this.data.runs.filter((_, number) => shown.has(number));
    return [
      this.times.length ? this.said : document.querySelector("h1")?.textContent,
      ...runs.map(({ id, name }) => (name && name !== id ? `${name} (run ${id})` : `run ${id}`)),
      ...choices.map(({ name, names }) => names[Math.min(this.selection[name] || 0, names.length - 1)]),
      this.askBox.value && `own input${awaited ? ", not answered yet" : ""}: ${this.askBox.value}`,
      this.surgery,
      this.reference && `compared with ${held}`,
      "Unrolled",
    ].filter(Boolean).join(" · ");
  }

  /** What stands in a table's cells, where they are too narrow for it: a list that is open, or can be opened. */
  listWords(panel) {
    const { words } = panel;
    if (words.hidden || !words.open) return;
    const figure = this.figure(panel, this.present, Infinity);
    if (figure) words.replaceChildren(words.firstChild, wordTable(figure));
  }

  copyLinkTo(panel, entry) {
    const url = this.addressed(true);
    url.searchParams.set("figure", panel.spec.id.replace(/-compared$/, ""));
    this.copyAddressOf(entry, url);
    return true;
  }

  /** Which figure is alone and how figures are zoomed, in an address where other players of the page have theirs, too. */
  addressView(url) {
    const own = new Set(this.data.figures.flatMap(({ id }) => [id, `${id}-compared`]));
    const others = Object.entries(zoomsOf(url.searchParams.get("zoom"))).filter(([id]) => !own.has(id));
    const zoom = zoomText({ ...Object.fromEntries(others), ...this.zooms });
    if (zoom) url.searchParams.set("zoom", zoom);
    else url.searchParams.delete("zoom");
    if (this.alone) url.searchParams.set("figure", this.alone);
    else if (own.has(url.searchParams.get("figure"))) url.searchParams.delete("figure");
  }

  clicked(spec, point) {
    if (spec.click.seek) {
      this.scrub(this.times.findLastIndex((step) => step <= point.x));
      return;
    }
    if (spec.click.select) {
      if (point.customdata !== undefined && point.data.mode === "markers") this.choose({ [spec.click.select]: point.customdata });
      return;
    }
    if (spec.click.cell) {
      const [query, key] = point.pointIndex;
      const { layer = 0, head = 0 } = this.selection;
      this.setState("cell", { layer, head, query, key, step: this.step, input: this.askBox.value });
      return;
    }
    if (spec.click.heads) {
      const row = [point.pointIndex].flat()[0]; // of a table or a chart with a row or a bar for each head
      this.choose({ layer: Math.floor(row / spec.click.heads), head: row % spec.click.heads });
      return;
    }
    if (spec.click.operates) {
      this.operate(point.customdata);
      this.setState("surgery", `${point.customdata}\n${++this.drawn}`); // a number, so that the same choice again is news
      return;
    }
    const frame = this.tapes[spec.click.run].at(spec.click.lens, this.step);
    const shape = frame.arrays[spec.click.name].shape;
    const [L, H, T, S] = shape;
    const cell = mosaicCell(shape);
    const layer = Math.floor(point.pointIndex[0] / (Math.ceil(T / cell) + spec.click.gap));
    const head = Math.floor(point.pointIndex[1] / (Math.ceil(S / cell) + spec.click.gap));
    if (layer < L && head < H) this.choose({ layer, head });
  }

  // -- time

  get index() {
    return indexAt(this.times, this.step);
  }

  get live() {
    return this.tapes.some((tape) => tape.live);
  }

  /** What the runs are doing, in a word. */
  get doing() {
    const words = { running: "training", paused: "training paused", queued: "waiting to train", filling: "looking back" };
    const status = Object.keys(words).find((each) => this.tapes.some((tape) => tape.status === each));
    return words[status] || "";
  }

  seek(index, keepFollowing = false) {
    if (!this.times.length) return;
    const bounded = Math.max(0, Math.min(index, this.times.length - 1));
    this.step = this.times[bounded];
    if (!keepFollowing) this.follow = false;
    this.draw();
  }

  scrub(index) {
    this.pause();
    this.seek(index);
    this.address();
  }

  nudge(by) {
    this.pause();
    this.seek(this.index + by);
    this.address();
  }

  toggle() {
    if (this.playing) {
      this.pause();
      this.address();
    } else this.play();
  }

  pause() {
    this.playing = false;
    this.follow = false;
    this.showBar();
    this.followLater();
    this.tell();
  }

  /** Tell a screen reader the moment and the first sentence in sight, once both stand still. */
  tell() {
    clearTimeout(this.tellTimer);
    this.tellTimer = setTimeout(() => {
      if (this.closed || this.playing || this.follow) return;
      if (this.drawing) return this.tell();
      const seen = this.panels.find(({ box }) => box.getBoundingClientRect().bottom > 0) || this.panels[0];
      this.told.textContent = [this.said, seen?.caption.textContent].filter(Boolean).join(". ");
    }, TELL_MS);
  }

  /** Whether there is anything to play or to step through. */
  get movable() {
    return !this.closed && !this.bar.hidden && this.times?.length > 1;
  }

  play() {
    if (!this.times.length) return;
    if (this.index >= this.times.length - 1) this.seek(0);
    this.playing = true;
    this.follow = false;
    this.address();
    this.showBar();
    let last = performance.now();
    let position = this.index;
    const turn = (this.playTurn = (this.playTurn || 0) + 1);
    const run = (now) => {
      if (!this.playing || this.closed || turn !== this.playTurn) return;
      if (this.late) return requestAnimationFrame(run); // never ahead of what is drawn
      position = playedOn(position, now - last, this.times.length, this.speed);
      last = now;
      if (Math.floor(position) !== this.index) this.seek(Math.floor(position), true);
      if (position >= this.times.length - 1) {
        if (this.live) return this.goLive();
        this.playing = false;
        this.followLater();
        if (this.data.loop) this.loopTimer = setTimeout(() => !this.closed && this.play(), 2500);
        else this.tell();
        this.showBar();
        return;
      }
      requestAnimationFrame(run);
    };
    requestAnimationFrame(run);
  }

  goLive() {
    this.playing = false;
    this.follow = true;
    this.address();
    this.seek(this.times.length - 1, true);
  }

  showBar() {
    icon(this.playButton, this.playing ? "pause" : "play");
    const label = this.playing ? "Hold the recording" : "Play the recording";
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = `${label} (K)`;
    this.slider.setAttribute("aria-label", this.data?.scan ? this.data.scan.label : "Training step");
    this.showTicks();
    this.showMoment();
    this.pinButton.hidden = !this.times.length || !this.data?.diverging || this.data.loop;
    this.pinButton.classList.toggle("on", Boolean(this.reference));
    this.pinButton.textContent = this.reference ? `Compared with ${this.sides()[1]} ✕` : "Pin";
    this.pinButton.title = this.reference ? "Stop comparing" : "Keep this moment and compare others with it";
    this.modeSelect.hidden = !this.reference;
    if (!this.live && this.liveButton === document.activeElement) this.playButton.focus(); // it goes
    this.liveButton.hidden = !this.live;
    this.liveButton.classList.toggle("on", this.follow);
    this.liveButton.setAttribute("aria-pressed", this.follow);
    if (this.movable !== this.skippable) {
      this.skippable = this.movable;
      offerSkip();
    }
  }

  /** Some places of the bar by name, since it goes from kept moment to kept moment and these are dense at the start. */
  showTicks() {
    const width = this.slider.clientWidth - THUMB;
    const key = `${width} ${this.times.length} ${this.times.at(-1)}`;
    if (key === this.ticked) return;
    this.ticked = key;
    const uneven = !isEven(this.times);
    this.slider.title = uneven ? "From kept moment to kept moment, which are dense at the start: the bar is not even in steps" : "";
    const marks = this.times.length > 1 ? named(this.times, (text) => wide(text, 10, { font: { family: "sans-serif" } }) / width) : [];
    this.ticks.replaceChildren(
      ...marks.map(({ step, at }) => {
        const tick = make("i", { text: step });
        tick.style.left = `calc(${THUMB / 2}px + (100% - ${THUMB}px) * ${at})`;
        return tick;
      }),
    );
  }

  /** The moment that the figures show, on the bar; a thumb that has been moved on stays where it was put. */
  showMoment() {
    const { step } = this.present;
    this.slider.max = Math.max(0, this.times.length - 1);
    this.bar.dataset.late = step !== this.step;
    if (step === this.step) this.slider.value = this.index;
    const total = Math.max(0, ...this.tapes.map((tape) => tape.header.steps || 0));
    const scan = this.data?.scan;
    const said = (this.said = scan ? `${scan.label} ${step} of ${this.times.at(-1)}` : `step ${step} of ${total}`);
    this.stepLabel.textContent = [this.times.length ? said : "", this.doing].filter(Boolean).join(" · ");
    this.slider.setAttribute("aria-valuetext", this.playing ? "playing" : said); // not each frame to who stands on it
  }

  // -- the address: step and selection are part of what a colleague sees

  address() {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => writeAddress(this.addressed()), 250);
  }

  /** The page's address with what this player shows; while it plays without the step, unless this very moment is meant. */
  addressed(moment = false) {
    const url = new URL(location.href);
    if (this.follow || (this.playing && !moment) || !this.times.length) url.searchParams.delete("step");
    else url.searchParams.set("step", this.step);
    for (const { name } of this.data.select || []) {
      if ((this.selection[name] || 0) !== (this.data.start?.[name] || 0)) url.searchParams.set(name, this.selection[name]);
      else url.searchParams.delete(name);
    }
    const held = this.reference && this.reference.tapes === this.tapes ? `@${this.reference.step}` : null;
    if (held) url.searchParams.set("against", held);
    else if (!this.reference) url.searchParams.delete("against");
    if (this.reference && this.modeSelect.value === "beside") url.searchParams.set("compare", "beside");
    else if (this.data.diverging) url.searchParams.delete("compare");
    this.addressView(url);
    if (this.askBox.value) url.searchParams.set("input", this.askBox.value);
    else if (this.data.ask) url.searchParams.delete("input"); // without a box it is not this player's
    return url;
  }

  /** The address of this moment for somebody else. */
  copyLink() {
    this.copyAddressOf(this.linkButton, this.addressed(true));
  }

  copyAddressOf(button, url) {
    copyAddress(button, outerAddress(url.href), (address) => {
      this.offered = `The browser lets no page copy here. The address is ${address}`;
      this.showNote();
    });
  }

  // -- fetching

  async poll(generation) {
    if (this.closed || generation !== this.generation) return;
    const now = performance.now();
    const due = this.tapes.filter((tape) => tape.due <= now);
    await Promise.all(due.map((tape) => this.fetchTape(tape, generation)));
    if (this.closed || generation !== this.generation) return;
    if (due.length) this.received();
    const waits = this.tapes.map((tape) => tape.due - performance.now()).filter((wait) => wait < 1e9);
    if (waits.length) this.pollTimer = setTimeout(() => this.poll(generation), Math.max(10, Math.min(...waits)));
  }

  async fetchTape(tape, generation) {
    try {
      await tape.fetch(this.base);
      tape.failures = 0;
      const wait = tape.header.more ? 0 : POLL_MS[tape.status];
      tape.due = wait === undefined ? Infinity : performance.now() + (document.hidden ? Math.max(wait, 2000) : wait);
    } catch (error) {
      tape.failures += 1;
      tape.due = performance.now() + Math.min(8000, 250 * 2 ** tape.failures);
      if (error instanceof Busy) return;
      if (generation === this.generation && tape.after < 0 && tape.failures >= 2) this.setState("routes", "unreachable");
    }
  }

  received() {
    this.times = momentsOf(this.tapes);
    const whole = this.tapes.every((tape) => !tape.header.more);
    this.heard ||= whole || this.pinned === null || this.times.at(-1) >= this.pinned;
    if (this.times.length && !this.started) {
      this.started = true;
      if (this.pinned !== null) this.step = this.pinned;
      else if (this.live) this.follow = true;
      else if (this.autoplay) this.play();
      else if (whole) this.seek(this.times.length - 1, true);
      else this.started = false;
    }
    if (this.follow) this.seek(this.times.length - 1, true);
    else this.draw();
    const states = this.tapes.map((tape) => `${tape.id}:${tape.status}`).join();
    if (whole && states !== this.reported) {
      const over = this.tapes.some((tape, number) => this.data.runs[number].live && !tape.live);
      const news = over || this.reported !== "";
      this.reported = states;
      if (news) this.setState("states", states); // so that Python shows the buttons that fit
    }
    this.showNote();
  }

  showNote() {
    this.askBox.setAttribute("aria-invalid", Boolean(this.complaint));
    const said = [...new Set(this.everyTape().map((tape) => tape.said))].map((words) => [words, "computed now · your input"]);
    const messages = this.tapes.map(({ header, live }) => [header.message, live ? "" : ["recorded", header.name].filter(Boolean).join(" · ")]);
    const sentences = [[this.complaint], [this.offered], ...said, ...messages].filter(([words]) => words);
    this.note.replaceChildren(...sentences.flatMap(([words, source]) => [
      `${words} `, ...(source ? [make("span", { class: "source", "data-kind": source.split(" · ")[0], text: source }), " "] : [])]));
  }
}
