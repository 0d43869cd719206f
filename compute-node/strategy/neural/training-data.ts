/** Reads the symbols and timeframes that a neural strategy is for. */
import { NEURAL_TIMEFRAMES, type NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { suggestion } from "../closest-name.ts";
import type { Findings } from "./findings.ts";

export interface TrainingChoice {
  /** Empty where only selection criteria are given. */
  readonly symbols: readonly string[];
  /** In the order of the file. */
  readonly timeframes: readonly string[];
  /** Decisions are made on its bars; one of `timeframes`. */
  readonly baseTimeframe: string;
}

export function resolveTrainingData(strategy: NeuralStrategy, findings: Findings): TrainingChoice {
  const { training_data: data } = strategy;
  findings.unknownKeys(
    data,
    ["training_data"],
    ["symbols", "timeframes", "history_required", "start_date", "end_date"],
    { date_range: "the dates come from the request, or from start_date and end_date" },
  );
  const timeframes = timeframesOf(strategy, findings);
  return { symbols: symbolsOf(strategy, findings), timeframes, baseTimeframe: baseOf(strategy, timeframes, findings) };
}

function symbolsOf({ training_data: { symbols } }: NeuralStrategy, findings: Findings): readonly string[] {
  const path = ["training_data", "symbols"];
  findings.unknownKeys(symbols, path, ["mode", "symbol", "list", "symbols", "selection_criteria"]);
  const list = symbols.list ?? symbols.symbols ?? (symbols.symbol === undefined ? [] : [symbols.symbol]);
  if (symbols.mode === "single") {
    if (list.length === 0)
      findings.fault(path, "mode single names no symbol", 'Add "symbol", such as symbol: EURUSD.', { atKey: true });
    if (list.length > 1)
      findings.fault(path, `mode single names ${list.length} symbols`, "Write mode: multi_symbol.", { atKey: true });
  } else if (list.length === 0 && symbols.selection_criteria === undefined) {
    findings.fault(path, "mode multi_symbol names no symbols", 'Add "list", such as list: [EURUSD, GBPUSD].', {
      atKey: true,
    });
  }
  return list;
}

function timeframesOf({ training_data: { timeframes } }: NeuralStrategy, findings: Findings): readonly string[] {
  const path = ["training_data", "timeframes"];
  findings.unknownKeys(timeframes, path, ["mode", "timeframe", "list", "timeframes", "base_timeframe"]);
  const one = timeframes.timeframe === undefined ? [] : [timeframes.timeframe];
  const list = timeframes.list ?? timeframes.timeframes ?? one;
  const key = timeframes.list !== undefined ? "list" : timeframes.timeframes !== undefined ? "timeframes" : "timeframe";
  for (const [k, name] of list.entries()) {
    const here = key === "timeframe" ? [...path, key] : [...path, key, String(k)];
    if (!(NEURAL_TIMEFRAMES as readonly string[]).includes(name))
      findings.fault(here, `unknown timeframe "${name}"`, suggestion(name, NEURAL_TIMEFRAMES, "timeframes"));
    else if (list.indexOf(name) < k) findings.fault(here, `timeframe ${name} stands here twice`, "Remove one of them.");
  }
  if (list.length === 0)
    findings.fault(path, "no timeframe is named", 'Add "timeframe", such as timeframe: 1h.', { atKey: true });
  else if (timeframes.mode === "single" && list.length > 1)
    findings.fault(path, `mode single names ${list.length} timeframes`, "Write mode: multi_timeframe.", {
      atKey: true,
    });
  else if (timeframes.mode === "multi_timeframe" && list.length === 1)
    findings.fault(path, "mode multi_timeframe names one timeframe", "Write mode: single, or add another one.", {
      atKey: true,
    });
  return list;
}

function baseOf({ training_data: data }: NeuralStrategy, timeframes: readonly string[], findings: Findings): string {
  const base = data.timeframes.base_timeframe;
  const path = ["training_data", "timeframes", "base_timeframe"];
  if (base === undefined || timeframes.length === 0) return timeframes[0] ?? "";
  if (!timeframes.includes(base))
    findings.fault(
      path,
      `base_timeframe "${base}" is not among the timeframes`,
      suggestion(base, timeframes, "timeframes"),
    );
  return base;
}
