/** Which GPU a node has: found through Dawn (the `webgpu` package), which speaks Vulkan, Metal and Direct3D 12. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Problem } from "../../../protocol/index.ts";
import { installationCure } from "../../installed-package.ts";

export interface AdapterLimits {
  readonly bufferBytes: number;
  readonly storageBindingBytes: number;
  readonly storageBuffersPerStage: number;
  readonly workgroupMemoryBytes: number;
  readonly workgroupThreads: number;
}

/** What `ktrdr node` tells about its GPU. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for one that computes on the CPU, such as SwiftShader or lavapipe. */
  readonly software: boolean;
  /** Memory of the whole card. The vendor's own tool tells it; WebGPU does not. */
  readonly memoryBytes: number | null;
  readonly limits: AdapterLimits;
}

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly description: AdapterDescription;
}

export interface AdapterRequest {
  /** Takes an adapter that computes on the CPU; slower than the CPU backend, so for tests alone. */
  readonly allowSoftware?: boolean;
  /** Leaves out Dawn's own checks (of indexes, commands and workgroup memory), to measure their cost. */
  readonly unchecked?: boolean;
}

/**
 * The fastest adapter of this machine.
 * Throws `unavailable` when the `webgpu` package is missing, when there is no adapter, and when the only one is
 * software and `allowSoftware` is not set.
 */
export async function findAdapter(request: AdapterRequest = {}): Promise<FoundAdapter> {
  const gpu = await loadGpu(request.unchecked === true ? UNCHECKED : []);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw noAdapter();
  const description = await describeAdapter(adapter);
  if (description.software && request.allowSoftware !== true) throw softwareOnly(description);
  return { adapter, description };
}

/** One line for `capabilities.gpu` (at most 200 characters), such as `NVIDIA H200, nvidia hopper, 143 GB`. */
export function adapterLine(description: AdapterDescription): string {
  const { vendor, architecture, device, memoryBytes, software } = description;
  const name = description.description === "" ? device : description.description;
  const parts = [
    name,
    [vendor, architecture].filter((text) => text !== "").join(" "),
    memoryBytes === null ? "" : `${Math.round(memoryBytes / 1e9)} GB`,
    software ? "software" : "",
  ];
  return parts
    .filter((text) => text !== "")
    .join(", ")
    .slice(0, 200);
}

/**
 * Checks, before a `gpu_host` node starts, that it has a GPU.
 * Throws the Problem of `findAdapter`, with the operator's alternatives.
 */
export async function requireGpu(request: AdapterRequest = {}): Promise<AdapterDescription> {
  try {
    return (await findAdapter(request)).description;
  } catch (thrown) {
    const problem = Problem.from(thrown);
    throw new Problem(problem.kind, `A node of type gpu_host needs a GPU: ${problem.message}`, {
      cure: `${problem.cure ?? ""} To train on this machine's processor instead: --type cpu_training.`.trim(),
      cause: thrown,
    });
  }
}

/** Names from Dawn's list of toggles, src/dawn/native/Toggles.cpp. */
const UNCHECKED = ["enable-dawn-features=disable_robustness,disable_workgroup_init,skip_validation"];

/** Dawn lives as long as these do; one for each list of options, since every instance starts the drivers anew. */
const instances = new Map<string, GPU>();

/** 132 MB on disk, so it is loaded by those who train on a GPU alone. */
async function loadGpu(options: string[]): Promise<GPU> {
  const known = instances.get(options.join());
  if (known !== undefined) return known;
  try {
    const { create } = await import("webgpu");
    const instance = create(options);
    instances.set(options.join(), instance);
    return instance;
  } catch (cause) {
    throw new Problem("unavailable", `The package webgpu cannot be loaded: ${firstLine(cause)}`, {
      cure: installationCure("webgpu"),
      cause,
    });
  }
}

function firstLine(thrown: unknown): string {
  return String(thrown instanceof Error ? thrown.message : thrown).split("\n")[0];
}

async function describeAdapter(adapter: GPUAdapter): Promise<AdapterDescription> {
  const { info, limits } = adapter;
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    software: info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/i.test(info.description),
    memoryBytes: info.vendor === "nvidia" ? await nvidiaMemoryBytes() : null,
    limits: {
      bufferBytes: limits.maxBufferSize,
      storageBindingBytes: limits.maxStorageBufferBindingSize,
      storageBuffersPerStage: limits.maxStorageBuffersPerShaderStage,
      workgroupMemoryBytes: limits.maxComputeWorkgroupStorageSize,
      workgroupThreads: limits.maxComputeInvocationsPerWorkgroup,
    },
  };
}

const NVIDIA_SMI_TIMEOUT_MS = 5000;

/** Asks about the first card, which Dawn takes; null when the driver's tool is not installed. */
async function nvidiaMemoryBytes(): Promise<number | null> {
  try {
    const query = ["--query-gpu=memory.total", "--format=csv,noheader,nounits"];
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: NVIDIA_SMI_TIMEOUT_MS });
    const mebibytes = Number.parseInt(stdout, 10);
    return Number.isFinite(mebibytes) ? mebibytes * 1024 * 1024 : null;
  } catch {
    // Not installed in many containers; the size is only told, never relied upon.
    return null;
  }
}

function noAdapter(): Problem {
  return new Problem("unavailable", "This machine shows no GPU adapter.", {
    cure:
      "Install the GPU's driver with its Vulkan part (Linux also needs the package libvulkan1), and give containers " +
      "access to the card; `vulkaninfo --summary` must list it.",
  });
}

function softwareOnly(description: AdapterDescription): Problem {
  return new Problem("unavailable", `The only adapter computes on the CPU: ${adapterLine(description)}.`, {
    cure: "Install the driver of the machine's GPU; without a GPU the CPU backend is faster.",
  });
}
