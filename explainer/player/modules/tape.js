// What has been fetched of one run: its views, its metrics, and what the lenses saw on the viewer's own input.

import { readParts } from "./wire.js";
/** @import { Frame, Header, Part, Sentences, Tensor } from "./types.js" */

/** The server is there, and will answer later. */
export class Busy extends Error {}

/** What has been fetched of one run. */
export class Tape {
  /** @param {{ id: string, key: string, lenses: string[] }} run */
  constructor(run) {
    this.id = run.id;
    this.key = run.key; // to runs of others on their own data
    this.lenses = run.lenses;
    this.after = -1;
    this.context = "";
    /** @type {Record<string, Record<string, Tensor>>} */
    this.contexts = {};
    /** @type {Record<string, Record<string, Sentences>>} */
    this.words = {}; // sentences over the whole tape, by lens
    this.status = "unknown";
    /** @type {Partial<Header>} */
    this.header = {};
    /** @type {Record<string, Frame[]>} */
    this.frames = Object.fromEntries(run.lenses.map((lens) => [lens, []]));
    /** @type {Record<string, number[]>} */
    this.metrics = {};
    this.due = 0;
    this.failures = 0;
    this.said = ""; // what the server says of that input, such as that it is of another kind than those of training
    this.input = ""; // the viewer's own input, what is done to the model, and what the lenses saw then, by lens and kept moment
    this.surgery = "";
    /** @type {Map<string, Frame[]>} */
    this.answers = new Map();
  }

  /** @param {string} base */
  async fetch(base) {
    const query = new URLSearchParams({ lenses: this.lenses.join(","), after: String(this.after), context: this.context, key: this.key });
    const answer = await fetch(`${base}api/tape/${encodeURIComponent(this.id)}?${query}`);
    if (!answer.ok || answer.headers.get("content-type") !== "application/octet-stream") {
      if (answer.status === 503) throw new Busy("the store can't be read at the moment");
      throw new Error(`the tape route answered ${answer.status}`);
    }
    this.take(readParts(await answer.arrayBuffer()));
  }

  /**
   * The last moment at or before a step whose weights are kept, so that it can be asked.
   *
   * @param {number} step
   */
  kept(step) {
    const steps = this.header.snapshots || [];
    return steps.findLast((each) => each <= step) ?? steps[0];
  }

  /** What the viewer asks, beyond what is on the tape; "" for nothing. */
  get question() {
    return this.input || this.surgery ? `${this.input}\n${this.surgery}` : "";
  }

  /**
   * Ask what a lens sees on the own input, in the operated model, at a kept moment; a sentence if that can't be, and
   * { again: milliseconds } if too many questions wait at the moment.
   *
   * @param {string} base
   * @param {string} lens
   * @param {number} step
   * @returns {Promise<string | { again: number } | Frame>}
   */
  async ask(base, lens, step) {
    const query = new URLSearchParams({ lens, step: String(step), input: this.input, surgery: this.surgery, key: this.key });
    const answer = await fetch(`${base}api/look/${encodeURIComponent(this.id)}?${query}`);
    if (answer.status === 429) return { again: 1000 * (Number(answer.headers.get("retry-after")) || 1) };
    if (answer.headers.get("content-type") !== "application/octet-stream") return (await answer.json()).error;
    const [head, body, notes] = readParts(await answer.arrayBuffer());
    const { readings, said } = JSON.parse(head.text.header);
    return { said, step, arrays: { ...body.arrays, ...notes.arrays }, text: { ...body.text, ...notes.text }, readings, asked: true };
  }

  /** @param {Part[]} parts */
  take(parts) {
    /** @type {Header} */
    const header = JSON.parse(parts[0].text.header);
    this.header = header;
    this.status = header.status;
    this.after = header.after;
    let part = 1;
    if (header.context) {
      this.context = header.context;
      for (const lens of header.context_lenses) {
        this.contexts[lens] = parts[part].arrays;
        this.words[lens] = JSON.parse(parts[part++].text.words);
      }
    }
    for (const chunk of header.chunks) {
      const body = parts[part++];
      if (chunk.kind === "metrics") this.append(body.arrays);
      else {
        const frame = { step: chunk.step, arrays: body.arrays, text: body.text, readings: chunk.readings || {} };
        if (chunk.notes) {
          const notes = parts[part++];
          Object.assign(frame.arrays, notes.arrays);
          Object.assign(frame.text, notes.text);
        }
        const frames = this.frames[chunk.lens];
        let at = frames.length;
        while (at > 0 && frames[at - 1].step >= frame.step) at--;
        frames.splice(at, frames[at]?.step === frame.step ? 1 : 0, frame);
      }
    }
  }

  /** @param {Record<string, Tensor>} arrays */
  append(arrays) {
    for (const [name, { values }] of Object.entries(arrays)) {
      const series = name.startsWith("metric:") ? name.slice(7).replace(/:value$/, "") : name;
      (this.metrics[series] ||= []).push(...values);
    }
  }

  /**
   * The last frame of a lens at or before a step: on the own input if there is one and it is answered.
   *
   * @param {string} lens
   * @param {number} step
   * @returns {Frame | undefined}
   */
  at(lens, step) {
    const answers = this.asked(lens);
    const frames = answers.length ? answers : this.frames[lens] || [];
    return frames.findLast((frame) => frame.step <= step) || frames[0];
  }

  /**
   * Whether a view is the last one of the tape, of any lens: itself then.
   *
   * @param {Frame} frame
   */
  newest(frame) {
    return Object.values(this.frames).some((frames) => frames.at(-1) === frame) ? frame : null;
  }

  /**
   * What a lens saw on the own input so far, in the order of the steps.
   *
   * @param {string} lens
   */
  asked(lens) {
    return (this.question && this.answers.get(lens)) || [];
  }

  get live() {
    return this.status === "running" || this.status === "queued" || this.status === "paused";
  }
}
