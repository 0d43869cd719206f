/** Which columns a strategy computes, each once however often it is named. */
import {
  computeIndicator,
  type IndicatorDeclaration,
  type IndicatorParameters,
  PRICE_COLUMNS,
  type PriceColumn,
} from "../indicators/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileLoop, type LoopInputs } from "./generated-loop.ts";

/** An index into the plan's columns: the five price columns, then what the steps compute. */
export type ColumnId = number;

export interface PlannedColumn {
  readonly id: ColumnId;
  /** Index of its first defined value. */
  readonly firstIndex: number;
}

type Step =
  | {
      readonly kind: "indicator";
      readonly declaration: IndicatorDeclaration;
      readonly parameters: IndicatorParameters;
      readonly inputs: readonly ColumnId[];
      readonly outputs: readonly ColumnId[];
    }
  | { readonly kind: "expression"; readonly code: string; readonly firstIndex: number; readonly output: ColumnId };

export class SeriesPlan {
  private readonly steps: Step[] = [];
  private readonly columns: PlannedColumn[] = PRICE_COLUMNS.map((_, id) => ({ id, firstIndex: 0 }));
  private readonly known = new Map<string, readonly PlannedColumn[]>();

  price(name: PriceColumn): PlannedColumn {
    return this.columns[PRICE_COLUMNS.indexOf(name)];
  }

  /** The indicator's output columns, in the order of its declaration. */
  indicator(
    declaration: IndicatorDeclaration,
    parameters: IndicatorParameters,
    inputs: readonly PlannedColumn[],
  ): readonly PlannedColumn[] {
    const values = declaration.parameters.map(({ name }) => parameters[name]);
    const key = `${declaration.name}(${values.join(",")};${inputs.map(({ id }) => id).join(",")})`;
    return this.once(key, () => {
      const inputIndex = Math.max(0, ...inputs.map(({ firstIndex }) => firstIndex));
      const outputs = declaration.outputs.map((output) => this.add(inputIndex + output.firstIndex(parameters)));
      const ids = { inputs: inputs.map(({ id }) => id), outputs: outputs.map(({ id }) => id) };
      this.steps.push({ kind: "indicator", declaration, parameters, ...ids });
      return outputs;
    });
  }

  /** The column whose value at bar `i` is the generated expression `code`; a plain column is that column itself. */
  expression(code: string, firstIndex: number): PlannedColumn {
    const plain = /^c(\d+)\[i\]$/.exec(code);
    if (plain !== null) return this.columns[Number(plain[1])];
    const [column] = this.once(code, () => {
      const output = this.add(firstIndex);
      this.steps.push({ kind: "expression", code, firstIndex, output: output.id });
      return [output];
    });
    return column;
  }

  /** Computes every column over the bars. Allocates the columns, and nothing per bar. */
  run(bars: BarColumns, parameters: readonly number[]): LoopInputs {
    const columns: Float64Array[] = PRICE_COLUMNS.map((name) => bars[name]);
    const inputs: LoopInputs = { columns, parameters, rows: bars.rows };
    for (const step of this.steps) {
      if (step.kind === "expression") {
        const output = new Float64Array(bars.rows).fill(Number.NaN);
        columns[step.output] = output;
        compileLoop([step.code])(inputs, step.firstIndex, [output]);
        continue;
      }
      for (const id of step.outputs) columns[id] = new Float64Array(bars.rows);
      const pick = (ids: readonly ColumnId[]) => ids.map((id) => columns[id]);
      computeIndicator(step.declaration, pick(step.inputs), step.parameters, pick(step.outputs));
    }
    return inputs;
  }

  private once(key: string, make: () => readonly PlannedColumn[]): readonly PlannedColumn[] {
    let columns = this.known.get(key);
    if (columns === undefined) {
      columns = make();
      this.known.set(key, columns);
    }
    return columns;
  }

  private add(firstIndex: number): PlannedColumn {
    const column = { id: this.columns.length, firstIndex };
    this.columns.push(column);
    return column;
  }
}
