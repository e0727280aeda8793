// What a panel shows of a moment: its figure, its words, and where they come from.

import { wordTable } from "./cells.js";
import { against, capital, comparedTitle, comparedWords, sidesOf } from "./compare.js";
import { fit, moreRows, stack } from "./fit.js";
import { filled, tapeOf } from "./slots.js";
import { OF_A_MOMENT, sourceOf, stepsInWords, viewsOf } from "./source.js";
/** @import { Figure, Moment, OfPane, Pane, Player, Side, View } from "./types.js" */
/** @import { Tape } from "./tape.js" */
/** @typedef {{ tapes: Tape[], step: number }} Sight */

/** The compared moment. @type {(player: Player, moment: Moment) => Sight} */
const otherOf = ({ reference, tapes }, { step }) => ({ tapes: reference?.tapes ?? tapes, step: reference?.step ?? step });

/** The tapes that a panel shows, and their step. @type {(player: Player, spec: Side, moment?: Moment) => Sight} */
export function sightOf(player, spec, moment = player.present) {
  return spec.compared ? otherOf(player, moment) : { tapes: player.tapes, step: moment.step };
}

/** The two sides of what is compared, in words. @type {(player: Player, moment?: Moment) => string[]} */
export function sides({ data, present, reference, tapes }, moment = present) {
  if (!reference) return [];
  const { own = "", name = "" } = data.against || {};
  return sidesOf(reference, moment.step, reference.tapes === tapes ? null : [own, name]);
}

/** A panel's sentences on what it shows. @type {(player: Player, spec: Side, sight: Sight) => string} */
function readingOf({ selection }, spec, { tapes, step }) {
  const sentences = spec.readings.map(({ run, lens, name }) => {
    const tape = tapeOf(tapes, run, selection);
    const said = tape?.at(lens, step)?.readings[name] ?? tape?.words[lens]?.[name];
    return said && typeof said === "object" ? said[spec.reading_index.map((index) => selection[index] || 0).join(",")] : said;
  });
  return sentences.filter(Boolean).join("\n") || spec.reading;
}

/** @type {(player: Player, pane: Pane, moment: Moment, sight: Sight) => Figure} */
function figureOf({ selection }, { own, spec }, moment, { tapes, step }) {
  return filled(spec, tapes, step, { ...selection, place: moment.index }, own);
}

/**
 * Lay the compared moment, where there is one, against a figure of this one; the title and the sentences that then stand with it.
 *
 * @type {(player: Player, pane: Pane, moment: Moment, figure: Figure) => { title: string, reading: string }}
 */
function laidAgainst(player, pane, moment, figure) {
  const { spec } = pane;
  const reading = readingOf(player, spec, sightOf(player, spec, moment));
  if (!player.reference) return { title: spec.title, reading };
  const both = sides(player, moment);
  if (player.bar.mode.value !== "difference" || !spec.slots.length) return { title: comparedTitle(spec, both), reading };
  const found = against(figure, figureOf(player, pane, moment, otherOf(player, moment)), player.data.diverging, spec, both);
  const minus = found.tables.some(({ low }) => low !== undefined);
  const own = reading && minus ? `${capital(both[0])} itself: ${reading}` : reading;
  return { title: comparedTitle(spec, both, minus), reading: [comparedWords(found, both), own].filter(Boolean).join("\n") };
}

/**
 * What a panel shows of a moment, with its step and reading; null while there is none: the picture stays.
 *
 * `width`: pixels for which it is made; Infinity leaves out nothing.
 *
 * @type {(player: Player, pane: Pane, moment: Moment, width?: number) => View | null}
 */
export function viewOf(player, pane, moment, width = pane.box.clientWidth) {
  const { selection, tapes } = player;
  const { spec } = pane;
  if (tapes.length && !tapes.some((tape) => tape.frames[tape.lenses[0]].length)) return null;
  const sight = sightOf(player, spec, moment);
  const figure = figureOf(player, pane, moment, sight);
  const { layout } = figure;
  const words = laidAgainst(player, pane, moment, figure);
  layout.height = width < 420 ? Math.min(spec.height, 300 + moreRows(figure, width)) : spec.height;
  layout.dragmode = (player.drags[spec.id] ?? "zoom") || false;
  for (const [name, range] of Object.entries(player.zooms[spec.id] || {}))
    if (layout[name]) Object.assign(layout[name], { range: [...range], autorange: false });
  const unwritten = fit(figure, width);
  stack(figure, layout.height);
  layout.uirevision = spec.id + player.wanted + player.resets;
  layout.width = pane.plot.getBoundingClientRect().width || undefined; // plotly.js asks late, when others have moved the page
  layout.autosize = !layout.width;
  const views = viewsOf(spec, sight.tapes, sight.step, selection);
  const steps = views.flatMap(([, frames]) => [...frames]).map((frame) => frame.step);
  const aside = steps.every((step) => step === sight.step) ? "" : stepsInWords(steps);
  const awaited = spec.slots.some(({ kind, run, lens }) => {
    const tape = OF_A_MOMENT.has(kind) && tapeOf(sight.tapes, run, selection);
    return tape && tape.question && tape.at(lens, sight.step)?.asked === undefined;
  });
  return { ...figure, ...words, unwritten, awaited, step: moment.step, aside, source: sourceOf(spec, views, awaited) };
}

/** What stands in a table's cells, where they are too narrow for it, in a list that is open. @type {OfPane} */
export function listWords(player, pane) {
  const { words } = pane;
  if (words.hidden || !words.open) return;
  const view = viewOf(player, pane, player.present, Infinity);
  if (view) words.replaceChildren(/** @type {Node} */ (words.firstChild), wordTable(view));
}
