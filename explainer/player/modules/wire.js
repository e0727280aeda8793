// What comes over the wire: safetensors files with lengths before them.

/** @import { Part, Tensor } from "./types.js" */

/** @type {Record<string, any>} */
const KINDS = { F32: Float32Array, F64: Float64Array, I32: Int32Array, I16: Int16Array, I8: Int8Array, U8: Uint8Array, BOOL: Uint8Array };

/**
 * One safetensors file: {text, arrays}, an array being {shape, values}.
 *
 * @type {(buffer: ArrayBuffer, start: number) => Part}
 */
function readTensors(buffer, start) {
  const view = new DataView(buffer, start);
  const length = Number(view.getBigUint64(0, true));
  /** @type {Record<string, any>} */
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start + 8, length)));
  const text = header.__metadata__ || {};
  /** @type {Record<string, Tensor>} */
  const arrays = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [from, to] = entry.data_offsets.map((/** @type {number} */ offset) => start + 8 + length + offset);
    if (entry.dtype === "I64") {
      arrays[name] = { shape: entry.shape, values: Float64Array.from(new BigInt64Array(buffer.slice(from, to)), Number) };
      continue;
    }
    let values = new KINDS[entry.dtype](buffer.slice(from, to));
    if (text["scale:" + name] !== undefined) {
      const scale = Math.fround(Number(text["scale:" + name])); // 32-bit numbers, as `read_chunk` in runs/tape.py
      values = Float32Array.from(values, (/** @type {number} */ level) => level * scale);
    }
    arrays[name] = { shape: entry.shape, values };
  }
  return { text, arrays };
}

/**
 * A response of the tape route: length-prefixed safetensors files, the first being the header.
 *
 * @type {(buffer: ArrayBuffer) => Part[]}
 */
export function readParts(buffer) {
  /** @type {Part[]} */
  const parts = [];
  const view = new DataView(buffer);
  for (let at = 0; at < buffer.byteLength; ) {
    const length = view.getUint32(at, true);
    parts.push(readTensors(buffer, at + 4));
    at += 4 + length;
  }
  return parts;
}
