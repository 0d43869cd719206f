/** Runs `ktrdr backtest` with a trained model instead of a strategy. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { checkedInput } from "../../../client/checked-input.ts";
import type { Client } from "../../../client/client.ts";
import { decodeModel, type ModelManifest } from "../../../compute-node/models/index.ts";
import { contextDatasets, resolveNeural } from "../../../compute-node/strategy/index.ts";
import { type ModelBacktestSpec, modelBacktestSpec } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import { runOnFleet } from "../../api/fleet-run.ts";
import { runHere } from "../../local/run-here.ts";
import type { Context } from "../../terminal/context.ts";
import { parseModelName } from "../models/models.ts";
import { chooseData, dataRequestOf, settingsOf } from "./backtest-request.ts";
import { knownDatasets } from "./known-datasets.ts";
import type { BacktestOptions, RefuseUsage } from "./options.ts";
import { showBacktest } from "./show-backtest.ts";

interface ModelCommand {
  readonly context: Context;
  /** A strategy's file. A model needs none, so it is refused. */
  readonly file: string | undefined;
  readonly options: BacktestOptions;
  readonly refuseUsage: RefuseUsage;
}

/** A model's file, and the model's name. */
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
    ? await runHere(context, spec, {
        model: model.bytes,
        told: ({ result }) => `Ran in this process on ${result.summary.bars} bars`,
      })
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

/** One symbol in every timeframe of the model. By default the symbol that the model learnt from, if there is only one. */
async function specificationOf(
  { context, options, refuseUsage }: ModelCommand,
  client: Client | null,
  { manifest, reference }: NamedModel,
): Promise<ModelBacktestSpec> {
  const { timeframes, baseTimeframe } = resolveNeural(manifest.strategy);
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
