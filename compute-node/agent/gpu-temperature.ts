/** Reads the temperature of GPUs: from the kernel's sensors for AMD and Intel, from NVIDIA's own program for theirs. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const SENSORS_FOLDER = "/sys/class/drm";
const QUERY_TIMEOUT_MS = 2000;
/** Asking NVIDIA's program takes a tenth of a second of a processor. */
const FRESH_MS = 10_000;

const runProgram = promisify(execFile);

/** Degrees Celsius, one for each GPU that tells; empty when none does. Asked again after ten seconds at the earliest. */
export function gpuThermometer(sensorsFolder = SENSORS_FOLDER, program = "nvidia-smi"): () => Promise<number[]> {
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<number[]> = Promise.resolve([]);
  return () => {
    const now = performance.now();
    if (now - readAt >= FRESH_MS) {
      readAt = now;
      reading = Promise.all([kernelSensors(sensorsFolder), nvidiaSensors(program)]).then((parts) => parts.flat());
    }
    return reading;
  };
}

/** `card0/device/hwmon/hwmon3/temp1_input` holds thousandths of a degree. */
async function kernelSensors(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const card of await namesIn(folder)) {
    if (!/^card\d+$/.test(card)) continue;
    const sensors = join(folder, card, "device", "hwmon");
    for (const sensor of await namesIn(sensors)) {
      const text = await readFile(join(sensors, sensor, "temp1_input"), "utf8").catch(absent);
      if (/^-?\d+\s*$/.test(text)) found.push(Number(text) / 1000);
    }
  }
  return found;
}

async function nvidiaSensors(program: string): Promise<number[]> {
  const query = ["--query-gpu=temperature.gpu", "--format=csv,noheader,nounits"];
  const text = await runProgram(program, query, { timeout: QUERY_TIMEOUT_MS }).then(({ stdout }) => stdout, absent);
  return text
    .split("\n")
    .filter((line) => /^\d+\s*$/.test(line))
    .map(Number);
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

/** A machine without that GPU has neither the file nor the program: then nothing is known. */
function absent(): string {
  return "";
}
