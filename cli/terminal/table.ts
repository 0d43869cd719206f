/** Plain columns for lists: headings, one row a line, two spaces between, numbers to the right. */

export interface TableColumn<Row> {
  readonly heading: string;
  readonly align?: "left" | "right";
  text(row: Row): string;
}

/** The table as text without a trailing newline; the last column is not padded. */
export function tableText<Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  const widths = columns.map((column, index) =>
    Math.max(column.heading.length, ...cells.map((row) => row[index].length)),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) =>
        columns[index].align === "right" ? text.padStart(widths[index]) : text.padEnd(widths[index]),
      )
      .join("  ")
      .trimEnd();
  return [line(columns.map((column) => column.heading)), ...cells.map(line)].join("\n");
}

/** `name  value` lines, the names padded to one width. */
export function factsText(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}
