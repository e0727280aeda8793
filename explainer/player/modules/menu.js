// What can be done with a figure: the menu behind its button.

import { button, make } from "./dom.js";
/** @import { Entry, Menu } from "./types.js" */

/**
 * A menu at a button: { text, act, checked } each, `checked` undefined for what can't be on or off; `act` may answer
 * true to keep it open. Escape, a click elsewhere and scrolling close it.
 *
 * @type {(anchor: HTMLElement, label: string, entries: Entry[]) => Menu}
 */
export function openMenu(anchor, label, entries) {
  const menu = make("div", { class: "menu", role: "menu", popover: "manual", "aria-label": label });
  const closed = new AbortController();
  const close = (/** @type {boolean} */ back = false) => {
    if (!menu.isConnected) return;
    closed.abort();
    anchor.setAttribute("aria-expanded", "false");
    if (back) anchor.focus();
    menu.remove();
  };
  for (const { text, act, checked } of entries) {
    const role = checked === undefined ? "menuitem" : "menuitemcheckbox";
    const entry = button({ role, text, tabindex: -1 });
    if (checked !== undefined) entry.setAttribute("aria-checked", String(checked));
    entry.onclick = () => {
      const stays = act(entry);
      if (stays !== true) close(true);
    };
    menu.append(entry);
  }
  menu.onkeydown = (event) => {
    const all = /** @type {HTMLElement[]} */ ([...menu.children]);
    const at = all.findIndex((each) => each === document.activeElement);
    const wanted = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 })[event.key];
    event.stopPropagation(); // the page's own keys rest meanwhile
    if (event.key === "Escape" || event.key === "Tab") close(true);
    else if (wanted !== undefined) all.at(wanted % all.length)?.focus();
    else return;
    event.preventDefault();
  };
  anchor.closest(".unrolled-player")?.append(menu);
  menu.showPopover?.();
  anchor.setAttribute("aria-expanded", "true");
  const [at, own] = [anchor.getBoundingClientRect(), menu.getBoundingClientRect()];
  menu.style.left = `${Math.max(8, Math.min(at.right - own.width, innerWidth - own.width - 8))}px`;
  menu.style.top = `${Math.max(8, at.bottom + own.height + 8 < innerHeight ? at.bottom + 4 : at.top - own.height - 4)}px`;
  menu.querySelector("button")?.focus({ preventScroll: true });
  const elsewhere = (/** @type {any} */ { target }) => void ([menu, anchor].some((each) => each.contains(target)) || close());
  for (const name of ["pointerdown", "scroll"]) document.addEventListener(name, elsewhere, { capture: true, signal: closed.signal });
  return { element: menu, close };
}

/**
 * A button that opens a menu of what `entries` gives then, and closes it.
 *
 * @type {(label: string, drawn: string, entries: (anchor: HTMLElement) => Entry[]) => HTMLElement}
 */
export function menuButton(label, drawn, entries) {
  const opener = button({ drawn, label, "aria-haspopup": "menu", "aria-expanded": "false" });
  /** @type {Menu | null} */
  let menu = null;
  opener.onclick = () => {
    if (menu?.element.isConnected) return menu.close(true);
    menu = openMenu(opener, label, entries(opener));
  };
  return opener;
}
