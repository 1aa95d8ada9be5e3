// A report is plain data: who measures builds one, and says nothing about how it is shown.

/** What is known of one quantity: a line or a row of points that belong together. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Half the length of the bar that shows how far measurements lie apart; none without it. */
  readonly spread?: number;
}

export interface Axis {
  /** With its unit: "accuracy, %". */
  readonly label: string;
  readonly scale?: "linear" | "log";
}

/** Points over an x, joined in the order of x unless `joined` is false. */
export interface LineChart {
  readonly kind: "lines";
  readonly x: Axis;
  readonly y: Axis;
  readonly joined?: boolean;
  readonly series: readonly Series[];
}

/** One number for each pair of a column and a row, written into its cell; pairs that are missing stay empty. */
export interface HeatChart {
  readonly kind: "heat";
  /** The columns' meaning, and their names from left to right. */
  readonly x: { readonly label: string; readonly names: readonly string[] };
  readonly y: { readonly label: string; readonly names: readonly string[] };
  /** What the numbers are, with their unit. */
  readonly value: string;
  readonly cells: readonly { readonly x: string; readonly y: string; readonly value: number }[];
}

/** Bars from 0, one for each name; parts of one name are stacked in the order in which they come. */
export interface BarChart {
  readonly kind: "bars";
  readonly value: Axis;
  readonly bars: readonly { readonly name: string; readonly part?: string; readonly value: number }[];
}

export type Chart = LineChart | HeatChart | BarChart;

export interface Table {
  readonly columns: readonly string[];
  /** Each as long as `columns`. */
  readonly rows: readonly (readonly string[])[];
}

export interface Section {
  readonly heading: string;
  /** Paragraphs of plain text. */
  readonly text?: readonly string[];
  readonly table?: Table;
  /** `name` in kebab-case: it names the chart's file. `title` is said where the picture can't be seen. */
  readonly chart?: { readonly name: string; readonly title: string; readonly chart: Chart };
}

export interface Report {
  readonly title: string;
  readonly text?: readonly string[];
  readonly sections: readonly Section[];
}
