/** Submits a program's specification, follows it on the fleet, and fetches its result. */
import { readFile, writeFile } from "node:fs/promises";
import { checkedInput } from "../../../client/checked-input.ts";
import { type OperationResult, operationResult } from "../../../protocol/operation.ts";
import { commandSpec } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import { wire } from "../../../protocol/wire.ts";
import { followOnFleet } from "../../api/fleet-run.ts";
import type { Context } from "../../terminal/context.ts";
import { factsText } from "../../terminal/table.ts";
import { dataRequestOf } from "../backtest/backtest-request.ts";
import type { RunOptions } from "./options.ts";

export async function runProgramCommand(context: Context, program: string, options: RunOptions): Promise<void> {
  const { symbol: symbols = [], timeframe, dataFormat, mediaType, output } = options;
  const spec = checkedInput(
    commandSpec,
    {
      kind: "command",
      program,
      input: { ...(options.input === undefined ? {} : await readInput(options.input)), ...options.set },
      data: symbols.map((symbol) => dataRequestOf(options, symbol, timeframe)),
      ...(dataFormat === undefined ? {} : { dataFormat }),
      ...(mediaType === undefined ? {} : { artefactMediaType: mediaType }),
    },
    "run of a program",
  );
  const client = await context.client();
  const ended = await followOnFleet(context, client, spec, options, `run ${program}`);
  if (ended === null || ended.result === null) return;
  const { operationId, result } = ended;
  const file = output !== undefined && result.sha256 !== null ? output : null;
  if (file !== null) await writeFile(file, await client.operationResult(operationId));
  else if (output !== undefined) context.note(`${output} is not written: the program left a summary alone.`);
  context.answer({ operation_id: operationId, file, result: wire(operationResult).encode(result) }, () =>
    resultText(operationId, result, file),
  );
}

async function readInput(file: string): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new Problem("invalid-request", `${file} cannot be used as input: ${(error as Error).message}`, {
      cure: 'Name a file that holds a JSON object, such as {"epochs": 20}.',
      cause: error,
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new Problem("invalid-request", `${file} holds no JSON object.`, {
    cure: 'Write an object into it, such as {"epochs": 20}.',
  });
}

function resultText(operationId: string, { sha256, bytes, summary }: OperationResult, file: string | null): string {
  const facts = Object.entries(summary).map(([name, value]) => [name, valueText(value)] as const);
  const where = file === null ? `ktrdr ops result ${operationId} -o <file>` : file;
  return factsText(sha256 === null ? facts : [...facts, ["result", `${bytes} bytes: ${where}`]]);
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
