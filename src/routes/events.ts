/** `GET /api/v1/events`: what happens to every operation of the workspace, as SSE or over a WebSocket. */
import { Hono } from "hono";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";
import { follow } from "../follow.ts";

export const events = new Hono<Edge>();
events.use(authenticate);
events.get("/", (context) => follow(context, null));
