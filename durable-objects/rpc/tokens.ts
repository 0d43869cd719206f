/** Calls about API and enrolment tokens. */
import { type CreatedToken, makeToken, ROUTES, sha256Hex } from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import { fillRandom } from "../random-bytes.ts";
import type { Registry } from "../registry.ts";
import { makeTokenId, type TokenRecord } from "../tokens.ts";

export const tokenCalls = {
  async createToken(
    registry: Registry,
    tokenHash: string,
    request: { role: TokenRecord["role"]; name: string; expiresAtMs: number | null; usesLeft: number | null },
  ): Promise<Answer<CreatedToken>> {
    return registry.catching(async (now) => {
      registry.authorization.requireRole(tokenHash, ROUTES.createToken.role, now);
      const token = makeToken(registry.workspace, fillRandom);
      const tokenId = makeTokenId();
      registry.tokens.insert({ tokenId, createdAt: now, ...request }, await sha256Hex(token));
      return {
        tokenId,
        token,
        name: request.name,
        role: request.role,
        workspace: registry.workspace,
        expiresAtMs: request.expiresAtMs,
      };
    });
  },

  async listTokens(
    registry: Registry,
    tokenHash: string,
  ): Promise<Answer<{ workspace: string; tokens: TokenRecord[] }>> {
    return registry.answer(tokenHash, ROUTES.listTokens.role, () => ({
      workspace: registry.workspace,
      tokens: registry.tokens.list(),
    }));
  },

  async revokeToken(registry: Registry, tokenHash: string, tokenId: string): Promise<Answer<void>> {
    return registry.answer(tokenHash, ROUTES.revokeToken.role, () => registry.tokens.revoke(tokenId));
  },
};
