/** `ktrdr up`: the whole system on this machine, until Ctrl-C. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { WorkerType } from "../../protocol/workers.ts";
import { type Context, EXIT, type GetContext } from "../context.ts";

const DEFAULT_PORT = 8787;
const MOST_NODES = 64;

interface UpOptions {
  port: number;
  nodes: number;
  type: WorkerType;
  dev?: boolean;
}

export function registerUpCommand(program: Command, getContext: GetContext): void {
  program
    .command("up")
    .description("start a control plane and nodes on this machine, and keep them until Ctrl-C")
    .option("--port <port>", "where the control plane listens, on 127.0.0.1; 0 takes any free port", port, DEFAULT_PORT)
    .option("--nodes <count>", "how many nodes", nodeCount, 1)
    .addOption(
      new Option("--type <type>", "their type")
        .choices(["backtesting", "cpu_training", "gpu_host"])
        .default("backtesting"),
    )
    .option("--dev", "run the control plane under wrangler dev, which reloads when its sources change")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ktrdr up\n  $ ktrdr up --nodes 4 --port 9000\n  $ ktrdr up --nodes 0    # the control plane alone",
    )
    .action((options: UpOptions) => up(getContext(), options));
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError("It is a whole number from 0 to 65535.");
}

function nodeCount(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= MOST_NODES) return value;
  throw new InvalidArgumentError(`It is a whole number from 0 to ${MOST_NODES}.`);
}

async function up(context: Context, options: UpOptions): Promise<void> {
  const { startLocalSystem } = await import("../local-system.ts");
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort(new Error("interrupted"));
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    context.note(
      `Starting the control plane${options.dev === true ? " under wrangler dev" : ""} and ${countOf(options.nodes, "node")} …`,
    );
    const system = await startLocalSystem({
      home: context.home,
      environment: context.environment,
      port: options.port,
      nodeCount: options.nodes,
      workerType: options.type,
      isDevelopment: options.dev === true,
      givenToken: context.options.token || context.environment.KTRDR_TOKEN || undefined,
      signal: interrupt.signal,
      on: announcements(context),
    });
    try {
      tellReady(context, system.url, options.nodes);
      await stayUp(context, system, interrupt.signal);
    } finally {
      context.note("Stopping the nodes, then the control plane …");
      await system.stop();
      context.note("Everything is stopped.");
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
  context.exitCode = EXIT.done;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function announcements(context: Context): import("../local-system.ts").LocalSystemEvents {
  return {
    tokenMade(token) {
      context.say("An admin token was made. It is shown this once; the server keeps only its hash:");
      context.say(`  ${token}`);
      context.say(`This machine remembers it in ${context.home.credentials}, so nothing has to be pasted here.`);
    },
    controlPlaneReady(url) {
      context.say(`Control plane: ${url}`);
    },
    workerRegistered(worker) {
      const count = worker.capabilities.datasets.length;
      context.say(
        `Worker ${worker.workerId} registered: ${worker.workerType}, ${countOf(worker.slots, "slot")}, ${countOf(count, "dataset")}`,
      );
    },
  };
}

function tellReady(context: Context, url: string, nodes: number): void {
  context.answer({ ready: true, url, nodes, home: context.home.root }, () => "Ready. Ctrl-C stops everything.");
}

async function stayUp(
  context: Context,
  system: import("../local-system.ts").LocalSystem,
  signal: AbortSignal,
): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const broken = system.watch((node) => {
    if (!signal.aborted) context.note(`warning: ${node.name} ended by itself; see ${node.logFile}`);
  });
  await Promise.race([interrupted, broken]);
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
