export * from "./operation.ts";
export * from "./operations/index.ts";
