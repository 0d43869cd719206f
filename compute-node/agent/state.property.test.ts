import fc from "fast-check";
import { expect, it } from "vitest";
import { type Lease, Problem, type RegistryMessage } from "../../protocol/index.ts";
import { smallSpec } from "../training-job/testing/small-spec.ts";
import { type AgentEffect, type AgentEvent, heldLeases, leaseKey, leaseOf, occupiedSlots, wakeAt } from "./state.ts";
import { HEARTBEAT_MS, leaseFor, SLEEP, Story } from "./testing/story.ts";

/** A step of the outside world. A step that does not fit the moment is skipped, or given to the node all the same. */
type Act =
  | { do: "hear"; what: "assign" | "cancel" | "stale" | "acknowledge"; lease: Lease; late: boolean }
  | { do: "welcome"; listed: number }
  | { do: "line"; what: "onward" | "open" | "drop" | "pong" }
  | { do: "enrolment"; succeeds: boolean }
  | { do: "job"; pick: number; outcome: "result" | "bytes" | "failed" | "stopped" | "progress" | "log" | "checkpoint" }
  | { do: "upload"; pick: number; outcome: "stored" | "unreachable" | "refused" }
  | { do: "time"; ms: number };

const SLOTS = 2;
/** The specification of every other operation. */
const TRAINING = smallSpec();
const lease = fc
  .record({ operation: fc.integer({ min: 1, max: 5 }), attempt: fc.integer({ min: 1, max: 4 }) })
  .map(({ operation, attempt }) => leaseFor(operation, attempt));
const words = fc.constantFrom(
  "assign" as const,
  "assign" as const,
  "assign" as const,
  "assign" as const,
  "cancel" as const,
  "stale" as const,
  "acknowledge" as const,
);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("hear" as const), what: words, lease, late: fc.nat(9).map((n) => n === 0) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("welcome" as const), listed: fc.nat(63) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("line" as const),
      what: fc.constantFrom(
        "onward" as const,
        "onward" as const,
        "onward" as const,
        "open" as const,
        "drop" as const,
        "pong" as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("enrolment" as const), succeeds: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("job" as const),
      pick: fc.nat(),
      outcome: fc.constantFrom(
        "result" as const,
        "bytes" as const,
        "failed" as const,
        "stopped" as const,
        "progress" as const,
        "log" as const,
        "checkpoint" as const,
        "checkpoint" as const,
        "checkpoint" as const,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("upload" as const),
      pick: fc.nat(),
      outcome: fc.constantFrom("stored" as const, "unreachable" as const, "refused" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("time" as const), ms: fc.integer({ min: 0, max: 20_000 }) }) },
);

/** Plays acts against a node, and checks the invariants after each. */
class Play {
  readonly story: Story;
  /** Jobs that the shell was told to start and that have not ended. */
  readonly jobs = new Set<string>();
  readonly started = new Set<string>();
  /** Lease → the one end that was reported for it. */
  readonly ends = new Map<string, string>();
  /** Leases whose checkpoint is on its way to the store. */
  readonly saving = new Set<string>();
  /** Checkpoints that the registry was told of. */
  told = 0;

  constructor(random: () => number) {
    this.story = new Story(SLOTS, {}, random);
    this.story.state.capabilities.kinds = ["sleep", "train"];
    this.#observe({ type: "start" });
  }

  play(act: Act): void {
    const event = this.#eventOf(act);
    if (event !== null) this.#observe(event);
  }

  #observe(event: AgentEvent): void {
    const before = new Map([...this.story.state.holdings].map(([key, { stage }]) => [key, stage.name]));
    const reported = this.story.state.connection.phase === "greeting" ? this.story.state.connection.reported : null;
    if (event.type === "job-ended") this.jobs.delete(leaseKey(event.lease));
    if (event.type === "checkpoint-uploaded") this.saving.delete(leaseKey(event.lease));
    for (const effect of this.story.do(event)) this.#observeEffect(effect);
    expect(this.jobs.size).toBe(occupiedSlots(this.story.state));
    expect(occupiedSlots(this.story.state)).toBeLessThanOrEqual(SLOTS);
    this.#checkWelcome(event, reported);
    this.#checkForgotten(event, before);
    expect(wakeAt(this.story.state)).not.toBeNaN();
  }

  #observeEffect(effect: AgentEffect): void {
    if (effect.type === "start-job") {
      const key = leaseKey(effect.lease);
      expect(this.started.has(key), `${key} starts once`).toBe(false);
      this.started.add(key);
      this.jobs.add(key);
    }
    if (effect.type === "upload-checkpoint") {
      const key = leaseKey(effect.lease);
      expect(this.saving.has(key), `${key} saves one checkpoint at a time`).toBe(false);
      expect(this.jobs.has(key), `${key} still runs`).toBe(true);
      this.saving.add(key);
    }
    if (effect.type !== "send") return;
    for (const message of effect.messages) {
      if (message.type === "checkpoint") {
        expect(this.ends.has(leaseKey(message)), "what has ended needs no checkpoint").toBe(false);
        this.told++;
      }
      if (message.type !== "complete" && message.type !== "fail") continue;
      const text = JSON.stringify(message);
      const known = this.ends.get(leaseKey(message));
      expect(known ?? text, "an attempt has one end").toBe(text);
      this.ends.set(leaseKey(message), text);
    }
  }

  /** Checks that, among the leases that hello reported, only those that the welcome lists live on. */
  #checkWelcome(event: AgentEvent, reported: ReadonlySet<string> | null): void {
    if (reported === null || event.type !== "message" || event.message.type !== "welcome") return;
    if (this.story.state.connection.phase !== "connected") return;
    const live = new Set(event.message.leases.map(leaseKey));
    for (const held of heldLeases(this.story.state)) {
      if (reported.has(leaseKey(held))) expect(live.has(leaseKey(held))).toBe(true);
    }
  }

  /** Nothing is forgotten but by the registry's word, or because the thread of a lost lease has ended. */
  #checkForgotten(event: AgentEvent, before: Map<string, string>): void {
    for (const [key, stage] of before) {
      if (this.story.state.holdings.has(key)) continue;
      const words = event.type === "message" ? event.message.type : event.type;
      const allowed = stage === "stopping" ? ["job-ended"] : ["welcome", "stale", "acknowledge", "assign"];
      expect(allowed, `${key} was forgotten while ${stage}`).toContain(words);
    }
  }

  #eventOf(act: Act): AgentEvent | null {
    const { state } = this.story;
    const { epoch } = state;
    switch (act.do) {
      case "hear":
        return { type: "message", epoch: act.late ? epoch - 1 : epoch, message: messageOf(act.what, act.lease) };
      case "welcome": {
        const leases = heldLeases(state).filter((_, index) => (act.listed >> (index % 6)) % 2 === 1);
        return {
          type: "message",
          epoch,
          message: { type: "welcome", epoch, leases, heartbeatIntervalMs: HEARTBEAT_MS },
        };
      }
      case "line":
        if (act.what === "onward") return this.#onward();
        if (act.what === "open") return { type: "opened", epoch };
        if (act.what === "pong") return { type: "pong", epoch };
        return { type: "closed", epoch, code: 1006, reason: "dropped" };
      case "enrolment":
        if (act.succeeds) return { type: "enrolled", epoch };
        return { type: "enrolment-failed", problem: new Problem("unavailable", "away"), final: false };
      case "job":
        return withPicked(act.pick, [...this.jobs].map(leaseOfKey), (lease) => jobEvent(lease, act.outcome));
      case "upload": {
        const uploading = [...state.holdings.values()].filter(({ stage }) => stage.name === "uploading").map(leaseOf);
        const saving = [...this.saving].map(leaseOfKey);
        if (saving.length > 0 && act.pick % 2 === 0)
          return withPicked(act.pick >> 1, saving, (lease) => checkpointEvent(lease, act.outcome));
        return withPicked(act.pick, uploading, (lease) => uploadEvent(lease, act.outcome));
      }
      case "time":
        this.story.now += act.ms;
        return { type: "tick" };
    }
  }

  /** Returns an event that brings the line nearer to a welcome; once there, lets a little time pass. */
  #onward(): AgentEvent {
    const { connection, epoch } = this.story.state;
    if (connection.phase === "enrolling") return { type: "enrolled", epoch };
    if (connection.phase === "connecting") return { type: "opened", epoch };
    if (connection.phase === "greeting") {
      const leases = heldLeases(this.story.state);
      return { type: "message", epoch, message: { type: "welcome", epoch, leases, heartbeatIntervalMs: HEARTBEAT_MS } };
    }
    this.story.now = connection.phase === "resting" ? connection.until : this.story.now + 100;
    return { type: "tick" };
  }
}

function withPicked(pick: number, leases: readonly Lease[], event: (lease: Lease) => AgentEvent): AgentEvent | null {
  return leases.length === 0 ? null : event(leases[pick % leases.length]);
}

function leaseOfKey(key: string): Lease {
  const [operationId, attempt] = key.split("#");
  return { operationId, attempt: Number(attempt) };
}

function messageOf(what: "assign" | "cancel" | "stale" | "acknowledge", lease: Lease): RegistryMessage {
  if (what !== "assign") return { type: what, ...lease };
  const isTraining = Number(lease.operationId.slice(3)) % 2 === 1;
  if (!isTraining) return { type: "assign", ...lease, spec: SLEEP, checkpoint: null };
  return { type: "assign", ...lease, spec: TRAINING, checkpoint: null, datasets: ["5".repeat(64)] };
}

function checkpointEvent(lease: Lease, outcome: Extract<Act, { do: "upload" }>["outcome"]): AgentEvent {
  const checkpoint = { sha256: "d".repeat(64), bytes: 7 };
  const uploaded = uploadEvent(lease, outcome);
  if (uploaded.type !== "uploaded") throw new Error("it is an upload");
  return { type: "checkpoint-uploaded", lease, checkpoint, outcome: uploaded.outcome };
}

function jobEvent(lease: Lease, outcome: Extract<Act, { do: "job" }>["outcome"]): AgentEvent {
  if (outcome === "progress") return { type: "progress", lease, progress: { phase: "p", fraction: 0.5, rates: {} } };
  if (outcome === "checkpoint") return { type: "checkpoint-made", lease };
  if (outcome === "log") return { type: "log", lease, lines: ["line"] };
  if (outcome === "stopped") return { type: "job-ended", lease, outcome: { type: "stopped" } };
  if (outcome === "failed") {
    const error = new Problem("internal", "broken").toDetails();
    return { type: "job-ended", lease, outcome: { type: "failed", error, retryable: true } };
  }
  const sha256 = outcome === "bytes" ? "c".repeat(64) : null;
  const result = { sha256, bytes: sha256 === null ? 0 : 9, mediaType: "text/plain", summary: {} };
  return { type: "job-ended", lease, outcome: { type: "result", result } };
}

function uploadEvent(lease: Lease, outcome: Extract<Act, { do: "upload" }>["outcome"]): AgentEvent {
  if (outcome === "stored") return { type: "uploaded", lease, outcome: { type: "stored" } };
  if (outcome === "unreachable") return { type: "uploaded", lease, outcome: { type: "unreachable", cause: "away" } };
  const error = new Problem("conflict", "not yours").toDetails();
  return { type: "uploaded", lease, outcome: { type: "refused", error, retryable: true } };
}

it("the agent keeps its promises through any order of events", () => {
  let starts = 0;
  let ends = 0;
  let told = 0;
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 200, size: "max" }), fc.nat(1_000), (acts, seed) => {
      let chance = seed;
      const play = new Play(() => {
        chance = (chance * 1_103_515_245 + 12_345) % 2_147_483_648;
        return chance / 2_147_483_648;
      });
      for (const each of acts) play.play(each);
      starts += play.started.size;
      ends += play.ends.size;
      told += play.told;
    }),
    { numRuns: 300 },
  );
  expect(starts, "the plays reach running jobs").toBeGreaterThan(500);
  expect(ends, "the plays reach reported ends").toBeGreaterThan(200);
  expect(told, "the plays reach checkpoints that are told").toBeGreaterThan(10);
});
