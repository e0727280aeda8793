// Figures: what fits, what differs, where numbers come from, and the numbers that are given away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { alike, changesOf, outline } from "../../explainer/player/modules/alike.js";
import { against, beside, comparedTitle, comparedWords, sidesOf } from "../../explainer/player/modules/compare.js";
import { numbersOf } from "../../explainer/player/modules/csv.js";
import { fit, stack } from "../../explainer/player/modules/fit.js";
import { edges, extent, palette, powerOf, ticks } from "../../explainer/player/modules/scales.js";
import { mosaicCell, tapeOf, unpacked } from "../../explainer/player/modules/slots.js";
import { sourceOf, stepsInWords, viewsOf } from "../../explainer/player/modules/source.js";

// A canvas whose letters are six tenths as wide as they are high.
const pen = { measureText: (text) => ({ width: 0.6 * parseFloat(pen.font) * text.length }) };
globalThis.document = { createElement: () => ({ getContext: () => pen }) };
const font = { family: "sans-serif" };

test("numbers are compared one by one, in whatever array they come", () => {
  assert.ok(alike({ x: new Float32Array([1, NaN]) }, { x: [1, NaN] }));
  assert.ok(!alike([1, 2], [1, 2, 3]) && !alike({ x: 1 }, { y: 1 }) && !alike(null, {}) && !alike([0], [1]));
  const before = [{ x: [1], y: [2], name: "a" }, { z: [[1]] }];
  assert.deepEqual(changesOf(before, [{ x: [1], y: [3], text: ["b"] }, { z: [new Float32Array([1])] }]), [["y", "text", "name"], []]);
  assert.equal(changesOf(before, [before[0]]), null);
});

test("an outline keeps arrays of numbers and copies all else", () => {
  const figure = { line: { color: "red" }, z: [new Float32Array(2)], shapes: [{ x0: 1 }] };
  const copy = outline(figure);
  figure.line.color = "blue";
  figure.shapes[0].x0 = 2;
  assert.equal(copy.z, figure.z);
  assert.deepEqual([copy.line.color, copy.shapes[0].x0], ["red", 1]);
});

const table = (rows) => ({ data: [{ type: "heatmap", z: rows, hovertemplate: "%{z}<extra></extra>" }], layout: {} });
const spec = { id: "states", name: "States", title: "States", data: table([]).data, slots: [{ to: "data.0.z", kind: "frame" }] };

test("tables become their difference, on a scale with nothing in its middle", () => {
  const figure = table([[1, 2], [3, NaN]]);
  const found = against(figure, table([[0, 4], [3, 1]]), "scale", spec, ["step 5", "step <1>"]);
  assert.deepEqual(figure.data[0].z, [[1, -2], [0, NaN]]);
  assert.deepEqual([figure.data[0].zmin, figure.data[0].zmax], [-2, 2]);
  assert.ok(figure.data[0].hovertemplate.endsWith("<extra>step 5 minus step &lt;1&gt;</extra>"));
  assert.deepEqual(found, { tables: [{ low: -2, high: 1 }], behind: false });
  assert.match(comparedWords(found, ["step 5", "step 1"]), /^The colours are the difference, step 5 minus step 1, from -2\.0 to 1\.0/);
});

test("tables of two sizes are not compared, and curves lie behind each other", () => {
  const sizes = against(table([[1]]), table([[1, 2]]), "scale", spec, ["a", "b"]);
  assert.equal(comparedWords(sizes, ["a", "b"]), "Not compared: the table of b is 1 × 2, that of a 1 × 1.");
  const figure = { data: [{ x: [0], y: [1], name: "loss" }], layout: {} };
  assert.ok(against(figure, { data: [{ x: [0], y: [2], name: "loss" }] }, "scale", spec, ["a", "b"]).behind);
  assert.deepEqual([figure.data.length, figure.data[1].name, figure.data[1].y], [2, "loss (compared)", [2]]);
});

test("the sides of a comparison are moments, or runs", () => {
  assert.deepEqual(sidesOf({ step: 3 }, 9, null), ["step 9", "step 3"]);
  assert.deepEqual(sidesOf({ step: null }, 9, ["this run", "GRU"]), ["this run", "GRU"]);
  assert.deepEqual(sidesOf({ step: 3 }, 9, ["this run", "GRU"]), ["this run, step 9", "GRU, step 3"]);
  const [here, there, rest] = beside([{ ...spec, slots: [] }, spec]);
  assert.deepEqual([here.side, there.id, there.compared, rest.side], ["here", "states-compared", true, undefined]);
  assert.equal(comparedTitle(there, ["a", "b"]), "States: b");
});

test("labels under an axis that would stand on each other are left out, and so are words in cells", () => {
  const texts = Array.from({ length: 20 }, (_, at) => `word ${at}`);
  const figure = () => ({ data: [{ type: "heatmap", z: [texts.map(() => 1)], showscale: false, texttemplate: "%{z}", colorscale: "Viridis", zmin: 0, zmax: 1 }],
    layout: { font, height: 300, xaxis: { tickvals: texts.map((_, at) => at), ticktext: texts } } });
  const [roomy, narrow] = [figure(), figure()];
  assert.equal(fit(roomy, 1600), false);
  assert.equal(roomy.layout.xaxis.ticktext.length, 20);
  assert.equal(fit(narrow, 150), true);
  const kept = narrow.layout.xaxis.ticktext;
  assert.ok(kept.length < 20 && kept[0] === "word 0");
  assert.equal(narrow.data[0].texttemplate, undefined);
});

test("labels of lines that are close together have a line each", () => {
  const note = (y) => ({ name: "reference", y });
  const layout = { yaxis: {}, annotations: [note(1), note(0.99), note(0)] };
  stack({ data: [{ y: [0, 1] }], layout }, 300);
  assert.deepEqual(layout.annotations.map(({ yshift }) => yshift < 0), [false, true, false]);
});

test("an axis gets round numbers", () => {
  assert.deepEqual(ticks([0, 1]), [0, 0.5, 1]);
  assert.deepEqual(ticks([3, -3]), [-2, 0, 2]);
  assert.deepEqual(extent([[1, NaN], [-Infinity, 4]]), [1, 4]);
  assert.deepEqual(edges(null, 2), [-0.5, 0.5, 1.5]);
  assert.deepEqual(edges([0, 1, 3], 3), [-0.5, 0.5, 2, 4]);
  assert.deepEqual([1, 10, 1000, 0.01].map(powerOf), ["1", "10", "10³", "10⁻²"]);
  const colours = palette([[0, "#000000"], [1, "rgba(255, 0, 0, 1)"]]);
  assert.deepEqual([colours[0], colours[255], colours.length], [[0, 0, 0, 255], [255, 0, 0, 255], 256]);
});

test("slots take a run by number or by choice, and what came in base64", () => {
  const tapes = ["a", "b"];
  assert.deepEqual([tapeOf(tapes, 7, {}), tapeOf(tapes, "network", { network: 1 }), tapeOf(tapes, "network", {}), tapeOf(tapes)], ["b", "b", "a", "a"]);
  const body = Buffer.from(new Float32Array([1.5, -2]).buffer).toString("base64");
  assert.deepEqual(unpacked({ shape: [2], body }).values, new Float32Array([1.5, -2]));
  assert.deepEqual([mosaicCell([1, 1, 1000, 1000]), mosaicCell([4, 4, 501, 501])], [1, 3]);
});

function tape(status, frames, question = "") {
  return { status, header: { name: "GRU" }, input: question, question, at: (_, step) => frames.findLast((frame) => frame.step <= step), newest: (frame) => (frame === frames.at(-1) ? frame : null) };
}

test("a sentence says where its numbers come from, of which step", () => {
  const panel = { source: "", slots: [{ kind: "frame", lens: "hidden_states" }, { kind: "own" }], readings: [] };
  const words = (each, step, spec = panel) => sourceOf(spec, viewsOf(spec, [each], step, {}), false).words;
  const frames = [{ step: 0 }, { step: 5 }];
  assert.equal(words(tape("done", frames), 5), "recorded · step 5 · GRU");
  assert.equal(words(tape("running", frames), 5), "training now · step 5 · GRU");
  assert.equal(words(tape("running", frames), 4), "recorded · step 0 · GRU");
  assert.equal(words(tape("done", [{ step: 0, asked: true }], "x"), 5), "computed now · your input · step 0 · GRU");
  assert.equal(words(tape("done", frames), 5, { ...panel, source: "closed form · N = 3" }), "closed form · N = 3");
  assert.deepEqual([[], [3], [9, 3]].map(stepsInWords), ["", "step 3", "steps 3 to 9"]);
});

test("numbers as CSV have digits enough, no formula, and each map's layer and head", () => {
  const xaxis = { title: { text: "step" } };
  const points = { data: [{ name: "=1+1", x: [1, 2], y: [Math.fround(0.1), NaN], text: ['a "b"', "c"] }], layout: { xaxis, yaxis: { title: { text: "loss" } } } };
  assert.equal(numbersOf(points), 'series,step,loss,text\r\n\'=1+1,1,0.100000001,"a ""b"""\r\n');
  const cells = { type: "heatmap", z: [[1, 2]], text: [["q", "q"]], customdata: [["a", "b"]] };
  const across = [{ to: "data.0.text", transpose: true }, { to: "data.0.customdata", transpose: false }];
  assert.equal(numbersOf({ data: [cells], layout: {} }, {}, across), "x,x: label,y,y: label,value\r\n0,a,0,q,1\r\n1,b,0,q,2\r\n");
  const maps = { data: [{ type: "heatmap", z: [[1, NaN, 2]] }], layout: {} };
  assert.equal(numbersOf(maps, { 0: { tall: 2, wide: 2, cell: 4, gap: 1 } }), "layer,head,query,key,value\r\n1,1,0,0,1\r\n1,2,0,0,2\r\n");
});
