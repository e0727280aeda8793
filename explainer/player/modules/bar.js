// The player's bar: its buttons and boxes, and what it says.

import { isEven, named } from "./clock.js";
import { button, choices, icon, make } from "./dom.js";
import { wide } from "./fit.js";
import { keysHelp, offerSkip } from "./keys.js";
import { sides } from "./views.js";
/** @import { Player } from "./types.js" */

const TELL_MS = 700; // of rest before a moment is told to a screen reader
const THUMB = 16; // how wide a slider's thumb is
const DOING = { running: "training", paused: "training paused", queued: "waiting to train", filling: "looking back" };

/** The elements of a player's bar, of which one is given: to take figures away. @param {number} number @param {HTMLElement} take */
export function barOf(number, take) {
  const play = button({ id: `unrolled-play-${number}`, "aria-keyshortcuts": "K" });
  const back = button({ drawn: "back", label: "One frame back", "aria-keyshortcuts": "J ArrowLeft" });
  const forward = button({ drawn: "forward", label: "One frame on", "aria-keyshortcuts": "L ArrowRight" });
  const slider = make("input", { type: "range", min: 0, max: 0, value: 0 });
  const ticks = make("span", { class: "ticks", "aria-hidden": "true" });
  const scale = make("span", { class: "scale" }, slider, ticks);
  const all = button({ class: "all", text: "All figures" });
  const link = button({ class: "link", text: "Copy link", title: "Copy the address of this moment", "aria-live": "polite" });
  const step = make("output", { class: "step", "aria-live": "off" });
  const speeds = [0.25, 0.5, 1, 2, 4].map((each) => [each, `${each}×`]);
  const speed = choices({ class: "speed", "aria-label": "Speed of playing", title: "Speed" }, speeds);
  const live = button({ class: "live", text: "Live", title: "Follow the training" });
  const selectors = make("span", { class: "selectors" });
  const pin = button({ class: "pin" });
  const modes = [["difference", "Difference"], ["beside", "Side by side"]];
  const mode = choices({ class: "mode", "aria-label": "How to compare", title: "How to compare" }, modes);
  const ask = make("input", { type: "text", class: "ask", autocomplete: "off", spellcheck: "false" });
  const example = button({ class: "example", text: "Example" });
  const keys = keysHelp(`unrolled-keys-${number}`);
  const shown = make("p", { class: "shown" });
  const note = make("p", { class: "note", role: "status" });
  const told = make("p", { class: "told", role: "status" });
  const box = make(
    "div",
    { class: "bar", role: "group", "aria-label": "Player" },
    make("span", { class: "row" }, back, play, forward, scale, all, link, take),
    make("span", { class: "row" }, step, speed, live, selectors, pin, mode, ask, example, keys.button),
    shown,
    keys.panel,
    note, // in the bar, which is always in sight
    told,
  );
  take.classList.add("take");
  back.title += " (J or ←)";
  forward.title += " (L or →)";
  speed.value = "1";
  return { box, play, back, forward, slider, ticks, all, link, take, step, speed, live, selectors, pin, mode, ask, example, shown, note, told };
}

/** @param {Player} player */
export function sayBar(player) {
  const { bar, data, playing, reference, times } = player;
  const label = playing ? "Hold the recording" : "Play the recording";
  icon(bar.play, playing ? "pause" : "play");
  bar.play.setAttribute("aria-label", label);
  bar.play.title = `${label} (K)`;
  bar.slider.setAttribute("aria-label", data.scan?.label ?? "Training step");
  sayTicks(player);
  sayMoment(player);
  bar.pin.hidden = !times.length || !data.diverging || data.loop;
  bar.pin.classList.toggle("on", Boolean(reference));
  bar.pin.textContent = reference ? `Compared with ${sides(player)[1]} ✕` : "Pin";
  bar.pin.title = reference ? "Stop comparing" : "Keep this moment and compare others with it";
  bar.mode.hidden = !reference;
  if (!player.live && bar.live === document.activeElement) bar.play.focus(); // it goes
  bar.live.hidden = !player.live;
  bar.live.classList.toggle("on", player.follow);
  bar.live.setAttribute("aria-pressed", String(player.follow));
  if (player.movable === player.skippable) return;
  player.skippable = player.movable;
  offerSkip();
}

/** Places of the bar by name: it goes from kept moment to kept moment, dense at the start. @param {Player} player */
export function sayTicks(player) {
  const { bar: { slider, ticks }, times } = player;
  const width = slider.clientWidth - THUMB;
  const key = `${width} ${times.length} ${times.at(-1)}`;
  if (key === player.ticked) return;
  player.ticked = key;
  const uneven = !isEven(times);
  slider.title = uneven ? "From kept moment to kept moment, which are dense at the start: the bar is not even in steps" : "";
  const marks = times.length > 1 ? named(times, (text) => wide(text, 10, { font: { family: "sans-serif" } }) / width) : [];
  ticks.replaceChildren(...marks.map(({ step, at }) => {
    const tick = make("i", { text: step });
    tick.style.left = `calc(${THUMB / 2}px + (100% - ${THUMB}px) * ${at})`;
    return tick;
  }));
}

/** The moment that the figures show; a thumb that has been moved on stays where it was put. @param {Player} player */
export function sayMoment(player) {
  const { bar, data: { scan }, index, playing, present: { step }, tapes, times } = player;
  const words = Object.entries(DOING).find(([status]) => tapes.some((tape) => tape.status === status));
  const total = Math.max(0, ...tapes.map((tape) => tape.header.steps || 0));
  bar.slider.max = String(Math.max(0, times.length - 1));
  bar.box.dataset.late = String(step !== player.step);
  if (step === player.step) bar.slider.value = String(index);
  player.said = scan ? `${scan.label} ${step} of ${times.at(-1)}` : `step ${step} of ${total}`;
  bar.step.textContent = [times.length ? player.said : "", words?.[1]].filter(Boolean).join(" · ");
  bar.slider.setAttribute("aria-valuetext", playing ? "playing" : player.said); // not each frame to who stands on it
}

/** What the figures show; they are greyed while the page's controls ask for something else. @param {Player} player */
export function sayShown({ bar, data: { shown }, grid }) {
  bar.shown.textContent = shown ? `${shown.said}${shown.stale ? ". The controls ask for something else." : ""}` : "";
  grid.classList.toggle("stale", Boolean(shown?.stale));
}

/** What there is to say of the tapes and of what was asked. @param {Player} player */
export function sayNote({ bar, complaint, everyTape, offered, tapes }) {
  bar.ask.setAttribute("aria-invalid", String(Boolean(complaint)));
  const said = [...new Set(everyTape.map((tape) => tape.said))].map((words) => [words, "computed now · your input"]);
  const messages = tapes.map(({ header: { message, name }, live }) => [message, live ? "" : `recorded${name ? ` · ${name}` : ""}`]);
  const sentences = [[complaint], [offered], ...said, ...messages].filter(([words]) => words);
  bar.note.replaceChildren(...sentences.flatMap(([words, source]) => [
    `${words} `,
    ...(source ? [make("span", { class: "source", "data-kind": source.split(" · ")[0], text: source }), " "] : []),
  ]));
}

/** Tell a screen reader the moment and the first sentence in sight, once both stand still. @param {Player} player */
export function tell(player) {
  player.later("tell", TELL_MS, () => {
    if (player.playing || player.follow) return;
    if (player.drawing) return tell(player);
    const seen = player.panes.find(({ box }) => box.getBoundingClientRect().bottom > 0) || player.panes[0];
    player.bar.told.textContent = [player.said, seen?.caption.textContent].filter(Boolean).join(". ");
  });
}
