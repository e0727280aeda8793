// Drawing, pass by pass: all figures in sight at one moment in one task, the others when nothing moves.

import { alike, changesOf, outline } from "./alike.js";
import { open } from "./keys.js";
import { plotly, PLOTLY_CONFIG, renumber } from "./plot.js";
import { describe, nameDrawing, sightOf } from "./sight.js";
import { Sketch } from "./sketch.js";
import { movable } from "./touch.js";
/** @import { Player } from "./player.js" */
/** @import { Moment, Place, Prepared } from "./types.js" */

const CALM_MS = 300; // without a new moment, until figures out of sight follow
const SHORT_MS = 8; // that preparing figures may take before the browser gets a turn
const SKETCH_MS = 2000; // that a player without tapes leaves to those which wait for theirs

/** A turn for whatever else the browser has to do. */
const giveWay = () => new Promise((next) => setTimeout(next));

/**
 * A figure that can't be drawn leaves the others as they are.
 *
 * @type {<T>(act: () => T) => T | null}
 */
function attempt(act) {
  try {
    return act();
  } catch (error) {
    console.error(error);
    return null;
  }
}

/** What is drawn when. */
export class Passes {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.drawing = false;
    this.sketched = false; // and painted: plotly.js may be read
    this.unreachable = false; // Python draws from here on
    this.soughtAt = 0;
    this.revisions = 0;
  }

  /** Ask for the newest moment to be drawn. */
  seek() {
    for (const place of this.player.places) place.dirty = true;
    this.soughtAt = performance.now();
  }

  /** Draw what there is to draw, pass by pass, until nothing is left. */
  wake() {
    clearTimeout(this.calmTimer);
    if (this.drawing || this.unreachable) return;
    this.drawing = true;
    requestAnimationFrame(async () => {
      try {
        if (!window.Plotly) await this.awaitPlotly();
        while (window.Plotly && !this.player.closed && !this.unreachable && (await this.pass())) await giveWay();
      } finally {
        this.drawing = false;
      }
      this.followLater();
    });
  }

  /**
   * One pass: a figure that was never drawn, which takes long, by itself, of the moment that the others show; else all
   * figures in sight at the newest moment, in one task, so that no frame of the screen has two moments; else, when nothing
   * moves, one of the others. Whether there was something to draw.
   */
  async pass() {
    const { moment, newest, places, present } = this.player;
    const first = places.find((place) => place.visible && place.dirty && !place.plotted);
    if (first) return this.drawAll([first], present);
    const seen = places.filter((place) => place.visible && place.dirty);
    if (seen.length || !alike(moment, newest)) return this.drawAll(seen, newest);
    const hidden = places.find((place) => place.dirty && (!place.plotted || this.calm));
    return hidden && moment ? this.drawAll([hidden], moment) : false;
  }

  /**
   * Prepare these figures of one moment, in as many tasks as that takes, then show all of them in one.
   *
   * @type {(places: Place[], moment: Moment) => Promise<boolean>}
   */
  async drawAll(places, moment) {
    const gone = (/** @type {Place} */ place) => this.player.closed || !this.player.places.includes(place);
    const ready = [];
    let since = performance.now();
    for (const place of places) place.dirty = false;
    for (const place of places) {
      if (performance.now() - since > SHORT_MS) {
        await giveWay();
        since = performance.now();
      }
      if (gone(place)) return true;
      const prepared = attempt(() => this.prepared(place, moment));
      if (prepared) ready.push(prepared);
    }
    if (ready.length) await giveWay();
    if (this.player.closed || ready.some(({ place }) => gone(place))) return true;
    for (const each of ready) attempt(() => this.show(each));
    this.showing(moment);
    return true;
  }

  /** @param {Moment} moment */
  showing(moment) {
    this.player.moment = moment;
    this.player.bar.showMoment();
  }

  /** Whether a figure in sight does not show the newest moment yet. */
  get late() {
    return this.player.places.some((place) => place.visible && place.dirty);
  }

  /** Whether nothing plays, is dragged or grows at the moment. */
  get calm() {
    const { tapes, time } = this.player;
    const grows = time.follow && tapes.some((tape) => tape.status === "running");
    return !time.playing && !grows && performance.now() - this.soughtAt >= CALM_MS;
  }

  /** Figures out of sight follow when nothing has moved for a while. */
  followLater() {
    clearTimeout(this.calmTimer);
    const { closed, places, time } = this.player;
    if (closed || time.playing || !places.some((place) => place.dirty && place.plotted)) return;
    this.calmTimer = setTimeout(() => this.wake(), CALM_MS);
  }

  /** Load plotly.js; every figure that is in sight is sketched before, since its loading holds up the browser. */
  async awaitPlotly() {
    const { base, data, feed, newest, places, tapes } = this.player;
    if (tapes.length && !feed.heard) return; // a figure that can be sketched may come in a moment
    for (const place of places) {
      if (place.box.getBoundingClientRect().top <= innerHeight) attempt(() => this.sketch(place)); // else plotly may still draw it
    }
    this.showing(newest);
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    this.sketched = true; // and painted: another player waits for that
    const since = performance.now();
    // Another player's first sight would wait for plotly.js, too.
    while ([...open].some((each) => each.tapes.length && !each.passes.sketched) && performance.now() - since < SKETCH_MS) {
      await new Promise((next) => setTimeout(next, 20));
    }
    await plotly(base + data.plotly).catch(() => {
      this.unreachable = true;
      this.player.setState("routes", "unreachable");
    });
  }

  /** @param {Place} place */
  sketch(place) {
    const figure = sightOf(this.player, place, this.player.newest);
    if (!figure) return;
    place.plot.style.height = `${figure.layout.height}px`;
    place.plot.replaceChildren(new Sketch(figure, place.plot.clientWidth, figure.layout.height).canvas);
    describe(this.player, place, figure);
  }

  /**
   * A place with its figure at a moment; of one that stands still only the moment.
   *
   * @type {(place: Place, moment: Moment) => Prepared | null}
   */
  prepared(place, moment) {
    const { spec } = place;
    if (place.plotted && !place.fresh && !spec.slots.length && !spec.readings.length) return { place, moment };
    const figure = sightOf(this.player, place, moment);
    if (!figure) return null;
    return { place, moment, figure, changes: place.shown && place.plotted && changesOf(place.shown.data, figure.data) };
  }

  /**
   * Put a prepared figure on the page, within this task. Where only numbers have changed they are put into the drawing as it stands;
   * where none has, plotly.js need not read them again, and where nothing has, need do nothing.
   *
   * @param {Prepared} prepared
   */
  show({ place, moment, figure, changes }) {
    const { plot, spec } = place;
    if (!figure) {
      plot.dataset.step = moment.step;
      return;
    }
    const { data, layout } = figure;
    const { shapes, ...rest } = layout;
    const known = changes && changes.every((names) => !names.length);
    const stands = changes && alike(place.shown?.rest, rest) && (known || attempt(() => renumber(plot, data, changes)));
    const marked = stands && alike(place.shown?.shapes, shapes);
    place.shown = { data: outline(data), rest: outline(rest), shapes: outline(shapes) };
    if (!known && !stands) place.revision = ++this.revisions;
    layout.datarevision = place.revision;
    place.fresh = false;
    plot.style.height = `${layout.height}px`;
    if (!place.plotted) this.drawFirst(place, figure);
    else if (!marked) window.Plotly.react(plot, known || stands ? plot.data : data, layout);
    nameDrawing(place);
    if (!this.player.view.zooms[spec.id]) place.home = Object.fromEntries(movable(plot).map(([name, axis]) => [name, [...axis.range]]));
    describe(this.player, place, figure);
  }

  /** @type {(place: Place, figure: import("./types.js").Sight) => void} */
  drawFirst(place, { data, layout }) {
    const { plot, spec: { click } } = place;
    const { view } = this.player;
    window.Plotly.newPlot(plot, data, layout, PLOTLY_CONFIG);
    place.plotted = true;
    plot.querySelector(".sketch")?.remove();
    if (click?.seek) plot.title = "A click on a curve goes to its step";
    if (click) plot.on("plotly_click", (/** @type {any} */ event) => view.clicked(place.spec, event.points[0]));
    plot.on("plotly_relayout", (/** @type {any} */ change) => view.zoomedByMouse(place, change));
    plot.on("plotly_doubleclick", () => view.resetView(place));
  }

  close() {
    clearTimeout(this.calmTimer);
    this.purge();
  }

  /** Plotly lets go of its drawings. */
  purge() {
    for (const place of this.player.places) if (place.plotted) window.Plotly.purge(place.plot);
  }
}
