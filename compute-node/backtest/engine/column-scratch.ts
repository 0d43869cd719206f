/** Memory of indicator columns, used again from run to run: fresh pages cost as much as an average over them. */
export class ColumnScratch {
  private readonly columns: Float64Array[] = [];
  private taken = 0;

  /** Gives all columns back; whoever still reads one sees the next run write over it. */
  clear(): void {
    this.taken = 0;
  }

  /** A column of `rows` values, which are not cleared. */
  take(rows: number): Float64Array {
    const at = this.taken++;
    if (at === this.columns.length || this.columns[at].length < rows) this.columns[at] = new Float64Array(rows);
    const column = this.columns[at];
    return column.length === rows ? column : column.subarray(0, rows);
  }
}
