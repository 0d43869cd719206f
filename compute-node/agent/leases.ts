/** Handles the events of a lease on the node: see `Stage` in state-model.ts for its life. */

import { fullJitterMs } from "../../client/backoff.ts";
import {
  allowanceOf,
  datasetsOf,
  type EndReport,
  type Lease,
  OPERATIONS,
  type Progress,
  type RegistryMessage,
} from "../../protocol/index.ts";
import { tellCheckpoint } from "./checkpoints.ts";
import { addLines, emptyLog, isEmptyLog, takeLines } from "./job-log.ts";
import {
  type AgentState,
  type Holding,
  type JobOutcome,
  leaseKey,
  leaseOf,
  type Stage,
  type Turn,
  type UploadOutcome,
} from "./state-model.ts";

/** More than any fleet needs; `hello` must list them all. */
const HOLDINGS_LIMIT = 1_000;
const FORGOTTEN_LIMIT = 4_096;

/** A thread works for it, or has not stopped yet. */
function isAtWork(stage: Stage): boolean {
  return stage.name === "running" || stage.name === "stopping" || (stage.name === "parting" && !stage.jobEnded);
}

type Assignment = Extract<RegistryMessage, { type: "assign" }>;

/** The leases that `hello` reports: all that the registry may still count on. */
export function heldLeases(state: AgentState): Lease[] {
  return [...state.holdings.values()].filter(isHeld).map(leaseOf);
}

/** Jobs that occupy a slot: running, or told to stop and not ended. */
export function occupiedSlots(state: AgentState): number {
  return countHoldings(state, ({ stage }) => isAtWork(stage));
}

/** At least half of the slots are taken in the registry's view, which counts jobs that ended and are not acknowledged. */
export function slotsAreScarce(state: AgentState): boolean {
  return countHoldings(state, isHeld) * 2 >= state.capabilities.slots;
}

/** Takes an assignment, refuses it with a reason, or answers a repeated one as the first. */
export function assign(turn: Turn, assignment: Assignment): void {
  const { state } = turn;
  const lease = leaseOf(assignment);
  const known = state.holdings.get(leaseKey(lease));
  if (known !== undefined) {
    answerRepeated(turn, known);
    return;
  }
  if (isOutdated(state, lease)) {
    state.counters.ignoredAssignments++;
    return;
  }
  for (const older of attemptsOf(state, lease.operationId)) {
    note(turn, "warn", `attempt ${older.attempt} was superseded by attempt ${lease.attempt}`, older);
    abandon(turn, older);
  }
  const reason = refusalOf(state, assignment);
  if (reason !== null) {
    turn.outgoing.push({ type: "reject", ...lease, reason });
    if (isFull(state)) affirmLeases(turn);
    return;
  }
  state.holdings.set(leaseKey(lease), {
    ...lease,
    spec: assignment.spec,
    dataset: assignment.dataset ?? null,
    ...(assignment.datasets === undefined ? {} : { datasets: assignment.datasets }),
    checkpoint: assignment.checkpoint,
    traceparent: assignment.traceparent ?? null,
    checkpoints: { uploading: false, newer: false, untold: null },
    stage: { name: "waiting" },
    unsentProgress: null,
    progressAt: turn.now,
    log: emptyLog(),
  });
  turn.outgoing.push({ type: "accept", ...lease });
  startWaiting(turn);
}

/**
 * A registry that assigns to a full node counts fewer leases than the node holds: a `stale` was lost. Accepting them once
 * more makes it answer for each that it does not know; otherwise a silent job could keep the slot for ever.
 */
function affirmLeases(turn: Turn): void {
  for (const holding of turn.state.holdings.values()) {
    const { name } = holding.stage;
    if (name === "waiting" || name === "running") turn.outgoing.push({ type: "accept", ...leaseOf(holding) });
  }
}

/** Stops the job and reports it. A job that has ended already keeps its end. */
export function cancel(turn: Turn, lease: Lease): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding === undefined) {
    remember(turn.state, lease);
    turn.outgoing.push({ type: "stopped", ...leaseOf(lease), reason: "cancelled" });
    return;
  }
  switch (holding.stage.name) {
    case "running":
    case "parting":
      if (!isAtWork(holding.stage)) {
        end(turn, holding, { type: "stopped", ...leaseOf(holding), reason: "cancelled" });
        return;
      }
      holding.stage = { name: "stopping", report: true };
      turn.effects.push({ type: "stop-job", lease: leaseOf(holding) });
      return;
    case "stopping":
      return;
    case "uploading":
      turn.effects.push({ type: "discard", lease: leaseOf(holding) });
      end(turn, holding, { type: "stopped", ...leaseOf(holding), reason: "cancelled" });
      return;
    case "waiting":
      end(turn, holding, { type: "stopped", ...leaseOf(holding), reason: "cancelled" });
      return;
    case "ended":
      sendReport(turn, holding, holding.stage);
  }
}

/** The lease was lost: its job stops, and nobody is told. */
export function abandon(turn: Turn, lease: Lease): void {
  const { state } = turn;
  const holding = state.holdings.get(leaseKey(lease));
  if (holding === undefined) return;
  remember(state, lease);
  if (isAtWork(holding.stage)) {
    if (holding.stage.name !== "stopping") turn.effects.push({ type: "stop-job", lease: leaseOf(holding) });
    holding.stage = { name: "stopping", report: false };
    return;
  }
  forget(turn, holding);
}

/** The end of the attempt is durable. */
export function acknowledge(turn: Turn, lease: Lease): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding?.stage.name !== "ended") return;
  remember(turn.state, lease);
  forget(turn, holding);
}

/**
 * The registry's answer to a `hello`: leases that it `reported` and that are not in `live` are lost. Reports of the
 * others are sent again.
 */
export function reconcile(turn: Turn, reported: ReadonlySet<string>, live: readonly Lease[]): void {
  const liveKeys = new Set(live.map(leaseKey));
  for (const [key, holding] of turn.state.holdings) {
    if (reported.has(key) && !liveKeys.has(key) && isHeld(holding)) abandon(turn, holding);
  }
  for (const holding of turn.state.holdings.values()) {
    tellCheckpoint(turn, holding);
    if (holding.stage.name !== "ended") continue;
    holding.stage.sends = 0;
    sendReport(turn, holding, holding.stage);
  }
}

export function jobProgressed(turn: Turn, lease: Lease, progress: Progress): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding === undefined || !advances(holding)) return;
  holding.unsentProgress = progress;
  sendProgress(turn, holding);
}

/** Lines of a job: sent a few messages a second, and kept as a bounded tail while nobody hears them. */
export function jobLogged(turn: Turn, lease: Lease, lines: readonly string[]): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding === undefined || !isHeld(holding) || holding.stage.name === "ended") return;
  addLines(holding.log, lines, turn.now, turn.state.config.logIntervalMs);
}

export function jobEnded(turn: Turn, lease: Lease, outcome: JobOutcome): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding === undefined) return;
  const { stage } = holding;
  if (stage.name === "stopping") {
    if (outcome.type === "result") turn.effects.push({ type: "discard", lease: leaseOf(holding) });
    if (stage.report) end(turn, holding, { type: "stopped", ...leaseOf(holding), reason: "cancelled" });
    else turn.state.holdings.delete(leaseKey(holding));
  } else if (stage.name === "running") {
    finish(turn, holding, outcome);
  } else if (stage.name === "parting") {
    if (outcome.type === "result") turn.effects.push({ type: "discard", lease: leaseOf(holding) });
    stage.jobEnded = true;
    partIfDone(turn, lease);
  }
  startWaiting(turn);
}

export function uploadEnded(turn: Turn, lease: Lease, outcome: UploadOutcome): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding?.stage.name !== "uploading") return;
  const { stage } = holding;
  switch (outcome.type) {
    case "stored":
      turn.effects.push({ type: "discard", lease: leaseOf(holding) });
      end(turn, holding, { type: "complete", ...leaseOf(holding), result: stage.result });
      return;
    case "unreachable": {
      const restMs = fullJitterMs(stage.failures, turn.random, turn.state.config.backoff);
      holding.stage = { ...stage, failures: stage.failures + 1, retryAt: turn.now + restMs };
      note(turn, "warn", `the upload failed (${outcome.cause}); next try in ${restMs} ms`, holding);
      return;
    }
    case "refused":
      // Said to the registry rather than dropped: where the lease is lost it answers `stale`; where it is not, an
      // operation that nobody works on would stay running for as long as this node's heartbeats renew it.
      turn.effects.push({ type: "discard", lease: leaseOf(holding) });
      end(turn, holding, {
        type: "fail",
        ...leaseOf(holding),
        error: outcome.error,
        retryable: outcome.retryable,
      });
  }
}

/**
 * Reports everything that has not ended as stopped; its jobs end with the process. Training runs save first: answers
 * whether there is one.
 */
export function shutDownLeases(turn: Turn): boolean {
  let isAwaited = false;
  for (const holding of turn.state.holdings.values()) {
    const { stage } = holding;
    if (stage.name === "ended" || (stage.name === "stopping" && !stage.report)) continue;
    if (stage.name === "running" && makesCheckpoints(holding) && turn.state.connection.phase === "connected") {
      holding.stage = { name: "parting", until: turn.now + turn.state.config.lastCheckpointMs, jobEnded: false };
      turn.effects.push({ type: "stop-job", lease: leaseOf(holding), save: true });
      isAwaited = true;
      continue;
    }
    if (stage.name === "running") turn.effects.push({ type: "stop-job", lease: leaseOf(holding) });
    if (stage.name === "uploading") turn.effects.push({ type: "discard", lease: leaseOf(holding) });
    const reason = stage.name === "stopping" ? "cancelled" : "shutdown";
    end(turn, holding, { type: "stopped", ...leaseOf(holding), reason });
  }
  return isAwaited;
}

/** Does what is due: progress and log lines that were held back, reports to repeat, uploads to retry. */
export function leasesTick(turn: Turn): void {
  const isConnected = turn.state.connection.phase === "connected";
  for (const holding of turn.state.holdings.values()) {
    const { stage } = holding;
    if (advances(holding)) sendProgress(turn, holding);
    if (isConnected && hasLinesToSend(holding) && turn.now >= holding.log.sendAt) sendLines(turn, holding);
    if (stage.name === "parting" && turn.now >= stage.until) part(turn, holding);
    if (stage.name === "ended" && turn.now >= stage.resendAt) sendReport(turn, holding, stage);
    if (stage.name === "uploading" && stage.retryAt !== null && turn.now >= stage.retryAt) {
      stage.retryAt = null;
      turn.effects.push({ type: "upload", lease: leaseOf(holding), result: stage.result });
    }
  }
}

/** Earliest moment at which `leasesTick` has something to do; Infinity when there is none. */
export function leasesWakeAt(state: AgentState): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (const holding of state.holdings.values()) {
    const { stage, unsentProgress, progressAt, log } = holding;
    if (stage.name === "uploading" && stage.retryAt !== null) earliest = Math.min(earliest, stage.retryAt);
    if (stage.name === "parting") earliest = Math.min(earliest, stage.until);
    if (state.connection.phase !== "connected") continue;
    if (stage.name === "ended") earliest = Math.min(earliest, stage.resendAt);
    if (hasLinesToSend(holding)) earliest = Math.min(earliest, log.sendAt);
    if (advances(holding) && unsentProgress !== null) earliest = Math.min(earliest, progressAt);
  }
  return earliest;
}

function makesCheckpoints({ spec }: Holding): boolean {
  return OPERATIONS[spec.kind].isCheckpointed;
}

/** Tells if the registry would hear a message: it had our `hello`. */
export function canSpeak(state: AgentState): boolean {
  return state.connection.phase === "connected" || state.connection.phase === "greeting";
}

/** A parting run is done when it has ended and nothing of it is on its way. */
export function partIfDone(turn: Turn, lease: Lease): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding?.stage.name !== "parting") return;
  if (holding.stage.jobEnded && !holding.checkpoints.uploading) part(turn, holding);
}

function part(turn: Turn, holding: Holding): void {
  end(turn, holding, { type: "stopped", ...leaseOf(holding), reason: "shutdown" });
}

function finish(turn: Turn, holding: Holding, outcome: JobOutcome): void {
  const lease = leaseOf(holding);
  holding.unsentProgress = null;
  if (outcome.type === "result" && outcome.result.sha256 !== null) {
    holding.stage = { name: "uploading", result: outcome.result, failures: 0, retryAt: null };
    turn.effects.push({ type: "upload", lease, result: outcome.result });
  } else if (outcome.type === "result") {
    end(turn, holding, { type: "complete", ...lease, result: outcome.result });
  } else if (outcome.type === "failed") {
    end(turn, holding, { type: "fail", ...lease, error: outcome.error, retryable: outcome.retryable });
  } else {
    end(turn, holding, { type: "stopped", ...lease, reason: "cancelled" });
  }
}

function end(turn: Turn, holding: Holding, report: EndReport): void {
  const stage = { name: "ended" as const, report, sends: 0, resendAt: turn.now };
  holding.stage = stage;
  holding.unsentProgress = null;
  sendReport(turn, holding, stage);
}

function sendReport(turn: Turn, holding: Holding, stage: Extract<Holding["stage"], { name: "ended" }>): void {
  if (turn.state.connection.phase !== "connected") return;
  const { firstMs, longestMs } = turn.state.config.resend;
  if (stage.sends > 0) note(turn, "warn", `no acknowledgement of ${stage.report.type}; sending it again`, holding);
  while (!isEmptyLog(holding.log)) sendLines(turn, holding);
  turn.outgoing.push(stage.report);
  stage.resendAt = turn.now + Math.min(longestMs, firstMs * 2 ** Math.min(stage.sends, 30));
  stage.sends++;
}

function sendProgress(turn: Turn, holding: Holding): void {
  if (turn.state.connection.phase !== "connected" || holding.unsentProgress === null || turn.now < holding.progressAt)
    return;
  turn.outgoing.push({ type: "progress", ...leaseOf(holding), progress: holding.unsentProgress });
  holding.unsentProgress = null;
  holding.progressAt = turn.now + turn.state.config.progressIntervalMs;
}

function sendLines(turn: Turn, holding: Holding): void {
  turn.outgoing.push({ type: "log", ...leaseOf(holding), lines: takeLines(holding.log) });
  holding.log.sendAt = turn.now + turn.state.config.logIntervalMs;
}

/** The last lines of a job that has ended go with its report. */
function hasLinesToSend(holding: Holding): boolean {
  return !isEmptyLog(holding.log) && isHeld(holding) && holding.stage.name !== "ended";
}

function answerRepeated(turn: Turn, holding: Holding): void {
  const { stage } = holding;
  if (stage.name === "ended") sendReport(turn, holding, stage);
  else if (stage.name !== "stopping") turn.outgoing.push({ type: "accept", ...leaseOf(holding) });
}

function refusalOf(state: AgentState, { spec, dataset, datasets: stored }: Assignment): string | null {
  const { slots, kinds, datasets } = state.capabilities;
  if (state.leaveAt !== null) return "the node shuts down";
  if (state.draining) return "the node drains";
  const needed = allowanceOf(spec);
  if (!kinds.includes(needed)) return `kind ${needed} is not allowed here; allowed: ${kinds.join(", ")}`;
  for (const [index, { symbol, timeframe, sha256 }] of datasetsOf(spec).entries()) {
    if ((stored?.[index] ?? dataset) != null) continue;
    const found = datasets.some(
      (held) =>
        held.symbol === symbol && held.timeframe === timeframe && (sha256 === undefined || held.sha256 === sha256),
    );
    if (!found) return `no data ${symbol} ${timeframe}${sha256 === undefined ? "" : ` with sha256 ${sha256}`}`;
  }
  if (isFull(state)) return `no free slot: ${slots} of ${slots} taken`;
  if (state.holdings.size >= HOLDINGS_LIMIT) return `${state.holdings.size} results wait for an acknowledgement`;
  return null;
}

function isFull(state: AgentState): boolean {
  return countHoldings(state, takesSlot) >= state.capabilities.slots;
}

/** The lease counts against the slots; a job that was lost only does so until its thread has stopped. */
function takesSlot({ stage }: Holding): boolean {
  if (stage.name === "stopping") return stage.report;
  return stage.name === "waiting" || isAtWork(stage);
}

/** Its job, or the upload of its result, makes progress. */
function advances({ stage }: Holding): boolean {
  return stage.name === "running" || stage.name === "uploading";
}

function isHeld({ stage }: Holding): boolean {
  return stage.name !== "stopping" || stage.report;
}

function isOutdated(state: AgentState, lease: Lease): boolean {
  if (lease.attempt <= (state.forgotten.get(lease.operationId) ?? 0)) return true;
  return attemptsOf(state, lease.operationId).some((holding) => holding.attempt > lease.attempt);
}

function attemptsOf(state: AgentState, operationId: string): Holding[] {
  return [...state.holdings.values()].filter((holding) => holding.operationId === operationId);
}

function countHoldings(state: AgentState, condition: (holding: Holding) => boolean): number {
  let count = 0;
  for (const holding of state.holdings.values()) if (condition(holding)) count++;
  return count;
}

function startWaiting(turn: Turn): void {
  const { state } = turn;
  if (state.leaveAt !== null) return;
  let free = state.capabilities.slots - occupiedSlots(state);
  for (const holding of state.holdings.values()) {
    if (free <= 0) return;
    if (holding.stage.name !== "waiting") continue;
    holding.stage = { name: "running" };
    const { spec, dataset, datasets, checkpoint } = holding;
    const several = datasets === undefined ? {} : { datasets };
    const before = checkpoint === null ? {} : { checkpoint };
    turn.effects.push({ type: "start-job", lease: leaseOf(holding), spec, dataset, ...several, ...before });
    free--;
  }
}

function forget(turn: Turn, holding: Holding): void {
  turn.state.holdings.delete(leaseKey(holding));
  if (holding.stage.name === "uploading") turn.effects.push({ type: "discard", lease: leaseOf(holding) });
}

function remember(state: AgentState, lease: Lease): void {
  const newest = Math.max(lease.attempt, state.forgotten.get(lease.operationId) ?? 0);
  state.forgotten.delete(lease.operationId);
  state.forgotten.set(lease.operationId, newest);
  if (state.forgotten.size <= FORGOTTEN_LIMIT) return;
  for (const oldest of state.forgotten.keys()) {
    state.forgotten.delete(oldest);
    return;
  }
}

function note(turn: Turn, level: "info" | "warn", message: string, lease: Lease): void {
  turn.effects.push({ type: "note", level, message, lease: leaseOf(lease) });
}
