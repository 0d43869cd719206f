import { beforeEach, describe, expect, it } from "vitest";
import { CLOSE_CODES } from "../../protocol/index.ts";
import { registryConfig } from "./config.ts";
import { Scheduler } from "./scheduler.ts";
import { DrivenScheduler } from "./testing/driven-scheduler.ts";

const SECOND = 1000;
const config = registryConfig.parse({});

const done = { sha256: null, bytes: 0, mediaType: "text/plain", summary: {} };

describe("the registry's scheduler", () => {
  let registry: DrivenScheduler;
  beforeEach(() => {
    registry = new DrivenScheduler();
  });

  describe("found by simulation", () => {
    it("does not set the alarm for a deadline that was acted upon already", () => {
      registry.connect("a");
      const id = registry.submit({ deadlineMs: registry.now + 5 * SECOND });
      registry.say("a", { type: "accept", operationId: id, attempt: 1 });
      registry.pass(6 * SECOND, ["a"]);
      expect(registry.take("a").filter((message) => message.type === "cancel")).toHaveLength(1);
      expect(registry.scheduler.nextDueAt(registry.now)).toBeGreaterThan(registry.now + SECOND);
      registry.pass(10 * SECOND, ["a"]);
      expect(registry.take("a").filter((message) => message.type === "cancel")).toHaveLength(1);
    });

    it("does not set the alarm for the removal of a worker that still holds leases", () => {
      const patient = registryConfig.parse({ graceMs: 2 * config.removalMs });
      registry.connect("a");
      const id = registry.submit();
      registry.say("a", { type: "accept", operationId: id, attempt: 1 });
      registry.disconnect("a");
      registry.scheduler = new Scheduler(registry.sql, patient);
      registry.pass(config.removalMs + SECOND);
      expect(registry.scheduler.nextDueAt(registry.now)).toBeGreaterThan(registry.now + SECOND);
      expect(registry.status(id)).toBe("running");
    });

    it("asks the only worker again when the rejection is old", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.say("a", { type: "reject", operationId: id, attempt: 1, reason: "no free slot" });
      registry.take("a");
      registry.pass(config.rejectionDelayMs - SECOND, ["a"]);
      expect(registry.assigned("a")).toEqual([]);
      registry.pass(2 * SECOND, ["a"]);
      expect(registry.assigned("a")).toEqual([id]);
    });

    it("hands out at once when a silent worker speaks again, with any message", () => {
      registry.connect("a");
      registry.pass(40 * SECOND);
      registry.scheduler.tick(() => null, registry.now);
      const id = registry.submit();
      expect(registry.status(id)).toBe("queued");
      registry.say("a", { type: "accept", operationId: "op_00000000000000000099", attempt: 1 });
      expect(registry.assigned("a")).toEqual([id]);
    });

    it("notices within a check that the heartbeats of an idle worker are back while something waits for it", () => {
      registry.connect("a");
      registry.now += 40 * SECOND;
      registry.scheduler.tick(() => null, registry.now);
      const id = registry.submit();
      registry.pass(2 * config.healthIntervalMs, ["a"]);
      expect(registry.status(id)).toBe("running");
    });

    it("tells a node to stop that still works on an ended operation; only an end is acknowledged", () => {
      registry.connect("a");
      const id = registry.submit();
      registry.say("a", { type: "accept", operationId: id, attempt: 1 });
      registry.cancel(id);
      registry.disconnect("a");
      registry.pass(11 * SECOND);
      expect(registry.status(id)).toBe("cancelled");
      registry.connect("a");
      registry.take("a");
      const progress = { phase: "working", fraction: 0.5, rates: {} };
      registry.say("a", { type: "progress", operationId: id, attempt: 1, progress });
      registry.say("a", { type: "complete", operationId: id, attempt: 1, result: done });
      expect(registry.take("a").map((message) => message.type)).toEqual(["stale", "acknowledge"]);
    });

    it("gives a worker that was removed and comes back higher epochs than before, since old sockets may linger", () => {
      registry.connect("a");
      const { epoch } = registry.scheduler.workers.get("a");
      registry.scheduler.workers.deregister("a", registry.now);
      registry.connect("a");
      expect(registry.scheduler.workers.get("a").epoch).toBeGreaterThan(epoch);
      expect(registry.scheduler.workers.epochs()).toEqual(new Map([["a", registry.scheduler.workers.get("a").epoch]]));
    });

    it("does not forget a worker between its registration and its first hello", () => {
      registry.connect("a");
      registry.disconnect("a");
      registry.now += config.removalMs - SECOND;
      const { workerType, endpointUrl, softwareVersion, capabilities } = registry.scheduler.workers.get("a");
      const request = { workerId: "a", workerType, endpointUrl, softwareVersion, capabilities, metadata: {} };
      registry.scheduler.workers.register(request, "hash of a", registry.now);
      registry.pass(2 * SECOND);
      expect(registry.scheduler.workers.list().map((worker) => worker.workerId)).toEqual(["a"]);
    });

    it("leaves a connection alone when a registration of the same process comes late", () => {
      const register = (instance: string) => {
        const worker = registry.scheduler.workers.get("a");
        const { workerType, endpointUrl, softwareVersion, capabilities } = worker;
        const request = {
          workerId: "a",
          workerType,
          endpointUrl,
          softwareVersion,
          capabilities,
          metadata: { instance },
        };
        return registry.scheduler.workers.register(request, "hash of a", registry.now);
      };
      registry.connect("a");
      register("first");
      registry.connect("a");
      const { epoch } = registry.scheduler.workers.get("a");
      expect(register("first").effects).toEqual([]);
      expect(registry.scheduler.workers.get("a")).toMatchObject({ epoch, connected: true });
      expect(register("second").effects).toMatchObject([{ type: "close", code: CLOSE_CODES.superseded }]);
      expect(registry.scheduler.workers.get("a").epoch).toBeGreaterThan(epoch);
    });

    it("tells a node that it does not know to enrol again", () => {
      registry.connect("a");
      const { epoch } = registry.scheduler.workers.get("a");
      registry.scheduler.workers.deregister("a", registry.now);
      const hello = { type: "hello" as const, protocolVersion: 1, epoch: epoch + 1, softwareVersion: "1", leases: [] };
      const capabilities = { slots: 1, kinds: ["sleep"], labels: {}, datasets: [] };
      const outcome = registry.scheduler.sessions.hello("a", { ...hello, capabilities, draining: false }, registry.now);
      expect(outcome.value).toMatchObject({ code: CLOSE_CODES.revoked });
    });
  });
});
