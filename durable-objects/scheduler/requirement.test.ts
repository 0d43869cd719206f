import { describe, expect, it } from "vitest";
import { type OperationSpec, operationSpec } from "../../protocol/index.ts";
import {
  completeRequirements,
  fits,
  parseRequirementKey,
  type Requirement,
  requirementKey,
  requirementOf,
  waitingReason,
} from "./requirement.ts";
import type { WorkerRecord } from "./worker-record.ts";

const DATASET = { symbol: "SP500", timeframe: "1d", sha256: "0".repeat(64) };
const STRATEGIES = {
  rules: { kind: "rules", name: "r", entries: { long: "close > open" } },
  script: { kind: "script", name: "s", source: "exports.default = { onBar() {} };" },
} as const;

function requirementFor(strategy: keyof typeof STRATEGIES): Requirement {
  const spec: OperationSpec = operationSpec.parse({
    kind: "backtest",
    strategy: STRATEGIES[strategy],
    data: { symbol: "SP500", timeframe: "1d" },
  });
  return requirementOf(spec, completeRequirements(spec, {}));
}

function workerWith(kinds: readonly string[]): WorkerRecord {
  return {
    workerType: "backtesting",
    capabilities: { slots: 1, kinds, labels: {}, datasets: [DATASET] },
    draining: false,
  } as unknown as WorkerRecord;
}

describe("a backtest of a script", () => {
  it("fits workers that allow scripts, and one of rules fits all that allow backtests", () => {
    const careful = workerWith(["backtest", "sleep"]);
    const open = workerWith(["backtest", "sleep", "script"]);
    expect(fits(requirementFor("script"), careful, [undefined])).toBe(false);
    expect(fits(requirementFor("script"), open, [undefined])).toBe(true);
    expect(fits(requirementFor("rules"), careful, [undefined])).toBe(true);
    expect(fits(requirementFor("rules"), open, [undefined])).toBe(true);
  });

  it("says what it waits for, with the cure", () => {
    const reason = (requirement: Requirement) =>
      waitingReason(
        requirement,
        [undefined],
        [workerWith(["backtest"])],
        () => true,
        () => true,
      );
    expect(reason(requirementFor("script"))).toBe(
      "no connected worker allows strategies in TypeScript; start one with `ktrdr node start --allow-scripts`",
    );
    expect(reason(requirementFor("rules"))).toBe("waiting for its turn");
  });

  it("is of another class than one of rules, and its key is read back as it was", () => {
    const requirement = requirementFor("script");
    expect(requirementKey(requirement)).not.toBe(requirementKey(requirementFor("rules")));
    expect(parseRequirementKey(requirementKey(requirement))).toEqual(requirement);
  });
});
