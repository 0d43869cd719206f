import { describe, expect, it } from "vitest";
import { type OperationSpec, operationSpec } from "../../protocol/index.ts";
import {
  completeRequirements,
  fits,
  holdsData,
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
    refusal: null,
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

  it("says that the only workers are refused, with the reason", () => {
    const old = { ...workerWith(["backtest"]), workerId: "old", refusal: "protocol version 1 is older than 2" };
    const unreachable = () => false;
    expect(waitingReason(requirementFor("rules"), [undefined], [old], unreachable, unreachable)).toBe(
      "no worker of type backtesting is connected; 1 registered; old was refused: protocol version 1 is older than 2",
    );
  });

  it("is of another class than one of rules, and its key is read back as it was", () => {
    const requirement = requirementFor("script");
    expect(requirementKey(requirement)).not.toBe(requirementKey(requirementFor("rules")));
    expect(parseRequirementKey(requirementKey(requirement))).toEqual(requirement);
  });
});

describe("a portfolio", () => {
  const names = ["AAPL", "IBM"];
  const spec = operationSpec.parse({
    kind: "portfolio",
    strategy: { kind: "rules", name: "up", entries: { long: "close > 1" } },
    data: names.map((symbol) => ({ symbol, timeframe: "1d" })),
  });
  const requirement = requirementOf(spec, completeRequirements(spec, {}));
  const refs = names.map((symbol, index) => ({ symbol, timeframe: "1d", sha256: String(index).repeat(64) }));
  const holding = (count: number) =>
    ({
      ...workerWith(["portfolio"]),
      capabilities: { slots: 1, kinds: ["portfolio"], labels: {}, datasets: refs.slice(0, count) },
    }) as unknown as WorkerRecord;
  const nothing = [undefined, undefined];

  it("fits a worker that has every dataset, or finds what it lacks in the store", () => {
    expect(fits(requirement, holding(2), nothing)).toBe(true);
    expect(fits(requirement, holding(1), nothing)).toBe(false);
    expect(fits(requirement, holding(1), [undefined, refs[1]])).toBe(true);
    expect(holdsData(requirement, holding(1), [undefined, refs[1]])).toBe(false);
    expect(holdsData(requirement, holding(2), refs)).toBe(true);
  });

  it("waits for the dataset that nobody has, by name", () => {
    const reason = (workers: WorkerRecord[]) =>
      waitingReason(
        requirement,
        nothing,
        workers,
        () => true,
        () => true,
      );
    expect(reason([holding(1)])).toContain("no connected worker has IBM 1d");
    const other = { ...holding(0), capabilities: { ...holding(0).capabilities, datasets: refs.slice(1) } };
    expect(reason([holding(1), other as WorkerRecord])).toContain("no connected worker has all of the 2 datasets");
  });

  it("says that the nodes with the data lack the labels, when nodes without the data have them", () => {
    const labelled = { ...requirement, labels: { rack: "3" } };
    const withLabel = (worker: WorkerRecord): WorkerRecord => ({
      ...worker,
      capabilities: { ...worker.capabilities, labels: { rack: "3" } },
    });
    const yes = () => true;
    expect(waitingReason(labelled, nothing, [holding(2), withLabel(holding(1))], yes, yes)).toBe(
      "no connected worker that has the data has the labels or the memory that it requires",
    );
    expect(waitingReason(labelled, nothing, [holding(2)], yes, yes)).toBe(
      "no connected worker has the labels or the memory that it requires",
    );
  });

  it("is told apart by its datasets, and a key says all of it", () => {
    expect(parseRequirementKey(requirementKey(requirement))).toEqual(requirement);
    const one = { ...requirement, datasets: [{ symbol: "IBM", timeframe: "1d", sha256: "1".repeat(64) }] };
    expect(parseRequirementKey(requirementKey(one))).toEqual(one);
    expect(requirementKey(one)).not.toBe(requirementKey(requirement));
  });
});

describe("a program of an operator", () => {
  const spec = operationSpec.parse({ kind: "command", program: "torch", data: [{ symbol: "SP500", timeframe: "1d" }] });
  const requirement = requirementOf(spec, completeRequirements(spec, {}));
  const trainer = (kinds: readonly string[]) => ({ ...workerWith(kinds), workerType: "cpu_training" }) as WorkerRecord;

  it("goes to nodes for training that allow that program, GPU first", () => {
    expect(requirement.workerTypes).toEqual(["gpu_host", "cpu_training"]);
    expect(fits(requirement, trainer(["train", "command:torch"]), [undefined])).toBe(true);
    expect(fits(requirement, trainer(["train", "command:other"]), [undefined])).toBe(false);
    expect(fits(requirement, workerWith(["command:torch"]), [undefined])).toBe(false);
  });

  it("says what it waits for, with the cure", () => {
    const reason = waitingReason(
      requirement,
      [undefined],
      [trainer(["train"])],
      () => true,
      () => true,
    );
    expect(reason).toBe(
      "no connected worker allows the program torch; its operator allows it with `ktrdr node start --type cpu_training --program torch=/path/to/program`",
    );
  });
});
