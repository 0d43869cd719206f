import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { WORKER_TYPES } from "../workers.ts";
import { OPERATION_KINDS, OPERATIONS } from "./index.ts";

describe.each(OPERATION_KINDS)("the kind %s of operation", (kind) => {
  const declaration = OPERATIONS[kind];

  it("has a row whose key is the kind of its specification", () => {
    const { error } = declaration.spec.safeParse({ kind: "another" });
    expect(error?.issues[0]).toMatchObject({ path: ["kind"], values: [kind] });
  });

  it("names the workers that take it, each once", () => {
    const { workerTypes } = declaration;
    expect(workerTypes.length).toBeGreaterThan(0);
    expect(new Set(workerTypes).size).toBe(workerTypes.length);
    expect(WORKER_TYPES).toEqual(expect.arrayContaining([...workerTypes]));
  });
});

it("each file that declares a kind of operation has its row in protocol/operations/index.ts", () => {
  const declared = readdirSync(import.meta.dirname)
    .filter((file) => /Operation = \{/.test(readFileSync(new URL(file, import.meta.url), "utf8")))
    .map((file) => file.replace(/\.ts$/, "").replaceAll("-", "_"));
  expect(declared.sort()).toEqual([...OPERATION_KINDS].sort());
});
