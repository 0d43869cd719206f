/** Training runs, the models that they leave, and backtests of those. */
import { z } from "zod";
import { operationId, sha256, timestampMs } from "./identifiers.ts";

/** A model's name; its versions count from 1. */
export const modelName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit",
  );

/** The artefact that a training run leaves: safetensors with a manifest. */
export const MODEL_MEDIA_TYPE = "application/vnd.ktrdr.model+safetensors";

/** The device of a training run. `auto` takes the node's GPU where it has one that suits the network, else the CPU. */
export const trainingBackend = z.enum(["auto", "cpu", "gpu"]);

/** One version of a model, as the registry keeps it. The bytes are an artefact. */
export const modelVersion = z.strictObject({
  name: modelName,
  version: z.int().min(1),
  sha256,
  bytes: z.int().min(0),
  /** The training run that left it; null for one that was imported. */
  operationId: operationId.nullable(),
  createdAt: timestampMs,
  /** Shown in lists: kind of network, symbols, metrics. */
  summary: z.record(z.string(), z.unknown()),
});
export type ModelVersion = z.infer<typeof modelVersion>;

export const modelList = z.strictObject({ models: z.array(modelVersion) });

/** `PUT /api/v1/models/{name}`: gives stored bytes a name, as its next version. The same bytes keep their version. */
export const publishModelRequest = z.strictObject({
  sha256,
  summary: z.record(z.string(), z.unknown()).default({}),
});
export type PublishModelRequest = z.infer<typeof publishModelRequest>;
