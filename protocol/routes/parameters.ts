/** Parts of paths, and examples that several routes share. */
import { z } from "zod";
import { operationId, sha256, workerId } from "../identifiers.ts";
import { modelName } from "../training.ts";

export const EXAMPLE_OPERATION_ID = "op_01jd3x0c5k8m2q4r6t8v";
export const EXAMPLE_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
export const EXAMPLE_TIME_MS = 1_767_225_600_000;

export const operationParameter = {
  id: { schema: operationId, subject: "operation id", example: EXAMPLE_OPERATION_ID },
} as const;
export const workerParameter = { id: { schema: workerId, subject: "worker id", example: "desk-1" } } as const;
export const modelParameter = { name: { schema: modelName, subject: "model name", example: "momentum" } } as const;
export const artefactParameter = {
  sha256: { schema: sha256, subject: "artefact name", example: EXAMPLE_SHA256 },
} as const;
export const datasetParameter = {
  sha256: { schema: sha256, subject: "dataset name", example: EXAMPLE_SHA256 },
} as const;
export const tokenParameter = {
  id: { schema: z.string(), subject: "token id", example: "tok_4f1c2a9be07d4e55" },
} as const;

/** A number in a query: text on the wire. */
export const queryNumber = () => z.coerce.number<string | number>();
