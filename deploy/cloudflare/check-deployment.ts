/**
 * Checks that a control plane serves after a deployment. The edge alone can answer `/health`. Only a registry can refuse an
 * unknown token, so that refusal shows that the registry starts and can read its storage.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { makeAdminToken } from "../../client/admin-token.ts";
import { pathOf, ROUTES } from "../../protocol/index.ts";

interface CheckOptions {
  /** Expected answer of `/health`; any answer will do when left out. */
  readonly version?: string;
  /** A new deployment or a new name takes a while to be known everywhere. */
  readonly patienceMs?: number;
  readonly pauseMs?: number;
}

const REQUEST_MS = 10_000;

/** Returns null when it serves, else the fault of the last try as a sentence. */
export async function faultOfDeployment(url: string, options: CheckOptions = {}): Promise<string | null> {
  const { patienceMs = 60_000, pauseMs = 2000 } = options;
  const end = Date.now() + patienceMs;
  for (;;) {
    const fault = await faultNow(url, options.version).catch((error: Error) => unreachable(url, error));
    if (fault === null || Date.now() + pauseMs > end) return fault;
    await sleep(pauseMs);
  }
}

async function faultNow(url: string, version: string | undefined): Promise<string | null> {
  const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(REQUEST_MS) });
  if (!health.ok) return `${url}/health answers with status ${health.status}.`;
  const found = (await health.json()) as { version?: unknown };
  if (version !== undefined && found.version !== version) return `${url} is version ${found.version}, not ${version}.`;
  const refused = await fetch(`${url}${pathOf(ROUTES.listWorkers)}`, {
    headers: { authorization: `Bearer ${makeAdminToken()}` },
    signal: AbortSignal.timeout(REQUEST_MS),
  });
  if (refused.status === 401) return null;
  const { detail } = (await refused.json().catch(() => ({}))) as { detail?: string };
  return `The registry answers with status ${refused.status}${detail === undefined ? "." : `: ${detail}`}`;
}

function unreachable(url: string, error: Error): string {
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return `${url} does not answer as a control plane: ${cause}.`;
}
