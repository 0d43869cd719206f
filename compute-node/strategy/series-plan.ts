/** Plans the columns that a strategy computes, each once however often it is named. */
import {
  computeIndicator,
  INPUT_COLUMNS,
  type IndicatorDeclaration,
  type IndicatorParameters,
  type InputColumn,
} from "../indicators/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileLoop, type LoopInputs } from "./generated-loop.ts";
import { type LongerBars, longerBars } from "./higher-timeframe.ts";

/** An index into the plan's columns: the input columns, then those that the steps compute. */
export type ColumnId = number;

export interface PlannedColumn {
  readonly id: ColumnId;
  /** Index of its first defined value. */
  readonly firstIndex: number;
}

/** A moving average over a price column that only comparisons read. */
export interface DeferredMean {
  readonly column: ColumnId;
  readonly source: ColumnId;
  readonly period: number;
}

type Step =
  | {
      readonly kind: "indicator";
      readonly declaration: IndicatorDeclaration;
      readonly parameters: IndicatorParameters;
      readonly inputs: readonly ColumnId[];
      readonly outputs: readonly ColumnId[];
    }
  /** A column of longer bars, on the bars at hand. */
  | { readonly kind: "longer"; readonly timeframe: string; readonly inner: ColumnId; readonly output: ColumnId }
  | { readonly kind: "expression"; readonly code: string; readonly firstIndex: number; readonly output: ColumnId };

export class SeriesPlan {
  private readonly steps: Step[] = [];
  private readonly columns: PlannedColumn[] = INPUT_COLUMNS.map((_, id) => ({ id, firstIndex: 0 }));
  private readonly known = new Map<string, readonly PlannedColumn[]>();
  private readonly longer = new Map<string, SeriesPlan>();

  price(name: InputColumn): PlannedColumn {
    return this.columns[INPUT_COLUMNS.indexOf(name)];
  }

  /** The plan over longer bars, whose columns `known` brings here. */
  over(timeframe: string): SeriesPlan {
    let plan = this.longer.get(timeframe);
    if (plan === undefined) {
      plan = new SeriesPlan();
      this.longer.set(timeframe, plan);
    }
    return plan;
  }

  /** A column of `over(timeframe)` at each bar here: its value at the newest longer bar that is over. */
  fromLonger(timeframe: string, inner: PlannedColumn): PlannedColumn {
    const [column] = this.once(`@${timeframe} ${inner.id}`, () => {
      const output = this.add(0);
      this.steps.push({ kind: "longer", timeframe, inner: inner.id, output: output.id });
      return [output];
    });
    return column;
  }

  /** True when values begin where the data decides it, and not at their `firstIndex`. */
  get readsLongerBars(): boolean {
    return this.longer.size > 0;
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

  /** Plain moving averages over a price that no other step reads. */
  means(): DeferredMean[] {
    const read = new Set(this.steps.flatMap((step) => (step.kind === "indicator" ? step.inputs : [])));
    const inCode = (id: ColumnId) =>
      this.steps.some((step) => step.kind === "expression" && new RegExp(`\\bc${id}\\b`).test(step.code));
    const means: DeferredMean[] = [];
    for (const step of this.steps) {
      if (step.kind !== "indicator" || step.declaration.name !== "sma") continue;
      const [[source], [column]] = [step.inputs, step.outputs];
      if (source >= INPUT_COLUMNS.length || read.has(column) || inCode(column)) continue;
      means.push({ column, source, period: step.parameters.period });
    }
    return means;
  }

  /** A single column, which an indicator over prices gives. */
  column(id: ColumnId, bars: BarColumns): Float64Array {
    const step = this.steps.find((candidate) => candidate.kind === "indicator" && candidate.outputs.includes(id));
    if (step?.kind !== "indicator") throw new Error(`column ${id} is not an indicator's`);
    const outputs = step.outputs.map(() => new Float64Array(bars.rows));
    const inputs = step.inputs.map((input) => bars[INPUT_COLUMNS[input]]);
    computeIndicator(step.declaration, inputs, step.parameters, outputs);
    return outputs[step.outputs.indexOf(id)];
  }

  /** Describes each column in words that a person knows from the strategy: `sma(20)`, `close@1d`, `highest(high,5)`. */
  labels(): string[] {
    const labels: string[] = [...INPUT_COLUMNS];
    for (const step of this.steps) {
      if (step.kind === "longer") {
        const inner = this.longer.get(step.timeframe)?.labels()[step.inner] ?? "";
        labels[step.output] = `${inner}@${step.timeframe}`;
      } else if (step.kind === "expression") {
        labels[step.output] = step.code.replace(/\bc(\d+)\b/g, (_, id) => labels[Number(id)]);
      } else {
        const { declaration, parameters, inputs, outputs } = step;
        const values = declaration.parameters.map(({ name }) => parameters[name]);
        const isUsual = inputs.every((id, k) => labels[id] === declaration.inputs[k]);
        const of = isUsual ? "" : ` of ${inputs.map((id) => labels[id]).join(", ")}`;
        for (const [k, id] of outputs.entries()) {
          const output = outputs.length > 1 ? `.${declaration.outputs[k].name}` : "";
          labels[id] = `${declaration.name}(${values.join(",")})${output}${of}`;
        }
      }
    }
    return labels;
  }

  /** The columns that come from longer bars. */
  longerColumns(): ReadonlySet<ColumnId> {
    return new Set(this.steps.flatMap((step) => (step.kind === "longer" ? [step.output] : [])));
  }

  /** Computes every column over the bars but those of `deferred`. Allocates the columns, and nothing per bar. */
  run(bars: BarColumns, parameters: readonly number[], deferred: readonly DeferredMean[] = []): LoopInputs {
    const columns: Float64Array[] = INPUT_COLUMNS.map((name) => bars[name]);
    const inputs: LoopInputs = { columns, parameters, rows: bars.rows };
    const longer = new Map(
      [...this.longer].map(([name, plan]) => [name, runOver(plan, longerBars(bars, name), parameters)]),
    );
    for (const step of this.steps) {
      if (step.kind === "indicator" && deferred.some(({ column }) => step.outputs.includes(column))) continue;
      if (step.kind === "longer") {
        columns[step.output] = longer.get(step.timeframe)?.(step.inner) ?? new Float64Array(bars.rows);
        continue;
      }
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

/** Computes the plan over longer bars; the answer gives its columns on the bars that they were made of. */
function runOver(
  plan: SeriesPlan,
  { bars, newest }: LongerBars,
  parameters: readonly number[],
): (column: ColumnId) => Float64Array {
  const { columns } = plan.run(bars, parameters);
  return (id) => {
    const values = columns[id];
    const result = new Float64Array(newest.length);
    for (let row = 0; row < result.length; row++) result[row] = newest[row] < 0 ? Number.NaN : values[newest[row]];
    return result;
  };
}
