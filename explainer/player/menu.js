// What can be done with a figure: the menu behind its button, fingers on its chart, and the part of an address that says
// how it is zoomed.

/**
 * A menu at a button: { text, act, checked } each, `checked` undefined for what can't be on or off; `act` may answer
 * true to keep it open. Escape, a click elsewhere and scrolling close it.
 */
function openMenu(anchor, label, entries) {
  const menu = make("div", { class: "menu", role: "menu", popover: "manual", "aria-label": label });
  const close = (back) => {
    if (!menu.isConnected) return;
    for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener, true);
    anchor.setAttribute("aria-expanded", "false");
    if (back) anchor.focus();
    menu.remove();
  };
  const listeners = {
    pointerdown: ({ target }) => !menu.contains(target) && !anchor.contains(target) && close(),
    scroll: ({ target }) => !menu.contains(target) && close(),
  };
  for (const { text, act, checked } of entries) {
    const role = checked === undefined ? "menuitem" : "menuitemcheckbox";
    const entry = make("button", { type: "button", role, text, tabindex: -1 });
    if (checked !== undefined) entry.setAttribute("aria-checked", checked);
    entry.onclick = () => {
      const stays = act(entry);
      if (stays !== true) close(true);
    };
    menu.append(entry);
  }
  menu.onkeydown = (event) => {
    const all = [...menu.children];
    const at = all.indexOf(document.activeElement);
    const wanted = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    event.stopPropagation(); // the page's own keys rest meanwhile
    if (event.key === "Escape" || event.key === "Tab") close(true);
    else if (wanted !== undefined) all.at(wanted % all.length).focus();
    else return;
    event.preventDefault();
  };
  anchor.closest(".unrolled-player").append(menu);
  menu.showPopover?.();
  anchor.setAttribute("aria-expanded", "true");
  const [at, own] = [anchor.getBoundingClientRect(), menu.getBoundingClientRect()];
  menu.style.left = `${Math.max(8, Math.min(at.right - own.width, innerWidth - own.width - 8))}px`;
  menu.style.top = `${Math.max(8, at.bottom + own.height + 8 < innerHeight ? at.bottom + 4 : at.top - own.height - 4)}px`;
  menu.firstChild.focus({ preventScroll: true });
  for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener, true);
  menu.close = close;
  return menu;
}

/** A button that opens a menu of what `entries` gives then, and closes it. */
function menuButton(label, drawn, entries) {
  const button = make("button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, title: label });
  icon(button, drawn);
  let menu = null;
  button.onclick = () => {
    if (menu?.isConnected) return menu.close(true);
    menu = openMenu(button, button.getAttribute("aria-label"), entries(button));
  };
  return button;
}

// ---- zoom -------------------------------------------------------------------------------------

/** The axes of a drawn figure that a person may move. */
function movable(plot) {
  const axes = Object.entries(plot._fullLayout || {}).filter(([name, axis]) => /^[xy]axis\d*$/.test(name) && axis?.range);
  return axes.filter(([, axis]) => !axis.fixedrange && axis.visible !== false && axis.range.every(Number.isFinite));
}

/** A range drawn out by `factor` about the place under one finger's share of it, moved to another share, within `home`. */
function stretched([from, to], factor, share, moved, home) {
  const size = (to - from) / factor;
  if (Math.abs(size) >= Math.abs(home[1] - home[0])) return [...home];
  const place = from + share * (to - from);
  const [low, high] = [Math.min(...home), Math.max(...home)];
  const first = place - moved * size;
  const shift = Math.max(0, low - Math.min(first, first + size)) - Math.max(0, Math.max(first, first + size) - high);
  return [first + shift, first + size + shift];
}

/**
 * Fingers on a chart. One scrolls the page, and a tap is a click; two zoom and move. Where its menu says that dragging
 * zooms, one finger does what a mouse does.
 *
 * `drags()` tells whether that is so, `zoom(ranges)` takes new ranges by axis, `home(name)` has those without zoom.
 */
function fingers(plot, { drags, zoom, home }) {
  let start = null;
  const seen = ({ touches: [one, two] }) => {
    const box = plot.getBoundingClientRect();
    const [x, y] = [(one.clientX + two.clientX) / 2 - box.left, (one.clientY + two.clientY) / 2 - box.top];
    return { x, y, apart: Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) || 1 };
  };
  // On its way down: plotly, which would keep the finger for itself, does not hear of it.
  plot.addEventListener("touchstart", (event) => {
    if (drags()) return;
    event.stopPropagation();
    start = null;
    if (event.touches.length === 2 && plot._fullLayout)
      start = { ...seen(event), axes: movable(plot).map(([name, axis]) => ({ name, range: [...axis.range], offset: axis._offset, length: axis._length })) };
  }, { capture: true, passive: true });
  plot.addEventListener("touchmove", (event) => {
    if (!start || event.touches.length !== 2) return;
    const now = seen(event);
    zoom(Object.fromEntries(start.axes.map(({ name, range, offset, length }) => {
      const along = (pixel) => (name.startsWith("x") ? pixel.x - offset : offset + length - pixel.y) / length;
      return [name, stretched(range, now.apart / start.apart, along(start), along(now), home(name) || range)];
    })));
  }, { capture: true, passive: true });
}

/** How figures are zoomed as a text for an address: `figure_axis_from_to…` each, with stars between. */
function zoomText(zooms) {
  const shown = Object.entries(zooms).filter(([, ranges]) => Object.keys(ranges).length);
  return shown.map(([id, ranges]) => [id, ...Object.entries(ranges).flatMap(([name, ends]) => [
    name.replace("axis", ""), ...ends.map((end) => String(Number(end.toPrecision(6)))),
  ])].join("_")).join("*");
}

/** The same read back; what is no such text is left out. */
function zoomsOf(text) {
  const zooms = Object.create(null);
  for (const part of (text || "").slice(0, 2000).split("*")) {
    const [id, ...rest] = part.split("_");
    for (let at = 0; at + 2 < rest.length; at += 3) {
      const ends = [Number(rest[at + 1]), Number(rest[at + 2])];
      if (!/^[xy]\d*$/.test(rest[at]) || !ends.every(Number.isFinite) || ends[0] === ends[1] || rest[at + 1] === "" || rest[at + 2] === "") continue;
      (zooms[id] ||= {})[rest[at].replace(/^[xy]/, (letter) => `${letter}axis`)] = ends;
    }
  }
  return zooms;
}
