/** `ktrdr up`: the whole system on this machine, until Ctrl-C. */
import { InvalidArgumentError } from "commander";
import type { WorkerType } from "../../../protocol/workers.ts";
import type { LocalSystem, LocalSystemEvents } from "../../local/local-system.ts";
import type { Context } from "../../terminal/context.ts";
import type { Interrupts } from "../../terminal/interrupt.ts";
import { defineCommand } from "../declare.ts";

const DEFAULT_PORT = 8787;
const MOST_NODES = 64;

interface UpOptions {
  port: number;
  nodes: number;
  type: WorkerType;
  trainers?: number;
  dev?: boolean;
}

export const upCommand = defineCommand<[], UpOptions>({
  name: "up",
  description: "start a control plane and nodes on this machine, and keep them until Ctrl-C",
  options: [
    {
      flags: "--port <port>",
      description: "the control plane's port on 127.0.0.1; 0 takes any free port",
      parse: port,
      default: DEFAULT_PORT,
    },
    { flags: "--nodes <count>", description: "number of nodes", parse: nodeCount, default: 1 },
    {
      flags: "--type <type>",
      description: "their type",
      choices: ["backtesting", "cpu_training", "gpu_host"],
      default: "backtesting",
    },
    {
      flags: "--trainers <count>",
      description: "number of additional nodes for training (1, beside nodes for backtests)",
      parse: nodeCount,
    },
    {
      flags: "--dev",
      description: "run the control plane under wrangler dev, which reloads when its sources change",
    },
  ],
  examples: ["ktrdr up", "ktrdr up --nodes 4 --port 9000", "ktrdr up --nodes 0    # the control plane alone"],
  handle: (context, _, options) => up(context, options),
});

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
  const [{ startLocalSystem }, { listenForInterrupts }] = await Promise.all([
    import("../../local/local-system.ts"),
    import("../../terminal/interrupt.ts"),
  ]);
  const interrupts = listenForInterrupts();
  const manner = options.dev === true ? " under wrangler dev" : "";
  const trainers = options.trainers ?? (options.nodes > 0 && options.type === "backtesting" ? 1 : 0);
  context.note(`Starting the control plane${manner} and ${countOf(options.nodes + trainers, "node")} …`);
  try {
    const system = await startLocalSystem({
      home: context.home,
      environment: context.environment,
      port: options.port,
      nodeCount: options.nodes,
      workerType: options.type,
      trainerCount: trainers,
      isDevelopment: options.dev === true,
      givenToken: context.options.token || context.environment.KTRDR_TOKEN || undefined,
      signal: interrupts.signal,
      on: announcements(context),
    });
    context.answer(
      { ready: true, url: system.url, nodes: options.nodes, trainers, home: context.home.root },
      () => READY,
    );
    await stayUp(context, system, interrupts);
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    context.note("Stopped before everything was up.");
  } finally {
    interrupts.release();
  }
}

const READY = "Ready. Ctrl-C stops everything.";

/** Runs until an interrupt, which is the normal end, or until the control plane ends by itself. Leaves nothing running. */
async function stayUp(context: Context, system: LocalSystem, interrupts: Interrupts): Promise<void> {
  const broken = system.watch((node) => {
    if (!interrupts.signal.aborted)
      context.note(`warning: ${node.name} ended by itself and is started again; see ${node.logFile}`);
  });
  try {
    await Promise.race([interrupts.happened, broken]);
  } finally {
    context.note("Stopping the nodes, then the control plane …");
    await system.stop();
    context.note("Everything is stopped.");
  }
}

function announcements(context: Context): LocalSystemEvents {
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

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
