/** The figures as a table for people, with ratios to the best peer. */
export interface Row {
  readonly measure: string;
  /** True when a smaller figure is better. */
  readonly smallerIsBetter: boolean;
  /** By broker: the figure, or why there is none. */
  readonly cells: ReadonlyMap<string, Cell>;
}

export interface Cell {
  /** Null where it was not measured to the end. */
  readonly value: number | null;
  readonly text: string;
}

/** A Markdown table; the last column is ours over the best peer's, turned so that above 1 is better. */
export function markdownTable(rows: readonly Row[], brokers: readonly string[]): string {
  const head = ["", ...brokers, "ktrdr to the best peer"];
  const lines = rows.map((row) => [
    row.measure,
    ...brokers.map((name) => row.cells.get(name)?.text ?? "–"),
    ratioText(row, brokers[0]!),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]!.length), 3));
  const lineOf = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [lineOf(head), lineOf(widths.map((width) => "-".repeat(width))), ...lines.map(lineOf)].join("\n");
}

/** Above 1: ours is better by that factor. Null without a figure on both sides. Names that begin with ours are no peers. */
export function ratioToBestPeer(row: Row, ours: string): number | null {
  const own = row.cells.get(ours)?.value;
  const peers = [...row.cells].flatMap(([name, { value }]) => (name.startsWith(ours) || value === null ? [] : [value]));
  if (own == null || own === 0 || peers.length === 0) return null;
  const best = row.smallerIsBetter ? Math.min(...peers) : Math.max(...peers);
  return row.smallerIsBetter ? best / own : own / best;
}

function ratioText(row: Row, ours: string): string {
  const ratio = ratioToBestPeer(row, ours);
  return ratio === null ? "–" : `${ratio.toFixed(2)}`;
}
