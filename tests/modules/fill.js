// Fills the slots of panels with the player's own modules, from what the routes answer: for tests/test_agreement.py.
//
//   node fill.js MODULES BASE SCENES FIGURES
//
// SCENES is JSON: of each its tracks, panels, moments { step, selection }, and what is asked of the networks. FIGURES gets the filled
// figures, in the order of scenes, moments and panels: JSON with NaN, Infinity and -0.0, as Python reads and writes it.

import { readFileSync, writeFileSync } from "node:fs";

const [modules, base, scenes, figures] = process.argv.slice(2);
const { Tape } = await import(`${modules}/tape.js`);
const { filled, unpacked } = await import(`${modules}/slots.js`);
const { stack } = await import(`${modules}/fit.js`);

function text(value) {
  if (Object.is(value, -0)) return "-0.0";
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `[${Array.from(value, text)}]`;
  if (typeof value !== "object" || !value) return JSON.stringify(value ?? null);
  return `{${Object.entries(value).filter(([, each]) => each !== undefined).map(([name, each]) => `${JSON.stringify(name)}:${text(each)}`)}}`;
}

async function fetched({ run, lenses, asked }) {
  const tape = new Tape({ id: run, lenses, key: "" });
  do await tape.fetch(base);
  while (tape.header.more);
  if (!asked) return tape;
  Object.assign(tape, { input: asked.input, surgery: asked.surgery });
  for (const lens of lenses) {
    const answer = await tape.ask(base, lens, tape.kept(asked.step));
    if (typeof answer === "string") throw new Error(answer);
    tape.answers.set(lens, [answer]);
  }
  return tape;
}

const lines = [];
for (const { tracks, panels, moments } of JSON.parse(readFileSync(scenes))) {
  const tapes = await Promise.all(tracks.map(fetched));
  for (const { step, selection } of moments)
    for (const spec of panels) {
      const own = Object.fromEntries(Object.entries(spec.arrays).map(([name, array]) => [name, unpacked(array)]));
      const figure = filled(spec, tapes, step, selection, own);
      stack(figure, spec.height);
      lines.push(text(figure));
    }
}
writeFileSync(figures, `[${lines.join(",\n")}]`);
