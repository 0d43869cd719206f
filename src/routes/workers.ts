/** `/api/v1/workers`: enrolment, the fleet, and the nodes' sockets. */
import { Hono } from "hono";
import { z } from "zod";
import {
  Problem,
  registerRequest,
  registerResponse,
  SUBPROTOCOL,
  wire,
  worker,
  workerHistory,
  workerId,
  workerList,
  workerStatus,
  workerType,
} from "../../protocol/index.ts";
import { body, opened, requireUpgrade } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

const registerWire = wire(registerRequest);
const registeredWire = wire(registerResponse);
const workerWire = wire(worker);
const historyWire = wire(workerHistory);
const workersWire = wire(workerList);
const drainWire = wire(z.strictObject({ draining: z.boolean().default(true) }));
const idWire = wire(workerId);
const filterWire = wire(z.strictObject({ type: workerType.optional(), status: workerStatus.optional() }));

export const workers = new Hono<Edge>();
workers.use(authenticate);

workers.post("/register", async (context) => {
  const request = await body(context, registerWire);
  const registered = await opened(context.var.registry.registerWorker(context.var.tokenHash, request));
  return context.json(registeredWire.encode(registered) as object, 201);
});

workers.get("/", async (context) => {
  const filter = filterWire.parse(context.req.query(), "query");
  const all = await opened(context.var.registry.listWorkers(context.var.tokenHash));
  const matching = all.filter(
    (item) =>
      (filter.type === undefined || item.workerType === filter.type) &&
      (filter.status === undefined || item.status === filter.status),
  );
  return context.json(workersWire.encode({ total: matching.length, workers: matching }) as object);
});

workers.get("/:id", async (context) => {
  const id = idWire.parse(context.req.param("id"), "worker id");
  const found = await opened(context.var.registry.showWorker(context.var.tokenHash, id));
  return context.json(workerWire.encode(found) as object);
});

/** What happened to a worker, also to one that was removed. */
workers.get("/:id/history", async (context) => {
  const id = idWire.parse(context.req.param("id"), "worker id");
  const entries = await opened(context.var.registry.workerHistory(context.var.tokenHash, id));
  return context.json(historyWire.encode({ workerId: id, entries }) as object);
});

workers.delete("/:id", async (context) => {
  const id = idWire.parse(context.req.param("id"), "worker id");
  await opened(context.var.registry.removeWorker(context.var.tokenHash, id));
  return context.body(null, 204);
});

workers.post("/:id/drain", async (context) => {
  const id = idWire.parse(context.req.param("id"), "worker id");
  const { draining } = await body(context, drainWire);
  const drained = await opened(context.var.registry.drainWorker(context.var.tokenHash, id, draining));
  return context.json(workerWire.encode(drained) as object);
});

/** The node's one connection. The registry checks the credential and keeps the socket. */
workers.get("/:id/socket", async (context) => {
  const id = idWire.parse(context.req.param("id"), "worker id");
  requireUpgrade(context);
  const offered =
    context.req
      .header("sec-websocket-protocol")
      ?.split(",")
      .map((name) => name.trim()) ?? [];
  if (!offered.includes(SUBPROTOCOL)) {
    throw new Problem(
      "invalid-request",
      `The connection must offer the subprotocol ${SUBPROTOCOL}, not ${offered.join(", ") || "none"}.`,
      {
        cure: "Update the node to this control plane's version.",
      },
    );
  }
  const headers = new Headers(context.req.raw.headers);
  headers.delete("authorization");
  headers.set("x-ktrdr-worker", id);
  headers.set("x-ktrdr-token-hash", context.var.tokenHash);
  return context.var.registry.fetch(new Request(context.req.raw.url, { headers }));
});
