/** Serves `GET /metrics` on loopback: figures of the self-hosted server's machine, which the registry inside cannot see. */
import { statfsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { PROMETHEUS_MEDIA_TYPE, PrometheusText } from "../telemetry/index.ts";

const LOOPBACK = "127.0.0.1";

export function machineMetrics(stateFolder: string): string {
  const text = new PrometheusText();
  const { bavail, blocks, bsize } = statfsSync(stateFolder);
  text.gauge("ktrdr_plane_disk_bytes", "Size of the disk that holds the control plane's state", blocks * bsize);
  text.gauge("ktrdr_plane_disk_free_bytes", "What is free there for the control plane", bavail * bsize);
  text.gauge("ktrdr_plane_resident_bytes", "Memory of the server's own process", process.memoryUsage.rss());
  text.counter("ktrdr_plane_seconds_total", "How long this process has run", Math.floor(process.uptime()));
  return text.toString();
}

/** Rejects when the port is taken. */
export function serveMachineMetrics(port: number, stateFolder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const isThere = request.url === "/metrics" && request.method === "GET";
    response.writeHead(isThere ? 200 : 404, { "content-type": PROMETHEUS_MEDIA_TYPE });
    response.end(isThere ? machineMetrics(stateFolder) : "Only GET /metrics is here.\n");
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, LOOPBACK, () => resolve(server));
  });
}
