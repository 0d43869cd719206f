/** Models through the whole system: a network from elsewhere gets a name, and comes back as it was. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { runCommand } from "../../cli/program.ts";
import { loadAnyStrategy } from "../../cli/strategy/strategy-source.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { decodeModel, exportOnnx, modelOfImport } from "../../compute-node/models/index.ts";
import { resolveNeural } from "../../compute-node/strategy/index.ts";
import { initialParameters } from "../../compute-node/training/random.ts";
import { Fleet } from "../support/fleet.ts";

const STRATEGY = join(PROJECT_FOLDER, "examples/strategies/neural-rsi-macd.yaml");

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const surroundings = testSurroundings({ KTRDR_HOME: fleet.home.root });
  const code = await runCommand([...words], surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

async function onnxFile(name: string, seed: number): Promise<string> {
  const { strategy } = await loadAnyStrategy(STRATEGY);
  if (strategy.kind !== "neural") throw new Error("the example is a neural strategy");
  const inputs = resolveNeural(strategy).features.length;
  const network = {
    kind: "mlp",
    inputs,
    hidden: [8],
    outputs: 3,
    activation: "relu",
    dropout: 0,
    batchNorm: false,
  } as const;
  const parameters = initialParameters(network, seed);
  const model = modelOfImport({ network, parameters, scales: null, featureNames: null }, strategy, "elsewhere");
  const file = join(fleet.home.root, name);
  writeFileSync(file, exportOnnx(model));
  return file;
}

it("ktrdr models imports an ONNX network under a name, shows it, and exports the same weights", async () => {
  for (const seed of [1, 2]) {
    const file = await onnxFile(`net-${seed}.onnx`, seed);
    const imported = await run("models", "import", file, "--strategy", STRATEGY, "--name", "trend", "--json");
    expect(imported).toMatchObject({ code: 0 });
    expect(JSON.parse(imported.out)).toMatchObject({ name: "trend", version: seed, operation_id: null });
  }
  const listed = await run("models");
  expect(listed.out.trim().split("\n")).toHaveLength(3);
  const shown = await run("models", "show", "trend@1");
  expect(shown.out).toMatch(/mlp \d+-8-3/);
  const target = join(fleet.home.root, "back.safetensors");
  expect(await run("models", "export", "trend@1", "-o", target)).toMatchObject({ code: 0 });
  const back = decodeModel(new Uint8Array(readFileSync(target)));
  expect(back.parameters).toEqual(initialParameters(back.manifest.network, 1));
  const onnx = join(fleet.home.root, "back.onnx");
  expect(await run("models", "export", "trend", "-o", onnx)).toMatchObject({ code: 0 });
  expect(existsSync(onnx)).toBe(true);
});

it("ktrdr models says what is wrong: no version, an unknown model, a damaged file, a strategy that does not fit", async () => {
  expect(await run("models", "delete", "trend")).toMatchObject({ code: 1, err: expect.stringContaining("--all") });
  expect(await run("models", "show", "nothing")).toMatchObject({ code: 1, err: expect.stringContaining("nothing") });
  expect(await run("models", "show", "bad name")).toMatchObject({
    code: 1,
    err: expect.stringContaining("NAME@VERSION"),
  });
  const damaged = join(fleet.home.root, "damaged.safetensors");
  writeFileSync(damaged, "not a model");
  expect(await run("models", "import", damaged, "--name", "x")).toMatchObject({
    code: 1,
    err: expect.stringContaining("cure:"),
  });
  const rules = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const file = await onnxFile("net-3.onnx", 3);
  const wrong = await run("models", "import", file, "--strategy", rules, "--name", "x");
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("fuzzy-neural") });
});

it("ktrdr models deletes one version, then all", async () => {
  expect(await run("models", "delete", "trend@1")).toMatchObject({ code: 0 });
  expect(await run("models", "show", "trend@1")).toMatchObject({ code: 1 });
  expect(await run("models", "delete", "trend", "--all")).toMatchObject({ code: 0 });
  expect((await run("models", "list")).out).toContain("There are no models yet");
});
