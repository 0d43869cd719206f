/** Code of strategies: evaluated in a context of its own, with its errors traced to the lines that were written. */
export { evaluateModule, type SandboxOptions } from "./sandbox.ts";
export { positionOf } from "./source-position.ts";
