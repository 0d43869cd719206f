/**
 * @file Comparisons of moving averages, decided without computing the averages where the answer is clear.
 *
 * `sma` is right to about half a unit in the last place, which costs some twenty operations a bar. A rule only asks which
 * of two averages is higher. So the loop keeps plain running sums, with a bound on their error, and compares those; where
 * the difference is within the bound (a tie, a gap, anything undefined) it asks the real columns, which are computed on
 * the first such bar. The bound of a block is guessed from the window before it, and the block done again should its
 * values turn out to be larger than that. The answers are therefore those of the real columns, bit for bit. Such filters come from exact
 * geometry (Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997, section 4).
 */
import type { LoopInputs } from "./generated-loop.ts";
import type { ColumnId, DeferredMean, SeriesPlan } from "./series-plan.ts";

interface FilteredInputs extends LoopInputs {
  /** Periods of the deferred means, in their order. */
  readonly periods: readonly number[];
  /** The real column; computed when it is first asked for. */
  readonly exact: (column: ColumnId) => Float64Array;
  readonly guessedBound: typeof guessedBound;
  readonly errorBound: typeof errorBound;
  readonly windowSum: typeof windowSum;
  readonly windowSquares: typeof windowSquares;
  readonly words: typeof wordsOf;
}

type FilteredLoop = (inputs: FilteredInputs, start: number, outputs: readonly Uint8Array[]) => void;

/** Bars between two fresh sums; each costs one window, and the error grows with their distance. */
const BLOCK_BARS = 2048;
/** Longer windows would cost more at each fresh sum than they save. */
const MAX_PERIOD = 500;
/** Below it squares lose digits, and the bound would no longer be one. */
const SMALLEST_SQUARES = 1e-280;
/** Characters of conditions beyond which four copies of them would cost more than they save. */
const LONGEST_UNROLLED = 400;

/** The deferrable means that the rules' codes only compare; empty when there are none. */
export function deferredMeans(codes: readonly string[], plan: SeriesPlan): DeferredMean[] {
  const means = plan.means().filter(({ period }) => period <= MAX_PERIOD);
  const compared = codes.map((code) => code.replace(comparisonsOf(new Set(means.map(({ column }) => column))), ""));
  return means.filter(({ column }) => {
    const name = new RegExp(`\\bc${column}\\b`);
    return codes.some((code) => name.test(code)) && !compared.some((code) => name.test(code));
  });
}

/** Compares two columns at the same bar; at least one of them deferred, the other deferred or a price. */
function comparisonsOf(means: ReadonlySet<ColumnId>): RegExp {
  const mean = [...means].join("|") || "none";
  const past = "\\[i(?: - 1)?\\]";
  const price = `(?:${mean}|[0-4])`;
  return new RegExp(
    `\\((?:c((?:${mean}))(${past}) (<|>|<=|>=|===) c(${price})\\2|c(${price})(${past}) (<|>|<=|>=|===) c(${mean})\\6)\\)`,
    "g",
  );
}

const remembered = new Map<string, FilteredLoop>();
const REMEMBERED_LOOPS = 128;

/** One loop over the bars as `compileLoop` makes it, with the comparisons of `means` filtered. */
export function compileFilteredLoop(codes: readonly string[], means: readonly DeferredMean[]): FilteredLoop {
  const source = sourceOf(codes, means);
  let loop = remembered.get(source);
  if (loop === undefined) {
    loop = new Function("inputs", "start", "outputs", source) as FilteredLoop;
    if (remembered.size >= REMEMBERED_LOOPS) remembered.clear();
    remembered.set(source, loop);
  }
  return loop;
}

function sourceOf(codes: readonly string[], means: readonly DeferredMean[]): string {
  const writer = new LoopWriter(codes, means);
  const outputs = codes.map((_, index) => index);
  const sources = [...new Set(means.map(({ source }) => source))];
  const scalar = writer.bar("", 0);
  const four = [0, 1, 2, 3].map((ahead) => writer.bar(`_${ahead}`, ahead));
  const columns = [...new Set(`${codes.join(" ")} ${sources.map((id) => `c${id}`).join(" ")}`.match(/\b[cp]\d+\b/g))];
  return [
    '"use strict";',
    ...columns
      .filter((name) => !means.some(({ column }) => name === `c${column}`))
      .map((name) => `const ${name} = inputs.${name.startsWith("c") ? "columns" : "parameters"}[${name.slice(1)}];`),
    ...means.map(({ column }, k) => `const w${column} = inputs.periods[${k}] | 0, k${column} = 1 / w${column};`),
    ...outputs.map((k) => `const o${k} = outputs[${k}], q${k} = inputs.words(o${k});`),
    "const rows = inputs.rows | 0;",
    "let i = start | 0;",
    ...sources.map((id) => {
      const periods = means.filter(({ source }) => source === id).map(({ column }) => `w${column}`);
      return `const l${id} = Math.max(${periods.join(", ")});`;
    }),
    "while (i < rows) {",
    `const begin = i, end = Math.min((i & ${-BLOCK_BARS}) + ${BLOCK_BARS}, rows) | 0;`,
    ...sources.flatMap((id) => [
      `const y${id} = inputs.windowSquares(c${id}, begin - l${id}, begin);`,
      `let e${id} = inputs.guessedBound(y${id}, l${id}, end - begin);`,
    ]),
    "for (;;) {",
    "i = begin;",
    ...sources.map((id) => `let z${id} = y${id};`),
    ...writer.bounds(),
    ...means.flatMap(({ column, source }) => [
      `let s${column} = inputs.windowSum(c${source}, i - w${column}, i), m${column} = s${column} * k${column};`,
      `let a${column} = (i - w${column}) | 0;`,
    ]),
    "while (i < end) {",
    ...(codes.join("").length <= LONGEST_UNROLLED ? unrolled(writer, four, outputs) : []),
    ...scalar.lines,
    ...outputs.map((k) => `o${k}[i] = ${scalar.values[k]} ? 1 : 0;`),
    ...writer.advance([""]),
    "}",
    ...sources.map((id) => `const f${id} = inputs.errorBound(z${id}, l${id});`),
    // A bound that is not a number has asked everywhere.
    `if (${sources.map((id) => `(f${id} <= e${id} || e${id} !== e${id})`).join(" && ")}) break;`,
    ...sources.map((id) => `e${id} = f${id};`),
    "}",
    "}",
  ].join("\n");
}

/** Four bars a turn, as long as four are left. */
function unrolled(writer: LoopWriter, four: readonly BarCode[], outputs: readonly number[]): string[] {
  return [
    "if ((i & 3) === 0) for (const last = (end - 3) | 0; i < last; ) {",
    ...four.flatMap(({ lines }) => lines),
    ...writer.steady(),
    ...outputs.map((k) =>
      storeFour(
        k,
        four.map(({ values }) => values[k]),
      ),
    ),
    ...writer.endSteady(),
    ...writer.advance(["_0", "_1", "_2", "_3"]),
    "}",
    "if (i === end) break;",
  ];
}

/** Four bars' flags at once: mostly they are equal, and one store of a word takes them. */
function storeFour(output: number, values: readonly string[]): string {
  const each = values.map((value, ahead) => `o${output}[i + ${ahead}] = ${value} ? 1 : 0;`);
  return (
    `if (${values.join(" && ")}) q${output}[i >> 2] = 0x01010101; ` +
    `else if (!(${values.join(" || ")})) q${output}[i >> 2] = 0; else { ${each.join(" ")} }`
  );
}

interface BarCode {
  readonly lines: readonly string[];
  /** The value of each output. */
  readonly values: readonly string[];
}

/** The code of one bar: running sums, differences, conditions; names end in `suffix`, and it lies `ahead` of `i`. */
class LoopWriter {
  private readonly codes: readonly string[];
  private readonly means: readonly DeferredMean[];
  private readonly sourceOf: ReadonlyMap<ColumnId, ColumnId>;
  private readonly sources: readonly ColumnId[];
  private readonly comparison: RegExp;
  private readonly pairs = new Map<string, string>();

  constructor(codes: readonly string[], means: readonly DeferredMean[]) {
    this.codes = codes;
    this.means = means;
    this.sourceOf = new Map(means.map(({ column, source }) => [column, source]));
    this.sources = [...new Set(this.sourceOf.values())];
    this.comparison = comparisonsOf(new Set(this.sourceOf.keys()));
  }

  bar(suffix: string, ahead: number): BarCode {
    const before = ahead === 0 ? "" : `_${ahead - 1}`;
    const differences = new Map<string, string>();
    const values = this.codes.map((code) => shifted(this.filteredCode(code, suffix, before, differences), ahead));
    const sums = this.means.flatMap(({ column, source }) => {
      const place = ahead === 0 ? "" : ` + ${ahead}`;
      const last = ahead === 0 ? `s${column}` : `s${column}${before}n`;
      return [`const s${column}${suffix}n = ${last} + (v${source}${suffix} - c${source}[a${column}${place}]);`];
    });
    const entering = this.sources.map((id) => `const v${id}${suffix} = c${id}[i${ahead === 0 ? "" : ` + ${ahead}`}];`);
    const averages = this.means.map(({ column }) => `const m${column}${suffix}n = s${column}${suffix}n * k${column};`);
    const named = [...differences].map(([name, code]) => `const ${name} = ${shifted(code, ahead)};`);
    return { lines: [...entering, ...sums, ...averages, ...named], values };
  }

  /** Carries sums over to the next bars, after those of `suffixes`. */
  advance(suffixes: readonly string[]): string[] {
    const suffix = suffixes.at(-1);
    const bars = suffixes.length;
    const squares = this.sources.map(
      // In pairs, so that one addition a step waits for the one before.
      (id) => `z${id} += ${sumOfPairs(suffixes.map((each) => `v${id}${each} * v${id}${each}`))};`,
    );
    const carried = this.means.map(
      ({ column }) =>
        `s${column} = s${column}${suffix}n; m${column} = m${column}${suffix}n; a${column} = (a${column} + ${bars}) | 0;`,
    );
    return [...squares, ...carried, `i = (i + ${bars}) | 0;`];
  }

  /** Error bounds of the pairs that were compared. */
  bounds(): string[] {
    return [...this.pairs].map(([name, sum]) => `const ${name} = ${sum}, n${name} = -${name};`);
  }

  /**
   * Where all rules ask about only one pair, and it stands clearly one way on the four bars and on the one before,
   * every flag is known at once.
   */
  steady(): string[] {
    if (!this.isOnePair()) return [];
    const [pair] = [...this.pairs.keys()].map((bound) => bound.slice(1));
    const bars = [`d${pair}`, ...[0, 1, 2, 3].map((ahead) => `d${pair}_${ahead}`)];
    const [left, right] = pair.split("_");
    const carried = (id: string) => (this.sourceOf.has(Number(id)) ? `m${id}` : `c${id}[i - 1]`);
    const words = (isAbove: boolean) =>
      this.codes.map((code, k) => `q${k}[i >> 2] = ${this.holdsWhere(code, isAbove) ? "0x01010101" : "0"};`);
    const all = (relation: string) => bars.map((name) => `${name} ${relation}`).join(" && ");
    return [
      `const d${pair} = ${carried(left)} - ${carried(right)};`,
      `if (${all(`> t${pair}`)}) { ${words(true).join(" ")} }`,
      `else if (${all(`< nt${pair}`)}) { ${words(false).join(" ")} } else {`,
    ];
  }

  endSteady(): string[] {
    return this.isOnePair() ? ["}"] : [];
  }

  private isOnePair(): boolean {
    const rest = this.codes.join(" ").replace(this.comparison, "");
    return this.pairs.size === 1 && !/[a-z0-9]/i.test(rest) && this.codes.every((code) => /\[i\]/.test(code));
  }

  /** The code's value where left is above right (or below it) on both bars that it reads. */
  private holdsWhere(code: string, isAbove: boolean): boolean {
    const constant = code.replace(this.comparison, (_, l1, b1, op1, r1, l2, b2, op2, r2) => {
      const { operator } = l1 === undefined ? ordered(l2, b2, op2, r2) : ordered(l1, b1, op1, r1);
      return String(operator === "===" ? false : operator.startsWith(">") === isAbove);
    });
    return new Function(`return ${constant}`)() as boolean;
  }

  private filteredCode(code: string, suffix: string, before: string, differences: Map<string, string>): string {
    return code.replace(this.comparison, (_, l1, back1, op1, r1, l2, back2, op2, r2) => {
      const { left, back, operator, right } =
        l1 === undefined ? ordered(l2, back2, op2, r2) : ordered(l1, back1, op1, r1);
      const bound = `t${left}_${right}`;
      const difference = `d${left}_${right}${back === "[i]" ? "" : "b"}${suffix}`;
      const part = (id: string) => (this.sourceOf.has(Number(id)) ? `e${this.sourceOf.get(Number(id))}` : "0");
      const average = (id: string) => {
        if (!this.sourceOf.has(Number(id))) return `c${id}${back}`;
        if (back === "[i]") return `m${id}${suffix}n`;
        return before === "" ? `m${id}` : `m${id}${before}n`;
      };
      this.pairs.set(bound, `${part(left)} + ${part(right)}`);
      differences.set(difference, `${average(left)} - ${average(right)}`);
      const exact = (id: string) => `${this.sourceOf.has(Number(id)) ? `inputs.exact(${id})` : `c${id}`}${back}`;
      return filtered(difference, bound, operator, `${exact(left)} ${operator} ${exact(right)}`);
    });
  }
}

/** The comparison with the smaller column on the left. */
function ordered(left: string, back: string, operator: string, right: string) {
  if (Number(left) <= Number(right)) return { left, back, operator, right };
  const turned = operator.startsWith("<") ? operator.replace("<", ">") : operator.replace(">", "<");
  return { left: right, back, operator: turned, right: left };
}

function shifted(code: string, ahead: number): string {
  return ahead === 0 ? code : code.replaceAll("[i", `[i + ${ahead}`);
}

/** True, false, or the answer of the real columns. Written so that a NaN difference asks them too. */
function filtered(difference: string, bound: string, operator: string, exact: string): string {
  const above = `${difference} > ${bound}`;
  const below = `${difference} < n${bound}`;
  if (operator === "===") return `(!(${above}) && !(${below}) && ${exact})`;
  return operator.startsWith(">")
    ? `(${above} || (!(${below}) && ${exact}))`
    : `(${below} || (!(${above}) && ${exact}))`;
}

function sumOfPairs(terms: readonly string[]): string {
  if (terms.length === 1) return terms[0];
  const half = terms.length >> 1;
  return `(${sumOfPairs(terms.slice(0, half))} + ${sumOfPairs(terms.slice(half))})`;
}

/**
 * Bounds the error of a mean from a plain running sum over a block, begun afresh at its first bar, with room
 * to spare for the real column's own last place. With M the largest magnitude seen, a step rounds twice, by at most
 * u·(2M) and u·period·M (u = 2⁻⁵³), the fresh sum by period²·u·M, and all of it is divided by the period. M is bounded by
 * the root of the sum of squares, of the block and of the window before it. NaN and infinite values make the bound, or the
 * sums, undefined: the filter then asks.
 */
function errorBound(squares: number, period: number): number {
  if (!(squares > SMALLEST_SQUARES)) return Number.NaN;
  return (4 * BLOCK_BARS + 2 * period + 64) * 2 ** -53 * Math.sqrt(squares);
}

/** The bound of a block of `bars` whose values are at most twice those of the window before it. */
function guessedBound(squares: number, period: number, bars: number): number {
  return errorBound(4 * squares * (1 + bars / period), period);
}

/** The sum of the squares of [from, to). */
function windowSquares(values: Float64Array, from: number, to: number): number {
  let squares = 0;
  for (let index = from; index < to; index++) squares += values[index] * values[index];
  return squares;
}

/** The plain sum of [from, to). */
function windowSum(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let index = from; index < to; index++) sum += values[index];
  return sum;
}

/** The same bytes as whole words of four; the column must begin on one. */
function wordsOf(flags: Uint8Array): Uint32Array {
  return new Uint32Array(flags.buffer, flags.byteOffset, flags.length >> 2);
}

/** Makes the inputs that the loop needs besides the plan's columns. */
export function filteredInputs(
  inputs: LoopInputs,
  means: readonly DeferredMean[],
  exact: (column: ColumnId) => Float64Array,
): FilteredInputs {
  const helpers = { guessedBound, errorBound, windowSum, windowSquares, words: wordsOf };
  return { ...inputs, periods: means.map(({ period }) => period), exact, ...helpers };
}
