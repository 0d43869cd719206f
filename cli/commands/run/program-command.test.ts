import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fakeControlPlane, type ReceivedRequest } from "../../../client/testing/fake-control-plane.ts";
import { OPERATION_ID, sampleOperationJson } from "../../../client/testing/sample-operation.ts";
import type { OperationDetail } from "../../../protocol/operation.ts";
import { commandSpec } from "../../../protocol/operations/index.ts";
import { runCommand } from "../../program.ts";
import { testSurroundings } from "../../testing/collector.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ktrdr-run-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const SHA256 = "c".repeat(64);
const done: Partial<OperationDetail> = {
  kind: "command",
  status: "completed",
  workerId: "desk",
  finishedAt: 1_700_000_060_000,
  result: { sha256: SHA256, bytes: 7, mediaType: "application/x-weights", summary: { loss: 0.5 } },
  spec: commandSpec.parse({ kind: "command", program: "torch" }),
};

/** Runs against a control plane where the operation ends like `end`. */
async function run(words: readonly string[], end: Partial<OperationDetail> = done) {
  await using plane = await fakeControlPlane(({ method, path }) => {
    if (method === "POST") return { status: 201, json: { operation_id: OPERATION_ID, status: "queued" } };
    if (path.endsWith("/result")) return { text: "weights" };
    return { json: sampleOperationJson(end) };
  });
  const surroundings = testSurroundings({ KTRDR_HOME: home, KTRDR_URL: plane.url, KTRDR_TOKEN: "t" });
  const code = await runCommand(["run", ...words], surroundings);
  const submitted = plane.requests.find(({ method }: ReceivedRequest) => method === "POST");
  return {
    ...{ code, out: surroundings.stdout.text(), err: surroundings.stderr.text() },
    submitted: submitted === undefined ? null : JSON.parse(submitted.body),
  };
}

it("submits the input with its overrides and the prices, and writes what comes back", async () => {
  const input = join(home, "input.json");
  const output = join(home, "model.pt");
  writeFileSync(input, '{"epochs": 5, "rate": 0.1}');
  const { code, out, submitted } = await run([
    ...["torch", "--input", input, "--set", "epochs=9", "--set", "note=so so", "--set", "hidden=[8,4]"],
    ...["--symbol", "AAPL,IBM", "--timeframe", "1h", "--from", "2015", "--data-format", "npy", "-o", output],
  ]);
  expect(code).toBe(0);
  const startMs = Date.UTC(2015, 0, 1);
  expect(submitted).toMatchObject({
    name: "run torch",
    spec: {
      ...{ kind: "command", program: "torch", data_format: "npy" },
      input: { epochs: 9, rate: 0.1, note: "so so", hidden: [8, 4] },
      data: [
        { symbol: "AAPL", timeframe: "1h", start_ms: startMs },
        { symbol: "IBM", timeframe: "1h", start_ms: startMs },
      ],
    },
  });
  expect(readFileSync(output, "utf8")).toBe("weights");
  expect(out).toMatch(/loss +0\.5\n/);
  expect(out).toContain(`7 bytes: ${output}`);
});

it("says where the result is when no file is named, and that there is none to write", async () => {
  expect((await run(["torch"])).out).toContain(`ktrdr ops result ${OPERATION_ID} -o <file>`);
  const summaryOnly = { sha256: null, bytes: 0, mediaType: "application/json", summary: { loss: 1 } };
  const { err, out } = await run(["torch", "-o", join(home, "x")], { ...done, result: summaryOnly });
  expect(err).toContain("the program left a summary alone");
  expect(out).toMatch(/^loss +1$/m);
});

it("prints one JSON document with --json", async () => {
  const { out } = await run(["torch", "--json"]);
  expect(JSON.parse(out)).toEqual({
    ...{ operation_id: OPERATION_ID, file: null },
    result: { sha256: SHA256, bytes: 7, media_type: "application/x-weights", summary: { loss: 0.5 } },
  });
});

it("shows why the program failed", async () => {
  const error = {
    type: "urn:ktrdr:problem:program-failed",
    title: "",
    status: 422,
    detail: "The program ended with code 1",
  };
  const { code, err } = await run(["torch"], { ...done, status: "failed", result: null, error });
  expect(code).toBe(1);
  expect(err).toContain("error: The program ended with code 1");
});

it("refuses an input that is no object, a name that is none, and --output beside --detach", async () => {
  const file = join(home, "list.json");
  writeFileSync(file, "[1]");
  expect((await run(["torch", "--input", file])).err).toContain("holds no JSON object");
  expect((await run(["torch", "--input", join(home, "none.json")])).err).toContain("cannot be used as input");
  expect((await run(["../torch"])).err).toContain("program: 1 to 32 letters");
  expect((await run(["torch", "--set", "epochs"])).code).toBe(2);
  expect((await run(["torch", "--detach", "-o", "x"])).code).toBe(2);
});
