/** The counts of a run. */
export function newTally() {
  return {
    events: 0,
    steps: 0,
    deliveries: 0,
    drops: 0,
    repeats: 0,
    cuts: 0,
    crashes: 0,
    freezes: 0,
    superseded: 0,
    restarts: 0,
    hibernations: 0,
    jumps: 0,
    audits: 0,
    submitted: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    retries: 0,
    executions: 0,
    fencedOff: 0,
    checkpoints: 0,
    resumed: 0,
    published: 0,
    fetched: 0,
    uploadsInParts: 0,
    uploadsResumed: 0,
    joinedAgain: 0,
    damaged: 0,
    abandoned: 0,
    collected: 0,
    simulatedMs: 0,
    healingMs: 0,
  };
}

export type Tally = ReturnType<typeof newTally>;

export function addTally(sum: Tally, other: Tally): void {
  for (const name of Object.keys(sum) as (keyof Tally)[]) sum[name] += other[name];
}

const WORDS: Readonly<Record<keyof Tally, string>> = {
  events: "events",
  steps: "steps of the registry",
  deliveries: "frames delivered",
  drops: "frames lost",
  repeats: "frames repeated",
  cuts: "connections cut",
  crashes: "nodes crashed",
  freezes: "nodes frozen",
  superseded: "nodes that left with an error",
  restarts: "registry restarts",
  hibernations: "registry hibernations",
  jumps: "clock jumps",
  audits: "audits of all storage",
  submitted: "operations accepted",
  completed: "… completed",
  failed: "… failed",
  cancelled: "… cancelled",
  retries: "retries by hand",
  executions: "executions",
  fencedOff: "completions fenced off",
  checkpoints: "checkpoints uploaded",
  resumed: "… handed to another attempt",
  published: "datasets published",
  fetched: "… fetched by a node",
  uploadsInParts: "uploads in parts",
  uploadsResumed: "… gone on with",
  joinedAgain: "… joined twice",
  damaged: "… with bytes that were damaged",
  abandoned: "… abandoned, and cleared away",
  collected: "artefacts collected",
  simulatedMs: "simulated time, ms",
  healingMs: "… of it after the healing",
};

export function tallyLines(tally: Tally): string[] {
  return (Object.keys(WORDS) as (keyof Tally)[]).map(
    (name) => `  ${WORDS[name].padEnd(32)}${tally[name].toLocaleString("en-US").padStart(16)}`,
  );
}
