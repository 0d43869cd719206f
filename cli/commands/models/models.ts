/** Runs `ktrdr models`. The registry keeps names and versions; the bytes are artefacts. */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type { Client } from "../../../client/client.ts";
import { uploadArtefact } from "../../../compute-node/agent/upload.ts";
import {
  decodeModel,
  encodeModel,
  exportOnnx,
  importHints,
  importOnnx,
  importSafetensors,
  type Model,
  type ModelManifest,
  modelOfImport,
} from "../../../compute-node/models/index.ts";
import {
  MODEL_MEDIA_TYPE,
  type ModelVersion,
  modelList,
  modelName,
  modelVersion,
  Problem,
  wire,
} from "../../../protocol/index.ts";
import { loadAnyStrategy } from "../../strategy/strategy-source.ts";
import type { Context } from "../../terminal/context.ts";
import { momentText } from "../../terminal/duration.ts";
import { listenForInterrupts } from "../../terminal/interrupt.ts";
import { factsText, tableText } from "../../terminal/table.ts";

/** Finds a model: `trend` means the newest version, `trend@2` version 2. Throws a `Problem` for anything else. */
export function parseModelName(text: string): { name: string; version: number | undefined } {
  const [, name = "", digits] = /^([^@]*)(?:@(\d+))?$/.exec(text) ?? [];
  if (!modelName.safeParse(name).success || digits === "0") {
    throw new Problem("invalid-request", `${text} is not a model's name.`, {
      cure: "Write NAME or NAME@VERSION, such as trend or trend@2; list them with `ktrdr models list`.",
    });
  }
  return { name, version: digits === undefined ? undefined : Number(digits) };
}

export async function listModels(context: Context, name?: string): Promise<void> {
  const answer = await (await context.client()).listModels({ name });
  context.answer(wire(modelList).encode(answer), () =>
    answer.models.length === 0
      ? "There are no models yet. Train one: ktrdr train STRATEGY.yaml."
      : tableText<ModelVersion>(
          [
            { heading: "NAME", text: (model) => model.name },
            { heading: "VERSION", align: "right", text: (model) => String(model.version) },
            { heading: "NETWORK", text: ({ summary }) => textOf(summary.network) },
            { heading: "TEST ACCURACY", align: "right", text: ({ summary }) => textOf(summary.test_accuracy) },
            { heading: "KB", align: "right", text: (model) => (model.bytes / 1000).toFixed(0) },
            { heading: "MADE", text: (model) => momentText(model.createdAt) },
            { heading: "FROM", text: (model) => model.operationId ?? "imported" },
          ],
          answer.models,
        ),
  );
}

export async function showModel(context: Context, text: string): Promise<void> {
  const client = await context.client();
  const found = await find(client, text);
  const { manifest } = await download(client, found);
  context.answer({ ...(wire(modelVersion).encode(found) as object), manifest }, () => describe(found, manifest));
}

export async function exportModel(
  context: Context,
  text: string,
  options: { output?: string; format?: string },
): Promise<void> {
  const format = options.format ?? (options.output?.endsWith(".onnx") ? "onnx" : "safetensors");
  if (format !== "onnx" && format !== "safetensors") {
    throw new Problem("invalid-request", `--format ${format} is not known.`, { cure: "Choose safetensors or onnx." });
  }
  const client = await context.client();
  const found = await find(client, text);
  const bytes = await client.downloadArtefact(found.sha256);
  const file = options.output ?? `${found.name}-${found.version}.${format}`;
  await writeFile(file, format === "onnx" ? exportOnnx(decodeModel(bytes)) : bytes);
  context.answer(
    { name: found.name, version: found.version, format, file },
    () => `${found.name}@${found.version} is in ${file}.`,
  );
}

/** ktrdr's own model file needs nothing else. A bare network needs the strategy that it was made for. */
export async function importModel(
  context: Context,
  file: string,
  options: { name: string; strategy?: string },
): Promise<void> {
  const { name } = parseModelName(options.name);
  const bytes = await read(file);
  const model =
    options.strategy === undefined ? decodeModel(bytes) : await foreign(bytes, file, name, options.strategy);
  const encoded = encodeModel(model);
  const client = await context.client();
  await upload(context, client, encoded.bytes);
  const { network, features } = model.manifest;
  const summary = { network: networkText(network), features: features.length };
  const published = await client.publishModel(name, { sha256: encoded.sha256, summary });
  context.answer(wire(modelVersion).encode(published), () => `${name}@${published.version} is in the registry.`);
}

export async function deleteModel(context: Context, text: string, all: boolean): Promise<void> {
  const { name, version } = parseModelName(text);
  if (!all && version === undefined) {
    throw new Problem("invalid-request", `Which version of ${name}?`, {
      cure: `Write ${name}@VERSION, or add --all to delete every version.`,
    });
  }
  await (await context.client()).removeModel(name, all ? {} : { version });
  context.answer({ deleted: name, version: all ? null : version }, () =>
    all ? `Every version of ${name} is gone.` : `${name}@${version} is gone.`,
  );
}

async function find(client: Client, text: string): Promise<ModelVersion> {
  const { name, version } = parseModelName(text);
  return client.showModel(name, { version });
}

async function download(client: Client, { sha256 }: ModelVersion): Promise<Model> {
  const bytes = await client.downloadArtefact(sha256);
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== sha256) {
    throw new Problem("internal", `The model's bytes have the hash ${found}, not ${sha256}.`, {
      cure: "Try again; if it stays so, the store is damaged.",
    });
  }
  return decodeModel(bytes);
}

async function foreign(bytes: Uint8Array, file: string, name: string, strategyFile: string): Promise<Model> {
  const { strategy } = await loadAnyStrategy(strategyFile);
  if (strategy.kind !== "neural") {
    throw new Problem("invalid-strategy", `${strategyFile} is no fuzzy-neural strategy: it holds ${strategy.kind}.`, {
      cure: "Give the v3 strategy that the network was made for.",
    });
  }
  const imported = file.endsWith(".onnx") ? importOnnx(bytes) : importSafetensors(bytes, importHints(strategy));
  return modelOfImport(imported, strategy, name);
}

async function upload(context: Context, client: Client, bytes: Uint8Array): Promise<void> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const interrupts = listenForInterrupts();
  try {
    const request = { ...client.source, lease: null, sha256, mediaType: MODEL_MEDIA_TYPE, bytes, onProgress: () => {} };
    const outcome = await uploadArtefact(request, interrupts.signal);
    interrupts.signal.throwIfAborted();
    if (outcome.type === "refused") throw Problem.fromDetails(outcome.error);
    if (outcome.type !== "stored") {
      throw new Problem("unavailable", `The store of ${client.url} cannot be reached: ${outcome.cause}`, {
        cure: "Check the network and run the command again.",
      });
    }
    context.note(`${(bytes.byteLength / 1000).toFixed(0)} kB uploaded`);
  } finally {
    interrupts.release();
  }
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw new Problem("invalid-request", `${file} cannot be read: ${(error as Error).message}`, {
      cure: "Check the path.",
    });
  }
}

function describe(found: ModelVersion, manifest: ModelManifest): string {
  const { network, features, data, training, classNames, split } = manifest;
  return factsText([
    ["model", `${found.name}@${found.version}`],
    ["sha256", found.sha256],
    ["network", networkText(network)],
    ["inputs", features.map(({ name }) => name).join(", ")],
    ["outputs", classNames.length === 0 ? "a value" : classNames.join(", ")],
    ["trained on", data.length === 0 ? "unknown: imported" : data.map(dataText).join("; ")],
    ["tested from", split?.testMs == null ? "no test part" : momentText(split.testMs)],
    ["best epoch", training === null ? "unknown: imported" : `${training.bestEpoch} of ${training.history.length}`],
    [
      "made by",
      training === null ? "imported" : `${training.codeVersion} on ${training.backend}, seed ${training.seed}`,
    ],
    ["metrics", JSON.stringify(found.summary)],
  ]);
}

function dataText({ symbol, timeframe, startMs, endMs, bars }: ModelManifest["data"][number]): string {
  return `${symbol} ${timeframe}, ${bars.toLocaleString("en")} bars, ${momentText(startMs)} to ${momentText(endMs)}`;
}

function networkText(network: ModelManifest["network"]): string {
  const widths =
    network.kind === "mlp"
      ? [network.inputs, ...network.hidden, network.outputs]
      : [network.inputs, ...Array.from({ length: network.layers }, () => network.hidden), network.outputs];
  return `${network.kind} ${widths.join("-")}`;
}

function textOf(value: unknown): string {
  if (typeof value === "number") return value.toFixed(3);
  return typeof value === "string" ? value : "–";
}
