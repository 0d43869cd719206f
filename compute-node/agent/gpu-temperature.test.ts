import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { gpuThermometer } from "./gpu-temperature.ts";
import { temporaryFolder } from "./testing/nodes.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

function program(script: string): string {
  const path = join(folder.path, "nvidia-smi");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

it("GPU temperatures come from the kernel's sensors of every card, in degrees", async () => {
  const sensor = join(folder.path, "card1", "device", "hwmon", "hwmon3");
  mkdirSync(sensor, { recursive: true });
  mkdirSync(join(folder.path, "card1-DP-1", "device", "hwmon", "hwmon9"), { recursive: true });
  writeFileSync(join(sensor, "temp1_input"), "64500\n");
  expect(await gpuThermometer(folder.path, "/absent")()).toEqual([64.5]);
});

it("GPU temperatures come from NVIDIA's program, one a line", async () => {
  expect(await gpuThermometer("/absent", program("printf '41\\n63\\n'"))()).toEqual([41, 63]);
});

it("GPU temperatures are unknown when there is neither source, or when the driver does not know", async () => {
  expect(await gpuThermometer("/absent", "/absent")()).toEqual([]);
  expect(await gpuThermometer("/absent", program("echo '[N/A]'"))()).toEqual([]);
  expect(await gpuThermometer("/absent", program("exit 9"))()).toEqual([]);
});
