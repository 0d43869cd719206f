/** `GET /api/v1/submissions`: a WebSocket for whoever submits one operation after the other (protocol/submissions.ts). */
import { Hono } from "hono";
import { requireUpgrade } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

export const submissions = new Hono<Edge>();
submissions.use(authenticate);

/** The registry checks the token, with each frame again, and keeps the socket. */
submissions.get("/", (context) => {
  requireUpgrade(context, "Connect with `Upgrade: websocket`, or submit with POST /api/v1/operations.");
  const headers = { upgrade: "websocket", "x-ktrdr-token-hash": context.var.tokenHash };
  return context.var.registry.fetch(new Request("http://registry/submissions", { headers }));
});
