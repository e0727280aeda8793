// Where the app is, as the browser sees it: for what is asked of the server, and for the address that a person passes on; and how
// that address says how figures are zoomed.

/** @import { Zooms } from "./types.js" */

const FRAME = "/~/+/"; // Streamlit Community Cloud shows the app in a frame here, below the page that people open
const EMBEDDING = ["embed", "embed_options"]; // how a page of somebody else shows the app, which is not what a link is to open

/**
 * Where the server answers: as the page was told when it came, else where Python takes it to be. Ends with a slash.
 *
 * @type {(base: string) => string}
 */
export function serverAddress(base) {
  const address = new URL(window.__streamlit?.BACKEND_BASE_URL ?? base, location.href).href;
  return address.endsWith("/") ? address : address + "/";
}

/**
 * An address of the app as a person opens it: that of the host's page, where the app is in the host's frame.
 *
 * @type {(address: string) => string}
 */
export function outerAddress(address) {
  const url = new URL(address);
  url.pathname = url.pathname.replace(FRAME, "/");
  for (const name of EMBEDDING) url.searchParams.delete(name);
  return url.href;
}

/**
 * Write an address where people see it; the page around a host's frame is told as Streamlit tells it of its own changes.
 *
 * @type {(url: URL) => void}
 */
export function writeAddress(url) {
  if (url.href === location.href) return;
  history.replaceState(history.state, "", url);
  if (window.parent === window || !location.pathname.includes(FRAME)) return;
  window.parent.postMessage({ stCommVersion: 1, type: "SET_QUERY_PARAM", queryParams: url.search }, location.origin);
}

/**
 * What a button that copies an address does: says so for two seconds, or, where the browser doesn't let a page copy, hands it to `otherwise`.
 *
 * @type {(button: HTMLElement, address: string, otherwise: (address: string) => void) => Promise<void>}
 */
export async function copyAddress(button, address, otherwise) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(address);
  } catch { // without TLS a page has no clipboard, in another site's frame it may not use it: the older way may still work
    const box = document.createElement("textarea");
    box.value = address;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    if (!done) return otherwise(address);
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 2000);
}

/**
 * How figures are zoomed as a text for an address: `figure_axis_from_to…` each, with stars between.
 *
 * @type {(zooms: Zooms) => string}
 */
export function zoomText(zooms) {
  const shown = Object.entries(zooms).filter(([, ranges]) => Object.keys(ranges).length);
  return shown.map(([id, ranges]) => [id, ...Object.entries(ranges).flatMap(([name, ends]) => [
    name.replace("axis", ""), ...ends.map((end) => String(Number(end.toPrecision(6)))),
  ])].join("_")).join("*");
}

/**
 * The same read back; what is no such text is left out.
 *
 * @type {(text: string | null) => Zooms}
 */
export function zoomsOf(text) {
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
