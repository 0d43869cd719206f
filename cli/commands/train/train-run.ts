/** Runs `ktrdr train`: gathers the specification, trains on the fleet or here, shows the metrics. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { checkedInput } from "../../../client/checked-input.ts";
import type { Client } from "../../../client/client.ts";
import type { JobResult } from "../../../compute-node/jobs/index.ts";
import { decodeModel, type ModelManifest, modelManifest } from "../../../compute-node/models/index.ts";
import { contextDatasets, resolveNeural } from "../../../compute-node/strategy/index.ts";
import { type DataRequest, type TrainSpec, trainSpec } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { wire } from "../../../protocol/wire.ts";
import { type Finished, runOnFleet } from "../../api/fleet-run.ts";
import { runHere } from "../../local/run-here.ts";
import { loadAnyStrategy } from "../../strategy/strategy-source.ts";
import type { Context } from "../../terminal/context.ts";
import { issueText } from "../../terminal/problem-text.ts";
import { reportPath } from "../backtest/backtest-output.ts";
import type { TrainOptions } from "./options.ts";
import { writeTrainingReport } from "./training-output.ts";

export async function runTrainCommand(context: Context, file: string, options: TrainOptions): Promise<void> {
  const strategy = await loadNeural(context, file);
  const spec = checkedInput(
    trainSpec,
    {
      kind: "train",
      model: options.model ?? modelNameOf(strategy.name),
      strategy,
      data: dataOf(strategy, options),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.seeds === undefined ? {} : { seeds: options.seeds }),
      ...(options.epochs === undefined ? {} : { epochs: options.epochs }),
      ...(options.backend === undefined ? {} : { backend: options.backend }),
      ...(options.fast === undefined ? {} : { fast: options.fast }),
    },
    "training run",
  );
  const client = options.local === true ? null : await context.client();
  const finished =
    client === null
      ? await runHere(context, spec, { told })
      : await runOnFleet(context, client, spec, options, `train ${spec.model}`);
  if (finished !== null) await show(context, client, spec, finished, options);
}

/** The line that a run in this process prints about itself. */
function told({ bytes, result }: JobResult): string {
  const backend = bytes === null ? "" : decodeModel(bytes).manifest.training?.backend;
  return `Trained ${result.summary.epochs} epochs in this process on ${backend}`;
}

async function loadNeural(context: Context, file: string): Promise<NeuralStrategy> {
  const { strategy, warnings } = await loadAnyStrategy(file);
  if (strategy.kind !== "neural") {
    const what = strategy.kind === "rules" ? "rules" : "code";
    throw new Problem("invalid-strategy", `${file} holds ${what}: there is nothing to train.`, {
      cure: "Give a fuzzy-neural strategy; `ktrdr strategy new mine.yaml --kind neural` writes one.",
    });
  }
  for (const warning of warnings) context.note(`warning: ${issueText({ file, ...warning })}`);
  return strategy;
}

/** A model's name may have fewer characters than a strategy's. */
export function modelNameOf(strategyName: string): string {
  const name = strategyName.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, 63) || "model";
}

/** Every symbol of the strategy in every timeframe, and the other datasets that its indicators read. */
function dataOf(strategy: NeuralStrategy, { from, to }: TrainOptions): DataRequest[] {
  const { symbols, timeframes } = resolveNeural(strategy);
  if (symbols.length === 0) {
    throw new Problem("invalid-strategy", "The strategy names no symbols.", {
      cure: "Write them under training_data.symbols, such as list: [AAPL, MSFT].",
    });
  }
  const range = { ...(from === undefined ? {} : { startMs: from }), ...(to === undefined ? {} : { endMs: to }) };
  const traded = symbols.flatMap((symbol) => timeframes.map((timeframe) => ({ symbol, timeframe, ...range })));
  const isTraded = (symbol: string, timeframe: string) => symbols.includes(symbol) && timeframes.includes(timeframe);
  const beside = contextDatasets(strategy).filter(({ symbol, timeframe }) => !isTraded(symbol, timeframe));
  return [...traded, ...beside.map(({ symbol, timeframe }) => ({ symbol, timeframe }))];
}

async function show(
  context: Context,
  client: Client | null,
  spec: TrainSpec,
  { bytes, operationId }: Finished,
  options: TrainOptions,
): Promise<void> {
  const { manifest } = decodeModel(bytes);
  if (options.out !== undefined) await writeFile(options.out, bytes);
  const version = client === null ? null : await versionOf(client, spec.model, bytes);
  const { renderTrainingTable } = await import("../../report/index.ts");
  let report: string | null = null;
  if (options.report !== undefined) {
    const file = options.report === true ? reportPath(context.home, operationId ?? spec.model) : options.report;
    report = await writeTrainingReport(manifest, file);
  }
  if (context.json) {
    const document = { operation_id: operationId, model: spec.model, version, report };
    context.stdout.write(`${JSON.stringify({ ...document, manifest: wire(modelManifest).encode(manifest) })}\n`);
    return;
  }
  context.say(renderTrainingTable(manifest, context.width));
  if (options.out !== undefined) context.say(`File: ${options.out}`);
  if (report !== null) context.say(`Report: ${report}`);
  if (version !== null) context.say(`Model: ${spec.model}@${version}`);
  const name = version === null ? options.out && `-file ${options.out}` : ` ${spec.model}@${version}`;
  if (name !== undefined) context.say(`  test it: ktrdr backtest --model${name} ${unseen(manifest)}`);
}

/** The symbol, from the first day that the network has not seen. */
function unseen({ data, split }: ModelManifest): string {
  const symbol = data[0]?.symbol;
  if (split?.testMs == null) return `--symbol ${symbol}`;
  return `--symbol ${symbol} --from ${new Date(split.testMs).toISOString().slice(0, 10)}`;
}

/** The same bytes keep their version. Null when that version was deleted meanwhile. */
async function versionOf(client: Client, name: string, bytes: Uint8Array): Promise<number | null> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { models } = await client.listModels({ name });
  return models.find((model) => model.sha256 === sha256)?.version ?? null;
}
