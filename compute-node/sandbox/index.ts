/** Code of strategies: evaluated in a context of its own, with its errors traced to the lines that were written. */
export { evaluateModule, type SandboxOptions, SCRIPT_FILE } from "./sandbox.ts";
export { positionOf, type SourcePosition } from "./source-position.ts";
