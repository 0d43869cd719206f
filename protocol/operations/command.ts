/** Declares the kind `command`, a program of a node's operator. The wire's word names this file; elsewhere it is a program. */
import { z } from "zod";
import { dataRequest, MAX_REQUESTED_SYMBOLS } from "./data-request.ts";
import type { OperationDeclaration } from "./declaration.ts";

/** Stands before a program's name among a node's `capabilities.kinds`: its operator approved that program. */
export const COMMAND_KIND_PREFIX = "command:";

/** A program's name, given by the node's operator; its path never crosses the wire. */
export const programName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/,
    "1 to 32 letters, digits, '.', '_' or '-', starting with a letter or digit",
  );

/** Runs a program that the node's operator approved, with the given input. */
export const commandSpec = z.strictObject({
  kind: z.literal("command"),
  program: programName,
  /** The program's own arguments. */
  input: z.record(z.string(), z.unknown()).default({}),
  /** Prices that the program finds as files beside its specification. */
  data: z.array(dataRequest).max(MAX_REQUESTED_SYMBOLS).default([]),
  /** `npy` is a float64 array [bar, column] that NumPy opens; both have the columns timestamp to volume. */
  dataFormat: z.enum(["parquet", "npy"]).default("parquet"),
  artefactMediaType: z.string().min(1).max(100).default("application/octet-stream"),
});
export type CommandSpec = z.infer<typeof commandSpec>;

export const commandOperation = {
  spec: commandSpec,
  datasets: ({ data }) => data,
  allowance: ({ program }) => `${COMMAND_KIND_PREFIX}${program}`,
  isAllowedByName: false,
  isCheckpointed: true,
  workerTypes: ["gpu_host", "cpu_training"],
} satisfies OperationDeclaration<CommandSpec>;
