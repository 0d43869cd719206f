/** The folder of one run: what the program starts from, and what it leaves. */
import { lstatSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { type CommandSpec, commandSpec, type Lease, LIMITS, Problem, wire } from "../../protocol/index.ts";
import { type BarColumns, sliceBars } from "../market-data/index.ts";
import { npyOfBars, parquetOfBars } from "./bars-files.ts";

/** What a run starts from. */
export interface ProgramInput {
  readonly lease: Lease;
  readonly spec: CommandSpec;
  /** In the order of the specification. */
  readonly datasets: readonly { readonly bars: BarColumns; readonly sha256: string }[];
  /** Where the attempt before was. */
  readonly checkpoint: Uint8Array | null;
}

const specWire = wire(commandSpec);
/** Where checkpoints wait to be read; nobody else writes there. */
const TAKEN = ".taken";

export class WorkFolder {
  readonly path: string;
  readonly hasCheckpoint: boolean;
  #taken = 0;

  private constructor(path: string, hasCheckpoint: boolean) {
    this.path = path;
    this.hasCheckpoint = hasCheckpoint;
  }

  /** Writes `spec.json`, the prices and the checkpoint into a new folder within `parent`. */
  static async create(parent: string, input: ProgramInput): Promise<WorkFolder> {
    const { lease, checkpoint } = input;
    const path = join(parent, `${lease.operationId}-${lease.attempt}`);
    const folder = new WorkFolder(path, checkpoint !== null);
    await rm(path, { recursive: true, force: true });
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await folder.#fill(input);
      return folder;
    } catch (error) {
      await folder.remove();
      throw error;
    }
  }

  async #fill({ lease, spec, datasets, checkpoint }: ProgramInput): Promise<void> {
    mkdirSync(join(this.path, TAKEN));
    if (datasets.length > 0) mkdirSync(this.dataPath);
    const described: Record<string, unknown>[] = [];
    for (const [index, { bars, sha256 }] of datasets.entries()) {
      const request = spec.data[index];
      if (request === undefined) throw new Error(`there are bars for dataset ${index}, which was not asked for`);
      const { symbol, timeframe, startMs, endMs } = request;
      const asked = sliceBars(bars, startMs, endMs);
      const file = join("data", `${index}.${spec.dataFormat}`);
      await writeFile(join(this.path, file), spec.dataFormat === "npy" ? npyOfBars(asked) : parquetOfBars(asked));
      described.push({ file, symbol, timeframe, sha256, rows: asked.rows });
    }
    if (checkpoint !== null) await writeFile(this.checkpointPath, checkpoint);
    const document = {
      ...(specWire.encode(spec) as Record<string, unknown>),
      operation_id: lease.operationId,
      attempt: lease.attempt,
      datasets: described,
      checkpoint: checkpoint === null ? null : "checkpoint",
    };
    await writeFile(this.specPath, `${JSON.stringify(document, null, 2)}\n`);
  }

  get specPath(): string {
    return join(this.path, "spec.json");
  }

  get dataPath(): string {
    return join(this.path, "data");
  }

  get checkpointPath(): string {
    return join(this.path, "checkpoint");
  }

  /** Moves a file out of the program's sight, so that it can be read while the program goes on. Throws a `Problem`. */
  take(name: string): string {
    const target = join(this.path, TAKEN, String(this.#taken++));
    renameSync(this.#checked(name), target);
    return target;
  }

  /** Throws a `Problem` for what is not a file of this folder, or is too large. */
  read(name: string): Promise<Buffer> {
    return readFile(this.#checked(name));
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  #checked(name: string): string {
    const path = resolve(this.path, name);
    try {
      const isWithin = realpathSync(path).startsWith(realpathSync(this.path) + sep);
      const stat = lstatSync(path);
      if (!isWithin || !stat.isFile()) throw refusal(`${name} is not a file of the work folder.`);
      if (stat.size <= LIMITS.programFileBytes) return path;
      const message = `${name} has ${stat.size} bytes; the limit is ${LIMITS.programFileBytes}.`;
      throw new Problem("too-large", message, { cure: "Write less into it." });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw refusal(`The program wrote no file ${name}.`);
    }
  }
}

function refusal(message: string): Problem {
  return new Problem("program-failed", message, {
    cure: "Write it into the work folder, and name it relative to that, before the line that names it is printed.",
  });
}
