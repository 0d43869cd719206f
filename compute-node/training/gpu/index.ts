export { type AdapterDescription, type AdapterRequest, adapterLine, findAdapter, requireGpu } from "./adapter.ts";
export { type GpuBackend, type GpuBackendRequest, openGpuBackend } from "./backend.ts";
