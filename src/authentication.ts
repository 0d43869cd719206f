/**
 * Finds the workspace that the bearer token names and hands the token's hash on. Only the workspace's registry knows the valid
 * tokens; it checks the hash in the same call that does the work.
 */
import { createMiddleware } from "hono/factory";
import type { RegistryClient } from "../durable-objects/index.ts";
import { Problem, workspaceOfToken } from "../protocol/index.ts";
import type { Edge } from "./edge.ts";
import { hashOfToken } from "./token-hashes.ts";

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
  context.set("tokenHash", await hashOfToken(token));
  context.set("workspace", workspace);
  context.set("registry", REGISTRY.getByName(workspace) as unknown as RegistryClient);
  await next();
});
