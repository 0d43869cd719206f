/** Calls about workspaces, which the default workspace keeps a list of. */
import { DEFAULT_WORKSPACE, Problem, ROUTES } from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import type { Registry } from "../registry.ts";
import { makeTokenId } from "../tokens.ts";

export const workspaceCalls = {
  /** An admin of the default workspace opens another one, whose first admin token the caller made. */
  async createWorkspace(registry: Registry, tokenHash: string, name: string): Promise<Answer<void>> {
    return registry.answer(tokenHash, ROUTES.createWorkspace.role, (now) => {
      if (registry.workspace !== DEFAULT_WORKSPACE) {
        throw new Problem("forbidden", `Workspaces are made by an admin of the workspace ${DEFAULT_WORKSPACE}.`);
      }
      registry.sql.run(
        "INSERT INTO workspaces (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        name,
        now,
      );
    });
  },

  async listWorkspaces(registry: Registry, tokenHash: string): Promise<Answer<string[]>> {
    return registry.answer(tokenHash, ROUTES.listWorkspaces.role, () => [
      ...(registry.workspace === DEFAULT_WORKSPACE ? [DEFAULT_WORKSPACE] : []),
      ...registry.sql.all<{ name: string }>("SELECT name FROM workspaces ORDER BY name").map((row) => row.name),
    ]);
  },

  /** Called by the edge alone, after the default workspace has agreed. */
  async addAdmin(registry: Registry, adminTokenHash: string, name: string): Promise<string> {
    const tokenId = makeTokenId();
    const token = { tokenId, role: "admin" as const, name, createdAt: Date.now(), expiresAtMs: null, usesLeft: null };
    registry.tokens.insert(token, adminTokenHash);
    return tokenId;
  },
};
