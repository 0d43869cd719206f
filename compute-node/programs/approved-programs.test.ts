import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LIMITS } from "../../protocol/index.ts";
import { programsSchema, requirePrograms } from "./approved-programs.ts";

it("refuses programs that are not there or cannot be run, before the node starts", () => {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-programs-"));
  try {
    const file = join(folder, "train.py");
    writeFileSync(file, "");
    expect(() => requirePrograms({ a: [process.execPath], b: ["/bin/sh", "-c"] })).not.toThrow();
    expect(() => requirePrograms({ a: ["/no/such/program"] })).toThrow(
      "a cannot be run: /no/such/program is not there",
    );
    expect(() => requirePrograms({ a: [folder] })).toThrow(`${folder} is no file`);
    expect(() => requirePrograms({ a: [file] })).toThrow("is not executable");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it("refuses more programs than a node may announce", () => {
  const programs = Array.from({ length: LIMITS.programs + 1 }, (_, index) => `p${index}=/bin/sh`);
  expect(programsSchema().safeParse(programs).error?.issues[0]?.message).toBe("at most 10 programs, and not 11");
  expect(programsSchema().safeParse(programs.slice(1)).success).toBe(true);
});
