/** docs/reference/programs.md says what is so. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { commandSpec, LIMITS, wire } from "../../protocol/index.ts";
import { parseProgramLine } from "./program-message.ts";

const PAGE = readFileSync(join(import.meta.dirname, "..", "..", "docs", "reference", "programs.md"), "utf8");

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(PAGE)?.[1];
  if (found === undefined) throw new Error(`the page has no block of ${language}`);
  return found;
}

it("its messages are understood", () => {
  const messages = block("jsonl").trim().split("\n").map(parseProgramLine);
  expect(messages.map((message) => Object.keys(message)[0])).toEqual(["progress", "log", "checkpoint", "result"]);
});

it("its specification is one, beside what the node adds", () => {
  const { operation_id, attempt, datasets, checkpoint, ...spec } = JSON.parse(block("json"));
  expect(wire(commandSpec).encode(wire(commandSpec).parse(spec))).toEqual(spec);
  expect([operation_id, attempt, datasets.length, checkpoint]).toEqual([expect.stringMatching(/^op_/), 1, 1, null]);
});

it("its limits are in force", () => {
  const rows = [...PAGE.matchAll(/^\| (.*?) \| (\d+) (KiB|MiB)?/gm)].map(([, name, count, unit]) => {
    return [name, Number(count) * { KiB: 1024, MiB: 1024 ** 2 }[unit as "KiB" | "MiB"]];
  });
  expect(Object.fromEntries(rows)).toMatchObject({
    specification: LIMITS.operationSpecBytes,
    "a printed line": LIMITS.programLineBytes,
    "all that is printed": LIMITS.programOutputBytes,
    "a summary": LIMITS.resultSummaryBytes,
    "a result, a checkpoint": LIMITS.programFileBytes,
  });
  expect(PAGE).toContain(`at most ${LIMITS.programs} |`);
  expect(PAGE).toContain(`kept | ${LIMITS.logLines},`);
});
