// What comes over the wire, and what a tape keeps of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Tape } from "../../explainer/player/modules/tape.js";
import { readParts } from "../../explainer/player/modules/wire.js";

/** Files as a route answers with them, written by the format's rule: each its length, a header with its length, and raw arrays. */
function answer(...files) {
  const parts = files.flatMap(({ text = {}, arrays = {} }) => {
    let at = 0;
    const header = { __metadata__: text };
    for (const [name, { dtype, shape, values }] of Object.entries(arrays)) {
      header[name] = { dtype, shape, data_offsets: [at, at + values.byteLength] };
      at += values.byteLength;
    }
    const words = Buffer.from(JSON.stringify(header));
    const [length, size] = [Buffer.alloc(8), Buffer.alloc(4)];
    length.writeBigUInt64LE(BigInt(words.length));
    size.writeUInt32LE(8 + words.length + at);
    return [size, length, words, ...Object.values(arrays).map(({ values }) => Buffer.from(values.buffer))];
  });
  const whole = Buffer.concat(parts);
  return whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length);
}

const row = (dtype, values) => ({ dtype, shape: [values.length], values });

test("every kind of number is read, levels by their scale in 32 bits", () => {
  const arrays = {
    f: row("F32", new Float32Array([0.1])), d: row("F64", new Float64Array([0.1])), i: row("I32", new Int32Array([-7])),
    l: row("I64", new BigInt64Array([-9007199254740991n])), b: row("BOOL", new Uint8Array([0, 1])), u: row("U8", new Uint8Array([3, 255])),
    h: row("I16", new Int16Array([-32767])),
  };
  const [first, second] = readParts(answer({ text: { "scale:u": "0.003921568627450980", "scale:h": "0.1" }, arrays }, { text: { said: "×" } }));
  const read = Object.fromEntries(Object.entries(first.arrays).map(([name, { values }]) => [name, Array.from(values)]));
  const scale = Math.fround(0.00392156862745098);
  assert.deepEqual(read, {
    f: [Math.fround(0.1)], d: [0.1], i: [-7], l: [-9007199254740991], b: [0, 1], u: [3, 255].map((level) => Math.fround(level * scale)),
    h: [Math.fround(-32767 * Math.fround(0.1))],
  });
  assert.deepEqual(second, { text: { said: "×" }, arrays: {} });
});

function tapeOf(...steps) {
  const tape = new Tape({ id: "run", lenses: ["hidden_states"] });
  const chunks = steps.map((step) => ({ kind: "view:hidden_states", lens: "hidden_states", step, readings: {} }));
  const views = steps.map((step) => ({ arrays: { h: row("F32", new Float32Array([step])) } }));
  tape.take(readParts(answer({ text: { header: JSON.stringify({ status: "running", after: 9, snapshots: [0, 10], chunks }) } }, ...views)));
  return tape;
}

test("views lie in the order of their steps, and one of the same step takes the other's place", () => {
  const tape = tapeOf(4, 0, 9, 4);
  assert.deepEqual(tape.frames.hidden_states.map((frame) => frame.step), [0, 4, 9]);
  assert.deepEqual([-1, 0, 3, 4, 8, 9, 99].map((step) => tape.at("hidden_states", step).step), [0, 0, 0, 4, 4, 9, 9]);
  assert.equal(tape.at("gates", 4), undefined);
  assert.ok(tape.live);
  assert.equal(tape.after, 9);
});

test("metrics are joined, whatever they are called in chunks", () => {
  const tape = tapeOf();
  for (const loss of [[2, 1], [0.5]])
    tape.append({ "metric:loss:value": { values: loss }, step: { values: loss }, "metric:validation loss:step": { values: [1] } });
  assert.deepEqual(tape.metrics, { loss: [2, 1, 0.5], step: [2, 1, 0.5], "validation loss:step": [1, 1] });
});

test("an answer stands in the place of the tape's views as long as the question does, the last one before the step", () => {
  const tape = tapeOf(0, 5);
  const answers = [3, 6].map((step) => ({ step, asked: true }));
  tape.answers.set("hidden_states", answers);
  assert.equal(tape.at("hidden_states", 6).asked, undefined);
  assert.deepEqual(tape.asked("hidden_states"), []);
  tape.input = "0.5 0.25*";
  assert.deepEqual([0, 5, 6].map((step) => tape.at("hidden_states", step).step), [3, 3, 6]);
  assert.deepEqual(tape.asked("hidden_states"), answers);
  assert.deepEqual([-1, 0, 9, 10, 99].map((step) => tape.kept(step)), [0, 0, 0, 10, 10]);
});
