// What a figure gives away beside its numbers: a picture with its words (SVG, PNG), made in the browser.

import { attributed, make, makeSvg } from "./dom.js";
/** @import { Figure } from "./types.js" */

export const PRINT_FONT = "Arial, Helvetica, sans-serif"; // no web font reaches an image; this one is measured as it is drawn
export const PRINT_WIDTH = 760; // pixels, at least
const PRINT_SCALE = 2; // dots of a PNG to a pixel
const PAD = 20;

/**
 * A text in lines that are no wider than so many pixels.
 *
 * @type {(text: string, font: string, room: number) => string[]}
 */
function wrapped(text, font, room) {
  const pen = /** @type {CanvasRenderingContext2D} */ (make("canvas").getContext("2d"));
  pen.font = font;
  const fits = (/** @type {string} */ line) => pen.measureText(line).width <= room;
  const lines = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (let word of paragraph.split(" ")) {
      if (line && !fits(`${line} ${word}`)) {
        lines.push(line);
        line = "";
      }
      while (!fits(word)) { // a word that is wider than the picture goes on in the next line
        let cut = word.length - 1;
        while (cut > 1 && !fits(word.slice(0, cut))) cut--;
        lines.push(word.slice(0, cut));
        word = word.slice(cut);
      }
      line = line ? `${line} ${word}` : word;
    }
    if (line) lines.push(line);
  }
  return lines;
}

/**
 * A figure as an SVG element: its title above, its sentence and where it comes from below, on an opaque ground.
 *
 * `words` are { title, sentence, source }, `colours` { ground, ink }. Texts are text nodes, so a user's stay text.
 *
 * @type {(figure: Figure, words: { title: string, sentence: string, source: string }, colours: { ground: string, ink: string }, width: number, height: number) => Promise<SVGSVGElement>}
 */
export async function drawing({ data, layout }, words, colours, width, height) {
  const still = { ...layout, width, height, autosize: false, paper_bgcolor: colours.ground, plot_bgcolor: colours.ground };
  const chart = await window.Plotly.toImage({ data, layout: still }, { format: "svg", width, height, imageDataOnly: true });
  const blocks = [
    { text: words.title, size: 18, weight: 600, opacity: 1 },
    { chart: new DOMParser().parseFromString(chart, "image/svg+xml").documentElement },
    { text: words.sentence, size: 14, weight: 400, opacity: 1 },
    { text: words.source, size: 12, weight: 400, opacity: 0.75 },
  ];
  const picture = makeSvg("svg");
  let y = PAD;
  for (const { text, size, weight, opacity, chart: inner } of blocks) {
    if (inner) {
      picture.append(attributed(inner, { x: PAD, y }));
      y += height + 10;
      continue;
    }
    for (const line of wrapped(text, `${weight} ${size}px ${PRINT_FONT}`, width)) {
      y += Math.round(size * 1.35);
      const look = { "font-size": size, "font-weight": weight, "font-family": PRINT_FONT };
      picture.append(makeSvg("text", { x: PAD, y: y - Math.round(size * 0.3), fill: colours.ink, opacity, ...look, text: line }));
    }
    y += 8;
  }
  const whole = { width: width + 2 * PAD, height: y + PAD - 8 };
  picture.prepend(makeSvg("rect", { ...whole, fill: colours.ground }));
  return attributed(picture, { ...whole, viewBox: `0 0 ${whole.width} ${whole.height}` });
}

/**
 * An SVG element as the bytes of an SVG file.
 *
 * @type {(picture: Node) => Blob}
 */
export function svgFile(picture) {
  return new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" });
}

/**
 * An SVG element as the bytes of a PNG file.
 *
 * @type {(picture: SVGSVGElement) => Promise<Blob>}
 */
export async function pngFile(picture) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(picture))}`;
  await image.decode();
  const [width, height] = ["width", "height"].map((name) => PRINT_SCALE * Number(picture.getAttribute(name)));
  const canvas = make("canvas", { width, height });
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((file) => (file ? resolve(file) : reject(new Error("no PNG"))), "image/png"));
}
