/** Every kind of operation as the command line knows it: the command that submits one, and its facts for people. */
import type { OperationKind, SpecOf } from "../../../protocol/operations/index.ts";

export type Fact = readonly [name: string, text: string];

interface KindText<Spec> {
  /** The command that submits one; null when only the API and `ktrdr batch` do. */
  readonly command: string | null;
  /** The line of `ktrdr ops show` that describes the request. */
  readonly asksFor: (spec: Spec) => readonly Fact[];
}

export const KIND_TEXTS: { readonly [Kind in OperationKind]: KindText<SpecOf<Kind>> } = {
  backtest: {
    command: "backtest",
    asksFor: ({ strategy, data }) => [["asks for", `${strategy.name} on ${data.symbol} ${data.timeframe}`]],
  },
  portfolio: { command: "backtest", asksFor: () => [] },
  train: {
    command: "train",
    asksFor({ model, strategy, data }) {
      const series = data.map(({ symbol, timeframe }) => `${symbol} ${timeframe}`).join(", ");
      return [["asks for", `model ${model} of ${strategy.name} on ${series}`]];
    },
  },
  model_backtest: {
    command: "backtest",
    asksFor({ model, data }) {
      const version = model.version === undefined ? "" : `@${model.version}`;
      return [["asks for", `model ${model.name ?? model.sha256}${version} on ${data[0]?.symbol}`]];
    },
  },
  command: {
    command: "run",
    asksFor({ program, input, data }) {
      const series = data.map(({ symbol, timeframe }) => ` on ${symbol} ${timeframe}`).join(",");
      return [
        ["asks for", `program ${program}${series}`],
        ["  input", JSON.stringify(input)],
      ];
    },
  },
  sleep: { command: null, asksFor: () => [] },
};

export function asksFor<Kind extends OperationKind>(spec: SpecOf<Kind>): readonly Fact[] {
  return KIND_TEXTS[spec.kind].asksFor(spec);
}
