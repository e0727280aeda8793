// What can be done with a figure: looked at alone, zoomed, clicked, taken away, linked to.

import { copyAddress, outerAddress, zoomsOf, zoomText } from "./address.js";
import { csvFile, numbersOf } from "./csv.js";
import { handOver } from "./dom.js";
import { openMenu } from "./menu.js";
import { sightOf } from "./sight.js";
import { mosaicCell, tapeOf } from "./slots.js";
import { drawing, pngFile, PRINT_FONT, PRINT_WIDTH, svgFile } from "./take.js";
import { movable } from "./touch.js";
/** @import { Player } from "./player.js" */
/** @import { Content, Entry, Layout, Mosaic, Place, Side, Sight, Zooms } from "./types.js" */

/** How the figures are looked at. */
export class View {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.alone = ""; // the figure that is looked at by itself
    /** @type {Zooms} */
    this.zooms = {};
    /** @type {Record<string, string>} */
    this.drags = {}; // what dragging does, by figure: "zoom", "pan" or ""
    this.resets = 0;
    this.operated = 0;
  }

  /** @type {(data: Content, first: boolean) => void} */
  begin(data, first) {
    if (first) this.alone = data.figure || "";
    this.zooms = first ? zoomsOf(data.zoom) : {};
    this.drags = {};
    this.resets = 0;
  }

  /** @type {(id: string, layout: Layout) => void} */
  apply(id, layout) {
    layout.dragmode = (this.drags[id] ?? "zoom") || false;
    for (const [name, range] of Object.entries(this.zooms[id] || {}))
      if (layout[name]) Object.assign(layout[name], { range: [...range], autorange: false });
  }

  /**
   * The figures to show: all, or the one that is looked at alone, large.
   *
   * @type {(all: Side[]) => Side[]}
   */
  chosen(all) {
    const chosen = all.filter((spec) => this.alone && [this.alone, `${this.alone}-compared`].includes(spec.id));
    this.player.bar.allButton.hidden = !chosen.length;
    if (!chosen.length) this.alone = "";
    if (chosen.length !== 1) return chosen.length ? chosen : all;
    return [{ ...chosen[0], span: 12, rows: 1, height: Math.max(chosen[0].height, Math.min(640, innerHeight - 420)) }];
  }

  /**
   * Show one figure alone and large; "" shows all again.
   *
   * @param {string} id
   */
  showAlone(id) {
    const { bar, data, grid, host, tapes } = this.player;
    const back = host.contains(document.activeElement);
    this.alone = id;
    this.player.layOut();
    bar.element.hidden = !tapes.length && !data.scan && !data.link && !id;
    this.player.address();
    this.player.draw();
    grid.scrollIntoView({ block: "nearest" });
    if (back) (id ? bar.allButton : bar.takeButton).focus({ preventScroll: true });
  }

  /**
   * The menu of the bar: each figure, and behind it what can be done with it.
   *
   * @type {(anchor: HTMLElement) => Entry[]}
   */
  figureEntries(anchor) {
    const { places } = this.player;
    if (places.length === 1) return this.entriesFor(places[0]);
    return places.map((place) => ({
      text: `${place.spec.name} …`,
      act: () => void setTimeout(() => openMenu(anchor, place.spec.name, this.entriesFor(place))),
    }));
  }

  /** @type {(place: Place) => Entry[]} */
  entriesFor(place) {
    const { id } = place.spec;
    const drags = this.drags[id] ?? (matchMedia("(pointer: coarse)").matches ? "" : "zoom");
    const drag = (/** @type {string} */ mode, /** @type {string} */ text) => ({ text, checked: drags === mode, act: () => this.dragBy(place, drags === mode ? "" : mode) });
    const takes = (/** @type {string} */ kind, /** @type {string} */ text) => ({ text, act: () => void this.take(place, kind) });
    const moves = place.plotted && movable(place.plot).length > 0;
    const zoomed = this.zooms[id] && Object.keys(this.zooms[id]).length > 0;
    const several = this.player.data.figures.length > 1;
    return [
      ...(this.alone ? [{ text: "Show all figures", act: () => this.showAlone("") }] : []),
      ...(!this.alone && several ? [{ text: "Show it alone, large", act: () => this.showAlone(id) }] : []),
      ...(moves ? [drag("zoom", "Zoom by dragging"), drag("pan", "Move by dragging")] : []),
      ...(zoomed ? [{ text: "Reset the view", act: () => this.resetView(place) }] : []),
      ...(place.plotted ? [takes("png", "Picture (PNG)"), takes("svg", "Drawing (SVG)"), takes("csv", "Numbers (CSV)")] : []),
      { text: "Copy link to this figure", act: (entry) => this.copyLinkTo(place, entry) },
    ];
  }

  /**
   * What dragging does, with a mouse and with a finger: "zoom", "pan" or "". Without a choice a mouse zooms, a finger scrolls the page.
   *
   * @type {(place: Place, mode: string) => void}
   */
  dragBy(place, mode) {
    this.drags[place.spec.id] = mode;
    place.box.classList.toggle("dragged", Boolean(mode));
    place.fresh = true;
    this.player.draw();
  }

  /** @type {(place: Place, ranges: Record<string, number[]>) => void} */
  zoom(place, ranges) {
    this.zooms[place.spec.id] = { ...this.zooms[place.spec.id], ...ranges };
    place.fresh = true;
    this.player.draw();
    this.player.address();
  }

  /** @type {(place: Place, change: Record<string, unknown>) => void} */
  zoomedByMouse(place, change) {
    const moved = new Set(Object.keys(change).map((name) => name.match(/^([xy]axis\d*)\.range/)?.[1]).filter(Boolean));
    const axes = movable(place.plot).filter(([name]) => moved.has(name));
    if (axes.length) this.zoom(place, Object.fromEntries(axes.map(([name, axis]) => [name, [...axis.range]])));
  }

  /** @param {Place} place */
  resetView(place) {
    delete this.zooms[place.spec.id];
    this.resets += 1; // plotly would keep what a person has zoomed
    for (const each of this.player.places) each.fresh = true;
    this.player.draw();
    this.player.address();
  }

  /** @type {(spec: Side, point: any) => void} */
  clicked({ click }, point) {
    const { asker, bar, selection, step, tapes, time } = this.player;
    if (!click) return;
    if (click.seek) return time.scrub(time.times.findLastIndex((each) => each <= point.x));
    if (click.select) {
      if (point.customdata !== undefined && point.data.mode === "markers") this.player.choose({ [click.select]: point.customdata });
      return;
    }
    if (click.cell) {
      const [query, key] = point.pointIndex;
      const { layer = 0, head = 0 } = selection;
      return this.player.setState("cell", { layer, head, query, key, step, input: bar.askBox.value });
    }
    if (click.heads) {
      const row = [point.pointIndex].flat()[0]; // of a table or a chart with a row or a bar for each head
      return this.player.choose({ layer: Math.floor(row / click.heads), head: row % click.heads });
    }
    if (click.operates) {
      asker.operate(point.customdata);
      return this.player.setState("surgery", `${point.customdata}\n${++this.operated}`); // a number, so that the same choice again is news
    }
    const shape = tapes[click.run].at(click.lens, step)?.arrays[click.name].shape || [0, 0, 1, 1];
    const [L, H, T, S] = shape;
    const cell = mosaicCell(shape);
    const layer = Math.floor(point.pointIndex[0] / (Math.ceil(T / cell) + click.gap));
    const head = Math.floor(point.pointIndex[1] / (Math.ceil(S / cell) + click.gap));
    if (layer < L && head < H) this.player.choose({ layer, head });
  }

  // -- taking away

  /**
   * Hand over a figure as it is now: as a picture with its words, or as its numbers.
   *
   * @type {(place: Place, kind: string) => Promise<void>}
   */
  async take(place, kind) {
    const page = location.pathname.replace(/\/+$/, "").split("/").pop() || "home";
    const step = this.player.time.times.length ? `-${this.player.shown(place.spec).step}` : ""; // what does not move has none
    const name = `${page}-${place.spec.id}${step}.${kind}`;
    try {
      if (kind === "csv") return handOver(csvFile(this.numbers(place)), name);
      const made = await this.picture(place);
      handOver(kind === "svg" ? svgFile(made) : await pngFile(made), name);
    } catch (error) {
      console.error(error);
      this.player.bar.offer("This browser could not make the file.");
    }
  }

  /** @param {Place} place */
  numbers(place) {
    const { spec } = place;
    const shown = this.player.shown(spec);
    /** @type {Record<string, Mosaic>} */
    const mosaics = {};
    for (const { kind, run, lens, name, to, gap } of spec.slots) {
      const shape = kind === "mosaic" && tapeOf(shown.tapes, run, this.player.selection).at(lens, shown.step)?.arrays[name].shape;
      if (!shape) continue;
      const cell = mosaicCell(shape);
      const [tall, wide] = shape.slice(2).map((size) => Math.ceil(size / cell) + gap);
      mosaics[to.split(".")[1]] = { tall, wide, cell, gap };
    }
    const figure = this.asShown(place);
    /** @type {Record<string, Record<string, string[]>>} */
    const across = {};
    for (const slot of spec.slots.filter(({ kind }) => kind === "across")) {
      const [, at, name] = slot.to.split(".");
      const texts = figure.data[Number(at)][name] || [];
      across[at] = { ...across[at], ...(slot.transpose ? { y: texts.map((/** @type {string[]} */ row) => row[0]) } : { x: texts[0] }) };
    }
    return numbersOf(figure, mosaics, across);
  }

  /**
   * A figure without the traces that the viewer has put out in its legend.
   *
   * @type {(place: Place, spec?: Side, width?: number) => Sight}
   */
  asShown(place, spec = place.spec, width = Infinity) {
    const figure = sightOf(this.player, { ...place, spec }, this.player.present, width);
    if (!figure) throw new Error("nothing is shown yet");
    figure.data.forEach((trace, at) => {
      if (place.plot.data?.[at]?.visible === "legendonly") trace.visible = "legendonly";
    });
    return figure;
  }

  /** @param {Place} place */
  picture(place) {
    const { spec } = place;
    const printed = { ...spec, layout: { ...spec.layout, font: { ...spec.layout.font, family: PRINT_FONT } } };
    const width = Math.max(PRINT_WIDTH, place.box.clientWidth);
    const figure = this.asShown(place, printed, width);
    const style = getComputedStyle(this.player.host);
    const colours = { ground: style.getPropertyValue("--st-background-color"), ink: style.getPropertyValue("--st-text-color") };
    const words = { title: this.player.reference ? figure.title : spec.name, sentence: figure.reading, source: this.source(spec, figure.awaited) };
    return drawing(figure, words, colours, width, figure.layout.height);
  }

  /**
   * Where a picture comes from: moment, runs, and whatever was chosen or done, in a line.
   *
   * @type {(spec: Side, awaited: boolean) => string}
   */
  source(spec, awaited) {
    const { asker, bar, data, reference, selection, time } = this.player;
    const used = new Set([...spec.slots.flatMap((slot) => [...(slot.index || []), slot.run]), ...spec.reading_index]);
    const choices = data.select.filter(({ name, names }) => used.has(name) && names.length > 1);
    const held = reference && (reference.step === null ? reference.tapes[0].id : `step ${reference.step}`);
    const shown = new Set(spec.slots.map(({ run }) => (typeof run === "string" ? selection[run] || 0 : run || 0)));
    const input = bar.askBox.value;
    return [
      time.times.length ? bar.said : document.querySelector("h1")?.textContent,
      ...data.runs.filter((_, number) => shown.has(number)).map(({ id, name }) => (name && name !== id ? `${name} (run ${id})` : `run ${id}`)),
      ...choices.map(({ name, names }) => names[Math.min(selection[name] || 0, names.length - 1)]),
      input && `own input${awaited ? ", not answered yet" : ""}: ${input}`,
      asker.surgery,
      held && `compared with ${held}`,
      "Unrolled",
    ].filter(Boolean).join(" · ");
  }

  // -- the address

  /**
   * Which figure is alone and how figures are zoomed, in an address where other players of the page have theirs, too.
   *
   * @param {URL} url
   */
  address({ searchParams: asked }) {
    const own = new Set(this.player.data.figures.flatMap(({ id }) => [id, `${id}-compared`]));
    const others = Object.entries(zoomsOf(asked.get("zoom"))).filter(([id]) => !own.has(id));
    const zoom = zoomText({ ...Object.fromEntries(others), ...this.zooms });
    if (zoom) asked.set("zoom", zoom);
    else asked.delete("zoom");
    if (this.alone) asked.set("figure", this.alone);
    else if (own.has(asked.get("figure") || "")) asked.delete("figure");
  }

  /** The address of this moment for somebody else. */
  copyLink() {
    this.copyAddressOf(this.player.bar.linkButton, this.player.addressed(true));
  }

  /** @type {(place: Place, entry: HTMLElement) => boolean} */
  copyLinkTo(place, entry) {
    const url = this.player.addressed(true);
    url.searchParams.set("figure", place.spec.id.replace(/-compared$/, ""));
    this.copyAddressOf(entry, url);
    return true;
  }

  /** @type {(button: HTMLElement, url: URL) => void} */
  copyAddressOf(button, url) {
    copyAddress(button, outerAddress(url.href), (address) => this.player.bar.offer(`The browser lets no page copy here. The address is ${address}`));
  }
}
