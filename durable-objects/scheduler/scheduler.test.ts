import { beforeEach, describe, expect, it } from "vitest";
import { submitRequest, type WorkerType } from "../../protocol/index.ts";
import { registryConfig } from "./config.ts";
import { DrivenScheduler } from "./testing/driven-scheduler.ts";

const SECOND = 1000;
const config = registryConfig.parse({});

const done = { sha256: null, bytes: 0, mediaType: "text/plain", summary: {} };
const failure = { type: "urn:ktrdr:problem:invalid-data", title: "t", status: 422, detail: "bad prices" };

describe("the registry's scheduler", () => {
  let registry: DrivenScheduler;
  beforeEach(() => {
    registry = new DrivenScheduler();
  });

  describe("handing out", () => {
    it("gives a queued operation to a worker as soon as one connects, with attempt 1", () => {
      const id = registry.submit();
      expect(registry.status(id)).toBe("queued");
      registry.connect("a");
      expect(registry.take("a").map((message) => message.type)).toEqual(["welcome", "assign"]);
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", attempt: 1, workerId: "a" });
    });

    it("chooses the least recently selected worker", () => {
      for (const worker of ["a", "b", "c"]) registry.connect(worker);
      const order = [];
      for (let i = 0; i < 6; i++) {
        const id = registry.submit();
        const worker = registry.scheduler.operations.get(id).workerId!;
        order.push(worker);
        registry.say(worker, { type: "complete", operationId: id, attempt: 1, result: done });
        registry.now += 1;
      }
      expect(order).toEqual(["a", "b", "c", "a", "b", "c"]);
    });

    it("never gives a worker more than its slots", () => {
      registry.connect("a", { slots: 2 });
      for (let i = 0; i < 5; i++) registry.submit();
      expect(registry.assigned("a")).toHaveLength(2);
      expect(registry.scheduler.workers.get("a")).toMatchObject({ status: "busy", slotsUsed: 2 });
    });

    it("goes by priority, then by age; waiting long enough outweighs priority", () => {
      const old = registry.submit();
      registry.now += config.agingMs + 1;
      const low = registry.submit();
      const high = registry.submit({ priority: 1 });
      const alsoHigh = registry.submit({ priority: 1 });
      registry.connect("a", { slots: 4 });
      expect(registry.assigned("a")).toEqual([old, high, alsoHigh, low]);
    });

    it("prefers the first worker type and falls back to the next", () => {
      registry.connect("cpu", { type: "cpu_training" });
      registry.connect("gpu", { type: "gpu_host" });
      const requirements = { workerTypes: ["gpu_host", "cpu_training"] as WorkerType[] };
      const first = registry.submit({ requirements });
      const second = registry.submit({ requirements });
      expect(registry.scheduler.operations.get(first).workerId).toBe("gpu");
      expect(registry.scheduler.operations.get(second).workerId).toBe("cpu");
    });

    it("holds out for the preferred type as long as asked, then takes the other", () => {
      registry.connect("cpu", { type: "cpu_training" });
      const id = registry.submit({
        requirements: { workerTypes: ["gpu_host", "cpu_training"], preferWaitMs: 30 * SECOND },
      });
      registry.pass(29 * SECOND, ["cpu"]);
      expect(registry.status(id)).toBe("queued");
      registry.pass(2 * SECOND, ["cpu"]);
      expect(registry.scheduler.operations.get(id).workerId).toBe("cpu");
    });

    it("gives a backtest only to a worker that has the data, and says so while none has", () => {
      registry.connect("a");
      const spec = submitRequest.shape.spec.parse({
        kind: "backtest",
        strategy: { kind: "rules", name: "s", entries: { long: "close > open" } },
        data: { symbol: "AAPL", timeframe: "1d" },
      });
      const id = registry.submit({ spec });
      expect(registry.scheduler.operations.get(id).waitingReason).toContain("no connected worker has AAPL 1d");
      registry.connect("b", { datasets: ["AAPL"] });
      expect(registry.scheduler.operations.get(id).workerId).toBe("b");
    });

    it("says why an operation waits: no worker of the type, none connected, all busy", () => {
      const id = registry.submit({ requirements: { workerTypes: ["gpu_host"] } });
      const reason = () => registry.scheduler.operations.get(id).waitingReason;
      expect(reason()).toContain("no worker of type gpu_host is registered");
      registry.connect("gpu", { type: "gpu_host" });
      registry.disconnect("gpu");
      const second = registry.submit({ requirements: { workerTypes: ["gpu_host"] } });
      expect(registry.scheduler.operations.get(second).waitingReason).toMatch(/connected|busy/);
    });
  });

  describe("ends", () => {
    it("completes once, acknowledges, and acknowledges a repeated message again", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.take("a");
      for (let i = 0; i < 2; i++) {
        registry.say("a", { type: "complete", operationId: id, attempt: 1, result: done });
        expect(registry.take("a")).toEqual([{ type: "acknowledge", operationId: id, attempt: 1 }]);
        expect(registry.status(id)).toBe("completed");
      }
    });

    it("runs an operation again when the bytes of its result are gone, as often as it may be tried", () => {
      registry.connect("a");
      const id = registry.submit({ maxAttempts: 2 });
      const result = { ...done, sha256: "f".repeat(64) };
      registry.take("a");
      registry.say("a", { type: "complete", operationId: id, attempt: 1, result });
      expect(registry.take("a")).toMatchObject([{ type: "stale" }, { type: "assign", operationId: id, attempt: 2 }]);
      registry.say("a", { type: "complete", operationId: id, attempt: 2, result });
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "failed", result: null });
    });

    it("fails at once for an error that another machine would meet too", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.say("a", { type: "fail", operationId: id, attempt: 1, error: failure, retryable: false });
      expect(registry.scheduler.operations.get(id)).toMatchObject({
        status: "failed",
        error: { detail: "bad prices" },
      });
    });

    it("quarantines an operation that is lost as often as it may be tried, with the evidence", () => {
      const id = registry.submit({ maxAttempts: 3 });
      for (const worker of ["a", "b", "c"]) {
        registry.connect(worker);
        registry.pass(10 * SECOND, [worker]);
        expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", workerId: worker });
        registry.disconnect(worker);
        registry.pass(11 * SECOND);
      }
      const { status, error, attempt } = registry.scheduler.operations.get(id);
      expect({ status, attempt }).toEqual({ status: "failed", attempt: 3 });
      expect(error!.issues!.map((issue) => issue.message.slice(0, 14))).toEqual([
        "attempt 1 on a",
        "attempt 2 on b",
        "attempt 3 on c",
      ]);
    });
  });

  describe("fencing", () => {
    it("ignores a result of an attempt that was given to another worker, and tells its sender", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.disconnect("a");
      registry.connect("b");
      registry.pass(11 * SECOND, ["b"]);
      expect(registry.scheduler.operations.get(id)).toMatchObject({ workerId: "b", attempt: 2 });
      registry.connect("a", { leases: [{ operationId: id, attempt: 1 }] });
      expect(registry.take("a").filter((message) => message.type === "stale")).toEqual([
        { type: "stale", operationId: id, attempt: 1 },
      ]);
      registry.say("a", { type: "complete", operationId: id, attempt: 1, result: done });
      expect(registry.status(id)).toBe("running");
      registry.say("b", { type: "complete", operationId: id, attempt: 2, result: done });
      expect(registry.status(id)).toBe("completed");
    });

    it("lets a worker that comes back within the grace period go on", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.disconnect("a");
      registry.pass(5 * SECOND);
      registry.take("a");
      registry.connect("a", { leases: [{ operationId: id, attempt: 1 }] });
      expect(registry.take("a")).toEqual([
        {
          type: "welcome",
          epoch: expect.any(Number),
          leases: [{ operationId: id, attempt: 1 }],
          heartbeatIntervalMs: 5000,
        },
      ]);
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", attempt: 1 });
    });

    it("requeues at once the operations that a restarted node no longer holds", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.take("a");
      registry.connect("a", { register: true });
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", attempt: 2, workerId: "a" });
    });

    it("closes the older connection of a worker and ignores its later messages", () => {
      registry.connect("a");
      const id = registry.submit();
      const oldEpoch = registry.scheduler.workers.get("a").epoch;
      registry.connect("a", { leases: [{ operationId: id, attempt: 1 }] });
      expect(registry.closed).toHaveLength(1);
      registry.say("a", { type: "complete", operationId: id, attempt: 1, result: done }, oldEpoch);
      expect(registry.status(id)).toBe("running");
    });
  });

  describe("health", () => {
    it("makes a silent worker temporarily unavailable after three missed checks, and takes its lease", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.say("a", { type: "accept", operationId: id, attempt: 1 });
      registry.pass(30 * SECOND);
      expect(registry.status(id)).toBe("running");
      registry.pass(6 * SECOND);
      expect(registry.scheduler.workers.get("a")).toMatchObject({
        status: "temporarily_unavailable",
        healthCheckFailures: 3,
      });
      expect(registry.status(id)).toBe("queued");
    });

    it("keeps a lease for as long as heartbeats come, however long the work takes", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.say("a", { type: "accept", operationId: id, attempt: 1 });
      registry.pass(3600 * SECOND, ["a"]);
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", attempt: 1 });
    });

    it("removes a worker that stayed away for five minutes", () => {
      registry.connect("a");
      registry.disconnect("a");
      registry.pass(299 * SECOND);
      expect(registry.scheduler.workers.list()).toHaveLength(1);
      registry.pass(2 * SECOND);
      expect(registry.scheduler.workers.list()).toHaveLength(0);
    });

    it("sends an assignment again when no accept comes, then gives it to another worker", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.pass(25 * SECOND, ["a"]);
      expect(registry.assigned("a")).toEqual([id, id, id]);
      registry.connect("b");
      registry.pass(10 * SECOND, ["a", "b"]);
      expect(registry.scheduler.operations.get(id).attempt).toBe(2);
    });

    it("has nothing due while nothing runs, but for forgetting workers", () => {
      expect(registry.scheduler.nextDueAt(registry.now)).toBeNull();
      registry.connect("a");
      expect(registry.scheduler.nextDueAt(registry.now)).toBe(registry.now + config.removalMs);
    });
  });

  describe("cancelling", () => {
    it("ends a queued operation at once", () => {
      const id = registry.submit();
      registry.cancel(id);
      expect(registry.status(id)).toBe("cancelled");
      registry.connect("a");
      expect(registry.assigned("a")).toEqual([]);
    });

    it("asks the worker to stop, and ends when it has stopped", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.take("a");
      registry.cancel(id);
      expect(registry.take("a")).toEqual([{ type: "cancel", operationId: id, attempt: 1 }]);
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", cancelRequested: true });
      registry.say("a", { type: "stopped", operationId: id, attempt: 1, reason: "cancelled" });
      expect(registry.status(id)).toBe("cancelled");
    });

    it("ends without the worker when the worker stays away", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.disconnect("a");
      registry.cancel(id);
      registry.pass(11 * SECOND);
      expect(registry.status(id)).toBe("cancelled");
    });

    it("fails an operation whose deadline passes, queued or running", () => {
      const queued = registry.submit({
        deadlineMs: registry.now + 5 * SECOND,
        requirements: { workerTypes: ["gpu_host"] },
      });
      registry.connect("a");
      const running = registry.submit({ deadlineMs: registry.now + 5 * SECOND });
      registry.pass(6 * SECOND, ["a"]);
      registry.say("a", { type: "stopped", operationId: running, attempt: 1, reason: "cancelled" });
      expect([registry.status(queued), registry.status(running)]).toEqual(["failed", "failed"]);
    });
  });

  it("writes progress when somebody looks, at a tick, and with any other write of the operation", () => {
    const id = registry.submit();
    registry.connect("a");
    const stored = (): unknown =>
      JSON.parse(registry.sql.all<{ progress: string }>("SELECT progress FROM operations")[0]!.progress ?? "null");
    const say = (fraction: number): void => {
      const progress = { phase: "working", fraction, rates: {} };
      registry.say("a", { type: "progress", operationId: id, attempt: 1, progress });
    };
    say(0.1);
    expect(stored()).toBeNull();
    expect(registry.scheduler.operations.get(id).progress).toMatchObject({ fraction: 0.1 });
    expect(stored()).toMatchObject({ fraction: 0.1 });
    say(0.2);
    registry.scheduler.operations.list({}, null, 1);
    expect(stored()).toMatchObject({ fraction: 0.2 });
    say(0.3);
    registry.pass(10 * SECOND);
    expect(stored()).toMatchObject({ fraction: 0.3 });
    say(0.4);
    registry.say("a", { type: "complete", operationId: id, attempt: 1, result: done });
    expect(stored()).toMatchObject({ fraction: 0.4 });
  });

  describe("restarts of the registry", () => {
    it("forgets nothing, and gives workers time to come back", () => {
      registry.connect("a");
      const running = registry.submit();
      const queued = registry.submit();
      registry.now += 3600 * SECOND;
      registry.restart();
      // Longer than the grace period of a closed connection: the node may be waiting up to a minute for its next try.
      registry.pass(65 * SECOND);
      expect(registry.scheduler.operations.get(running)).toMatchObject({ status: "running", attempt: 1 });
      registry.connect("a", { leases: [{ operationId: running, attempt: 1 }] });
      registry.say("a", { type: "complete", operationId: running, attempt: 1, result: done });
      expect(registry.status(running)).toBe("completed");
      expect(registry.scheduler.operations.get(queued)).toMatchObject({ status: "running", workerId: "a" });
    });
  });

  describe("rejections", () => {
    it("passes over a worker that rejects, and waits after three", () => {
      for (const worker of ["a", "b", "c", "d"]) registry.connect(worker);
      const id = registry.submit();
      for (let i = 1; i <= 3; i++) {
        const { workerId } = registry.scheduler.operations.get(id);
        registry.say(workerId!, { type: "reject", operationId: id, attempt: i, reason: "no" });
      }
      expect(registry.status(id)).toBe("queued");
      registry.pass(31 * SECOND, ["a", "b", "c", "d"]);
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", attempt: 4 });
    });
  });

  describe("submitting", () => {
    it("answers the same key and content with the same operation, and refuses other content", () => {
      const id = registry.submit({}, "k");
      expect(registry.submit({}, "k")).toBe(id);
      expect(() => registry.submit({ priority: 5 }, "k")).toThrow(/Idempotency-Key k/);
      expect(registry.scheduler.operations.list({}, null, 10).total).toBe(1);
    });

    it("pages through a list, newest first", () => {
      const ids = Array.from({ length: 5 }, () => registry.submit());
      const first = registry.scheduler.operations.list({}, null, 2);
      const second = registry.scheduler.operations.list({}, first.nextCursor, 2);
      const third = registry.scheduler.operations.list({}, second.nextCursor, 2);
      expect([...first.operations, ...second.operations, ...third.operations].map((item) => item.operationId)).toEqual(
        ids.reverse(),
      );
      expect(third.nextCursor).toBeNull();
    });

    it("takes a failed operation back to the queue by hand", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.say("a", { type: "fail", operationId: id, attempt: 1, error: failure, retryable: false });
      registry.scheduler.operations.retry(id, registry.now);
      expect(registry.scheduler.operations.get(id)).toMatchObject({ status: "running", attempt: 2 });
    });
  });
});
