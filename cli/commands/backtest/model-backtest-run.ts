/** What `ktrdr backtest` does with a trained model in place of a strategy. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { checkedInput } from "../../../client/checked-input.ts";
import type { Client } from "../../../client/client.ts";
import { MarketDataStore } from "../../../compute-node/market-data/index.ts";
import { decodeModel, type ModelManifest, runModelBacktest } from "../../../compute-node/models/index.ts";
import { contextDatasets, resolveV3 } from "../../../compute-node/strategy/index.ts";
import { type ModelBacktestSpec, modelBacktestSpec } from "../../../protocol/operations.ts";
import { Problem } from "../../../protocol/problem.ts";
import { type Finished, runOnFleet } from "../../api/fleet-run.ts";
import type { Context } from "../../terminal/context.ts";
import { durationText } from "../../terminal/duration.ts";
import { barText, CLEAR_LINE } from "../../terminal/progress.ts";
import { parseModelName } from "../models/models.ts";
import { chooseData, dataRequestOf, settingsOf } from "./backtest-request.ts";
import { knownDatasets } from "./known-datasets.ts";
import type { BacktestOptions, RefuseUsage } from "./options.ts";
import { showBacktest } from "./show-backtest.ts";

interface ModelCommand {
  readonly context: Context;
  /** A strategy's file, which a model does not need. */
  readonly file: string | undefined;
  readonly options: BacktestOptions;
  readonly refuseUsage: RefuseUsage;
}

/** A model's file, and what it is called. */
interface NamedModel {
  readonly bytes: Uint8Array;
  readonly manifest: ModelManifest;
  readonly reference: ModelBacktestSpec["model"];
  readonly title: string;
}

export function isModelBacktest({ model, modelFile }: BacktestOptions): boolean {
  return model !== undefined || modelFile !== undefined;
}

export async function runModelCommand(command: ModelCommand): Promise<void> {
  const { context, options } = command;
  requireFittingOptions(command);
  const isFile = options.modelFile !== undefined;
  const client = isFile ? null : await context.client();
  const model =
    client === null ? await readModel(options.modelFile ?? "") : await fetchModel(client, options.model ?? "");
  const spec = await specificationOf(command, client, model);
  const runsHere = client === null || options.local === true;
  const finished = runsHere
    ? await runHere(context, spec, model)
    : await runOnFleet(context, client, spec, options, `${model.title} on ${spec.data[0]?.symbol}`);
  if (finished !== null) await showBacktest(context, finished, options);
}

function requireFittingOptions({ file, options, refuseUsage }: ModelCommand): void {
  const { model, modelFile, audit, set, symbols, timeframe, detach } = options;
  if (file !== undefined)
    refuseUsage(`A model brings its own strategy; ${file} is too much.`, "Leave one of them out.");
  if (model !== undefined && modelFile !== undefined)
    refuseUsage("--model and --model-file exclude each other", "Choose one.");
  if (modelFile !== undefined && detach === true)
    refuseUsage("--model-file runs here, and --detach on the fleet", "Leave --detach out.");
  const given = { "--audit": audit, "--set": set, "--symbols": symbols, "--timeframe": timeframe };
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) refuseUsage(`${name} does nothing with a model`, "Leave it out.");
  }
}

async function readModel(file: string): Promise<NamedModel> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new Problem("not-found", `${file} cannot be read (${code})`, {
      cure: "Name a model's file, such as `ktrdr train … --out model.safetensors` writes.",
      cause: error,
    });
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { manifest } = decodeModel(bytes);
  return { bytes, manifest, reference: { sha256, name: manifest.name }, title: manifest.name };
}

async function fetchModel(client: Client, text: string): Promise<NamedModel> {
  const asked = parseModelName(text);
  const { name, version, sha256 } = await client.showModel(asked.name, { version: asked.version });
  const bytes = await client.downloadArtefact(sha256);
  return {
    bytes,
    manifest: decodeModel(bytes).manifest,
    reference: { sha256, name, version },
    title: `${name}@${version}`,
  };
}

/** One symbol in every timeframe of the model; the one that it learnt from, where that is one and none is asked for. */
async function specificationOf(
  { context, options, refuseUsage }: ModelCommand,
  client: Client | null,
  { manifest, reference }: NamedModel,
): Promise<ModelBacktestSpec> {
  const { timeframes, baseTimeframe } = resolveV3(manifest.strategy);
  const learnt = [...new Set(manifest.data.map(({ symbol }) => symbol))];
  const asked = {
    timeframe: baseTimeframe,
    ...(options.symbol === undefined ? {} : { symbol: options.symbol }),
    ...(options.symbol === undefined && learnt.length === 1 ? { symbol: learnt[0] } : {}),
  };
  const choice = chooseData(asked, await knownDatasets(context, asked, client));
  if (choice.kind === "unclear") return refuseUsage(choice.message, choice.cure);
  const { symbol } = choice;
  if (options.symbol === undefined) context.note(`Using ${symbol}; --symbol takes another one.`);
  const beside = contextDatasets(manifest.strategy).filter(
    (context) => context.symbol !== symbol || !timeframes.includes(context.timeframe),
  );
  return checkedInput(
    modelBacktestSpec,
    {
      kind: "model_backtest",
      model: reference,
      data: [
        ...timeframes.map((timeframe) => dataRequestOf(options, symbol, timeframe)),
        ...beside.map((context) => ({ symbol: context.symbol, timeframe: context.timeframe })),
      ],
      settings: settingsOf(options),
    },
    "backtest of a model",
  );
}

async function runHere(context: Context, spec: ModelBacktestSpec, { bytes: model }: NamedModel): Promise<Finished> {
  const store = new MarketDataStore(context.home.data);
  const stored = await Promise.all(
    spec.data.map(async ({ symbol, timeframe }) => {
      const { manifest, bars } = await store.read({ symbol, timeframe });
      return { bars, sha256: manifest.sha256 };
    }),
  );
  const started = performance.now();
  const isTerminal = context.stderr.isTTY === true;
  const { bytes, result } = await runModelBacktest({
    ...{ spec, datasets: stored, model },
    onProgress: ({ phase, fraction }) => {
      if (isTerminal) context.stderr.write(`${CLEAR_LINE}${barText(fraction)}  ${phase}`);
    },
  });
  if (isTerminal) context.stderr.write(CLEAR_LINE);
  context.note(`Ran in this process on ${result.bars} bars in ${durationText(performance.now() - started)}.`);
  return { bytes, operationId: null };
}
