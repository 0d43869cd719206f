/** Programs that a node's operator approved, run as jobs: "bring your own trainer". */
export { type CommandOptions, Commands, type RunningCommand } from "./commands.ts";
export { programsSchema, requirePrograms } from "./programs.ts";
