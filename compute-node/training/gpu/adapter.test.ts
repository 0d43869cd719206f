import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AdapterDescription, adapterLine, findAdapter, requireGpu } from "./adapter.ts";
import { GpuDevice, problemOfGpuError, USAGE } from "./device.ts";
import { NO_SOFTWARE_ADAPTER, useSoftwareAdapter } from "./testing/software-adapter.ts";

const CARD: AdapterDescription = {
  vendor: "nvidia",
  architecture: "hopper",
  device: "0x2335",
  description: "NVIDIA H200",
  software: false,
  memoryBytes: 150_754_820_096,
  limits: {
    bufferBytes: 1024,
    storageBindingBytes: 1024,
    storageBuffersPerStage: 10,
    workgroupMemoryBytes: 49_152,
    workgroupThreads: 1024,
  },
};

it("an adapter is described in one line, with its memory", () => {
  expect(adapterLine(CARD)).toBe("NVIDIA H200, nvidia hopper, 151 GB");
  expect(adapterLine({ ...CARD, description: "", memoryBytes: null })).toBe("0x2335, nvidia hopper");
  expect(adapterLine({ ...CARD, description: "x".repeat(300) })).toHaveLength(200);
});

it("an error names what to make smaller when GPU memory ran out, and what to report otherwise", () => {
  class GPUOutOfMemoryError extends Error {}
  class GPUValidationError extends Error {}
  const full = problemOfGpuError(new GPUOutOfMemoryError("no room for 4 GB"), CARD);
  expect(full.kind).toBe("too-large");
  expect(full.message).toBe("NVIDIA H200, nvidia hopper, 151 GB is out of memory: no room for 4 GB");
  expect(full.cure).toContain("fewer members");
  expect(problemOfGpuError(new GPUValidationError("bad"), CARD).kind).toBe("internal");
});

it("a gpu_host that shows no adapter does not start, and says what to do", async () => {
  // Both names of the variable, so that a machine with a GPU shows none either.
  const environment = {
    PATH: process.env.PATH,
    HOME: "/nowhere",
    VK_DRIVER_FILES: "/nowhere",
    VK_ICD_FILENAMES: "/nowhere",
  };
  const program = join(import.meta.dirname, "..", "..", "main.ts");
  const flags = ["--type", "gpu_host", "--no-health", "--url", "http://127.0.0.1:1", "--token", "unused"];
  const run = promisify(execFile)(process.execPath, [program, ...flags], { env: environment });
  const failure = await run.catch((error: { code: number; stderr: string }) => error);
  expect(failure).toMatchObject({ code: 1 });
  expect(failure.stderr).toContain("A node of type gpu_host needs a GPU: This machine shows no GPU adapter.");
  expect(failure.stderr).toContain("--type cpu_training");
});

const available = useSoftwareAdapter();
if (!available) console.warn(`Tests of the GPU adapter are skipped. ${NO_SOFTWARE_ADAPTER}`);

describe.skipIf(!available)("a software adapter", () => {
  let device: GpuDevice;

  beforeAll(async () => {
    device = await GpuDevice.open(await findAdapter({ allowSoftware: true }));
  });

  afterAll(() => device?.destroy());

  it("is taken only when asked for", async () => {
    await expect(requireGpu()).rejects.toThrow(/needs a GPU: The only adapter computes on the CPU: SwiftShader/);
    expect(await requireGpu({ allowSoftware: true })).toMatchObject({ software: true, memoryBytes: null });
  });

  it("names the line of a kernel that does not compile", async () => {
    const code = "@compute @workgroup_size(1)\nfn main() {\n  let x: u32 = 1.5;\n}";
    await expect(device.compile("broken", code, [])).rejects.toThrow(
      /The kernel broken does not compile in line 3, let x: u32 = 1.5;: /,
    );
  });

  it("refuses a buffer above its limit before the driver is asked", () => {
    const byteLength = 2 ** 40;
    expect(() => device.createBuffer({ label: "traces", byteLength, usage: USAGE.storage })).toThrow(
      "The buffer for traces needs 1099511627776 bytes",
    );
  });

  it("answers with the refusal of a command that nobody waited for", async () => {
    const refused = await GpuDevice.open(await findAdapter({ allowSoftware: true }));
    const buffer = refused.createBuffer({ label: "small", byteLength: 16, usage: USAGE.storage });
    refused.device.queue.writeBuffer(buffer, 0, new Uint8Array(16));
    const read = refused.read([{ buffer, offset: 0, byteLength: 16 }]);
    await expect(read).rejects.toThrow(/SwiftShader.* refused a command: /);
    expect(() => refused.check()).toThrow("refused a command");
    refused.destroy();
  });
});
