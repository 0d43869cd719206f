/** The rooms of the house, and which may import which. DESIGN.md has the same table in words. */

const ENGINES = [
  "sandbox",
  "indicators",
  "fuzzy",
  "market-data",
  "strategy",
  "backtest",
  "portfolio",
  "training",
  "models",
];
const JOBS = ["jobs", "training-job", "programs"];
const inNode = (...rooms: string[]): string[] => rooms.map((room) => `compute-node/${room}`);

/**
 * A room and what its product code may import besides itself. Tests and benchmarks may import everything; what a room
 * needs of a room above it belongs below both.
 */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  telemetry: ["protocol"],
  client: ["protocol"],
  results: ["protocol"],
  "durable-objects": ["protocol", "telemetry"],
  src: ["durable-objects", "protocol", "telemetry"],
  "control-plane": ["src", "durable-objects", "client", "protocol", "telemetry"],

  "compute-node/sandbox": [],
  "compute-node/fuzzy": ["protocol"],
  "compute-node/indicators": ["protocol"],
  "compute-node/market-data": ["protocol"],
  "compute-node/strategy": [...inNode("market-data", "fuzzy", "indicators"), "protocol"],
  // Hashes of what was asked and read, and the versions of the engines.
  "compute-node/provenance": ["protocol"],
  // Trades, costs and margin of one account.
  "compute-node/ledger": ["protocol"],
  "compute-node/backtest": [
    ...inNode("ledger", "provenance", "strategy", "market-data", "indicators", "sandbox"),
    "results",
    "protocol",
  ],
  "compute-node/portfolio": [
    ...inNode("ledger", "provenance", "backtest", "strategy", "market-data"),
    "results",
    "protocol",
  ],
  "compute-node/training": [...inNode("strategy", "market-data", "indicators"), "protocol"],
  "compute-node/models": [
    ...inNode("provenance", "training", "backtest", "strategy", "market-data"),
    "results",
    "protocol",
  ],
  "compute-node/training-job": [
    ...inNode("provenance", "models", "training", "backtest", "strategy", "market-data"),
    "results",
    "protocol",
  ],
  "compute-node/programs": [...inNode("market-data", "backtest"), "results", "protocol"],
  "compute-node/jobs": [...inNode(...ENGINES, "training-job", "programs"), "results", "protocol"],
  "compute-node/agent": [...inNode(...JOBS, ...ENGINES), "results", "client", "protocol", "telemetry"],
  // Its main program.
  "compute-node": [...inNode("agent", ...JOBS, ...ENGINES), "protocol", "telemetry"],

  // `ktrdr node start` is the node's main program.
  cli: ["compute-node", ...inNode("agent", ...JOBS, ...ENGINES), "control-plane", "client", "results", "protocol"],
  deploy: ["cli", "control-plane", "client", "protocol"],
};

/** Rooms that look at everything; `.` has the configurations of tools. */
export const ONLOOKERS: readonly string[] = ["test", "bench", "docs", "."];

/** Single files that anybody may import. */
export const FOR_ALL: readonly string[] = [
  // Which package is missing, and how it is installed: every room that loads one names it.
  "compute-node/installed-package.ts",
  // The version.
  "package.json",
];

/** Within a room: a folder and what it may import of the same room, folders and files. */
export const INNER_ARROWS: Readonly<Record<string, readonly string[]>> = {
  "durable-objects/scheduler": [],
  "compute-node/backtest/engine": [],
  "compute-node/backtest/statistics": ["compute-node/backtest/engine"],
  "compute-node/training/kernels": [],
  "cli/terminal": [],
  "cli/api": ["cli/terminal", "cli/commands/declare.ts"],
  "cli/data": ["cli/terminal", "cli/api"],
  "cli/strategy": ["cli/terminal"],
};

/** The room of a file. */
export function roomOf(path: string): string {
  const [top, inner, ...rest] = path.split("/");
  if (top !== "compute-node") return inner === undefined ? "." : top;
  return rest.length === 0 ? top : `${top}/${inner}`;
}

/** Code that never runs in a product. */
export function isForTests(path: string): boolean {
  return /\.test\.[jt]s$|\/testing\/|^test\//.test(path);
}
