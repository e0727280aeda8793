// The player by keyboard: its keys wherever the page has no use of its own for them, and a way past all that stands before it.

import { button, make } from "./dom.js";
/** @import { Player } from "./types.js" */

/** @type {Set<Player>} */
export const open = new Set(); // all players that are on the page

/** How far a key moves; 0 plays or holds. @typedef {Record<string, number>} Moves */
const KEYS_LETTERS = /** @type {Moves} */ ({ j: -1, k: 0, l: 1 });
const KEYS_ANYWHERE = /** @type {Moves} */ ({ ...KEYS_LETTERS, arrowleft: -1, arrowright: 1 });
const KEYS_ON_SLIDER = /** @type {Moves} */ ({ ...KEYS_ANYWHERE, " ": 0, arrowdown: -1, arrowup: 1, home: -Infinity, end: Infinity });
const KEYS_OF_A_TENTH = /** @type {Moves} */ ({ pageup: 1, pagedown: -1 }); // on the slider

const KEYS_HELP = [
  ["K, or space on the slider", "play and hold"],
  ["← →, or J and L", "one frame back and on"],
  ["Home and End on the slider", "the first and the last moment"],
  ["Page up and Page down on the slider", "a tenth of all moments on and back"],
];

/** What has a use of its own for letters or arrows, and all that stands in it. */
const KEYS_OWN_USE = [
  "input", "select", "textarea", "[contenteditable]:not([contenteditable='false'])", "dialog", "video", "audio",
  ...["slider", "spinbutton", "textbox", "searchbox", "combobox", "listbox", "menu", "menubar", "radiogroup", "tablist",
    "toolbar", "tree", "treegrid", "grid", "dialog", "alertdialog", "application"].map((role) => `[role="${role}"]`),
].join();

const KEYS_STORED = "unrolled:keys"; // in the browser: "player" where its owner wants them in the player alone
const SKIP_LINK = "unrolled-skip";

/** Whether the keys work on all of the page; where the browser keeps nothing for a page, always. */
function keysAnywhere() {
  try {
    return localStorage.getItem(KEYS_STORED) !== "player";
  } catch {
    return true;
  }
}

/** @type {(anywhere: boolean) => void} */
function setKeysAnywhere(anywhere) {
  try {
    localStorage.setItem(KEYS_STORED, anywhere ? "page" : "player");
  } catch {
    // nothing is kept here, so they go on to work
  }
}

/**
 * The key as it is on a Latin keyboard, in small letters.
 *
 * @type {(event: KeyboardEvent) => string}
 */
function keyOf(event) {
  const latin = event.key.length > 1 || event.key.charCodeAt(0) < 128;
  return (latin ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
}

/**
 * Whether an arrow to the left or right scrolls something around an element.
 *
 * @type {(element: Element) => boolean}
 */
function scrollsSideways(element) {
  for (let each = /** @type {Element | null} */ (element); each && each !== document.body; each = each.parentElement) {
    if (each.scrollWidth > each.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(each).overflowX)) return true;
  }
  return false;
}

/**
 * How far a key moves through so many moments: 0 plays or holds, undefined is none of ours.
 *
 * @type {(event: KeyboardEvent, player: Player) => number | undefined}
 */
function moveOf(event, player) {
  const key = keyOf(event);
  const target = /** @type {Element} */ (event.target);
  if (target === player.bar.slider) {
    return key in KEYS_OF_A_TENTH ? KEYS_OF_A_TENTH[key] * Math.ceil(player.times.length / 10) : KEYS_ON_SLIDER[key];
  }
  if (target.closest?.(KEYS_OWN_USE) || document.querySelector('[aria-modal="true"]')) return undefined;
  if (!player.host.contains(target) && !keysAnywhere()) return undefined;
  return !(key in KEYS_LETTERS) && scrollsSideways(target) ? undefined : KEYS_ANYWHERE[key];
}

/**
 * Which player the keys move: the one that they are pressed in, else the first in sight, else the first.
 *
 * @type {(target: Node | null) => Player | undefined}
 */
function playerFor(target) {
  const able = [...open].filter((each) => each.movable);
  const inSight = able.find(({ host }) => {
    const { top, bottom, height } = host.getBoundingClientRect();
    return height > 0 && bottom > 0 && top < innerHeight;
  });
  return able.find((each) => each.host.contains(target)) || inSight || able[0];
}

/** @type {(event: KeyboardEvent) => void} */
function pressed(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const player = playerFor(/** @type {Node | null} */ (event.target));
  const by = player && moveOf(event, player);
  if (!player || by === undefined) return;
  event.preventDefault();
  if (by || !event.repeat) player.move(by);
}

/** A link before everything else on the page: Tab, Enter, and the player is there. */
function skipLink() {
  const onclick = (/** @type {Event} */ event) => {
    event.preventDefault();
    playerFor(null)?.bar.play.focus();
  };
  const link = make("a", { id: SKIP_LINK, class: "unrolled-skip", text: "Skip to the player", onclick });
  document.body.prepend(link);
  return link;
}

/** The link leads to a player that can move, or is not there. */
export function offerSkip() {
  const player = playerFor(null);
  const link = /** @type {HTMLAnchorElement | null} */ (document.getElementById(SKIP_LINK)) || (player && skipLink());
  if (!link) return;
  link.hidden = !player;
  if (player) link.href = `#${player.bar.play.id}`;
}

/** The keys work as long as a player is on the page. */
export function listen() {
  document.addEventListener("keydown", pressed);
}

export function listenNoMore() {
  offerSkip();
  if (!open.size) document.removeEventListener("keydown", pressed);
}

/**
 * A button and what it opens: which key does what, and whether they work anywhere.
 *
 * @type {(id: string) => { button: HTMLElement, panel: HTMLElement }}
 */
export function keysHelp(id) {
  const rows = KEYS_HELP.map(([keys, does]) => make("li", {}, make("kbd", { text: keys }), ` ${does}`));
  const box = make("input", { type: "checkbox", onchange: () => setKeysAnywhere(box.checked) });
  const label = make("label", {}, box, " K, J, L, ← and → work anywhere on the page that has no use of its own for them");
  const panel = make("div", { class: "keys-help", id, hidden: "" }, make("ul", {}, ...rows), label);
  const opener = button({ drawn: "keys", label: "Keys", title: "What the keys do", class: "keys", "aria-expanded": "false", "aria-controls": id });
  opener.onclick = () => {
    panel.hidden = !panel.hidden;
    box.checked = keysAnywhere();
    opener.setAttribute("aria-expanded", String(!panel.hidden));
  };
  return { button: opener, panel };
}
