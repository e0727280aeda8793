// Elements, icons, and files that are handed over.

/** @type {<E extends Element>(element: E, attributes: Record<string, any>) => E} */
export function attributed(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) Object.assign(element, { [name]: value });
    else element.setAttribute(name, value);
  }
  return element;
}

/** @type {<K extends keyof HTMLElementTagNameMap>(tag: K, attributes?: Record<string, any>, ...children: (Node | string)[]) => HTMLElementTagNameMap[K]} */
export function make(tag, attributes = {}, ...children) {
  const element = attributed(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

/** @type {<K extends keyof SVGElementTagNameMap>(tag: K, attributes?: Record<string, any>) => SVGElementTagNameMap[K]} */
export function makeSvg(tag, attributes = {}) {
  return attributed(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);
}

/**
 * A button: with a text, or with an icon (`drawn`) that `label` names.
 *
 * @type {(attributes: Record<string, any>) => HTMLButtonElement}
 */
export function button({ drawn, label, ...attributes }) {
  const named = label ? { "aria-label": label, title: label } : {};
  const made = make("button", { type: "button", ...named, ...attributes });
  if (drawn) icon(made, drawn);
  return made;
}

/** A box to choose from texts. @type {(attributes: Record<string, any>, options: any[][]) => HTMLSelectElement} */
export function choices(attributes, options) {
  return make("select", attributes, ...options.map(([value, text]) => make("option", { value, text })));
}

/** @type {Record<string, string>} */
const ICONS = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  back: "M6 5h2v14H6zM20 5v14L9 12z",
  forward: "M16 5h2v14h-2zM4 5v14l11-7z",
  more: "M4 10h4v4H4zM10 10h4v4h-4zM16 10h4v4h-4z",
  take: "M11 3h2v8.6l3.3-3.3 1.4 1.4L12 15.4 6.3 9.7l1.4-1.4L11 11.6zM4 18h16v2H4z",
  keys: "M2 5h20v14H2zM4 7v10h16V7zM6 9h2v2H6zM10 9h2v2h-2zM14 9h2v2h-2zM17 9h2v2h-2zM7 13h10v2H7z",
};

/** @type {(button: Element, name: string) => void} */
export function icon(button, name) {
  const svg = makeSvg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  svg.append(makeSvg("path", { d: ICONS[name] }));
  button.replaceChildren(svg);
}

/** How a file of this page begins. */
export const pageName = () => location.pathname.replace(/\/+$/, "").split("/").pop() || "home";

/**
 * Give a file to the person who asked for it.
 *
 * @type {(file: Blob, name: string) => void}
 */
export function handOver(file, name) {
  const link = make("a", { href: URL.createObjectURL(file), download: name.replace(/[^\w.-]+/g, "-") });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
