// What is to be seen of a figure at a moment, with its words: slots filled, laid against what it is compared with, fitted to its width.

import { against, capital, comparedTitle, comparedWords } from "./compare.js";
import { wordTable } from "./cells.js";
import { fit, moreRows, stack } from "./fit.js";
import { filled, tapeOf } from "./slots.js";
import { OF_A_MOMENT, sourceOf, stepsInWords, viewsOf } from "./source.js";
/** @import { Player } from "./player.js" */
/** @import { Figure, Moment, Place, Selection, Side, Sight } from "./types.js" */
/** @import { Tape } from "./tape.js" */

const NARROW = 420; // pixels, below which a figure is lower

/**
 * What a place shows of a moment, with its step and reading; null while there is none: the picture stays.
 *
 * `width`: pixels for which it is made; Infinity leaves out nothing.
 *
 * @type {(player: Player, place: Place, moment: Moment, width?: number) => Sight | null}
 */
export function sightOf(player, place, moment, width = place.box.clientWidth) {
  const { tapes, view } = player;
  if (tapes.length && !tapes.some((tape) => tape.frames[tape.lenses[0]].length > 0)) return null;
  const { spec } = place;
  const selection = { ...player.selection, place: moment.index };
  const shown = player.shown(spec, moment);
  const figure = filled(spec, shown.tapes, shown.step, selection, place.own);
  const { layout } = figure;
  const words = laidAgainst(player, place, figure, selection, moment);
  layout.height = width < NARROW ? Math.min(spec.height, 300 + moreRows(figure, width)) : spec.height;
  view.apply(spec.id, layout);
  const unwritten = fit(figure, width);
  stack(figure, layout.height);
  layout.uirevision = spec.id + player.wanted + view.resets;
  layout.width = place.plot.getBoundingClientRect().width || undefined; // plotly.js asks late, when others have moved the page
  layout.autosize = !layout.width;
  const views = viewsOf(spec, shown.tapes, shown.step, player.selection);
  const steps = views.flatMap(([, frames]) => [...frames]).map((frame) => frame.step);
  const awaited = spec.slots.some(({ kind, run, lens }) => {
    const tape = OF_A_MOMENT.has(kind) && tapeOf(shown.tapes, run, player.selection);
    return tape && tape.question && tape.at(lens, shown.step)?.asked === undefined;
  });
  return {
    ...figure,
    unwritten,
    awaited,
    step: moment.step,
    title: words.title,
    aside: steps.every((step) => step === shown.step) ? "" : stepsInWords(steps),
    reading: words.sentences.filter(Boolean).join("\n"),
    source: sourceOf(spec, views, awaited),
  };
}

/**
 * Lay the compared moment against a figure of this one; the title and the sentences that then stand with it.
 *
 * @type {(player: Player, place: Place, figure: Figure, selection: Selection, moment: Moment) => { title: string, sentences: string[] }}
 */
function laidAgainst(player, { spec, own }, figure, selection, moment) {
  const reading = readingOf(player, spec, player.shown(spec, moment));
  if (!player.reference) return { title: spec.title, sentences: [reading] };
  const sides = player.sides(moment);
  if (player.bar.modeSelect.value !== "difference" || !spec.slots.length) return { title: comparedTitle(spec, sides), sentences: [reading] };
  const other = player.other(moment);
  const found = against(figure, filled(spec, other.tapes, other.step, selection, own), player.data.diverging || [], spec, sides);
  const minus = found.tables.some(({ low }) => low !== undefined);
  return { title: comparedTitle(spec, sides, minus), sentences: [comparedWords(found, sides), reading && minus ? `${capital(sides[0])} itself: ${reading}` : reading] };
}

/** @type {(player: Player, spec: Side, shown: { tapes: Tape[], step: number }) => string} */
function readingOf({ selection }, spec, shown) {
  const sentences = spec.readings.map(({ run, lens, name }) => {
    const tape = tapeOf(shown.tapes, run, selection);
    const sentence = tape?.at(lens, shown.step)?.readings[name] ?? tape?.words[lens]?.[name];
    return typeof sentence === "object" ? sentence[spec.reading_index.map((index) => selection[index] || 0).join(",")] : sentence;
  });
  return sentences.filter(Boolean).join("\n") || spec.reading || "";
}

/** @type {(player: Player, place: Place, sight: Sight) => void} */
export function describe(player, place, { step, title, reading, unwritten, aside, awaited, source }) {
  place.title.textContent = title;
  place.caption.textContent = reading;
  place.words.hidden = !unwritten;
  listWords(player, place);
  place.source.textContent = source.words;
  place.source.dataset.kind = source.kind;
  place.source.title = [player.data.sources[source.kind], source.names].filter(Boolean).join(": ");
  place.box.classList.toggle("awaited", awaited); // the picture is that of the tape, and not yet the answer
  place.aside.textContent = aside;
  place.plot.dataset.step = step;
}

/**
 * What stands in a table's cells, where they are too narrow for it: a list that is open, or can be opened.
 *
 * @type {(player: Player, place: Place) => void}
 */
export function listWords(player, place) {
  const { words } = place;
  if (words.hidden || !words.open) return;
  const figure = sightOf(player, place, player.present, Infinity);
  if (figure && words.firstChild) words.replaceChildren(words.firstChild, wordTable(figure));
}

/**
 * The drawing is one picture with the figure's title and sentence; plotly's own buttons in it are no stops of Tab.
 *
 * @param {Place} place
 */
export function nameDrawing({ plot, title, caption }) {
  const [picture, ...rest] = plot.querySelectorAll(".main-svg");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-labelledby", title.parentElement?.id);
  picture.setAttribute("aria-describedby", caption.parentElement?.id);
  for (const each of rest) each.setAttribute("aria-hidden", "true");
  for (const each of plot.querySelectorAll("button, a, [tabindex]")) each.tabIndex = -1;
}
