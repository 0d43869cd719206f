/**
 * The node's conduct as a pure state machine: (state, event, now, random) → effects. The state passed in is changed in
 * place; nothing else is read or written, so that a simulation with a seed replays a run exactly.
 * The shell (agent.ts) carries out the effects in order, calls back with their outcome, and calls `tick` at `wakeAt`.
 */

import { RECONNECT_BACKOFF } from "../../client/backoff.ts";
import type { Capabilities, RegistryMessage } from "../../protocol/index.ts";
import { checkpointMade, checkpointUploaded } from "./checkpoints.ts";
import {
  closed,
  connectionTick,
  connectionWakeAt,
  enrolled,
  enrolmentFailed,
  exit,
  flush,
  heard,
  inMessages,
  opened,
  start,
  welcomed,
} from "./connection.ts";
import {
  abandon,
  acknowledge,
  assign,
  cancel,
  canSpeak,
  jobEnded,
  jobLogged,
  jobProgressed,
  leasesTick,
  leasesWakeAt,
  occupiedSlots,
  partIfDone,
  shutDownLeases,
  uploadEnded,
} from "./leases.ts";
import type { AgentConfig, AgentEffect, AgentEvent, AgentState, Turn } from "./state-model.ts";

export { heldLeases, occupiedSlots, slotsAreScarce } from "./leases.ts";
export * from "./state-model.ts";

const AGENT_DEFAULTS = {
  backoff: RECONNECT_BACKOFF,
  greetingTimeoutMs: 10_000,
  heartbeatTimeoutMs: 5_000,
  progressIntervalMs: 1_000,
  logIntervalMs: 250,
  resend: { firstMs: 5_000, longestMs: 60_000 },
  shutdownMs: 1_500,
  lastCheckpointMs: 4_000,
} as const;

/** A node that was just started: it holds nothing and is connected to nothing. */
export function createAgentState(
  config: Pick<AgentConfig, "workerId" | "softwareVersion" | "canEnrolAgain"> & Partial<AgentConfig>,
  capabilities: Capabilities,
): AgentState {
  return {
    config: { ...AGENT_DEFAULTS, ...config },
    capabilities,
    connection: { phase: "idle" },
    epoch: 0,
    failures: 0,
    draining: false,
    exitWhenDrained: false,
    leaveAt: null,
    holdings: new Map(),
    forgotten: new Map(),
    counters: { unreadableMessages: 0, refusedMessages: 0, ignoredAssignments: 0 },
  };
}

/**
 * Takes one event in. `now` is monotonic milliseconds, `random` uniform in [0, 1). Answers the effects, in the order in
 * which they must be carried out; all messages of the turn to the registry are one `send`.
 */
export function step(state: AgentState, event: AgentEvent, now: number, random: () => number): AgentEffect[] {
  if (state.connection.phase === "gone") return [];
  const turn: Turn = { state, now, random, effects: [], outgoing: [] };
  handle(turn, event);
  leaveIfDone(turn);
  flush(turn);
  assertAgentState(state);
  return turn.effects;
}

/** When `step` must be called with a `tick` at the latest; Infinity while only the outside can change anything. */
export function wakeAt(state: AgentState): number {
  if (state.connection.phase === "gone") return Number.POSITIVE_INFINITY;
  return Math.min(connectionWakeAt({ state }), leasesWakeAt(state), state.leaveAt ?? Number.POSITIVE_INFINITY);
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one switch over all that happens to a node
function handle(turn: Turn, event: AgentEvent): void {
  switch (event.type) {
    case "start":
      start(turn);
      return;
    case "tick":
      connectionTick(turn);
      leasesTick(turn);
      return;
    case "enrolled":
      enrolled(turn, event);
      return;
    case "enrolment-failed":
      enrolmentFailed(turn, event);
      return;
    case "opened":
      opened(turn, event);
      return;
    case "closed":
      closed(turn, event);
      return;
    case "pong":
      if (isCurrent(turn, event.epoch)) heard(turn);
      return;
    case "message":
      if (!isCurrent(turn, event.epoch)) return;
      heard(turn);
      receive(turn, event.message);
      return;
    case "unreadable":
      turn.state.counters.unreadableMessages++;
      turn.effects.push({ type: "note", level: "warn", message: `a message was not understood: ${event.reason}` });
      return;
    case "datasets": {
      turn.state.capabilities = { ...turn.state.capabilities, datasets: [...event.datasets] };
      const { capabilities, more } = inMessages(turn.state.capabilities);
      turn.outgoing.push({ type: "capabilities", capabilities }, ...more);
      return;
    }
    case "progress":
      jobProgressed(turn, event.lease, event.progress);
      return;
    case "log":
      jobLogged(turn, event.lease, event.lines);
      return;
    case "checkpoint-made":
      checkpointMade(turn, event.lease);
      return;
    case "checkpoint-uploaded":
      checkpointUploaded(turn, event);
      partIfDone(turn, event.lease);
      return;
    case "job-ended":
      jobEnded(turn, event.lease, event.outcome);
      return;
    case "uploaded":
      uploadEnded(turn, event.lease, event.outcome);
      return;
    case "drain":
      turn.state.draining = event.draining;
      turn.state.exitWhenDrained = event.draining && event.exitWhenDrained;
      turn.outgoing.push({ type: "drain", draining: event.draining });
      return;
    case "shutdown":
      shutDown(turn);
      return;
  }
}

function receive(turn: Turn, message: RegistryMessage): void {
  switch (message.type) {
    case "welcome":
      welcomed(turn, message);
      return;
    case "assign":
      assign(turn, message);
      return;
    case "cancel":
      cancel(turn, message);
      return;
    case "stale":
      abandon(turn, message);
      return;
    case "acknowledge":
      acknowledge(turn, message);
      return;
    case "refused":
      turn.state.counters.refusedMessages++;
      turn.effects.push({ type: "note", level: "warn", message: `the registry refused a message: ${message.reason}` });
      return;
    case "goodbye":
      turn.effects.push({ type: "note", level: "info", message: `the registry says goodbye: ${message.reason}` });
  }
}

/** Only the newest socket's messages count. */
function isCurrent(turn: Turn, epoch: number): boolean {
  return epoch === turn.state.epoch && canSpeak(turn.state);
}

/** Tells the registry first that the node wants nothing new, then which jobs stop, so that none comes straight back. */
function shutDown(turn: Turn): void {
  const { state } = turn;
  if (state.leaveAt !== null) return;
  state.draining = true;
  turn.outgoing.push({ type: "drain", draining: true });
  const waitsMs = shutDownLeases(turn) ? state.config.lastCheckpointMs : 0;
  state.leaveAt = turn.now + waitsMs + state.config.shutdownMs;
}

function leaveIfDone(turn: Turn): void {
  const { state } = turn;
  if (state.connection.phase === "gone") return;
  const nothingHeld = state.holdings.size === 0;
  if (state.leaveAt !== null && (nothingHeld || !canSpeak(state) || turn.now >= state.leaveAt)) exit(turn, 0, null);
  else if (state.exitWhenDrained && nothingHeld) exit(turn, 0, null);
}

/** Asserts an invariant; a failure is a fault of ours. */
function assertAgentState(state: AgentState): void {
  assert(occupiedSlots(state) <= state.capabilities.slots, "no more jobs run than there are slots");
  for (const [key, holding] of state.holdings) {
    assert(key.startsWith(holding.operationId), "a holding stands under its own lease");
    if (holding.stage.name === "ended") {
      assert(holding.stage.report.attempt === holding.attempt, "a report is about the lease that it ends");
    }
  }
}

function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${sentence}`);
}
