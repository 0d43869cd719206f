/** `GET /health` and `GET /metrics` on loopback, for systemd, Docker, Prometheus and people; the registry never calls it. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { z } from "zod";
import { Problem, wire } from "../../protocol/index.ts";
import { PROMETHEUS_MEDIA_TYPE } from "../../telemetry/index.ts";

const nodeHealth = z.strictObject({
  status: z.literal("healthy"),
  workerId: z.string(),
  workerStatus: z.enum(["idle", "busy", "draining"]),
  currentOperation: z.string().nullable(),
  connected: z.boolean(),
  slots: z.int(),
  slotsUsed: z.int(),
  version: z.string(),
});
export type NodeHealth = z.infer<typeof nodeHealth>;

export interface HealthEndpoint {
  readonly port: number;
  /** Such as `http://127.0.0.1:5003/health`. */
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const PORTS_TRIED = 100;

/**
 * Listens on `port`, or on the next free one after it, saying so; 0 takes any. `describe` and `metrics` are called for each
 * request.
 * Throws `unavailable` when 100 ports in a row are taken, and whatever else keeps a socket from listening.
 */
export async function serveHealth(
  port: number,
  describe: () => NodeHealth,
  metrics: () => Promise<string>,
  warn: (message: string) => void,
): Promise<HealthEndpoint> {
  const server = createServer((request, response) => {
    answer(request, describe, metrics).then(
      ({ status, mediaType, text }) => {
        response.writeHead(status, { "content-type": mediaType });
        response.end(request.method === "HEAD" ? undefined : text);
      },
      (error: unknown) => {
        warn(`${request.url} could not be answered: ${Problem.from(error).message}`);
        response.writeHead(500).end();
      },
    );
  });
  const actual = await listenFrom(server, port);
  if (port !== 0 && actual !== port) {
    warn(`port ${port} is taken; /health is on port ${actual} instead (choose one with --health-port)`);
  }
  return {
    port: actual,
    url: `http://${LOOPBACK}:${actual}/health`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Reply {
  readonly status: number;
  readonly mediaType: string;
  readonly text: string;
}

async function answer(
  request: IncomingMessage,
  describe: () => NodeHealth,
  metrics: () => Promise<string>,
): Promise<Reply> {
  const path = request.url?.split("?")[0];
  const isAllowed = request.method === "GET" || request.method === "HEAD";
  if (path === "/health" && isAllowed) return json(200, wire(nodeHealth).encode(describe()));
  if (path === "/metrics" && isAllowed) return { status: 200, mediaType: PROMETHEUS_MEDIA_TYPE, text: await metrics() };
  const status = path === "/health" || path === "/metrics" ? 405 : 404;
  return json(status, { detail: "Only GET /health and GET /metrics are here." });
}

function json(status: number, value: unknown): Reply {
  return { status, mediaType: "application/json", text: `${JSON.stringify(value)}\n` };
}

async function listenFrom(server: Server, first: number): Promise<number> {
  const last = first === 0 ? 0 : Math.min(65_535, first + PORTS_TRIED - 1);
  for (let port = first; port <= last; port++) {
    if (await tryListen(server, port)) return boundPort(server);
  }
  throw new Problem("unavailable", `Every port from ${first} to ${last} on ${LOOPBACK} is taken.`, {
    cure: "Choose another with --health-port, 0 for any, or leave the endpoint out with --no-health.",
  });
}

/** False when the port is taken. */
function tryListen(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off("listening", listening);
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    };
    const listening = (): void => {
      server.off("error", failed);
      resolve(true);
    };
    server.once("error", failed);
    server.once("listening", listening);
    server.listen(port, LOOPBACK);
  });
}

function boundPort(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the health endpoint has no port");
  return address.port;
}
