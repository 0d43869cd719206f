/** Access: tokens, enrolments and workspaces. Each workspace is a registry of its own; nothing is visible across. */
import type { RegistryClient } from "../../durable-objects/index.ts";
import { makeToken, sha256Hex, type tokenRoutes } from "../../protocol/index.ts";
import { opened } from "../answers.ts";
import type { Handlers } from "../handler.ts";

export const tokenHandlers: Handlers<typeof tokenRoutes> = {
  createToken({ var: { registry, tokenHash } }, { body: { role, name, expiresAtMs } }) {
    return opened(registry.createToken(tokenHash, { role, name, expiresAtMs: expiresAtMs ?? null, usesLeft: null }));
  },
  async listTokens({ var: { registry, tokenHash } }) {
    const { workspace, tokens } = await opened(registry.listTokens(tokenHash));
    return { tokens: tokens.map((token) => ({ ...token, workspace })) };
  },
  revokeToken({ var: { registry, tokenHash } }, { parameters }) {
    return opened(registry.revokeToken(tokenHash, parameters.id));
  },
  createEnrolment({ var: { registry, tokenHash } }, { body: { name, maxUses, ttlMs } }) {
    const request = { role: "enrolment" as const, name, expiresAtMs: Date.now() + ttlMs, usesLeft: maxUses };
    return opened(registry.createToken(tokenHash, request));
  },

  /** Answers with the workspace's first admin token, shown this once. Doing it again adds another admin. */
  async createWorkspace(context, { body: { name: workspace } }) {
    await opened(context.var.registry.createWorkspace(context.var.tokenHash, workspace));
    const { REGISTRY } = context.env;
    const target = REGISTRY.get(REGISTRY.idFromName(workspace)) as unknown as RegistryClient;
    const token = makeToken(workspace, (bytes) => crypto.getRandomValues(bytes));
    const name = "first admin";
    const tokenId = await target.addAdmin(await sha256Hex(token), name);
    return { tokenId, token, name, role: "admin", workspace, expiresAtMs: null };
  },
  async listWorkspaces({ var: { registry, tokenHash } }) {
    return { workspaces: await opened(registry.listWorkspaces(tokenHash)) };
  },
};
