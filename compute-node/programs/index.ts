/** Runs programs that a node's operator approved, as jobs of the wire's kind `command`. */

export { programsSchema, requirePrograms } from "./approved-programs.ts";
export { Programs, type ProgramsOptions, type RunningProgram } from "./programs.ts";
