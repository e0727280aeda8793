// Made from charts/panel.py by `python -m explainer.player.typed`. Do not edit.

/** An array that comes with a panel: float32, little-endian, in base64. */
export interface Packed {
  shape: number[];
  body: string;
}

export type Kind = "frame" | "labels" | "across" | "history" | "asked" | "series" | "rates" | "lowest" | "context" | "project" | "mosaic" | "own" | "step";

export interface Slot {
  to: string;
  kind: Kind;
  run: number | string;
  lens: string;
  name: string;
  index: (number | string)[];
  column: number;
  gap: number;
  transpose: boolean;
  log: boolean;
  covers: string;
}

export interface Reading {
  lens: string;
  name: string;
  run: number | string;
}

export interface Panel {
  id: string;
  title: string;
  data: Record<string, any>[];
  layout: Record<string, any>;
  name: string;
  slots: Slot[];
  readings: Reading[];
  reading: string;
  reading_index: string[];
  source: string;
  arrays: Record<string, Packed>;
  span: number;
  rows: number;
  height: number;
  click: Record<string, any> | null;
}
