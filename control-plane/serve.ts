#!/usr/bin/env node
/**
 * The control plane on a machine of your own: the same Worker bundle on the same runtime (workerd), its state in one folder.
 *
 *   KTRDR_ADMIN_TOKEN_SHA256=… node control-plane/serve.ts --port 8787 --state ~/.ktrdr/control-plane
 *
 * With --metrics-port it serves GET /metrics there, on loopback, with figures of this machine's disk. Prints one JSON line on
 * stdout when it is ready. Stops on SIGTERM and SIGINT, and with `--with-parent` when stdin closes.
 */
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installationCure, isInstalled } from "../compute-node/installed-package.ts";
import { Problem } from "../protocol/problem.ts";
import { TRACE_VARIABLES, traceSettings } from "../telemetry/index.ts";
import { COMPATIBILITY_DATE, controlPlaneScript } from "./bundle.ts";
import { closeSockets } from "./close-sockets.ts";
import { serveMachineMetrics } from "./machine-metrics.ts";

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "8787" },
    host: { type: "string", default: "127.0.0.1" },
    state: { type: "string" },
    "metrics-port": { type: "string" },
    "with-parent": { type: "boolean", default: false },
  },
});

if (flags.state === undefined) fail("--state is missing", "name the folder that keeps the control plane's state");
const adminTokenHash = process.env.KTRDR_ADMIN_TOKEN_SHA256;
if (adminTokenHash === undefined || !/^[0-9a-f]{64}$/.test(adminTokenHash)) {
  fail("KTRDR_ADMIN_TOKEN_SHA256 is not set to a SHA-256", "use `ktrdr up`, which makes the admin token and its hash");
}
const port = portOf("--port", flags.port);
const metricsPort = flags["metrics-port"] === undefined ? null : portOf("--metrics-port", flags["metrics-port"]);
if (port !== 0 && !(await portIsFree(flags.host, port))) {
  fail(`port ${port} on ${flags.host} is taken`, "stop what listens there, or choose another with --port");
}
mkdirSync(flags.state, { recursive: true });
if (metricsPort !== null) {
  await serveMachineMetrics(metricsPort, flags.state).catch((error: Error) =>
    fail(`/metrics cannot be served on port ${metricsPort}: ${error.message}`, "choose another with --metrics-port"),
  );
}

if (!isInstalled("miniflare")) {
  fail("the package miniflare, which the control plane runs on, is not installed", installationCure("miniflare"));
}
const WORKER = "ktrdr";
const [{ Miniflare, convertV4MiniflareOptions, Log, LogLevel }, script] = await Promise.all([
  import("miniflare"),
  controlPlaneScript(),
]);
const plane = new Miniflare({
  ...convertV4MiniflareOptions({
    name: WORKER,
    // miniflare's own door stands before every request with a Worker of its own, which costs as much as ours; it gets a
    // port that nobody knows.
    host: "127.0.0.1",
    port: 0,
    unsafeDirectSockets: [{ host: flags.host, port }],
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.WARN),
    modules: [{ type: "ESModule", path: "index.js", contents: script }],
    compatibilityDate: COMPATIBILITY_DATE,
    bindings: {
      ADMIN_TOKEN_SHA256: adminTokenHash,
      ...(process.env.KTRDR_REGISTRY_CONFIG === undefined
        ? {}
        : { REGISTRY_CONFIG: process.env.KTRDR_REGISTRY_CONFIG }),
      ...traceVariables(),
    },
    durableObjects: { REGISTRY: { className: "WorkerRegistry", useSQLite: true } },
    r2Buckets: { ARTEFACTS: "ktrdr-artefacts" },
  }),
  // The layout of `wrangler dev --persist-to`, so that either can open the other's state.
  resourcePersistencePath: join(flags.state, "v3"),
});

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  // Nodes are told that the server stops. workerd does not stop by itself while sockets are open: dispose() ends it.
  await closeSockets(plane, WORKER, adminTokenHash as string).catch((error: Error) =>
    process.stderr.write(`warning: the sockets could not be closed first: ${error.message}\n`),
  );
  await plane.dispose();
  process.exit(0);
}
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  // miniflare's own listener kills the runtime at once.
  process.removeAllListeners(signal);
  process.on(signal, stop);
}
if (flags["with-parent"]) process.stdin.on("end", stop).on("error", stop).resume();

const url = await plane.unsafeGetDirectURL(WORKER);
process.stdout.write(`${JSON.stringify({ ready: true, url: url.origin, pid: process.pid })}\n`);

function fail(message: string, cure: string): never {
  process.stderr.write(`error: ${message}\n  cure: ${cure}\n`);
  process.exit(1);
}

/** OpenTelemetry's variables that are set; ends the process for a value that means nothing. */
function traceVariables(): Record<string, string> {
  try {
    traceSettings(process.env);
  } catch (error) {
    const { message, cure } = Problem.from(error);
    fail(message, cure ?? "");
  }
  return Object.fromEntries(TRACE_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

function portOf(flag: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) fail(`${flag} ${text} is not a port`, "use 0 to 65535");
  return value;
}

function portIsFree(host: string, wanted: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(wanted, host, () => probe.close(() => resolve(true)));
  });
}
