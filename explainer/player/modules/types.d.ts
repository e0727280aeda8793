// The values that the modules hand to each other.

import type { Panel } from "./panel.js";
import type { Tape } from "./tape.js";

export type { Kind, Packed, Panel, Reading, Slot } from "./panel.js";

export type Values = Float32Array | Float64Array | Int32Array | Int16Array | Uint8Array;

/** An array of numbers; `values` row by row. */
export interface Tensor {
  shape: number[];
  values: Values;
}

/** One safetensors file. */
export interface Part {
  text: Record<string, string>;
  arrays: Record<string, Tensor>;
}

/** One sentence, or one for each choice of layer, head or unit ("0,3"). */
export type Sentences = string | Record<string, string>;

/** What a lens saw at a step: of the tape's batch, or (`asked`) of the viewer's own input. */
export interface Frame extends Part {
  step: number;
  readings: Record<string, Sentences>;
  asked?: boolean;
  said?: string;
}

/** The header of a tape's answer (`tape_answer` in answers.py). */
export interface Header {
  status: string;
  name: string;
  step: number;
  steps: number;
  message: string;
  after: number;
  more: boolean;
  snapshots: number[];
  rates: [number, string][];
  chunks: { kind: string; lens: string; step: number; notes?: boolean; readings?: Record<string, Sentences> }[];
  context?: string;
  context_lenses: string[];
}

/** Plotly's JSON; what stands in it is plotly's. */
export type Trace = Record<string, any>;
export type Layout = Record<string, any>;
export interface Figure {
  data: Trace[];
  layout: Layout;
}

/** What a viewer has chosen, by the selection's name. */
export type Selection = Record<string, number>;

/** A panel of a comparison side by side: which side it is. */
export interface Side extends Panel {
  side?: "here" | "there";
  compared?: boolean;
}

/** What a comparison shows of a table: from where to where it goes, nothing without a number in both, or two sizes. */
export interface Compared {
  low?: number;
  high?: number;
  sizes?: string[];
}

/** Rows or lists of anything: typed arrays too. */
export type List = ArrayLike<any>;

/** One row of a CSV file, by column. */
export type Row = Record<string, any>;

/** How the maps of a mosaic stand in its table. */
export interface Mosaic {
  tall: number;
  wide: number;
  cell: number;
  gap: number;
}

/** What stands in a cell, and where. */
export interface Cell {
  x: any;
  y: any;
  text: string;
  colour?: string;
}

/** How figures are zoomed, by figure and axis. */
export type Zooms = Record<string, Record<string, number[]>>;

declare global {
  interface Window {
    __streamlit?: { BACKEND_BASE_URL?: string };
    Plotly?: any;
  }
}

/** What Streamlit gives a component's script. */
export interface Component {
  parentElement: Element;
  data: Uint8Array;
  setStateValue(name: string, value: any): void;
}

/** A line of a menu; `act` may answer true to keep the menu open. */
export interface Entry {
  text: string;
  act(entry: HTMLElement): unknown;
  checked?: boolean;
}

/** A menu that is open. */
export interface Menu {
  element: HTMLElement;
  close(back?: boolean): void;
}

/** What Python says of a component (`mount.py`). */
export interface Content {
  base: string;
  plotly: string;
  figures: Side[];
  sources: Record<string, string>;
  select: { name: string; label: string; names: string[] }[];
  selection: Selection;
  start: Selection;
  step: number | null;
  figure: string;
  zoom: string;
  beside: boolean;
  key: string;
  runs: { id: string; lenses: string[]; live: boolean; name: string }[];
  against: { run: string; step: number | null; own: string; name: string } | null;
  diverging: any[] | null;
  loop: boolean;
  scan: { label: string; places: number[] } | null;
  ask: { label: string; placeholder: string; examples: string[]; fill: string; help: string; input: string; most: number } | null;
  surgery: string;
  link: boolean;
  shown: { said: string; stale: boolean } | null;
  heading: number;
}

/** A place in time: a step, and which of all moments that is. */
export interface Moment {
  step: number;
  index: number;
}

/** Tapes, and the step at which they are read; null for that of the moment. */
export interface Reference {
  tapes: Tape[];
  step: number | null;
}

/** A figure as it is to be seen at a moment, and the words with it. */
export interface Sight extends Figure {
  step: number;
  title: string;
  aside: string;
  reading: string;
  source: { kind: string; words: string; names: string };
  unwritten: boolean;
  awaited: boolean;
}

/** A figure's place on the page; in `plot` is plotly's drawing. */
export interface Place {
  spec: Side;
  own: Record<string, Tensor>;
  box: HTMLElement;
  plot: any;
  title: HTMLElement;
  aside: HTMLElement;
  caption: HTMLElement;
  source: HTMLElement;
  menu: HTMLElement;
  words: HTMLDetailsElement;
  /** In sight or near it; drawn once by plotly; not of the newest moment; to be made anew, whatever has changed. */
  visible: boolean;
  plotted: boolean;
  dirty: boolean;
  fresh: boolean;
  shown?: { data: any; rest: any; shapes: any };
  revision?: number;
  home?: Record<string, number[]>;
}

/** What a pass has made ready: without a figure only the moment is new. */
export interface Prepared {
  place: Place;
  moment: Moment;
  figure?: Sight;
  changes?: string[][] | null | false;
}
