/**
 * Starts the control plane as a service or in a container, as `ktrdr up` does on a desk. Makes the admin token at the first
 * start (or takes KTRDR_TOKEN) and keeps it in `<KTRDR_HOME>/credentials.json`. Serves on KTRDR_HOST and KTRDR_PORT, and its
 * machine's metrics on KTRDR_METRICS_PORT where that is set. With KTRDR_ENROLMENT_FILE it writes an enrolment token there, as a
 * node's settings file. With KTRDR_SCRAPE_TOKEN_FILE it writes a viewer's token for Prometheus. Both are new each day.
 */
import { spawn } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { adminToken, keepAdminToken } from "../client/admin-token.ts";
import { createClient } from "../client/client.ts";
import { homeFolder, homePaths } from "../client/home.ts";
import { DAY_MS } from "../protocol/durations.ts";

const MOST_NODES = 10_000;

const host = process.env.KTRDR_HOST || "127.0.0.1";
const port = process.env.KTRDR_PORT || "8787";
const enrolmentFile = process.env.KTRDR_ENROLMENT_FILE;
const home = homePaths(homeFolder(undefined, process.env));
mkdirSync(home.controlPlane, { recursive: true, mode: 0o700 });
const admin = adminToken(home, process.env.KTRDR_TOKEN || undefined);

const script = join(import.meta.dirname, "serve.ts");
const environment: NodeJS.ProcessEnv = { ...process.env, KTRDR_ADMIN_TOKEN_SHA256: admin.sha256 };
// Compose passes an unset variable as an empty text, which is no JSON.
if (!environment.KTRDR_REGISTRY_CONFIG) delete environment.KTRDR_REGISTRY_CONFIG;
const words = [script, "--host", host, "--port", port, "--state", home.controlPlane];
const metricsPort = process.env.KTRDR_METRICS_PORT;
if (metricsPort) words.push("--metrics-port", metricsPort);
const plane = spawn(process.execPath, words, {
  env: environment,
  stdio: ["ignore", "pipe", "inherit"],
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => plane.kill("SIGTERM"));
plane.once("exit", (code) => process.exit(code ?? 1));

for await (const line of createInterface({ input: plane.stdout })) {
  process.stdout.write(`${line}\n`);
  if (line.startsWith('{"ready":true')) await isReady();
}

async function isReady(): Promise<void> {
  const url = `http://127.0.0.1:${port}`;
  keepAdminToken(home, url, admin);
  const client = createClient({ url, token: admin.token, tokenSource: home.credentials });
  await keepFresh(enrolmentFile, 0o600, async () => {
    const { token } = await client.createEnrolment({ name: "containers", maxUses: MOST_NODES, ttlMs: 2 * DAY_MS });
    return `token: ${token}\n`;
  });
  // Prometheus runs as another user; whoever else sees the volume may read what the control plane knows, and no more.
  await keepFresh(process.env.KTRDR_SCRAPE_TOKEN_FILE, 0o644, async () => {
    return (await client.createToken({ role: "viewer", name: "prometheus", expiresAtMs: Date.now() + 2 * DAY_MS }))
      .token;
  });
}

/** Writes the file now and each day; a token in it is valid for two days. */
async function keepFresh(file: string | undefined, mode: number, content: () => Promise<string>): Promise<void> {
  if (!file) return;
  const renew = async (): Promise<void> => {
    const text = await content();
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, text, { mode });
    renameSync(`${file}.new`, file);
  };
  await renew();
  setInterval(() => {
    renew().catch((error: unknown) => process.stderr.write(`warning: ${file} is a day old: ${error}\n`));
  }, DAY_MS).unref();
}
