#!/usr/bin/env node
/** A compute node as a process: `node compute-node/main.ts --url … --token …`, and what `ktrdr node start` calls. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Command } from "commander";
import { Problem } from "../protocol/index.ts";
import { traceSettings } from "../telemetry/index.ts";
import {
  Agent,
  createLog,
  EXIT_TOO_OLD,
  type NodeSettings,
  type ResolvedSettings,
  resolveSettings,
  SETTINGS,
  type Setting,
  settingText,
} from "./agent/index.ts";
import { MarketDataStore } from "./market-data/index.ts";
import { requirePrograms } from "./programs/index.ts";
import { adapterLine, requireGpu } from "./training/gpu/index.ts";

/** Adds every setting of a node to a command; its parsed options go into `resolveSettings` as `flags`. */
export function addNodeOptions(command: Command): Command {
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    const { flag, formerFlag, environment, isRepeatable } = setting;
    for (const each of formerFlag === undefined ? [flag] : [flag, formerFlag]) {
      const option = command.createOption(each, `${settingText(setting)} [${environment}]`);
      option.hideHelp(each === formerFlag);
      if (isRepeatable) option.argParser((value: string, before: string[] = []) => [...before, value]);
      // commander would name it after the flag; the settings have names of their own.
      option.attributeName = () => name;
      command.addOption(option);
    }
  }
  return command
    .option("--config <file>", "settings as YAML or JSON (default: <home>/node.yaml)")
    .option("--no-health", "do not serve GET /health");
}

/**
 * Runs a node until it is told to leave, by `signal` or by SIGTERM, SIGINT (leave now) or SIGUSR2 (finish, then leave).
 * SIGCONT takes SIGUSR2 back, while the node is still there; a node that does not know it goes on as it was.
 * A second SIGTERM or SIGINT ends the process at once. Answers the exit code: 0 when it was asked to
 * leave, `EXIT_TOO_OLD` when the control plane serves newer nodes only.
 * Throws the `Problem` that keeps it from serving: a refused token, a revoked credential, another process in its place,
 * for a `gpu_host` no GPU, and a program that is not there.
 */
export async function runNode({ settings, sources }: ResolvedSettings, signal?: AbortSignal): Promise<number> {
  const log = await createLog(settings.logLevel, settings.workerId);
  log.debug({ sources }, "settings");
  requirePrograms(settings.programs);
  const tracing = traceSettings(process.env);
  if (tracing !== null) log.info(`traces go to ${tracing.url}`);
  const gpu = await gpuOf(settings);
  if (gpu !== undefined) log.info(`GPU: ${gpu}`);
  const agent = new Agent({
    settings,
    marketData: new MarketDataStore(join(settings.home, "data")),
    log,
    softwareVersion: softwareVersion(),
    credentialFile: credentialFileOf(settings),
    tracing,
    ...(gpu === undefined ? {} : { gpu }),
  });
  const unlisten = listenToSignals(agent, signal);
  try {
    log.info(`node ${settings.workerId} (${settings.workerType}, slots: ${settings.slots}) for ${settings.url}`);
    await agent.start();
    const { exitCode, problem } = await agent.ended;
    if (problem !== null && exitCode === EXIT_TOO_OLD) {
      log.error({ cure: problem.cure }, problem.message);
      return exitCode;
    }
    if (problem !== null) throw problem;
    log.info("the node has left");
    return exitCode;
  } finally {
    unlisten();
  }
}

/** The adapter's own description, for a node that is there for it. */
async function gpuOf({ workerType, allowSoftwareGpu }: NodeSettings): Promise<string | undefined> {
  if (workerType !== "gpu_host") return undefined;
  return adapterLine(await requireGpu({ allowSoftware: allowSoftwareGpu }));
}

function credentialFileOf({ home, workerId }: NodeSettings): string {
  return join(home, "nodes", workerId, "credential.json");
}

function listenToSignals(agent: Agent, signal: AbortSignal | undefined): () => void {
  let asked = false;
  const leave = (): void => {
    if (asked) process.exit(130);
    asked = true;
    agent.shutDown();
  };
  const drain = (): void => agent.drain();
  const resume = (): void => {
    // systemd sends it after every SIGTERM.
    if (!asked) agent.resume();
  };
  process.on("SIGTERM", leave).on("SIGINT", leave).on("SIGUSR2", drain).on("SIGCONT", resume);
  signal?.addEventListener("abort", leave, { once: true });
  if (signal?.aborted) leave();
  return () => {
    process.off("SIGTERM", leave).off("SIGINT", leave).off("SIGUSR2", drain).off("SIGCONT", resume);
    signal?.removeEventListener("abort", leave);
  };
}

function softwareVersion(): string {
  const file = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8")) as { version: string };
  return file.version;
}

async function main(): Promise<void> {
  const command = addNodeOptions(new Command("ktrdr-node").description("A ktrdr compute node."));
  command.parse();
  try {
    process.exitCode = await runNode(resolveSettings({ flags: command.opts(), environment: process.env }));
  } catch (thrown) {
    const problem = Problem.from(thrown);
    process.stderr.write(`error: ${problem.message}\n`);
    if (problem.cure !== undefined) process.stderr.write(`  cure: ${problem.cure}\n`);
    process.exitCode = problem.kind === "invalid-request" ? 2 : 1;
  }
}

if (import.meta.main) await main();
