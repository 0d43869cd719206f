/**
 * The shell around the pure state machine of state.ts: sockets, timers, threads, uploads. It turns what happens into
 * events, one at a time, and carries out the effects; it decides nothing itself.
 */
import { createHash, randomUUID } from "node:crypto";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import {
  type Capabilities,
  COMMAND_KIND_PREFIX,
  type DatasetRef,
  type Lease,
  LIMITS,
  type OperationResult,
  Problem,
  parseTraceparent,
  type RegisterRequest,
  SCRIPT_KIND,
} from "../../protocol/index.ts";
import type { TraceSettings } from "../../telemetry/index.ts";
import { CHECKPOINT_MEDIA_TYPE } from "../training-job/media-type.ts";
import { DatasetFetcher } from "./dataset-fetcher.ts";
import type { Source } from "./download.ts";
import { type Enrolled, EnrolmentFailure, enrol } from "./enrolment.ts";
import { Gate } from "./gate.ts";
import { gpuThermometer } from "./gpu-temperature.ts";
import { type HealthEndpoint, type NodeHealth, serveHealth } from "./health.ts";
import { Jobs } from "./jobs.ts";
import type { Log } from "./log.ts";
import type { MarketData } from "./market-data.ts";
import { NodeMetrics } from "./node-metrics.ts";
import { openRegistrySocket, type RegistrySocket } from "./registry-socket.ts";
import type { NodeSettings } from "./settings-table.ts";
import {
  type AgentConfig,
  type AgentEffect,
  type AgentEvent,
  type AgentState,
  createAgentState,
  heldLeases,
  leaseKey,
  occupiedSlots,
  slotsAreScarce,
  step,
  type UploadOutcome,
  wakeAt,
} from "./state.ts";
import { NodeTracer } from "./tracing.ts";
import { type UploadRequest, uploadArtefact } from "./upload.ts";

export interface AgentOptions {
  readonly settings: NodeSettings;
  readonly marketData: MarketData;
  readonly log: Log;
  readonly softwareVersion: string;
  readonly credentialFile: string;
  /** What a GPU host says of its adapter. */
  readonly gpu?: string;
  /** Other durations than the usual ones. */
  readonly timing?: Partial<AgentConfig>;
  /** The job threads' program, for tests. */
  readonly jobProgram?: URL;
  /** Where its spans go; nowhere without it. */
  readonly tracing?: TraceSettings | null;
}

interface AgentEnd {
  readonly exitCode: number;
  /** Why it left, when that was not asked of it. */
  readonly problem: Problem | null;
}

/** The longest delay that a timer takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const MEGABYTE = 1024 * 1024;
/** How long a node that leaves waits for its last spans to be taken. */
const LAST_SPANS_MS = 1_000;
/** More share one line without being any faster together, and hold their parts in memory. */
const UPLOADS_AT_ONCE = 2;

export class Agent {
  readonly #options: AgentOptions;
  readonly #state: AgentState;
  /** Tells this process from an earlier one of the same worker. */
  readonly #instance = randomUUID();
  readonly #jobs: Jobs;
  readonly #metrics = new NodeMetrics();
  readonly #tracer: NodeTracer | null;
  readonly #thermometer = gpuThermometer();
  readonly #queue: AgentEvent[] = [];
  readonly #uploads = new Map<string, AbortController>();
  readonly #uploadGate = new Gate(UPLOADS_AT_ONCE);
  readonly #leaving = new AbortController();
  readonly #end = Promise.withResolvers<AgentEnd>();
  #handling = false;
  #timer: NodeJS.Timeout | undefined;
  #socket: { epoch: number; line: RegistrySocket } | null = null;
  #enrolled: Enrolled | null = null;
  #health: HealthEndpoint | null = null;
  #unwatch: (() => void) | null = null;

  constructor(options: AgentOptions) {
    const { settings, marketData, softwareVersion, timing, jobProgram, tracing = null } = options;
    this.#options = options;
    const traced = { workerId: settings.workerId, workerType: settings.workerType, softwareVersion };
    this.#tracer = tracing === null ? null : new NodeTracer(tracing, traced, (message) => options.log.warn(message));
    this.#jobs = new Jobs({
      slots: settings.slots,
      memoryMb: settings.jobMemoryMb,
      ...(jobProgram === undefined ? {} : { program: jobProgram }),
      marketData,
      fetcher: new DatasetFetcher(marketData, () => this.#source()),
      source: () => this.#source(),
      training: {
        gpu: options.gpu === undefined ? null : { allowSoftware: settings.allowSoftwareGpu },
        threads: settings.trainingThreads,
        checkpointIntervalMs: settings.checkpointIntervalMs,
      },
      programs: {
        approved: settings.programs,
        folder: join(settings.home, "nodes", settings.workerId, "work"),
        timeLimitMs: settings.programTimeLimitMs,
      },
      dataCacheBytes: settings.dataCacheMb * MEGABYTE,
      onProgress: (lease, progress) => {
        this.#metrics.jobProgressed(lease, progress);
        this.#tracer?.jobProgressed(lease, progress.phase);
        this.#dispatch({ type: "progress", lease, progress });
      },
      onLog: (lease, lines) => this.#dispatch({ type: "log", lease, lines }),
      onCheckpoint: (lease) => this.#dispatch({ type: "checkpoint-made", lease }),
      onPrepared: (lease) => this.#tracer?.jobPrepared(lease),
      onEnded: (lease, outcome) => {
        this.#tracer?.jobEnded(lease, outcome);
        this.#metrics.jobEnded(lease, outcome);
        this.#dispatch({ type: "job-ended", lease, outcome });
      },
    });
    const config = { ...timing, workerId: settings.workerId, softwareVersion, canEnrolAgain: settings.token !== null };
    this.#state = createAgentState(config, capabilitiesOf(settings, options.gpu));
  }

  /** Starts to serve and to connect. Throws a `Problem` when the health endpoint finds no port. */
  async start(): Promise<void> {
    const { settings, marketData, log } = this.#options;
    if (settings.healthPort !== null) {
      this.#health = await serveHealth(
        settings.healthPort,
        () => this.health(),
        () => this.metricsText(),
        (message) => log.warn(message),
      );
      log.info(`health on ${this.#health.url}`);
    }
    await this.#readDatasets();
    if (this.#leaving.signal.aborted) {
      // It was told to leave before it had come.
      await this.#health?.close();
      return;
    }
    this.#unwatch = marketData.watch(() => void this.#readDatasets());
    this.#dispatch({ type: "start" });
  }

  /** Settles when the node has left: everything is closed by then. */
  get ended(): Promise<AgentEnd> {
    return this.#end.promise;
  }

  /** Gives everything back to the registry and leaves within about two seconds; six where a training run saves first. */
  shutDown(): void {
    this.#dispatch({ type: "shutdown" });
  }

  /** Finishes what is held, takes nothing new, then leaves. */
  drain(): void {
    this.#options.log.info("draining: finishing what is held, taking nothing new");
    this.#dispatch({ type: "drain", draining: true, exitWhenDrained: true });
  }

  /** Takes `drain` back: takes work again, and stays. Nothing where it was not draining. */
  resume(): void {
    if (!this.#state.exitWhenDrained) return;
    this.#options.log.info("no longer draining: taking work again");
    this.#dispatch({ type: "drain", draining: false, exitWhenDrained: false });
  }

  health(): NodeHealth {
    const { settings, softwareVersion } = this.#options;
    const held = heldLeases(this.#state);
    const slotsUsed = occupiedSlots(this.#state);
    return {
      status: "healthy",
      workerId: settings.workerId,
      workerStatus: this.#state.draining ? "draining" : slotsUsed >= settings.slots ? "busy" : "idle",
      currentOperation: held[0]?.operationId ?? null,
      connected: this.#state.connection.phase === "connected",
      slots: settings.slots,
      slotsUsed,
      version: softwareVersion,
    };
  }

  /** For Prometheus. The temperature is asked for where a GPU is what the node is for. */
  async metricsText(): Promise<string> {
    const { settings } = this.#options;
    const temperaturesC = settings.workerType === "gpu_host" ? await this.#thermometer() : [];
    const node = { ...this.health(), workerType: settings.workerType };
    return this.#metrics.text(node, settings.home, temperaturesC, this.#tracer?.dropped ?? null);
  }

  get healthUrl(): string | null {
    return this.#health?.url ?? null;
  }

  /** Effects may raise events at once; each event is handled whole before the next. */
  #dispatch(event: AgentEvent): void {
    this.#queue.push(event);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        for (const effect of step(this.#state, next, performance.now(), Math.random)) this.#carryOut(effect);
      }
    } finally {
      this.#handling = false;
    }
    this.#setTimer();
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const at = wakeAt(this.#state);
    if (at === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(at - performance.now())));
    this.#timer = setTimeout(() => this.#dispatch({ type: "tick" }), delayMs);
  }

  #carryOut(effect: AgentEffect): void {
    switch (effect.type) {
      case "enrol":
        void this.#enrol(effect.fresh);
        return;
      case "connect":
        this.#connect(effect.epoch);
        return;
      case "send":
        this.#lineOf(effect.epoch)?.send(effect.messages, slotsAreScarce(this.#state));
        return;
      case "ping":
        this.#lineOf(effect.epoch)?.ping();
        return;
      case "disconnect":
        this.#lineOf(effect.epoch)?.close(effect.reason);
        return;
      case "start-job":
        this.#options.log.info({ ...this.#logged(effect.lease), kind: effect.spec.kind }, "job starts");
        this.#metrics.jobStarted(effect.spec.kind);
        this.#tracer?.jobStarted(effect.lease, effect.spec.kind, this.#traceparentOf(effect.lease));
        this.#jobs.start(effect.lease, effect.spec, effect.dataset, effect.datasets, effect.checkpoint);
        return;
      case "stop-job":
        this.#jobs.stop(effect.lease, effect.save);
        return;
      case "upload-checkpoint":
        void this.#uploadCheckpoint(effect.lease, this.#jobs.newestCheckpoint(effect.lease));
        return;
      case "upload":
        void this.#upload(effect);
        return;
      case "discard":
        this.#uploads.get(leaseKey(effect.lease))?.abort();
        this.#jobs.discard(effect.lease);
        this.#tracer?.leaseEnded(effect.lease, "discarded");
        return;
      case "note":
        this.#options.log[effect.level](
          { ...effect.details, ...(effect.lease === undefined ? {} : this.#logged(effect.lease)) },
          effect.message,
        );
        return;
      case "exit":
        void this.#leave({ exitCode: effect.code, problem: effect.problem });
    }
  }

  #traceparentOf(lease: Lease): string | null {
    return this.#state.holdings.get(leaseKey(lease))?.traceparent ?? null;
  }

  /** What every line of the log about a lease carries. */
  #logged(lease: Lease): Record<string, unknown> {
    const trace = parseTraceparent(this.#traceparentOf(lease));
    const traceId = trace === null ? {} : { trace_id: trace.traceId };
    return { operation_id: lease.operationId, attempt: lease.attempt, ...traceId };
  }

  #lineOf(epoch: number): RegistrySocket | null {
    return this.#socket?.epoch === epoch ? this.#socket.line : null;
  }

  async #enrol(fresh: boolean): Promise<void> {
    const { settings, credentialFile } = this.#options;
    const describe = (): RegisterRequest => this.#registration();
    try {
      const { url, token } = settings;
      this.#enrolled = await enrol({ url, token, credentialFile, describe }, fresh, this.#leaving.signal);
      this.#dispatch({ type: "enrolled", epoch: this.#enrolled.epoch });
    } catch (error) {
      const known = error instanceof EnrolmentFailure;
      const problem = known ? error.problem : Problem.from(error);
      this.#dispatch({ type: "enrolment-failed", problem, final: !known || error.final });
    }
  }

  /** Where the store is, and the credential that opens it now. */
  #source(): Source {
    if (this.#enrolled === null) throw new Error("asking the store before enrolment");
    return { url: this.#options.settings.url, credential: this.#enrolled.credential };
  }

  #registration(): RegisterRequest {
    const { settings, softwareVersion } = this.#options;
    return {
      workerId: settings.workerId,
      workerType: settings.workerType,
      endpointUrl: this.#health?.url ?? "",
      softwareVersion,
      capabilities: this.#state.capabilities,
      metadata: {
        instance: this.#instance,
        platform: process.platform,
        architecture: process.arch,
        node: process.version,
      },
    };
  }

  #connect(epoch: number): void {
    if (this.#enrolled === null) throw new Error("connecting before enrolment");
    const { socketUrl, credential } = this.#enrolled;
    const line = openRegistrySocket(socketUrl, credential, {
      opened: () => {
        this.#metrics.connected();
        this.#dispatch({ type: "opened", epoch });
      },
      message: (message) => this.#dispatch({ type: "message", epoch, message }),
      pong: () => this.#dispatch({ type: "pong", epoch }),
      unreadable: (reason) => this.#dispatch({ type: "unreadable", epoch, reason }),
      closed: (end) => this.#dispatch({ type: "closed", epoch, ...end }),
    });
    this.#socket = { epoch, line };
  }

  async #upload({ lease, result }: Extract<AgentEffect, { type: "upload" }>): Promise<void> {
    const controller = new AbortController();
    this.#uploads.set(leaseKey(lease), controller);
    const signal = AbortSignal.any([controller.signal, this.#leaving.signal]);
    try {
      const outcome = await this.#uploadGate.pass(signal, () => this.#send(lease, result, signal));
      this.#metrics.uploadEnded(outcome);
      if (!signal.aborted) this.#dispatch({ type: "uploaded", lease, outcome });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (this.#uploads.get(leaseKey(lease)) === controller) this.#uploads.delete(leaseKey(lease));
    }
  }

  async #uploadCheckpoint(lease: Lease, bytes: Uint8Array): Promise<void> {
    const { signal } = this.#leaving;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const request = { ...this.#source(), lease, sha256, mediaType: CHECKPOINT_MEDIA_TYPE, bytes };
    try {
      const outcome = await this.#uploadGate.pass(signal, () => this.#uploadTraced(request, "checkpoint", signal));
      this.#metrics.uploadEnded(outcome);
      const checkpoint = { sha256, bytes: bytes.byteLength };
      if (!signal.aborted) this.#dispatch({ type: "checkpoint-uploaded", lease, checkpoint, outcome });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #send(lease: Lease, result: OperationResult, signal: AbortSignal): Promise<UploadOutcome> {
    if (result.sha256 === null) throw new Error("there is nothing to upload");
    const { sha256, mediaType } = result;
    const bytes = this.#jobs.bytesOf(lease);
    const onProgress = (sentBytes: number): void => {
      const progress = { phase: "upload", fraction: sentBytes / bytes.byteLength, rates: {} };
      this.#dispatch({ type: "progress", lease, progress });
    };
    const request = { ...this.#source(), lease, sha256, mediaType, bytes, onProgress };
    return this.#uploadTraced(request, "result", signal);
  }

  /** With the trace in its header: this node's span of it, or the attempt's where spans of this node go nowhere. */
  async #uploadTraced(
    request: UploadRequest & { lease: Lease },
    what: "result" | "checkpoint",
    signal: AbortSignal,
  ): Promise<UploadOutcome> {
    const trace = this.#tracer?.uploadStarted(request.lease, what, request.bytes.byteLength);
    const traceparent = trace?.traceparent ?? this.#traceparentOf(request.lease);
    const outcome = await uploadArtefact({ ...request, ...(traceparent === null ? {} : { traceparent }) }, signal);
    trace?.end(outcome);
    return outcome;
  }

  async #readDatasets(): Promise<void> {
    const { marketData, log } = this.#options;
    try {
      const datasets = (await marketData.list()).map(({ symbol, timeframe, sha256 }) => ({
        symbol,
        timeframe,
        sha256,
      }));
      if (datasets.length > LIMITS.workerDatasets) {
        log.warn(`${datasets.length} datasets are here; only the first ${LIMITS.workerDatasets} are announced`);
      }
      const announced = datasets.slice(0, LIMITS.workerDatasets);
      if (!isSameList(announced, this.#state.capabilities.datasets)) {
        this.#dispatch({ type: "datasets", datasets: announced });
      }
    } catch (error) {
      const problem = Problem.from(error);
      log.error({ cure: problem.cure }, `the market data cannot be listed: ${problem.message}`);
    }
  }

  async #leave(end: AgentEnd): Promise<void> {
    clearTimeout(this.#timer);
    this.#unwatch?.();
    this.#leaving.abort();
    await Promise.all([this.#jobs.close(), this.#health?.close()]);
    await this.#tracer?.close(LAST_SPANS_MS);
    this.#end.resolve(end);
  }
}

function capabilitiesOf(settings: NodeSettings, gpu: string | undefined): Capabilities {
  return {
    slots: settings.slots,
    kinds: allowedKinds(settings),
    memoryBytes: totalmem(),
    cpuCount: Math.max(1, cpus().length),
    ...(gpu === undefined ? {} : { gpu }),
    labels: { ...settings.labels },
    datasets: [],
  };
}

/** Scripts are backtests, so they need those allowed as well. */
function allowedKinds({ kinds, allowScripts, programs }: NodeSettings): string[] {
  const capabilities = Object.keys(programs).map((name) => `${COMMAND_KIND_PREFIX}${name}`);
  return [...kinds, ...(allowScripts && kinds.includes("backtest") ? [SCRIPT_KIND] : []), ...capabilities];
}

function isSameList(left: readonly DatasetRef[], right: readonly DatasetRef[]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
