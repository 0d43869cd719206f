/**
 * Loops made for one strategy. The source consists of numbers and of names made here (`c3` a column, `p0` a parameter,
 * `o0` an output, `i` the bar); no text of a user ever gets into it, and `assertGenerated` holds that.
 */

/** Bars to look back, 0 for the current one: `c3[i - 1]`. */
export function columnAt(id: number, barsBack: number): string {
  return barsBack === 0 ? `c${id}[i]` : `c${id}[i - ${barsBack}]`;
}

export function parameterAt(index: number): string {
  return `p${index}`;
}

/** Finite. */
export function numberCode(value: number): string {
  return value < 0 || Object.is(value, -0) ? `(${String(value)})` : String(value);
}

export interface LoopInputs {
  readonly columns: readonly Float64Array[];
  /** Values of the strategy's parameters. */
  readonly parameters: readonly number[];
  readonly rows: number;
}

/** Fills outputs[k] from bar `start` on; earlier bars stay as they are. No index that the code names may be below 0. */
type Loop = (inputs: LoopInputs, start: number, outputs: readonly (Float64Array | Uint8Array)[]) => void;

/** The number of remembered loops, so that the runs of a sweep share one function, which V8 optimises once. */
const REMEMBERED_LOOPS = 128;
const remembered = new Map<string, Loop>();

/** One loop over the bars; codes[k] gives the value of outputs[k]. */
export function compileLoop(codes: readonly string[]): Loop {
  const source = sourceOf(codes);
  let loop = remembered.get(source);
  if (loop === undefined) {
    loop = new Function("inputs", "start", "outputs", source) as Loop;
    if (remembered.size >= REMEMBERED_LOOPS) remembered.clear();
    remembered.set(source, loop);
  }
  return loop;
}

function sourceOf(codes: readonly string[]): string {
  for (const code of codes) assertGenerated(code);
  const used = (pattern: RegExp) => [...new Set(codes.join(" ").match(pattern) ?? [])];
  const constants = [
    ...used(/\bc\d+\b/g).map((name) => `const ${name} = inputs.columns[${name.slice(1)}];`),
    ...used(/\bp\d+\b/g).map((name) => `const ${name} = inputs.parameters[${name.slice(1)}];`),
    ...codes.map((_, index) => `const o${index} = outputs[${index}];`),
    "const rows = inputs.rows;",
  ];
  const body = codes.map((code, index) => `o${index}[i] = ${code};`);
  return `"use strict";\n${constants.join("\n")}\nfor (let i = start; i < rows; i++) {\n${body.join("\n")}\n}`;
}

const GENERATED =
  /c\d+\[i(?: - \d+)?\]|p\d+|\d+(?:\.\d+)?(?:e[+-]\d+)?|Math\.(?:abs|min|max|sqrt|log|exp|floor|ceil|round|sign)|&&|\|\||===|<=|>=|[!<>+\-*/?:,()\s]/g;

function assertGenerated(code: string): void {
  const rest = code.replace(GENERATED, "");
  if (rest !== "") throw new Error(`generated code has a part that is not generated: ${rest}`);
}
