/**
 * Finds the workspace that the bearer token names and hands the token's hash on. Whether the token is valid is known to
 * the workspace's registry alone, which checks it in the same call that does the work.
 */
import { createMiddleware } from "hono/factory";
import { Problem, sha256Hex, workspaceOfToken } from "../protocol/index.ts";
import type { Edge, RegistryClient } from "./edge.ts";

export const authenticate = createMiddleware<Edge>(async (context, next) => {
  const header = context.req.header("authorization");
  const token = header?.match(/^Bearer (\S+)$/i)?.[1];
  const workspace = token === undefined ? null : workspaceOfToken(token);
  if (token === undefined || workspace === null) {
    throw new Problem(
      "unauthenticated",
      token === undefined ? "The request has no bearer token." : "The bearer token is malformed.",
      {
        cure: "Send `Authorization: Bearer ktrdr.<workspace>.<secret>`; `ktrdr up` stores one for its own control plane.",
      },
    );
  }
  const { REGISTRY } = context.env;
  context.set("tokenHash", await sha256Hex(token));
  context.set("workspace", workspace);
  context.set("registry", REGISTRY.get(REGISTRY.idFromName(workspace)) as unknown as RegistryClient);
  await next();
});
