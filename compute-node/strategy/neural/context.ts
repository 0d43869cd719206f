/** Series from elsewhere that indicators may read, and the deployment section. */
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import type { Findings } from "./findings.ts";

type ContextEntry = NonNullable<NeuralStrategy["context_data"]>[number];

const KEYS = [
  "provider",
  "alignment",
  "symbol",
  "timeframe",
  "instrument_type",
  "series",
  "frequency",
  "report",
  "currencies",
  "min_impact",
  "broker",
];

/** The ids that `data_source` may name, by entry. A missing key goes to `findings`. */
export function contextSources(strategy: NeuralStrategy, findings: Findings): string[] {
  return (strategy.context_data ?? []).flatMap((entry, k) => {
    const path = ["context_data", String(k)];
    findings.unknownKeys(entry, path, KEYS);
    const needs = { fred: "series", ib: "symbol", cftc_cot: "report" } as const;
    const key = needs[entry.provider];
    if (entry[key] === undefined)
      findings.fault(path, `a context of provider ${entry.provider} needs ${key}`, `Add ${key}.`);
    return sourcesOf(entry);
  });
}

/** The ids that an entry's series have. */
export function sourcesOf({ provider, series, symbol, report }: ContextEntry): string[] {
  switch (provider) {
    case "fred": {
      const list = series === undefined ? [] : typeof series === "string" ? [series] : series;
      const spread = list.length < 2 ? [] : [`yield_spread_${list[0]}_${list[1]}`];
      return [...list.map((name) => `fred_${name}`), ...spread];
    }
    case "ib":
      return symbol === undefined ? [] : [symbol];
    case "cftc_cot":
      return report === undefined ? [] : [`cot_${report}_net_pos`, `cot_${report}_net_pct`];
  }
}

/** Warns of each entry whose series nobody reads. */
export function checkContextUse(strategy: NeuralStrategy, used: ReadonlySet<string>, findings: Findings): void {
  for (const [k, entry] of (strategy.context_data ?? []).entries()) {
    if (sourcesOf(entry).some((source) => used.has(source))) continue;
    const names = sourcesOf(entry).join(", ");
    const message = `no indicator reads this context (${names})`;
    findings.warn("unused-context", ["context_data", String(k)], message, "Give an indicator its data_source.");
  }
}

export function checkDeployment({ deployment }: NeuralStrategy, findings: Findings): void {
  if (deployment == null) return;
  findings.unknownKeys(deployment, ["deployment"], ["target_symbols", "target_timeframes"]);
  const { mode, supported } = deployment.target_timeframes;
  if (mode === "multi_timeframe" && supported === undefined)
    findings.fault(["deployment", "target_timeframes"], "multi_timeframe needs supported", "Add supported: [1h, 4h].");
}
