/** `ktrdr workspace`: separate registries, each with its own nodes, operations, data and tokens. */
import type { Context } from "../../terminal/context.ts";
import { type DeclaredGroup, defineCommand } from "../declare.ts";

export const workspaceCommands: DeclaredGroup = {
  name: "workspace",
  description: "separate workspaces; none sees another",
  commands: [
    defineCommand<[name: string], object>({
      name: "create",
      description: "open a workspace, and make its first admin token; it is shown this once",
      arguments: [{ name: "<name>" }],
      examples: ["ktrdr workspace create research"],
      handle: (context, [name]) => create(context, name),
    }),
    defineCommand<[], object>({
      name: "list",
      isDefault: true,
      description: "the workspaces there are",
      examples: ["ktrdr workspace list"],
      handle: (context) => list(context),
    }),
  ],
};

async function create(context: Context, name: string): Promise<void> {
  const client = await context.client();
  const created = await client.createWorkspace({ name });
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
