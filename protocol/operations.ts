/** Operations: what is asked of the fleet, and what became of it. */
import { z } from "zod";
import { DAY_MS } from "./durations.ts";
import { operationId, sha256, symbol, timeframe, timestampMs } from "./identifiers.ts";
import { LIMITS } from "./limits.ts";
import { corporateAction, currency, historyAdjustment, MAX_CORPORATE_ACTIONS } from "./portfolio.ts";
import { problemDetails } from "./problem.ts";
import { ruleStrategy } from "./strategy-rules.ts";
import { scriptStrategy } from "./strategy-script.ts";
import { v3Strategy } from "./strategy-v3.ts";
import { modelName, trainingBackend } from "./training.ts";
import { workerType } from "./workers.ts";

/**
 * The life of an operation:
 * - `queued`: accepted and durable; no lease. `waitingReason` says what it waits for.
 * - `running`: exactly one lease {worker, attempt, expires}. Becomes `queued` again when the lease is lost.
 * - `completed`, `failed`, `cancelled`: terminal; reached once and never left.
 */
export const operationStatus = z.enum(["queued", "running", "completed", "failed", "cancelled"]);
export type OperationStatus = z.infer<typeof operationStatus>;
export const TERMINAL_STATUSES: readonly OperationStatus[] = ["completed", "failed", "cancelled"];

/** Costs and fills of a simulated broker. Rates are fractions: 0.001 is 0.1 %. */
export const backtestSettings = z.strictObject({
  initialCapital: z.number().positive().default(100_000),
  /** Of the traded value, on each side. */
  commissionRate: z.number().min(0).max(0.5).default(0),
  /** In money, on each order. */
  commissionFixed: z.number().min(0).default(0),
  /** In money, on each unit of each order. */
  commissionPerUnit: z.number().min(0).default(0),
  /** In money: what an order pays at least. */
  commissionMinimum: z.number().min(0).default(0),
  /** Entry pays price × (1 + rate) when buying, (1 − rate) when selling short. */
  spreadRate: z.number().min(0).max(0.5).default(0),
  /** Against the trader, on each fill. */
  slippageRate: z.number().min(0).max(0.5).default(0),
  /** 1 / leverage: the fraction of a position's value that must be held. */
  margin: z.number().positive().max(1).default(1),
  fractionalUnits: z.boolean().default(false),
  /** Entries are multiples of it; 0 leaves it at whole units, or none with `fractionalUnits`. */
  lotSize: z.number().min(0).default(0),
  fillAt: z.enum(["next_open", "close"]).default("next_open"),
  /** Close what is open at the last bar, so that it appears among the trades. */
  finalizeTrades: z.boolean().default(true),
  // Without a default, so that specifications from before these came keep their hashes, and results their bytes.
  /** Of the traded value, for limit orders that stood in the book; `commissionRate` without it. Below 0 is a rebate. */
  makerCommissionRate: z.number().min(-0.01).max(0.5).optional(),
  /** A year's fee for borrowing what a short sold, as a fraction of its value. */
  shortBorrowRate: z.number().min(0).max(10).optional(),
  /** A year's interest on the money that leverage borrows, as a fraction. */
  financingRate: z.number().min(0).max(10).optional(),
  /** Equity below this fraction of the position's value liquidates it; below `margin`. */
  maintenanceMargin: z.number().positive().lt(1).optional(),
  /** The step of prices: fills are rounded to it against the trader. */
  tickSize: z.number().positive().optional(),
});
export type BacktestSettings = z.infer<typeof backtestSettings>;

/** Which prices: by name on any node, or pinned to bytes by `sha256`. */
export const dataRequest = z.strictObject({
  symbol,
  timeframe,
  sha256: sha256.optional(),
  /** Inclusive. */
  startMs: timestampMs.optional(),
  /** Inclusive. */
  endMs: timestampMs.optional(),
});
export type DataRequest = z.infer<typeof dataRequest>;

export const backtestSpec = z.strictObject({
  kind: z.literal("backtest"),
  strategy: z.discriminatedUnion("kind", [ruleStrategy, scriptStrategy]),
  /** Overrides of the strategy's parameters. */
  parameters: z.record(z.string(), z.number()).default({}),
  data: dataRequest,
  settings: backtestSettings.prefault({}),
});
export type BacktestSpec = z.infer<typeof backtestSpec>;

/** Symbols of one specification; its bytes have a limit of their own. */
export const MAX_REQUESTED_SYMBOLS = 200;

/** Many symbols on one account; the strategy's `portfolio` section says how they share it. */
export const portfolioSpec = z.strictObject({
  kind: z.literal("portfolio"),
  strategy: ruleStrategy,
  /** Overrides of the strategy's parameters. */
  parameters: z.record(z.string(), z.number()).default({}),
  /** One for each symbol, all of one timeframe. */
  data: z.array(dataRequest).min(1).max(MAX_REQUESTED_SYMBOLS),
  settings: backtestSettings.prefault({}),
  actions: z.array(corporateAction).max(MAX_CORPORATE_ACTIONS).default([]),
  /** Which actions the history that rules see is adjusted for. */
  adjustment: historyAdjustment.default("splits"),
  accountCurrency: currency.default("USD"),
  /** Symbols that are quoted in another currency than the account's. */
  currencies: z.array(z.strictObject({ symbol, currency })).max(MAX_REQUESTED_SYMBOLS).default([]),
  /** Prices of one of `currency` in account money; with `isInverse` the other way round. */
  conversions: z
    .array(z.strictObject({ currency, data: dataRequest, isInverse: z.boolean().default(false) }))
    .max(10)
    .default([]),
});
export type PortfolioSpec = z.infer<typeof portfolioSpec>;

/** Says the value that does not fit, and the range. */
function wholeNumber(least: number, most: number) {
  const error = ({ input }: { input?: unknown }) => `${String(input)} is not a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** Trains the network of a v3 strategy. What it leaves is a model, the next version of its name. */
export const trainSpec = z.strictObject({
  kind: z.literal("train"),
  model: modelName,
  /** Its own `training.start_date` and `end_date` hold unless `data` says a range. */
  strategy: v3Strategy,
  /** Every symbol of the strategy in every timeframe, and what its `context_data` names. */
  data: z.array(dataRequest).min(1).max(MAX_REQUESTED_SYMBOLS),
  /** In place of the strategy's. */
  seed: wholeNumber(0, 2 ** 32 - 1).optional(),
  epochs: wholeNumber(1, 1_000_000).optional(),
  /** So many networks, from `seed` on, trained side by side; the best by validation loss is the model. 1 without it. */
  seeds: wholeNumber(1, 256).optional(),
  backend: trainingBackend.default("auto"),
  /** Relaxed SIMD on the CPU: faster, and not the same bits on every machine. */
  fast: z.boolean().default(false),
});
export type TrainSpec = z.infer<typeof trainSpec>;

/** A backtest of a trained model; its strategy is the one that it was trained with. */
export const modelBacktestSpec = z.strictObject({
  kind: z.literal("model_backtest"),
  /** The content hash of the model's file; `name` and `version` are for people. */
  model: z.strictObject({ sha256, name: z.string().max(100).optional(), version: z.int().min(1).optional() }),
  /** One symbol, in every timeframe that the model reads, and what its context names; the range of the first counts. */
  data: z.array(dataRequest).min(1).max(20),
  settings: backtestSettings.prefault({}),
});
export type ModelBacktestSpec = z.infer<typeof modelBacktestSpec>;

/** What a node's operator calls a program; its path never crosses the wire. */
export const programName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/,
    "1 to 32 letters, digits, '.', '_' or '-', starting with a letter or digit",
  );

/** Runs a program that the node's operator approved; what it does with its input is its own affair. */
export const commandSpec = z.strictObject({
  kind: z.literal("command"),
  program: programName,
  /** The program's own arguments. */
  input: z.record(z.string(), z.unknown()).default({}),
  /** Prices that the program finds as files beside its specification. */
  data: z.array(dataRequest).max(MAX_REQUESTED_SYMBOLS).default([]),
  /** `npy` is a float64 array [bar, column] that NumPy opens; both have the columns timestamp to volume. */
  dataFormat: z.enum(["parquet", "npy"]).default("parquet"),
  artefactMediaType: z.string().min(1).max(100).default("application/octet-stream"),
});
export type CommandSpec = z.infer<typeof commandSpec>;

/** Every dataset that the operation reads, in the order in which its job gets them. */
export function datasetsOf(spec: OperationSpec): DataRequest[] {
  if (spec.kind === "train" || spec.kind === "model_backtest" || spec.kind === "command") return spec.data;
  if (spec.kind === "portfolio") return [...spec.data, ...spec.conversions.map(({ data }) => data)];
  return spec.kind === "backtest" ? [spec.data] : [];
}

/** Holds a slot for a while and does nothing: for probing a fleet, and for its tests. */
export const sleepSpec = z.strictObject({
  kind: z.literal("sleep"),
  durationMs: z.int().min(0).max(DAY_MS),
  /** Burns the CPU instead of waiting. */
  busy: z.boolean().default(false),
});
export type SleepSpec = z.infer<typeof sleepSpec>;

export const operationSpec = z.discriminatedUnion("kind", [
  backtestSpec,
  portfolioSpec,
  trainSpec,
  modelBacktestSpec,
  commandSpec,
  sleepSpec,
]);
export type OperationSpec = z.infer<typeof operationSpec>;
export type OperationKind = OperationSpec["kind"];

/** Among a node's `capabilities.kinds`: its operator allows backtests of strategies that are code. */
export const SCRIPT_KIND = "script";

/** Before a program's name, among a node's `capabilities.kinds`: its operator approved that program. */
export const COMMAND_KIND_PREFIX = "command:";

/** Which of a node's `capabilities.kinds` the operation needs. */
export function allowanceOf(spec: OperationSpec): string {
  if (spec.kind === "command") return `${COMMAND_KIND_PREFIX}${spec.program}`;
  return spec.kind === "backtest" && spec.strategy.kind === "script" ? SCRIPT_KIND : spec.kind;
}

/** What a worker must have to be handed the operation. */
export const requirements = z.strictObject({
  /** In order of preference. */
  workerTypes: z.array(workerType).min(1).max(3),
  labels: z.record(z.string().max(63), z.string().max(200)).default({}),
  memoryBytes: z.int().min(0).default(0),
  /** How long to hold out for the first of `workerTypes` before taking another. */
  preferWaitMs: z.int().min(0).max(DAY_MS).default(0),
});
export type Requirements = z.infer<typeof requirements>;

export const submitRequest = z.strictObject({
  spec: operationSpec,
  requirements: requirements.partial().prefault({}),
  /** Higher goes first. */
  priority: z.int().min(-100).max(100).default(0),
  maxAttempts: z.int().min(1).max(20).default(3),
  /** Fails when it has not ended by then. */
  deadlineMs: timestampMs.optional(),
  /** Shown in lists. */
  name: z.string().max(100).optional(),
});
export type SubmitRequest = z.infer<typeof submitRequest>;

export const progress = z.strictObject({
  phase: z.string().max(60),
  /** 0 to 1. */
  fraction: z.number().min(0).max(1),
  /** Such as `{ barsPerSecond: 1.2e8 }`. */
  rates: z.record(z.string().max(40), z.number()).default({}),
});
export type Progress = z.infer<typeof progress>;

/** Where a finished operation's bytes are, and the few figures that lists show. */
export const operationResult = z.strictObject({
  /** The artefact's content hash; null when the summary is all there is. */
  sha256: sha256.nullable(),
  bytes: z.int().min(0),
  mediaType: z.string().max(100),
  summary: z.record(z.string(), z.unknown()),
});
export type OperationResult = z.infer<typeof operationResult>;

export const operation = z.strictObject({
  operationId,
  kind: z.string(),
  name: z.string().nullable(),
  status: operationStatus,
  priority: z.int(),
  attempt: z.int(),
  maxAttempts: z.int(),
  workerId: z.string().nullable(),
  createdAt: timestampMs,
  startedAt: timestampMs.nullable(),
  finishedAt: timestampMs.nullable(),
  progress: progress.nullable(),
  /** Why it is still queued, with the cure; null otherwise. */
  waitingReason: z.string().nullable(),
  result: operationResult.nullable(),
  error: problemDetails.nullable(),
  cancelRequested: z.boolean(),
  requirements,
  /** Where to find it in the tracing backend, 32 hexadecimal digits; null where nobody traces it. */
  traceId: z.string().nullable(),
});
export type Operation = z.infer<typeof operation>;

/** What `GET /api/v1/operations/{id}` answers: with the specification. */
export const operationDetail = operation.extend({ spec: operationSpec });
export type OperationDetail = z.infer<typeof operationDetail>;

export const operationList = z.strictObject({
  total: z.int(),
  operations: z.array(operation),
  /** Pass it back as `cursor` for the next page; null at the end. */
  nextCursor: z.string().nullable(),
});

/** `POST /api/v1/operations:batch`: all of them or none. */
export const batchRequest = z.strictObject({ operations: z.array(submitRequest).min(1).max(LIMITS.batchOperations) });
export const batchResponse = z.strictObject({
  operations: z.array(z.strictObject({ operationId, status: operationStatus })),
});

export const submitResponse = z.strictObject({ operationId, status: operationStatus });
