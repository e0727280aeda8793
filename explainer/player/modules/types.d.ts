// The values that the modules hand to each other.

import type { barOf } from "./bar.js";
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

/** A selection within the figures: what it is called, and its choices. */
export interface Select {
  name: string;
  label: string;
  names: string[];
}

/** What Python says of a page (`play` in mount.py). */
export interface Told {
  base: string;
  plotly: string;
  figures: Side[];
  sources: Record<string, string>;
  select: Select[];
  selection: Selection;
  start: Selection;
  step: number | null;
  figure: string;
  zoom: string;
  beside: boolean;
  key: string;
  runs: { id: string; lenses: string[]; live: boolean; name: string }[];
  against: { run: string; step: number | null; own: string; name: string } | null;
  diverging: [number, string][] | null;
  loop: boolean;
  scan: { label: string; places: number[] } | null;
  ask: { label: string; placeholder: string; examples: string[]; fill: string; help: string; input: string; most: number } | null;
  surgery: string;
  link: boolean;
  shown: { said: string; stale: boolean } | null;
  heading: number;
}

/** A moment of the bar: a step, and its number among all moments. */
export interface Moment {
  step: number;
  index: number;
}

/** What the figures are compared with: other tapes, or the same at a step; null: the step that is shown. */
export interface Reference {
  tapes: Tape[];
  step: number | null;
}

/** A figure of a moment with its words; `aside`: the steps of what it shows, where they are others. */
export interface View extends Figure {
  step: number;
  title: string;
  aside: string;
  reading: string;
  source: { kind: string; words: string; names: string };
  unwritten: boolean;
  awaited: boolean;
}

/** A figure that is ready to be shown; of one that stands still only the moment. */
export interface Ready {
  pane: Pane;
  moment: Moment;
  view?: View;
  changes?: string[][] | null;
}

/** A panel on the page: its elements, and what of it is drawn. */
export interface Pane {
  spec: Side;
  own: Record<string, Tensor>;
  box: HTMLElement;
  plot: HTMLElement & Record<string, any>;
  title: HTMLElement;
  aside: HTMLElement;
  menu: HTMLElement;
  caption: HTMLElement;
  source: HTMLElement;
  words: HTMLDetailsElement;
  /** in sight, or nearly */
  visible: boolean;
  plotted: boolean;
  /** it does not show what is asked for yet */
  dirty: boolean;
  /** and that may be another figure, not only another moment */
  fresh: boolean;
  /** what plotly.js was given last */
  shown: { data: Trace[]; rest: Layout; shapes: any };
  revision: number;
  /** the ranges of its axes without zoom */
  home: Record<string, number[]>;
  /** to be called once plotly.js has drawn it */
  listen(): void;
}

/** What of a player begins anew with other runs. */
export interface Begun {
  tapes: Tape[];
  /** these runs and their lenses, as a text */
  wanted: string;
  /** the kept moments of all tapes, or the places that the bar moves through */
  times: number[];
  step: number;
  /** what all figures in sight show */
  moment: Moment | null;
  selection: Selection;
  playing: boolean;
  /** the newest moment is shown as it comes */
  follow: boolean;
  /** the step that the address asks for */
  pinned: number | null;
  autoplay: boolean;
  /** it has its first moment */
  started: boolean;
  /** what is shown first has been fetched */
  heard: boolean;
  /** the tapes' states that Python knows */
  reported: string;
  reference: Reference | null;
  /** `Told.against` as it was last, as a text */
  compared: string;
  zooms: Zooms;
  /** what dragging does, by figure: "zoom", "pan" or "" */
  drags: Record<string, string>;
  /** how often a view was reset */
  resets: number;
  /** what is being asked, a tape's id and a lens each */
  asking: Set<string>;
  /** why there is no answer */
  complaint: string;
  /** what the browser could not do */
  offered: string;
  surgery: string;
}

/** What is done with a panel of a player's, or made of it. */
export type OfPane<T = void> = (player: Player, pane: Pane) => T;

/** A player of a page. */
export interface Player extends Begun {
  host: HTMLElement;
  grid: HTMLElement;
  bar: ReturnType<typeof barOf>;
  number: number;
  data: Told;
  /** the same as it came */
  told: string;
  /** where the server answers */
  base: string;
  setState: Component["setStateValue"];
  panes: Pane[];
  /** the panes' figures, as a text */
  shape: string;
  /** the selections offered, as a text */
  offers: string;
  /** the figure that is shown alone; "" for all */
  alone: string;
  /** the moment in words */
  said: string;
  /** width and moments for which places of the bar are named */
  ticked: string;
  /** the grid's width */
  width: number;
  /** the ground that the figures were made for */
  ground: string;
  speed: number;
  /** how often Play was pressed */
  turn: number;
  /** how often plotly.js was given other numbers */
  drawn: number;
  drawing: boolean;
  /** when a moment was asked for last */
  soughtAt: number;
  /** its first figures are on the screen */
  sketched: boolean;
  /** plotly.js can't be had */
  unreachable: boolean;
  closed: boolean;
  skippable: boolean;
  timers: Record<string, ReturnType<typeof setTimeout>>;
  seen: IntersectionObserver;
  resized: ResizeObserver;
  scheme: MediaQueryList;

  readonly index: number;
  readonly live: boolean;
  /** the moment that the figures show */
  readonly present: Moment;
  /** the moment that is asked for */
  readonly newest: Moment;
  /** a figure in sight does not show the newest moment yet */
  readonly late: boolean;
  /** there is something to play or to step through */
  readonly movable: boolean;
  /** those of the comparison too */
  readonly everyTape: Tape[];

  /** Do something after so many milliseconds, in the place of what was to be done under this name; not once it is closed. */
  later(name: string, wait: number, act: () => void): void;
  /** Ask for the newest moment to be drawn. */
  draw(): void;
  /** Lay the figures out anew, as the address then says. */
  arrange(): void;
  /** So many frames on; 0 plays or holds. */
  move(by: number): void;
}

/** An axis of a sketch: from where to where it goes in numbers and in pixels. */
export interface Axis {
  id: string;
  letter: "x" | "y";
  set: Layout;
  range: number[];
  pixels: number[];
  names: string[];
  log: boolean;
  place(value: any): number;
  pixel(place: number): number;
  at(value: any): number;
}
