// What a figure gives away: a picture with its words (SVG, PNG), and its numbers (CSV). All of it is made in the browser.

const PRINT_FONT = "Arial, Helvetica, sans-serif"; // no web font reaches an image; this one is measured as it is drawn
const PRINT_WIDTH = 760; // pixels, at least
const PRINT_SCALE = 2; // dots of a PNG to a pixel
const PAD = 20;
const SVG = "http://www.w3.org/2000/svg";
const FORMULA = /^[=+\-@\t\r]/; // what a spreadsheet takes for one
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The text that plotly shows for a text with its few tags: a user's own has none, for its signs are written out. */
function untagged(text) {
  const signs = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  return String(text ?? "").replace(/<br>/g, " ").replace(/<[^>]*>/g, "").replace(/&(lt|gt|amp);/g, (sign) => signs[sign]);
}

/** A text in lines that are no wider than so many pixels. */
function wrapped(text, font, room) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = font;
  const fits = (line) => pen.measureText(line).width <= room;
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
 */
async function drawing({ data, layout }, words, colours, width, height) {
  const still = { ...layout, width, height, autosize: false, paper_bgcolor: colours.ground, plot_bgcolor: colours.ground };
  const chart = await window.Plotly.toImage({ data, layout: still }, { format: "svg", width, height, imageDataOnly: true });
  const blocks = [
    { text: words.title, size: 18, weight: 600, opacity: 1 },
    { chart: new DOMParser().parseFromString(chart, "image/svg+xml").documentElement },
    { text: words.sentence, size: 14, weight: 400, opacity: 1 },
    { text: words.source, size: 12, weight: 400, opacity: 0.75 },
  ];
  const picture = document.createElementNS(SVG, "svg");
  const ground = document.createElementNS(SVG, "rect");
  picture.append(ground);
  let y = PAD;
  for (const { text, size, weight, opacity, chart: inner } of blocks) {
    if (inner) {
      inner.setAttribute("x", PAD);
      inner.setAttribute("y", y);
      picture.append(inner);
      y += height + 10;
      continue;
    }
    for (const line of wrapped(text, `${weight} ${size}px ${PRINT_FONT}`, width)) {
      y += Math.round(size * 1.35);
      const row = document.createElementNS(SVG, "text");
      const look = { x: PAD, y: y - Math.round(size * 0.3), fill: colours.ink, opacity, "font-size": size, "font-weight": weight, "font-family": PRINT_FONT };
      for (const [name, value] of Object.entries(look)) row.setAttribute(name, value);
      row.textContent = line;
      picture.append(row);
    }
    y += 8;
  }
  const whole = { width: width + 2 * PAD, height: y + PAD - 8 };
  for (const [name, value] of Object.entries(whole)) {
    picture.setAttribute(name, value);
    ground.setAttribute(name, value);
  }
  picture.setAttribute("viewBox", `0 0 ${whole.width} ${whole.height}`);
  ground.setAttribute("fill", colours.ground);
  return picture;
}

/** An SVG element as the bytes of an SVG file. */
function svgFile(picture) {
  return new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" });
}

/** An SVG element as the bytes of a PNG file. */
async function pngFile(picture) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(picture))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = PRINT_SCALE * Number(picture.getAttribute("width"));
  canvas.height = PRINT_SCALE * Number(picture.getAttribute("height"));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Give a file to the person who asked for it. */
function handOver(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name.replace(/[^\w.-]+/g, "-");
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// ---- numbers ----------------------------------------------------------------------------------

/** The fewest digits that tell a number from every other one: of 32 bits where it came with 32. */
function digits(value) {
  return String(Math.fround(value) === value ? Number(value.toPrecision(9)) : value);
}

/** One cell of a CSV file (RFC 4180): no number where there is none, and no text that a spreadsheet would compute. */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isFinite(value) ? digits(value) : "";
  let text = untagged(value);
  if (FORMULA.test(text) && !NUMBER.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** What stands at places of an axis: the text of a tick by its place. */
function tickTexts(axis) {
  const texts = axis?.ticktext || [];
  return new Map(Array.from(axis?.tickvals || [], (place, at) => [place, texts[at]]).filter(([, text]) => text !== undefined && text !== ""));
}

/** The rows of a table with maps side by side: of each cell its layer and head, its query and its key, but not the gaps. */
function mosaicRows(z, { tall, wide, cell, gap }) {
  return z.flatMap((row, r) => Array.from(row, (value, c) => {
    const [y, x] = [r % tall, c % wide];
    if (y >= tall - gap || x >= wide - gap) return null;
    return { layer: Math.floor(r / tall) + 1, head: Math.floor(c / wide) + 1, y: y * cell, x: x * cell, value };
  })).filter(Boolean);
}

/** What a trace is called, else what it says of itself when hovered, else its number. */
function seriesName({ name, hovertemplate }, number) {
  return name || untagged(String(hovertemplate || "").split(/<br>|%\{/)[0]).replace(/[\s,:=]+$/, "") || String(number);
}

function tableRows({ z, x, y, x0 = 0, y0 = 0, text, texttemplate }) {
  return Array.from(z || []).flatMap((row, r) => Array.from(row, (value, c) => (
    { x: x?.[c] ?? x0 + c, y: y?.[r] ?? y0 + r, value, text: texttemplate === "%{text}" ? text?.[r]?.[c] : undefined })));
}

function pointRows({ x, y, x0 = 0, text, marker, error_x, error_y }) {
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  const colours = Array.isArray(marker?.color) && marker.color.every((each) => typeof each === "number") ? marker.color : [];
  return Array.from({ length: Math.max(x?.length || 0, y?.length || 0) }, (_, at) => ({
    x: x ? x[at] : x0 + at,
    y: y ? y[at] : at,
    value: colours[at],
    error: (error_y?.array || error_x?.array)?.[at],
    text: Array.isArray(text) ? text[at] : undefined,
  })).filter((row) => !(missing(row.x) || missing(row.y)) || !missing(row.value));
}

/**
 * The numbers of a figure as a CSV text, a row for each point or cell, as they are at this moment.
 *
 * `mosaics` says of traces with many maps in one table where each stands, by the trace's place { tall, wide, cell, gap };
 * `across` what stands at each of a table's columns and rows, { x, y }.
 */
function numbersOf({ data, layout }, mosaics = {}, across = {}) {
  const shown = data.map((trace, at) => ({ trace, at })).filter(({ trace }) => (trace.visible ?? true) === true && trace.hoverinfo !== "skip");
  const titled = (letter) => {
    const titles = shown.map(({ trace }) => untagged(layout[`${letter}axis${(trace[`${letter}axis`] || letter).slice(1)}`]?.title?.text));
    const known = [...new Set(titles.filter(Boolean))];
    return known.length === 1 ? known[0] : letter;
  };
  const bars = shown.map(({ trace }) => untagged((trace.colorbar || trace.marker?.colorbar)?.title?.text)).filter(Boolean);
  const ticks = { x: tickTexts(layout.xaxis), y: tickTexts(layout.yaxis) };
  const several = shown.length > 1;
  const rows = shown.flatMap(({ trace, at }) => {
    const found = mosaics[at] ? mosaicRows(Array.from(trace.z || []), mosaics[at]) : trace.type === "heatmap" ? tableRows(trace) : pointRows(trace);
    const text = (letter, place) => across[at]?.[letter]?.[place] ?? ticks[letter].get(place);
    const labels = (row) => (mosaics[at] ? {} : { xText: text("x", row.x), yText: text("y", row.y) });
    return found.map((row) => ({ series: several ? seriesName(trace, at + 1) : trace.name, ...row, ...labels(row) }));
  });
  const maps = Object.keys(mosaics).length > 0;
  const [x, y] = maps ? ["key", "query"] : [titled("x"), titled("y")];
  const names = {
    series: "series", layer: "layer", head: "head", ...(maps ? { y, x } : { x, xText: `${x}: label`, y, yText: `${y}: label` }),
    value: bars[0] || "value", error: "error", text: "text",
  };
  if (names.x === names.y) [names.x, names.y, names.xText, names.yText] = [`${x} (x)`, `${y} (y)`, `${x} (x): label`, `${y} (y): label`];
  const columns = Object.keys(names).filter((name) => ["x", "y"].includes(name) || rows.some((row) => row[name] !== undefined));
  const lines = [columns.map((name) => names[name]), ...rows.map((row) => columns.map((name) => row[name]))];
  return lines.map((line) => line.map(csvCell).join(",") + "\r\n").join("");
}

/** A CSV text as a file; the mark at its beginning tells spreadsheets that it is UTF-8. */
function csvFile(text) {
  return new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" });
}
