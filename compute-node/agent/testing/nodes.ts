/** Agents for tests: in a folder of their own, with short durations, silent, and gone afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MarketDataStore } from "../../market-data/index.ts";
import { Agent, type AgentOptions } from "../agent.ts";
import type { Log } from "../log.ts";
import { resolveSettings } from "../settings.ts";
import type { NodeSettings } from "../settings-table.ts";
import { TOKEN } from "./fake-registry.ts";

/** Remembers log lines. */
export class MemoryLog implements Log {
  readonly lines: string[] = [];
  debug = this.#write("debug");
  info = this.#write("info");
  warn = this.#write("warn");
  error = this.#write("error");

  #write(level: string): Log["info"] {
    return (detailsOrMessage, message) => {
      this.lines.push(`${level}: ${typeof detailsOrMessage === "string" ? detailsOrMessage : message}`);
    };
  }
}

export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "ktrdr-agent-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function testSettings(url: string, home: string, change: Partial<NodeSettings> = {}): NodeSettings {
  const flags = { url, home, token: TOKEN, workerId: "node-1", slots: 1, health: false };
  return { ...resolveSettings({ flags, environment: {} }).settings, ...change };
}

export function testAgent(
  settings: NodeSettings,
  change: Partial<AgentOptions> = {},
): { agent: Agent; log: MemoryLog } {
  const log = new MemoryLog();
  const agent = new Agent({
    settings,
    marketData: new MarketDataStore(join(settings.home, "data")),
    log,
    softwareVersion: "0.0.0-test",
    credentialFile: join(settings.home, "nodes", settings.workerId, "credential.json"),
    timing: {
      backoff: { firstMs: 50, longestMs: 200 },
      resend: { firstMs: 300, longestMs: 600 },
      heartbeatTimeoutMs: 300,
      shutdownMs: 300,
    },
    ...change,
  });
  return { agent, log };
}
