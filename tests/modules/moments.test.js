// The moments of a bar, and addresses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { outerAddress, serverAddress, zoomsOf, zoomText } from "../../explainer/player/modules/address.js";
import { indexAt, isEven, momentsOf, named, playedOn } from "../../explainer/player/modules/clock.js";

test("one bar goes through the moments of all tapes, by the lens that sets their pace", () => {
  const tape = (...steps) => ({ lenses: ["a", "b"], frames: { a: steps.map((step) => ({ step })), b: [{ step: 7 }] } });
  assert.deepEqual(momentsOf([tape(0, 10, 100), tape(0, 9, 20), tape()]), [0, 9, 10, 20, 100]);
});

test("a step is at the last moment before it", () => {
  assert.deepEqual([-5, 0, 1, 9, 10, 99].map((step) => indexAt([0, 2, 10], step)), [0, 0, 0, 1, 2, 2]);
  assert.equal(indexAt([], 3), 0);
});

test("a tape is played in 14 seconds, a short one three moments a second, and a held-up screen leaves none out for long", () => {
  assert.equal(playedOn(5, 100, 140, 1), 6);
  assert.equal(playedOn(5, 100, 140, 4), 9);
  assert.equal(playedOn(0, 125, 7, 1), 0.375);
  assert.equal(playedOn(5, 60_000, 140, 1), 7.5);
});

test("both ends of a bar are named, and others where there is room", () => {
  const times = [0, 1, 2, 5, 10, 20, 50, 100, 130];
  assert.deepEqual(named(times, () => 0).map(({ step }) => step).sort((a, b) => a - b), times);
  const few = named(times, () => 0.2).map(({ step }) => step);
  assert.deepEqual(few, [0, 130, 10]);
  assert.ok(named(times, () => 0).every(({ step, at }) => at === times.indexOf(step) / 8));
  assert.ok(isEven([0, 2, 4, 5]) && !isEven([0, 1, 4, 5]));
});

test("the server is where the page was told, else where Python takes it to be", () => {
  Object.assign(globalThis, { window: {}, location: { href: "https://example.org/lessons/gates?step=3" } });
  assert.equal(serverAddress("/lessons/"), "https://example.org/lessons/");
  window.__streamlit = { BACKEND_BASE_URL: "https://example.org/~/+" };
  assert.equal(serverAddress("/"), "https://example.org/~/+/");
});

test("an address for a person is that of the host's page, without what shows it in somebody's frame", () => {
  assert.equal(outerAddress("https://a.org/~/+/gates?embed=true&step=3&embed_options=x"), "https://a.org/gates?step=3");
});

test("how figures are zoomed comes back from an address, and nonsense is left out", () => {
  const zooms = { states: { xaxis: [3, 9.5], yaxis2: [-1e-7, 1e21] }, "path-compared": { yaxis: [2, 1] } };
  assert.deepEqual({ ...zoomsOf(zoomText(zooms)) }, zooms);
  assert.equal(zoomText({ states: {} }), "");
  const nonsense = "states_x_1*states_q_1_2*states_x_1_1*states_x__2*states_x_NaN_2*__proto___x_1_2*good_x_1_2";
  assert.deepEqual(Object.keys(zoomsOf(nonsense)).filter((id) => id !== "__proto__" && id !== ""), ["good"]);
  assert.equal({}.xaxis, undefined);
  assert.deepEqual({ ...zoomsOf(null) }, {});
});
