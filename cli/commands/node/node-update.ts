/** `ktrdr node update`: brings the services of this machine to a newer version, once their jobs are done. */
import { InvalidArgumentError } from "commander";
import type { InstalledRelease, SwitchOptions, UpdateType, Verdict } from "../../machine/node-update.ts";
import type { Context } from "../../terminal/context.ts";
import { defineCommand } from "../declare.ts";

const TYPES: readonly UpdateType[] = ["backtesting", "cpu_training", "gpu_host", "control_plane"];

/** Exit codes besides 0, 1 and 130. The codes 3, 4 and 5 are those of update-code.sh. */
const EXIT_AVAILABLE = 10;

interface UpdateOptions {
  type?: UpdateType;
  to?: string;
  from?: string;
  sha256?: string;
  integrity?: string;
  check?: boolean;
  rollBack?: boolean;
  drainTimeout?: number;
  healthyTimeout?: number;
  interrupt?: boolean;
  automatic?: boolean;
}

export const updateCommand = defineCommand<[], UpdateOptions>({
  name: "update",
  description:
    "bring the services here to a newer version, once their jobs are done; and back if that does not come up",
  options: [
    { flags: "--type <type>", description: "this one alone (default: every node of this machine)", choices: TYPES },
    { flags: "--check", description: "look for a newer version, and change nothing" },
    { flags: "--to <version>", description: "that version, an older one too" },
    {
      flags: "--from <where>",
      description: "a .tgz, or a folder of releases: a path or a URL (default: update_source, else npm)",
    },
    { flags: "--sha256 <hex>", description: "expected SHA-256 of the bytes of --from" },
    { flags: "--integrity <hash>", description: "the same, as npm writes it: sha512-…" },
    { flags: "--roll-back", description: "go back to the release before, which is still here" },
    {
      flags: "--drain-timeout <seconds>",
      description: "give up after that time, and take work again (default: wait)",
      parse: seconds,
    },
    { flags: "--interrupt", description: "stop running jobs after that time; other nodes go on with them" },
    {
      flags: "--healthy-timeout <seconds>",
      description: "time in which the new version must connect (default: 60)",
      parse: seconds,
    },
    {
      flags: "--automatic",
      description:
        "update like ktrdr-update@: not when auto_update is off, and with a failure when there is nothing newer",
    },
  ],
  notes: `The package is fetched and checked first; a wrong one is refused before anything stops. Then the node takes nothing new,
finishes what it runs, and is started from the new code. Ctrl-C while it waits: the node takes work again, nothing changed.

It ends with 0 when all have the version (with --check: nothing newer), 1 for an error, 3 when the new version did not come up
and the one before runs again, 4 when jobs still ran after --drain-timeout, 5 when neither came up, 10 when --check found
something newer, 130 after Ctrl-C.`,
  examples: [
    "ktrdr node update --check",
    "sudo ktrdr node update",
    "sudo ktrdr node update --from ktrdr-0.2.0.tgz --sha256 <hex> --drain-timeout 3600",
    "sudo ktrdr node update --type control_plane --from https://ktrdr.example/releases",
  ],
  handle: (context, _, options) => update(context, options),
});

function seconds(text: string): number {
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number of seconds, such as 600.");
}

interface Outcome {
  readonly workerType: UpdateType;
  /** The answers of update-code.sh, and two more when nothing was tried: `available` and `current`. */
  readonly result: string;
  readonly before: InstalledRelease;
  readonly version: string;
  readonly verdict: Verdict | null;
  readonly origin: string | null;
  readonly exitCode: number;
}

async function update(context: Context, options: UpdateOptions): Promise<void> {
  await checkWords(options);
  const outcomes: Outcome[] = [];
  for (const type of await chosenTypes(context, options)) {
    const outcome = await updateOne(context, type, options);
    outcomes.push(outcome);
    context.exitCode = Math.max(context.exitCode, outcome.exitCode);
    // A release that did not come up for this type will not come up for the next one.
    if (outcome.exitCode !== 0 && options.check !== true) break;
  }
  const rows = outcomes.map(({ workerType, result, before, version, verdict, origin }) => ({
    ...{ worker_type: workerType, result, version, release_before: before.name, version_before: before.version },
    ...{ verdict, origin },
  }));
  context.answer(rows, () => outcomes.map(sentence).join("\n"));
}

async function checkWords({
  rollBack,
  to,
  from,
  sha256,
  integrity,
  check,
  interrupt,
  drainTimeout,
}: UpdateOptions): Promise<void> {
  const hash = sha256 === undefined ? (integrity === undefined ? null : "--integrity") : "--sha256";
  const fault =
    rollBack === true && (to ?? from) !== undefined
      ? "--roll-back goes back to the release before, so it takes no --to or --from"
      : rollBack === true && check === true
        ? "--check says what there is to update to, and --roll-back needs nothing of that"
        : hash !== null && from?.endsWith(".tgz") !== true
          ? `${hash} says what one file has to be, which --from names`
          : interrupt === true && drainTimeout === undefined
            ? "--interrupt stops what runs after --drain-timeout, which is missing"
            : null;
  if (fault === null) return;
  const { Problem } = await import("../../../protocol/problem.ts");
  throw new Problem("invalid-request", fault, { cure: "See: ktrdr node update --help" });
}

async function chosenTypes(context: Context, { type }: UpdateOptions): Promise<readonly UpdateType[]> {
  if (type !== undefined) return [type];
  const { installedTypes } = await import("../../machine/node-service.ts");
  const types = installedTypes(machineOf(context));
  if (types.length > 0) return types;
  const { Problem } = await import("../../../protocol/problem.ts");
  throw new Problem("not-found", "No node is installed on this machine", {
    cure: "Install one with: ktrdr node install --url <url> --token <token>; for a control plane say --type control_plane.",
  });
}

function machineOf({ environment }: Context) {
  return { prefix: "", isImage: false, environment };
}

async function updateOne(context: Context, type: UpdateType, options: UpdateOptions): Promise<Outcome> {
  const { installedRelease, mayUpdateItself, requireWritable, switchRelease } = await import(
    "../../machine/node-update.ts"
  );
  const machine = machineOf(context);
  const before = installedRelease(machine, type);
  const none = { workerType: type, before, version: before.version, verdict: null, origin: null, exitCode: 0 };
  if (options.automatic === true && type !== "control_plane" && !(await mayUpdateItself(machine, type))) {
    context.note(`${type}: auto_update is off, so nothing is done. By hand: ktrdr node update --type ${type}`);
    return { ...none, result: "current" };
  }
  if (options.check !== true) requireWritable(machine);
  if (options.rollBack !== true) return bring(context, none, options);
  const { result, exitCode } = await switchRelease(machine, type, null, switchOptions(options), (line) =>
    context.note(line),
  );
  return { ...none, result, exitCode, version: installedRelease(machine, type).version };
}

/** `none` is the outcome when nothing is done. */
async function bring(context: Context, none: Omit<Outcome, "result">, options: UpdateOptions): Promise<Outcome> {
  const { findUpdate, judge, switchRelease, withFetched } = await import("../../machine/node-update.ts");
  const machine = machineOf(context);
  const { before, workerType } = none;
  const { to, from, sha256, integrity } = options;
  const { release, verdict: early } = await findUpdate(machine, workerType, before, {
    ...{ to, from, hashes: { sha256, integrity } },
  });
  const known = { ...none, origin: release.origin };
  /** Null when the release is to be installed. */
  const settled = (version: string, verdict: Verdict): Outcome | null => {
    const isWanted = verdict !== "current" && ((to ?? from) !== undefined || verdict !== "older");
    if (!isWanted) return { ...known, result: "current", version, verdict };
    if (options.check !== true) return null;
    return { ...known, result: "available", version, verdict, exitCode: EXIT_AVAILABLE };
  };
  const outcome =
    (early !== null && release.version !== null ? settled(release.version, early) : null) ??
    (await withFetched(release, async (fetched): Promise<Outcome> => {
      const { version } = fetched;
      const verdict = early ?? judge(before, version, fetched.sha256);
      const end = settled(version, verdict);
      if (end !== null) return end;
      const older = verdict === "older" ? ", which is older," : "";
      context.note(`${workerType}: ${before.version} → ${version}${older} from ${release.origin}`);
      const { result, exitCode } = await switchRelease(
        machine,
        workerType,
        fetched,
        switchOptions(options),
        (line: string) => context.note(line),
      );
      return { ...known, result, exitCode, version, verdict };
    }));
  if (outcome.result === "current" && options.automatic === true) await nothingNewer(outcome);
  return outcome;
}

async function nothingNewer({ before, origin, version }: Outcome): Promise<never> {
  const { Problem } = await import("../../../protocol/problem.ts");
  throw new Problem("unavailable", `There is nothing newer than ${before.version}: ${origin} is ${version}`, {
    cure: "The control plane no longer takes this version: publish a newer one where nodes look for it.",
  });
}

/** An automatic update waits its turn, since all types of a machine learn at once that they are too old. */
function switchOptions({ drainTimeout, healthyTimeout, interrupt, automatic }: UpdateOptions): SwitchOptions {
  return {
    drainTimeoutS: drainTimeout ?? null,
    healthyTimeoutS: healthyTimeout ?? null,
    interrupt: interrupt === true,
    waitsItsTurn: automatic === true,
  };
}

function sentence({ workerType, result, before, version, verdict, origin, exitCode }: Outcome): string {
  const log = `journalctl -u ${workerType === "control_plane" ? "ktrdr-control-plane" : `ktrdr-worker@${workerType}`}`;
  switch (result) {
    case "available":
      return `${workerType}: ${version} is there (${verdict}), and ${before.version} runs: ${origin}`;
    case "current":
      return `${workerType}: ${before.version} is up to date${verdict === "older" ? `; ${origin} is older (${version})` : ""}.`;
    case "updated":
      return `${workerType} runs ${version}, before it was ${before.version}.`;
    case "unchanged":
      return `${workerType} runs ${version} already.`;
    case "rolled-back":
      return exitCode === 0
        ? `${workerType} runs ${version} again, before it was ${before.version}.`
        : `${version} did not come up, so ${workerType} was rolled back to ${before.version}: ${log} says why.`;
    case "busy":
      return `${workerType} still has work: nothing was changed, and it takes more. Let it wait longer, or say --interrupt.`;
    case "interrupted":
      return `Interrupted: nothing was changed, and ${workerType} takes work again.`;
    default:
      return `${workerType} is down: neither ${version} nor ${before.version} comes up. ${log} says why.`;
  }
}
