/** `ktrdr node start`: makes this machine a compute node of the fleet. */
import type { Command } from "commander";
import type { GetContext } from "../context.ts";

export function registerNodeCommands(program: Command, getContext: GetContext): void {
  void getContext;
  program.command("node");
}
