/** Strategies whose indicators read another symbol's prices: trained and tested through the ways that jobs take. */
import { beforeAll, describe, expect, it } from "vitest";
import { modelBacktestSpec, type TrainSpec, trainSpec } from "../../protocol/operations/index.ts";
import { type BarColumns, loadSample, sliceBars } from "../market-data/index.ts";
import { cpuBackend } from "../training/index.ts";
import { executeTraining } from "../training-job/index.ts";
import { smallStrategy } from "../training-job/testing/small-spec.ts";
import { runModelBacktest } from "./index.ts";

interface Dataset {
  readonly bars: BarColumns;
  readonly sha256: string;
}

let apple: Dataset;
let index: Dataset;
beforeAll(async () => {
  apple = { bars: (await loadSample("AAPL")).bars, sha256: "a".repeat(64) };
  index = { bars: (await loadSample("SP500")).bars, sha256: "5".repeat(64) };
});

const APPLE = { symbol: "AAPL", timeframe: "1d" };
const INDEX = { symbol: "SP500", timeframe: "1d" };
const ENTRY = { provider: "ib", symbol: "SP500", timeframe: "1d" };

/** AAPL's own oscillator, and the speed of the index. */
function specOf(entries: readonly object[] = [ENTRY], data: readonly object[] = [APPLE, INDEX]): TrainSpec {
  const strategy = smallStrategy();
  return trainSpec.parse({
    kind: "train",
    model: "small",
    strategy: {
      ...strategy,
      training_data: { symbols: { mode: "single", symbol: "AAPL" }, timeframes: { mode: "single", timeframe: "1d" } },
      context_data: entries,
      indicators: { ...strategy.indicators, speed: { type: "roc", period: 4, data_source: "SP500" } },
    },
    data,
    epochs: 2,
  });
}

function train(spec: TrainSpec, datasets: readonly Dataset[] = [apple, index]) {
  return executeTraining({ spec, datasets, backend: cpuBackend() });
}

describe("A strategy that reads another symbol as context", () => {
  it("learns from it, names it in the model, and is another run on other prices of it", async () => {
    const { model, summary, sha256 } = await train(specOf());
    expect(model.manifest.data).toMatchObject([{ symbol: "AAPL", sha256: apple.sha256 }]);
    expect(model.manifest.contextData).toMatchObject([{ symbol: "SP500", sha256: index.sha256, bars: 5105 }]);
    expect(summary.symbols).toEqual(["AAPL"]);
    const shuffled = { ...index.bars, close: index.bars.close.toReversed() };
    expect((await train(specOf(), [apple, { ...index, bars: shuffled }])).sha256).not.toBe(sha256);
  });

  it("sees no bar of it before that has closed", async () => {
    const { model } = await train(specOf());
    const lastMs = model.manifest.data[0].endMs;
    const upTo = (endMs: number) => ({ ...index, bars: sliceBars(index.bars, 0, endMs) });
    const weights = async (other: Dataset) => (await train(specOf(), [apple, other])).model.parameters;
    expect(await weights(upTo(lastMs))).toEqual(model.parameters);
    // Three fifths of the training part are before that.
    expect(await weights(upTo(lastMs - 1_400 * 86_400_000))).not.toEqual(model.parameters);
  });

  it("is tested with it as well, beside the traded symbol or as that symbol itself", async () => {
    const trained = await train(specOf());
    const test = (data: readonly object[], datasets: readonly Dataset[]) => {
      const spec = modelBacktestSpec.parse({ kind: "model_backtest", model: { sha256: trained.sha256 }, data });
      return runModelBacktest({ spec, datasets, model: trained.bytes });
    };
    const beside = await test([APPLE, INDEX], [apple, index]);
    expect(beside.result).toMatchObject({ symbol: "AAPL", bars: apple.bars.rows });
    const other = { bars: index.bars, sha256: "6".repeat(64) };
    expect((await test([APPLE, INDEX], [apple, other])).result.hashes.data).not.toBe(beside.result.hashes.data);
    expect((await test([INDEX], [index])).result).toMatchObject({ symbol: "SP500", bars: index.bars.rows });
    await expect(test([APPLE], [apple])).rejects.toThrow("reads SP500 1d as context, which is not given");
  });

  it.each([
    ["data that lacks it", specOf([ENTRY], [APPLE]), "reads SP500 1d as context, which is not given"],
    ["its usual timeframe, where it names none", specOf([{ provider: "ib", symbol: "SP500" }], [APPLE]), "SP500 1h"],
    ["two entries of one symbol", specOf([ENTRY, { ...ENTRY, timeframe: "1h" }]), "names SP500 twice"],
    ["another alignment", specOf([{ ...ENTRY, alignment: "interpolate" }]), "aligned by interpolate"],
    ["data that is neither", specOf([ENTRY], [APPLE, { symbol: "MSFT", timeframe: "1d" }]), "does not read MSFT 1d"],
  ])("is refused for %s", async (_, spec, message) => {
    const datasets = spec.data.map(({ symbol }) => (symbol === "SP500" ? index : apple));
    await expect(train(spec, datasets)).rejects.toThrow(message);
  });

  it("is refused where the series would come over the network, with what to do instead", async () => {
    const spec = specOf([{ provider: "fred", series: "SP500" }], [APPLE]);
    const strategy = { ...spec.strategy, indicators: { ...spec.strategy.indicators } };
    strategy.indicators.speed = { ...strategy.indicators.speed, data_source: "fred_SP500" };
    const problem = await train({ ...spec, strategy }, [apple]).catch((thrown: unknown) => thrown);
    expect(problem).toMatchObject({ kind: "invalid-strategy", cure: expect.stringContaining("ktrdr data load") });
  });
});
