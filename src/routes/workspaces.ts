/** `/api/v1/workspaces`: each is a registry of its own; nothing is visible across. */
import { Hono } from "hono";
import type { RegistryClient } from "../../durable-objects/index.ts";
import {
  createdToken,
  createWorkspaceRequest,
  makeToken,
  sha256Hex,
  wire,
  workspaceList,
} from "../../protocol/index.ts";
import { body, opened } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

const createWire = wire(createWorkspaceRequest);
const listWire = wire(workspaceList);
const createdWire = wire(createdToken);

export const workspaces = new Hono<Edge>();
workspaces.use(authenticate);

/** Opens a workspace and answers with its first admin token, shown this once. Doing it again adds another admin. */
workspaces.post("/", async (context) => {
  const { name } = await body(context, createWire);
  await opened(context.var.registry.createWorkspace(context.var.tokenHash, name));
  const { REGISTRY } = context.env;
  const target = REGISTRY.get(REGISTRY.idFromName(name)) as unknown as RegistryClient;
  const token = makeToken(name, (bytes) => crypto.getRandomValues(bytes));
  const tokenName = "first admin";
  const tokenId = await target.addAdmin(await sha256Hex(token), tokenName);
  const created = { tokenId, token, name: tokenName, role: "admin" as const, workspace: name, expiresAtMs: null };
  return context.json(createdWire.encode(created) as object, 201);
});

workspaces.get("/", async (context) => {
  const names = await opened(context.var.registry.listWorkspaces(context.var.tokenHash));
  return context.json(listWire.encode({ workspaces: names }) as object);
});
