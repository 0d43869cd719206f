/** Enrolment, the fleet, and the nodes' sockets. */
import { Problem, SUBPROTOCOL, type workerRoutes } from "../../protocol/index.ts";
import { opened, requireUpgrade } from "../answers.ts";
import type { Handlers } from "../handler.ts";

export const workerHandlers: Handlers<typeof workerRoutes> = {
  registerWorker({ var: { registry, tokenHash } }, { body }) {
    return opened(registry.registerWorker(tokenHash, body));
  },
  async listWorkers({ var: { registry, tokenHash } }, { query: { type, status } }) {
    const all = await opened(registry.listWorkers(tokenHash));
    const workers = all.filter(
      (worker) =>
        (type === undefined || worker.workerType === type) && (status === undefined || worker.status === status),
    );
    return { total: workers.length, workers };
  },
  showWorker({ var: { registry, tokenHash } }, { parameters }) {
    return opened(registry.showWorker(tokenHash, parameters.id));
  },
  /** Lists the history of a worker, also of one that was removed. */
  async workerHistory({ var: { registry, tokenHash } }, { parameters }) {
    return { workerId: parameters.id, entries: await opened(registry.workerHistory(tokenHash, parameters.id)) };
  },
  removeWorker({ var: { registry, tokenHash } }, { parameters }) {
    return opened(registry.removeWorker(tokenHash, parameters.id));
  },
  drainWorker({ var: { registry, tokenHash } }, { parameters, body }) {
    return opened(registry.drainWorker(tokenHash, parameters.id, body.draining));
  },

  /** The registry checks the credential and keeps the socket. */
  openWorkerSocket(context, { parameters }) {
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
    headers.set("x-ktrdr-worker", parameters.id);
    headers.set("x-ktrdr-token-hash", context.var.tokenHash);
    return context.var.registry.fetch(new Request(context.req.raw.url, { headers }));
  },
};
