/** `ktrdr workspace`: registries of their own, with their own nodes, operations, data and tokens. */
import type { Command } from "commander";
import type { Context, GetContext } from "../../terminal/context.ts";

export function registerWorkspaceCommands(program: Command, getContext: GetContext): void {
  const workspace = program.command("workspace").description("workspaces; nothing is visible across");
  workspace
    .command("create")
    .description("open a workspace, and make its first admin token; it is shown this once")
    .argument("<name>")
    .addHelpText("after", "\nExample:\n  $ ktrdr workspace create research")
    .action((name: string) => create(getContext(), name));
  workspace
    .command("list", { isDefault: true })
    .description("the workspaces there are")
    .addHelpText("after", "\nExample:\n  $ ktrdr workspace list")
    .action(() => list(getContext()));
}

async function create(context: Context, name: string): Promise<void> {
  const client = await context.client();
  const created = await client.createWorkspace(name);
  const { createdToken, wire } = await import("../../../protocol/index.ts");
  context.answer(wire(createdToken).encode(created), () => {
    context.note(`An admin token of the workspace ${created.workspace}, shown this once:`);
    return created.token;
  });
}

async function list(context: Context): Promise<void> {
  const client = await context.client();
  const answer = await client.listWorkspaces();
  context.answer(answer, () => answer.workspaces.join("\n"));
}
