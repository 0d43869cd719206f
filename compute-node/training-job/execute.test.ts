import { beforeAll, describe, expect, it } from "vitest";
import { type TrainSpec, trainSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import { type BarColumns, loadSample } from "../market-data/index.ts";
import { decodeModel } from "../models/index.ts";
import { cpuBackend } from "../training/index.ts";
import { executeTraining, openBackend, type TrainingProgress, type TrainingRequest } from "./index.ts";
import { smallSpec } from "./testing/small-spec.ts";

let datasets: { bars: BarColumns; sha256: string }[];
beforeAll(async () => {
  datasets = [{ bars: (await loadSample("SP500")).bars, sha256: "5".repeat(64) }];
});

function train(spec: TrainSpec, change: Partial<TrainingRequest> = {}) {
  return executeTraining({ spec, datasets, backend: cpuBackend(), ...change });
}

async function refusalOf(run: Promise<unknown>): Promise<Problem> {
  try {
    await run;
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown;
    throw thrown;
  }
  throw new Error("nothing was refused");
}

/** Every checkpoint of a run, one a turn. */
async function checkpointsOf(spec: TrainSpec, turnBatches?: number): Promise<Uint8Array[]> {
  const saved: Uint8Array[] = [];
  await train(spec, {
    ...(turnBatches === undefined ? {} : { turnBatches }),
    onTurn: async (save) => {
      saved.push(await save());
    },
  });
  return saved;
}

describe("a training run", () => {
  it("leaves the same model each time, and sums it up in the wire's spelling", async () => {
    const [first, second] = [await train(smallSpec()), await train(smallSpec())];
    expect(first.sha256).toBe(second.sha256);
    expect(decodeModel(first.bytes).manifest).toMatchObject({
      name: "small",
      data: [{ symbol: "SP500", timeframe: "1d", sha256: "5".repeat(64) }],
      training: { backend: "cpu", seed: 3 },
    });
    expect(first.summary).toMatchObject({
      model: "small",
      network: "mlp 4-8-3",
      symbols: ["SP500"],
      timeframes: ["1d"],
      epochs: 6,
      backend: "cpu",
      seed: 3,
    });
    expect(first.summary.test).toMatchObject({
      accuracy: expect.any(Number),
      baselines: { majority: expect.any(Number) },
    });
    expect(Buffer.byteLength(JSON.stringify(first.summary))).toBeLessThan(8_000);
  });

  it("resumed from any of its checkpoints ends with the same bytes", async () => {
    const spec = smallSpec();
    const { sha256 } = await train(spec);
    // An epoch has more batches than that, so runs are cut within epochs as well.
    const saved = await checkpointsOf(spec, 47);
    expect(saved.length).toBeGreaterThan(10);
    for (const checkpoint of saved) expect((await train(spec, { checkpoint })).sha256).toBe(sha256);
  });

  it("with several seeds keeps the best by validation loss, the same as that seed gives alone", async () => {
    const lines: string[] = [];
    const several = await train(smallSpec({ seed: 5, seeds: 4 }), { onLog: (said) => lines.push(...said) });
    const seeds = several.summary.seeds as { seed: number; loss: number }[];
    expect(seeds.map(({ seed }) => seed)).toEqual([5, 6, 7, 8]);
    const best = seeds.reduce((least, other) => (other.loss < least.loss ? other : least));
    expect(several.model.manifest.training?.seed).toBe(best.seed);
    expect(lines.filter((line) => line.startsWith("seed "))).toHaveLength(4);
    expect(lines).toContainEqual(expect.stringMatching(`^seed ${best.seed}: .*the best`));
    const alone = await train(smallSpec({ seed: best.seed }));
    expect(several.model.parameters).toEqual(alone.model.parameters);
  });

  it("with several seeds resumes to the same bytes, and refuses the checkpoint of another number of them", async () => {
    const spec = smallSpec({ seeds: 3 });
    const { sha256 } = await train(spec);
    const saved = await checkpointsOf(spec, 240);
    expect(saved.length).toBeGreaterThan(5);
    for (const checkpoint of saved) expect((await train(spec, { checkpoint })).sha256).toBe(sha256);
    for (const seeds of [1, 2]) {
      const lines: string[] = [];
      const { sha256: fresh } = await train(smallSpec({ seeds }));
      const other = await train(smallSpec({ seeds }), { checkpoint: saved[0], onLog: (said) => lines.push(...said) });
      expect(other.sha256).toBe(fresh);
      expect(lines).toContainEqual(expect.stringContaining("starts from its beginning"));
    }
  });

  it("with several seeds ends with the same bytes whatever the number of threads, before a cut and after it", async () => {
    const spec = smallSpec({ seeds: 5, backend: "cpu" });
    const alone = await train(spec);
    const [cut] = (await checkpointsOf(spec, 120)).slice(3);
    for (const threads of [1, 2, 3]) {
      const { backend, close } = await openBackend(spec, { gpu: null, threads }, () => {});
      const told: number[] = [];
      const lines: string[] = [];
      const saved: Uint8Array[] = [];
      const whole = await train(spec, {
        ...{ backend, turnBatches: 60, onLog: (more) => lines.push(...more) },
        onProgress: (progress) => told.push(progress.threads),
        onTurn: async (save) => {
          saved.push(await save());
        },
      });
      const resumed = await train(spec, { backend, checkpoint: cut });
      await close();
      expect([whole.sha256, resumed.sha256]).toEqual([alone.sha256, alone.sha256]);
      expect(whole.summary).toEqual(alone.summary);
      expect(Math.max(...told)).toBe(threads);
      expect(lines.includes(`5 networks in ${threads} threads`)).toBe(threads > 1);
      const elsewhere = await train(spec, { checkpoint: saved[saved.length >> 1] });
      expect(elsewhere.sha256).toBe(alone.sha256);
    }
  });

  it("with a recurrent network on two symbols resumes to the same bytes as well, and knows both", async () => {
    const symbols = ["SP500", "AAPL"] as const;
    const recurrent = { type: "lstm", architecture: { hidden_size: 6, num_layers: 1, sequence_length: 5 } };
    const small = smallSpec({ epochs: 2 });
    const several = changed(small, {
      training_data: { symbols: { mode: "multi_symbol", list: symbols } },
      model: recurrent,
    });
    const spec = { ...several, data: symbols.map((symbol) => ({ symbol, timeframe: "1d" })) };
    const both = [...datasets, { bars: (await loadSample("AAPL")).bars, sha256: "6".repeat(64) }];
    const saved: Uint8Array[] = [];
    const { sha256, model, summary } = await train(spec, {
      datasets: both,
      turnBatches: 40,
      onTurn: async (save) => {
        saved.push(await save());
      },
    });
    expect(model.manifest.data.map(({ symbol, sha256: hash }) => [symbol, hash[0]])).toEqual([
      ["SP500", "5"],
      ["AAPL", "6"],
    ]);
    expect(summary).toMatchObject({ network: "lstm 4-6x1-3, 5 rows", symbols: ["SP500", "AAPL"] });
    for (const checkpoint of [saved[0], saved[saved.length >> 1]])
      expect((await train(spec, { datasets: both, checkpoint })).sha256).toBe(sha256);
  });

  it("refuses a damaged or foreign checkpoint with a log line, and starts from its beginning", async () => {
    const spec = smallSpec();
    const { sha256 } = await train(spec);
    const [checkpoint] = await checkpointsOf(spec);
    const [foreign] = await checkpointsOf(smallSpec({ seed: 4 }));
    for (const [bytes, reason] of [
      [checkpoint.subarray(0, checkpoint.length - 3), "checksum"],
      [foreign, "another strategy"],
    ] as const) {
      const lines: string[] = [];
      const run = await train(spec, { checkpoint: bytes, onLog: (more) => lines.push(...more) });
      expect(run.sha256).toBe(sha256);
      expect(lines.filter((line) => line.includes("starts from its beginning"))).toEqual([
        expect.stringContaining(reason),
      ]);
    }
  });

  it("takes seed and epochs from the specification before the strategy's", async () => {
    const { model } = await train(smallSpec({ seed: 9, epochs: 2 }));
    expect(model.manifest.training).toMatchObject({ seed: 9, history: { length: 2 } });
    expect(model.manifest.strategy.training).toMatchObject({ seed: 9, epochs: 2 });
  });

  it("with several seeds tells a fraction that never falls, and counts the examples of all", async () => {
    const spec = smallSpec({ seeds: 3, backend: "cpu" });
    const { backend, close } = await openBackend(spec, { gpu: null, threads: 2 }, () => {});
    const told: TrainingProgress[] = [];
    const { model } = await train(spec, { backend, turnBatches: 50, onProgress: (progress) => told.push(progress) });
    await close();
    const fractions = told.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((left, right) => left - right));
    const rows = told.flatMap((progress) => (progress.phase === "training" ? progress.rows : []));
    expect(rows).toEqual(rows.toSorted((left, right) => left - right));
    expect(rows.at(-1)).toBe(3 * 6 * (model.manifest.training?.examples.training ?? 0));
  });

  it("tells its phases in order, with a fraction that never falls", async () => {
    const told: TrainingProgress[] = [];
    await train(smallSpec(), { onProgress: (progress) => told.push(progress) });
    expect([...new Set(told.map(({ phase }) => phase))]).toEqual(["features", "training", "evaluation"]);
    expect(told.map(({ fraction }) => fraction)).toEqual(
      told.map(({ fraction }) => fraction).toSorted((a, b) => a - b),
    );
    const last = told.filter(({ phase }) => phase === "training").at(-1);
    expect(last).toMatchObject({ epoch: 6, validationLoss: expect.any(Number), accuracy: expect.any(Number) });
    expect(last?.rows).toBeGreaterThan(6 * 2000);
  });

  it("learns within the dates of the strategy, or of the data where that says some", async () => {
    const dated = smallSpec({}, { start_date: "2004-01-01", end_date: "2014-12-31" });
    const { model } = await train(dated);
    const day = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);
    expect(day(model.manifest.data[0].startMs)).toBe("2004-01-02");
    expect(day(model.manifest.data[0].endMs)).toBe("2014-12-31");
    const [data] = dated.data;
    const narrowed = { ...dated, data: [{ ...data, startMs: Date.UTC(2008, 0, 1) }] };
    expect(day((await train(narrowed)).model.manifest.data[0].startMs)).toBe("2008-01-02");
  });
});

describe("a training run refuses", () => {
  it.each([
    ["an unknown loss", { training: { loss: "hinge" } }, /hinge/],
    ["an unknown label source", { training: { labels: { source: "zigzags" } } }, /zigzags.*"zigzag"/],
    [
      "a label field out of its range",
      { training: { labels: { source: "zigzag", zigzag_threshold: 2 } } },
      /zigzag_threshold is 2/,
    ],
    ["a date that is none", { training_data: { start_date: "2004-02-30" } }, /2004-02-30/],
    ["a range without bars", { training_data: { start_date: "2031-01-01" } }, /No bar of SP500 1d/],
  ])("%s", async (_, change, message) => {
    const problem = await refusalOf(Promise.resolve().then(() => train(changed(smallSpec(), change))));
    expect(`${problem.message} ${problem.issues.map((issue) => issue.message).join(" ")} ${problem.cure}`).toMatch(
      message,
    );
    expect(problem.retryable).toBe(false);
  });

  it("nothing because of a field that its label source does not know: the log says that it does nothing", async () => {
    const lines: string[] = [];
    const spec = changed(smallSpec(), { training: { labels: { source: "zigzag", horizon: 20 } } });
    await train(spec, { onLog: (more) => lines.push(...more) });
    expect(lines.join("\n")).toMatch(/warning: .*horizon/);
  });

  it("data that the strategy does not read, and data that is named twice", async () => {
    const spec = smallSpec();
    const other = { ...spec, data: [{ symbol: "AAPL", timeframe: "1d" }] };
    expect((await refusalOf(train(other))).message).toContain("does not read AAPL 1d");
    const twice = { ...spec, data: [spec.data[0], spec.data[0]] };
    expect((await refusalOf(train(twice, { datasets: [...datasets, ...datasets] }))).message).toContain("twice");
  });

  it("a loss that explodes, naming the epoch and the batch", async () => {
    const wild = changed(smallSpec(), { training: { learning_rate: 1e5, optimizer: "sgd", gradient_clip: 0 } });
    const problem = await refusalOf(train(wild));
    expect(problem.message).toMatch(/became (NaN|Infinity) in epoch \d+, batch \d+ of \d+/);
    expect(problem.cure).toContain("learning rate");
  });

  it("nothing because of NaN features: their rows stand for nothing, and the log says so", async () => {
    const [{ bars, sha256 }] = datasets;
    // No movement for a while: the speed of a constant price is 0, and its z-score has nothing to divide by.
    const volume = bars.volume.slice().fill(0, 2000, 2100);
    const spec = changed(smallSpec(), {
      indicators: { speed: { type: "roc", period: 4, source: "volume" }, place: { type: "rsi", period: 10 } },
    });
    const lines: string[] = [];
    const onLog = (more: string[]) => lines.push(...more);
    const { summary } = await train(spec, { datasets: [{ bars: { ...bars, volume }, sha256 }], onLog });
    expect(lines.join("\n")).toMatch(/rows after the warm-up lack a feature/);
    expect(summary.warnings).toContainEqual(expect.stringContaining("lack a feature"));
  });
});

/** Sections of the strategy with some keys changed. */
function changed(spec: TrainSpec, sections: Record<string, Record<string, unknown>>): TrainSpec {
  const strategy = spec.strategy as Record<string, unknown>;
  const merged = Object.entries(sections).map(([name, change]) => [name, { ...(strategy[name] as object), ...change }]);
  return trainSpec.parse({ ...spec, strategy: { ...strategy, ...Object.fromEntries(merged) } });
}
