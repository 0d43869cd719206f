/** Runs the jobs of leases: fetches their bars, hands them to a thread, keeps the bytes of results until uploaded. */
import {
  byteLength,
  type DataRequest,
  type DatasetRef,
  datasetsOf,
  type Lease,
  LIMITS,
  type OperationSpec,
  Problem,
  type Progress,
} from "../../protocol/index.ts";
import { inputOf, type JobDataset, type JobSources, startProcess, type TrainingSurroundings } from "../jobs/index.ts";
import type { BarColumns } from "../market-data/index.ts";
import { Programs, type ProgramsOptions } from "../programs/index.ts";
import { DatasetCache } from "./dataset-cache.ts";
import type { DatasetFetcher } from "./dataset-fetcher.ts";
import { downloadArtefact, type Source } from "./download.ts";
import { errorWithinLimits } from "./error-within-limits.ts";
import { type JobEnd, type JobListener, JobPool, type JobPoolOptions, type RunningJob } from "./job-pool.ts";
import type { MarketData } from "./market-data.ts";
import { ModelCache } from "./model-cache.ts";
import { type JobOutcome, leaseKey } from "./state-model.ts";

export interface JobsOptions extends JobPoolOptions {
  readonly marketData: MarketData;
  /** Brings datasets of the workspace's store into `marketData`. */
  readonly fetcher: DatasetFetcher;
  readonly dataCacheBytes: number;
  /** Where models and checkpoints are; the store answers with the node's credential. */
  readonly source: () => Source;
  readonly training: TrainingSurroundings;
  readonly programs: ProgramsOptions;
  readonly onProgress: (lease: Lease, progress: Progress) => void;
  readonly onLog: (lease: Lease, lines: readonly string[]) => void;
  /** `newestCheckpoint` has its bytes. */
  readonly onCheckpoint: (lease: Lease) => void;
  /** The job's data is here, and the job begins. */
  readonly onPrepared?: (lease: Lease) => void;
  /** Called once for each started job. */
  readonly onEnded: (lease: Lease, outcome: JobOutcome) => void;
}

export class Jobs {
  readonly #options: JobsOptions;
  readonly #pool: JobPool;
  readonly #programs: Programs;
  readonly #datasets: DatasetCache;
  readonly #models: ModelCache;
  /** By lease; a controller while the job's bars are being fetched and opened. */
  readonly #running = new Map<string, RunningJob | AbortController>();
  /** Bytes of finished results, by lease. In memory: a node that dies loses them, and the registry runs the job again. */
  readonly #outbox = new Map<string, Uint8Array>();
  /** The newest of each training run, by lease. */
  readonly #checkpoints = new Map<string, Uint8Array>();
  /** Runs were told to save and stop: their checkpoints go out after they have ended. */
  #isLeaving = false;

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#pool = new JobPool(options);
    this.#programs = new Programs(options.programs);
    this.#datasets = new DatasetCache(options.dataCacheBytes, (sha256) => options.marketData.open(sha256));
    this.#models = new ModelCache(options.source);
  }

  /**
   * `dataset` is what the store has of the bars that the spec asks for, `datasets` of each where it asks for several; they
   * are fetched where they are not here. `checkpoint` names where the attempt before was.
   */
  start(
    lease: Lease,
    spec: OperationSpec,
    dataset: DatasetRef | null,
    datasets: readonly (string | null)[] = [dataset?.sha256 ?? null],
    checkpoint: string | null = null,
  ): void {
    const preparation = new AbortController();
    this.#running.set(leaseKey(lease), preparation);
    const given = { spec, stored: datasets, checkpoint };
    void this.#run(lease, given, preparation.signal).then((end) => this.#ended(lease, end));
  }

  /** With `save`, a training run makes a last checkpoint before it ends, however long that takes. */
  stop(lease: Lease, save = false): void {
    if (save) this.#isLeaving = true;
    const job = this.#running.get(leaseKey(lease));
    if (job instanceof AbortController) {
      job.abort();
      this.#ended(lease, { type: "stopped" });
    } else if (save) job?.saveAndStop();
    else job?.stop();
  }

  /** The bytes of a training run's newest checkpoint. Throws for a lease that has none. */
  newestCheckpoint(lease: Lease): Uint8Array {
    const bytes = this.#checkpoints.get(leaseKey(lease));
    if (bytes === undefined) throw new Error(`no checkpoint is kept of ${leaseKey(lease)}`);
    return bytes;
  }

  /** The bytes of a finished result. Throws for a lease that has none. */
  bytesOf(lease: Lease): Uint8Array {
    const bytes = this.#outbox.get(leaseKey(lease));
    if (bytes === undefined) throw new Error(`no bytes are kept for ${leaseKey(lease)}`);
    return bytes;
  }

  discard(lease: Lease): void {
    this.#outbox.delete(leaseKey(lease));
  }

  async close(): Promise<void> {
    for (const job of this.#running.values()) if (job instanceof AbortController) job.abort();
    this.#running.clear();
    await Promise.all([this.#pool.close(), this.#programs.close()]);
  }

  async #run(lease: Lease, given: Given, preparation: AbortSignal): Promise<JobEnd> {
    const listener: JobListener = {
      onProgress: (progress) => this.#options.onProgress(lease, progress),
      onLog: (lines) => this.#options.onLog(lease, lines),
      onCheckpoint: (bytes) => {
        this.#checkpoints.set(leaseKey(lease), bytes);
        this.#options.onCheckpoint(lease);
      },
    };
    try {
      const input = await inputOf(given.spec, await this.#sourcesOf(given, listener, preparation));
      if (preparation.aborted) return { type: "stopped" };
      this.#options.onPrepared?.(lease);
      const job = startProcess(input, lease, listener, this.#programs) ?? this.#pool.run(input, listener);
      this.#running.set(leaseKey(lease), job);
      return await job.ended;
    } catch (thrown) {
      if (preparation.aborted) return { type: "stopped" };
      const problem = Problem.from(thrown);
      return { type: "failed", error: problem.toDetails(), retryable: problem.retryable };
    }
  }

  async #sourcesOf(
    { spec, stored, checkpoint }: Given,
    listener: JobListener,
    signal: AbortSignal,
  ): Promise<JobSources> {
    const datasets = await Promise.all(
      datasetsOf(spec).map((data, index) => this.#dataset(data, stored[index] ?? null, listener, signal)),
    );
    return {
      datasets,
      model: (sha256) => this.#models.open(sha256, signal),
      checkpoint: async () => (checkpoint === null ? null : this.#checkpoint(checkpoint, listener, signal)),
      training: this.#options.training,
    };
  }

  /** Null, with a log line, for one that is not there any more: the run begins anew. */
  async #checkpoint(sha256: string, { onLog }: JobListener, signal: AbortSignal): Promise<Uint8Array | null> {
    try {
      return await downloadArtefact({ source: this.#options.source, sha256, signal }, "checkpoint");
    } catch (thrown) {
      if (!(thrown instanceof Problem) || thrown.retryable) throw thrown;
      onLog([`warning: ${thrown.message} The run starts from its beginning.`]);
      return null;
    }
  }

  async #dataset(
    { symbol, timeframe, sha256: pinned }: DataRequest,
    stored: string | null,
    listener: JobListener,
    signal: AbortSignal,
  ): Promise<JobDataset> {
    const sha256 = pinned ?? stored ?? (await this.#options.marketData.find(symbol, timeframe))?.sha256;
    if (sha256 === undefined) throw new Problem("data-not-found", `There is no ${timeframe} data of ${symbol} here.`);
    const startedAt = performance.now();
    const dataset = stored === null ? null : { symbol, timeframe, sha256 };
    const bars = await this.#open(sha256, dataset, listener, signal);
    const tookMs = (performance.now() - startedAt).toFixed(1);
    const name = `${symbol} ${timeframe} (sha256 ${sha256.slice(0, 12)})`;
    listener.onLog([`${bars.rows} bars of ${name} opened in ${tookMs} ms`]);
    return { bars, sha256 };
  }

  async #open(
    sha256: string,
    dataset: DatasetRef | null,
    listener: JobListener,
    signal: AbortSignal,
  ): Promise<BarColumns> {
    try {
      return await this.#datasets.open(sha256);
    } catch (error) {
      if (dataset === null || !(error instanceof Problem && error.kind === "data-not-found")) throw error;
    }
    listener.onLog([`the bars are not on this node: fetching them from the workspace's store`]);
    await this.#options.fetcher.fetch(dataset, signal, listener.onProgress);
    return this.#datasets.open(sha256);
  }

  #ended(lease: Lease, end: JobEnd): void {
    if (!this.#running.delete(leaseKey(lease))) return;
    if (!this.#isLeaving) this.#checkpoints.delete(leaseKey(lease));
    const checked = withinLimits(end);
    if (checked.type === "result" && checked.bytes !== null) this.#outbox.set(leaseKey(lease), checked.bytes);
    this.#options.onEnded(lease, outcomeOf(checked));
  }
}

/** The specification and data that a job starts from. */
interface Given {
  readonly spec: OperationSpec;
  /** The store's version of each dataset that the spec asks for. */
  readonly stored: readonly (string | null)[];
  readonly checkpoint: string | null;
}

function outcomeOf(end: JobEnd): JobOutcome {
  return end.type === "result" ? { type: "result", result: end.result } : end;
}

function withinLimits(end: JobEnd): JobEnd {
  if (end.type === "failed") return { ...end, error: errorWithinLimits(end.error) };
  if (end.type !== "result") return end;
  const bytes = byteLength(JSON.stringify(end.result.summary));
  if (bytes <= LIMITS.resultSummaryBytes) return end;
  const message = `The result's summary has ${bytes} bytes; the limit is ${LIMITS.resultSummaryBytes}.`;
  const problem = new Problem("too-large", message, { cure: "Choose a shorter name or fewer parameters." });
  return { type: "failed", error: problem.toDetails(), retryable: false };
}
