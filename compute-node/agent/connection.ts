/** Handles the events of the node's line to the registry: see `Connection` in state-model.ts for its life. */

import { fullJitterMs } from "../../client/backoff.ts";
import {
  type Capabilities,
  CLOSE_CODES,
  LIMITS,
  type NodeMessage,
  PROTOCOL_VERSION,
  Problem,
  type RegistryMessage,
  saysTooOld,
} from "../../protocol/index.ts";
import { EXIT_TOO_OLD } from "./exit-codes.ts";
import { heldLeases, reconcile } from "./leases.ts";
import { type AgentEvent, leaseKey, type NextTry, type Turn } from "./state-model.ts";

/** A tick that comes this late says that this process stood still, and nothing about the line. */
const LATE_TICK_MS = 1_000;

type Event<T extends AgentEvent["type"]> = Extract<AgentEvent, { type: T }>;

export function start(turn: Turn): void {
  if (turn.state.connection.phase === "idle") enrol(turn, false);
}

export function enrolled(turn: Turn, event: Event<"enrolled">): void {
  const { state } = turn;
  if (state.connection.phase !== "enrolling") return;
  state.epoch = Math.max(state.epoch, event.epoch);
  connect(turn);
}

export function enrolmentFailed(turn: Turn, event: Event<"enrolment-failed">): void {
  const { connection } = turn.state;
  if (connection.phase !== "enrolling") return;
  if (event.final) exit(turn, 1, event.problem);
  else rest(turn, { type: "enrol", fresh: connection.fresh }, event.problem.message);
}

export function opened(turn: Turn, event: Event<"opened">): void {
  const { state } = turn;
  if (state.connection.phase !== "connecting" || event.epoch !== state.epoch) return;
  const leases = heldLeases(state);
  state.connection = {
    phase: "greeting",
    deadlineAt: turn.now + state.config.greetingTimeoutMs,
    reported: new Set(leases.map(leaseKey)),
  };
  const { capabilities, more } = inMessages(state.capabilities);
  turn.outgoing.push(
    {
      type: "hello",
      protocolVersion: PROTOCOL_VERSION,
      epoch: state.epoch,
      softwareVersion: state.config.softwareVersion,
      capabilities,
      leases,
      draining: state.draining,
    },
    ...more,
  );
}

/** Capabilities with as many datasets as one message carries, and the messages that say the others. */
export function inMessages(all: Capabilities): { capabilities: Capabilities; more: NodeMessage[] } {
  const most = LIMITS.messageDatasets;
  const more: NodeMessage[] = [];
  for (let start = most; start < all.datasets.length; start += most) {
    more.push({ type: "datasets", datasets: all.datasets.slice(start, start + most) });
  }
  return { capabilities: { ...all, datasets: all.datasets.slice(0, most) }, more };
}

export function welcomed(turn: Turn, message: Extract<RegistryMessage, { type: "welcome" }>): void {
  const { state, now } = turn;
  // A repeated welcome is older than later agreements.
  if (state.connection.phase !== "greeting") return;
  const { reported } = state.connection;
  state.connection = {
    phase: "connected",
    since: now,
    heartbeatIntervalMs: message.heartbeatIntervalMs,
    pingAt: now + message.heartbeatIntervalMs,
    deadAt: now + message.heartbeatIntervalMs + state.config.heartbeatTimeoutMs,
    doubted: false,
  };
  note(turn, "info", `connected as ${state.config.workerId}`, { epoch: state.epoch });
  reconcile(turn, reported, message.leases);
}

/** Anything that was received proves that the line lives. */
export function heard(turn: Turn): void {
  const { connection, config } = turn.state;
  if (connection.phase !== "connected") return;
  connection.deadAt = turn.now + connection.heartbeatIntervalMs + config.heartbeatTimeoutMs;
  connection.doubted = false;
}

export function closed(turn: Turn, event: Event<"closed">): void {
  const { state } = turn;
  const { phase } = state.connection;
  if (event.epoch !== state.epoch || (phase !== "connecting" && phase !== "greeting" && phase !== "connected")) return;
  settleFailures(turn);
  if (event.code === CLOSE_CODES.superseded) {
    exit(turn, 1, supersededProblem(state.config.workerId));
  } else if (event.code === CLOSE_CODES.revoked || event.httpStatus === 401 || event.httpStatus === 403) {
    if (state.config.canEnrolAgain)
      rest(turn, { type: "enrol", fresh: true }, `the credential is no longer accepted (${event.reason})`);
    else exit(turn, 1, revokedProblem(state.config.workerId, event.reason));
  } else if (event.code === CLOSE_CODES.unsupported && saysTooOld(event.reason)) {
    exit(turn, EXIT_TOO_OLD, tooOldProblem(event.reason));
  } else if (event.code === CLOSE_CODES.unsupported) {
    const reason = event.reason || "this node's protocol version is not spoken there";
    rest(turn, { type: "connect" }, `${reason} (update the control plane; the node waits for that)`);
  } else {
    rest(turn, { type: "connect" }, event.reason || `closed with code ${event.code}`);
  }
}

/** Does what is due on the line: the end of a rest, a deadline, a heartbeat. */
export function connectionTick(turn: Turn): void {
  const { state, now } = turn;
  const { connection, config } = state;
  switch (connection.phase) {
    case "resting":
      if (now < connection.until) return;
      if (connection.next.type === "enrol") enrol(turn, connection.next.fresh);
      else connect(turn);
      return;
    case "connecting":
    case "greeting":
      if (now < connection.deadlineAt) return;
      hangUp(turn, `no ${connection.phase === "greeting" ? "welcome" : "answer"} in ${config.greetingTimeoutMs} ms`);
      return;
    case "connected":
      if (now >= connection.deadAt) {
        if (connection.doubted || now - connection.deadAt < LATE_TICK_MS) {
          hangUp(turn, `nothing was heard for ${connection.heartbeatIntervalMs + config.heartbeatTimeoutMs} ms`);
          return;
        }
        connection.doubted = true;
        connection.deadAt = now + config.heartbeatTimeoutMs;
        connection.pingAt = now;
      }
      if (now >= connection.pingAt) {
        turn.effects.push({ type: "ping", epoch: state.epoch });
        connection.pingAt = now + connection.heartbeatIntervalMs;
      }
  }
}

/** Earliest moment at which `connectionTick` has something to do; Infinity when there is none. */
export function connectionWakeAt(turn: Pick<Turn, "state">): number {
  const { connection } = turn.state;
  switch (connection.phase) {
    case "resting":
      return connection.until;
    case "connecting":
    case "greeting":
      return connection.deadlineAt;
    case "connected":
      return Math.min(connection.pingAt, connection.deadAt);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** Closes the line if it is open, and leaves. */
export function exit(turn: Turn, code: number, problem: Problem | null): void {
  flush(turn);
  const { phase } = turn.state.connection;
  if (phase === "connecting" || phase === "greeting" || phase === "connected") {
    turn.effects.push({ type: "disconnect", epoch: turn.state.epoch, reason: "the node leaves" });
  }
  turn.state.connection = { phase: "gone" };
  turn.effects.push({ type: "exit", code, problem });
}

/** The turn's messages as one frame, or nowhere when nobody would hear them: `hello` and resends say it all again. */
export function flush(turn: Turn): void {
  const messages = turn.outgoing.splice(0);
  const { phase } = turn.state.connection;
  if (messages.length === 0 || (phase !== "greeting" && phase !== "connected")) return;
  turn.effects.push({ type: "send", epoch: turn.state.epoch, messages });
}

function enrol(turn: Turn, fresh: boolean): void {
  turn.state.connection = { phase: "enrolling", fresh };
  turn.effects.push({ type: "enrol", fresh });
}

function connect(turn: Turn): void {
  const { state } = turn;
  state.epoch++;
  state.connection = { phase: "connecting", deadlineAt: turn.now + state.config.greetingTimeoutMs };
  turn.effects.push({ type: "connect", epoch: state.epoch });
}

function hangUp(turn: Turn, reason: string): void {
  flush(turn);
  turn.effects.push({ type: "disconnect", epoch: turn.state.epoch, reason });
  settleFailures(turn);
  rest(turn, { type: "connect" }, reason);
}

function rest(turn: Turn, next: NextTry, reason: string): void {
  const { state } = turn;
  const restMs = fullJitterMs(state.failures, turn.random, state.config.backoff);
  state.failures++;
  state.connection = { phase: "resting", until: turn.now + restMs, next };
  note(turn, "warn", `not connected: ${reason}; next try in ${(restMs / 1000).toFixed(1)} s`, {
    failures: state.failures,
  });
}

/** A line that lived for a whole heartbeat ends the row of failures; one that was welcomed and dropped does not. */
function settleFailures(turn: Turn): void {
  const { connection } = turn.state;
  if (connection.phase === "connected" && turn.now - connection.since >= connection.heartbeatIntervalMs) {
    turn.state.failures = 0;
  }
}

function supersededProblem(workerId: string): Problem {
  return new Problem("conflict", `Another process connected as worker ${workerId}, and took this one's place.`, {
    cure: "Stop one of the two, or give each its own --worker-id (or WORKER_ID) and --home.",
  });
}

function revokedProblem(workerId: string, reason: string): Problem {
  return new Problem("unauthenticated", `The credential of worker ${workerId} is no longer accepted (${reason}).`, {
    cure: "Ask an admin for an enrolment token, and start the node with --token (or ENROLMENT_TOKEN).",
  });
}

function tooOldProblem(reason: string): Problem {
  return new Problem("conflict", `The control plane no longer serves this node: ${reason}.`, {
    cure: "Update this machine's ktrdr with ktrdr node update; `ktrdr doctor` shows both versions.",
  });
}

function note(turn: Turn, level: "info" | "warn", message: string, details: Record<string, unknown>): void {
  turn.effects.push({ type: "note", level, message, details });
}
