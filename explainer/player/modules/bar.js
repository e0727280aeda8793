// The bar below the figures: buttons, the slider through time, the own input, and what is said of the moment.

import { isEven, named } from "./clock.js";
import { icon, make } from "./dom.js";
import { wide } from "./fit.js";
import { keysHelp, offerSkip } from "./keys.js";
import { menuButton } from "./menu.js";
/** @import { Player } from "./player.js" */
/** @import { Content } from "./types.js" */

const THUMB = 16; // how wide a slider's thumb is
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const COMPARISONS = [["difference", "Difference"], ["beside", "Side by side"]];

/** @type {(name: string, label: string, act: () => void) => HTMLButtonElement} */
function worded(name, label, act) {
  return make("button", { type: "button", class: name, text: label, onclick: act });
}

/** @type {(name: string, label: string, title: string, keys: string, act: () => void) => HTMLButtonElement} */
function drawnButton(name, label, title, keys, act) {
  const made = make("button", { type: "button", "aria-label": label, title, "aria-keyshortcuts": keys, onclick: act });
  icon(made, name);
  return made;
}

/** @type {(name: string, label: string, options: (string | number)[][], act: () => void) => HTMLSelectElement} */
function choice(name, label, options, act) {
  const options_ = options.map(([value, text]) => make("option", { value, text }));
  return make("select", { class: name, "aria-label": label, title: label, onchange: act }, ...options_);
}

/** The elements of the bar, and what stands in them. */
export class Bar {
  /** @param {Player} player */
  constructor(player) {
    const { time, asker, view } = player;
    this.player = player;
    this.said = ""; // of the moment that the figures show
    this.offered = ""; // an address that could not be copied, a file that could not be made
    this.offers = this.ticked = "";
    this.skippable = false;
    this.playButton = drawnButton("play", "Play the recording", "Play the recording", "K", () => time.toggle());
    this.playButton.id = `unrolled-play-${player.number}`;
    const back = drawnButton("back", "One frame back", "One frame back (J or ←)", "J ArrowLeft", () => time.nudge(-1));
    const forward = drawnButton("forward", "One frame on", "One frame on (L or →)", "L ArrowRight", () => time.nudge(1));
    this.slider = make("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Training step" });
    this.slider.oninput = () => time.scrub(Number(this.slider.value));
    this.slider.addEventListener("keydown", ({ key }) => {
      if (time.playing && key === "Home") time.scrub(0); // a slider that stands there tells of no change
    });
    this.slider.onpointerdown = () => {
      if (time.playing) time.pause(); // also where it is taken hold of without being moved
    };
    this.ticks = make("span", { class: "ticks", "aria-hidden": "true" });
    const scale = make("span", { class: "scale" }, this.slider, this.ticks);
    this.speedSelect = choice("speed", "Speed of playing", SPEEDS.map((speed) => [speed, `${speed}×`]), () => (time.speed = Number(this.speedSelect.value)));
    this.speedSelect.title = "Speed";
    this.speedSelect.value = "1";
    this.liveButton = worded("live", "Live", () => time.goLive());
    this.liveButton.title = "Follow the training";
    this.stepLabel = make("output", { class: "step", "aria-live": "off" });
    this.selectors = make("span", { class: "selectors" });
    this.pinButton = worded("pin", "Pin", () => player.pin());
    this.askBox = make("input", { type: "text", class: "ask", autocomplete: "off", spellcheck: "false" });
    this.askBox.onchange = () => asker.ask(this.askBox.value);
    this.exampleButton = worded("example", "Example", () => asker.askExample());
    this.modeSelect = choice("mode", "How to compare", COMPARISONS, () => {
      player.layOut();
      player.address();
      player.draw();
    });
    this.linkButton = worded("link", "Copy link", () => view.copyLink());
    this.linkButton.title = "Copy the address of this moment";
    this.linkButton.setAttribute("aria-live", "polite");
    this.takeButton = menuButton("Take away: picture or numbers of a figure", "take", (anchor) => view.figureEntries(anchor));
    this.takeButton.classList.add("take");
    this.allButton = worded("all", "All figures", () => view.showAlone(""));
    this.note = make("p", { class: "note", role: "status" });
    this.shownLine = make("p", { class: "shown" });
    this.told = make("p", { class: "told", role: "status" });
    const keys = keysHelp(`unrolled-keys-${player.number}`);
    const row = (/** @type {HTMLElement[]} */ ...children) => make("span", { class: "row" }, ...children);
    this.element = make(
      "div",
      { class: "bar", role: "group", "aria-label": "Player" },
      row(back, this.playButton, forward, scale, this.allButton, this.linkButton, this.takeButton),
      row(this.stepLabel, this.speedSelect, this.liveButton, this.selectors, this.pinButton, this.modeSelect, this.askBox, this.exampleButton, keys.button),
      this.shownLine,
      keys.panel,
      this.note, // in the bar, which is always in sight
      this.told,
    );
  }

  /** @param {Content} data */
  take({ ask, shown, select, runs, scan, link }) {
    this.askBox.hidden = !ask;
    this.exampleButton.hidden = !ask?.examples.length;
    if (ask) {
      Object.assign(this.askBox, { maxLength: ask.most, placeholder: ask.placeholder, title: ask.help });
      this.exampleButton.title = ask.fill;
      this.askBox.setAttribute("aria-label", ask.label);
    }
    const more = shown?.stale ? ". The controls ask for something else." : "";
    this.shownLine.textContent = shown ? `${shown.said}${more}` : "";
    this.offerChoices(select);
    const moves = runs.length > 0 || Boolean(scan);
    this.element.hidden = !moves && !link && !this.player.view.alone;
    this.element.classList.toggle("only", !moves);
  }

  /** @param {Content["select"]} select */
  offerChoices(select) {
    const offered = JSON.stringify(select);
    if (offered === this.offers) return; // who stands on one of them stays there
    this.offers = offered;
    const { selection } = this.player;
    this.selectors.replaceChildren();
    for (const { name, label, names } of select) {
      selection[name] ??= 0;
      if (names.length < 2) continue;
      const box = make("select", { "aria-label": label }, ...names.map((text, value) => make("option", { value, text })));
      box.value = String(Math.min(selection[name], names.length - 1));
      box.dataset.name = name;
      box.onchange = () => this.player.choose({ [name]: Number(box.value) });
      this.selectors.append(box);
    }
  }

  /** The choices as they are now. */
  showChoices() {
    for (const box of this.selectors.querySelectorAll("select")) box.value = String(this.player.selection[box.dataset.name || ""]);
  }

  show() {
    const { data, reference, time } = this.player;
    const label = time.playing ? "Hold the recording" : "Play the recording";
    icon(this.playButton, time.playing ? "pause" : "play");
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = `${label} (K)`;
    this.slider.setAttribute("aria-label", data?.scan ? data.scan.label : "Training step");
    this.showTicks();
    this.showMoment();
    this.pinButton.hidden = !time.times.length || !data?.diverging || data.loop;
    this.pinButton.classList.toggle("on", Boolean(reference));
    this.pinButton.textContent = reference ? `Compared with ${this.player.sides()[1]} ✕` : "Pin";
    this.pinButton.title = reference ? "Stop comparing" : "Keep this moment and compare others with it";
    this.modeSelect.hidden = !reference;
    if (!time.live && this.liveButton === document.activeElement) this.playButton.focus(); // it goes
    this.liveButton.hidden = !time.live;
    this.liveButton.classList.toggle("on", time.follow);
    this.liveButton.setAttribute("aria-pressed", String(time.follow));
    if (time.movable !== this.skippable) {
      this.skippable = time.movable;
      offerSkip();
    }
  }

  /** Some places of the bar by name, since it goes from kept moment to kept moment and these are dense at the start. */
  showTicks() {
    const { times } = this.player.time;
    const width = this.slider.clientWidth - THUMB;
    const key = `${width} ${times.length} ${times.at(-1)}`;
    if (key === this.ticked) return;
    this.ticked = key;
    this.slider.title = isEven(times) ? "" : "From kept moment to kept moment, which are dense at the start: the bar is not even in steps";
    const marks = times.length > 1 ? named(times, (text) => wide(text, 10, { font: { family: "sans-serif" } }) / width) : [];
    const place = (/** @type {number} */ at) => `left: calc(${THUMB / 2}px + (100% - ${THUMB}px) * ${at})`;
    this.ticks.replaceChildren(...marks.map(({ step, at }) => make("i", { text: step, style: place(at) })));
  }

  /** The moment that the figures show, on the bar; a thumb that has been moved on stays where it was put. */
  showMoment() {
    const { data, tapes, step: wanted, time } = this.player;
    const { step } = this.player.present;
    this.slider.max = String(Math.max(0, time.times.length - 1));
    this.element.dataset.late = String(step !== wanted);
    if (step === wanted) this.slider.value = String(time.index);
    const total = Math.max(0, ...tapes.map((tape) => tape.header.steps || 0));
    this.said = data?.scan ? `${data.scan.label} ${step} of ${time.times.at(-1)}` : `step ${step} of ${total}`;
    this.stepLabel.textContent = [time.times.length ? this.said : "", time.doing].filter(Boolean).join(" · ");
    this.slider.setAttribute("aria-valuetext", time.playing ? "playing" : this.said); // not each frame to who stands on it
  }

  showNote() {
    const { asker, tapes } = this.player;
    this.askBox.setAttribute("aria-invalid", String(Boolean(asker.complaint)));
    const said = [...new Set(this.player.everyTape().map((tape) => tape.said))].map((words) => [words, "computed now · your input"]);
    const messages = tapes.map(({ header, live }) => [header.message, live ? "" : ["recorded", header.name].filter(Boolean).join(" · ")]);
    const sentences = [[asker.complaint], [this.offered], ...said, ...messages].filter(([words]) => words);
    const mark = (/** @type {string} */ source) => make("span", { class: "source", "data-kind": source.split(" · ")[0], text: source });
    this.note.replaceChildren(...sentences.flatMap(([words, source]) => [`${words} `, ...(source ? [mark(source), " "] : [])]));
  }

  /**
   * Say what could not be handed over otherwise.
   *
   * @param {string} words
   */
  offer(words) {
    this.offered = words;
    this.showNote();
  }
}
