export { adapterLine, findAdapter, requireGpu } from "./adapter.ts";
export { type GpuBackend, openGpuBackend } from "./backend.ts";
