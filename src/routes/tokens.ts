/** `/api/v1/tokens` and `/api/v1/enrolments`: who may come in. Admins only. */
import { Hono } from "hono";
import { createdToken, createEnrolmentRequest, createTokenRequest, tokenList, wire } from "../../protocol/index.ts";
import { body, opened } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

const tokenWire = wire(createTokenRequest);
const enrolmentWire = wire(createEnrolmentRequest);
const createdWire = wire(createdToken);
const listWire = wire(tokenList);

export const tokens = new Hono<Edge>();
tokens.use(authenticate);

tokens.post("/", async (context) => {
  const { role, name, expiresAtMs } = await body(context, tokenWire);
  const request = { role, name, expiresAtMs: expiresAtMs ?? null, usesLeft: null };
  const created = await opened(context.var.registry.createToken(context.var.tokenHash, request));
  return context.json(createdWire.encode(created) as object, 201);
});

tokens.get("/", async (context) => {
  const { workspace, tokens: found } = await opened(context.var.registry.listTokens(context.var.tokenHash));
  return context.json(listWire.encode({ tokens: found.map((token) => ({ ...token, workspace })) }) as object);
});

tokens.delete("/:id", async (context) => {
  await opened(context.var.registry.revokeToken(context.var.tokenHash, context.req.param("id")));
  return context.body(null, 204);
});

export const enrolments = new Hono<Edge>();
enrolments.use(authenticate);

enrolments.post("/", async (context) => {
  const { name, maxUses, ttlMs } = await body(context, enrolmentWire);
  const request = { role: "enrolment" as const, name, expiresAtMs: Date.now() + ttlMs, usesLeft: maxUses };
  const created = await opened(context.var.registry.createToken(context.var.tokenHash, request));
  return context.json(createdWire.encode(created) as object, 201);
});
