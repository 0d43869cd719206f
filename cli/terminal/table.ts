/** Formats lists as plain columns: headings, one row a line, two spaces between, numbers to the right. */

export interface TableColumn<Row> {
  readonly heading: string;
  readonly align?: "left" | "right";
  text(row: Row): string;
}

/** The table as text without a trailing newline; the last column is not padded. */
export function tableText<Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string {
  const padded = columns.map((column) => {
    const cells = [column.heading, ...rows.map((row) => column.text(row))];
    const width = Math.max(...cells.map((cell) => cell.length));
    return cells.map((cell) => (column.align === "right" ? cell.padStart(width) : cell.padEnd(width)));
  });
  const line = (index: number): string =>
    padded
      .map((cells) => cells[index])
      .join("  ")
      .trimEnd();
  return Array.from({ length: rows.length + 1 }, (_, index) => line(index)).join("\n");
}

/** `name  value` lines, the names padded to one width. */
export function factsText(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}
