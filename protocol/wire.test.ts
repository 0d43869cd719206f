import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { submitRequest } from "./operation.ts";
import { Problem } from "./problem.ts";
import { nodeMessage, registryMessage } from "./socket.ts";
import { toSnakeCase, wire } from "./wire.ts";

const nested = wire(
  z.strictObject({
    workerId: z.string(),
    lastSeen: z.strictObject({ atMs: z.number().nullable() }).optional(),
    userLabels: z.record(z.string(), z.string()).default({}),
    leaseList: z.array(z.strictObject({ operationId: z.string() })).default([]),
  }),
);

describe("the wire's spelling", () => {
  it("is snake_case outside and camelCase inside, at every depth", () => {
    const json = { worker_id: "a", last_seen: { at_ms: 1 }, user_labels: {}, lease_list: [{ operation_id: "x" }] };
    const value = { workerId: "a", lastSeen: { atMs: 1 }, userLabels: {}, leaseList: [{ operationId: "x" }] };
    expect(nested.parse(json)).toEqual(value);
    expect(nested.encode(value)).toEqual(json);
  });

  it("leaves the keys of records alone, since they belong to the user", () => {
    const parsed = nested.parse({ worker_id: "a", user_labels: { rackNumber: "1", gpu_model: "x" } });
    expect(parsed.userLabels).toEqual({ rackNumber: "1", gpu_model: "x" });
  });

  it("refuses a key in camelCase and names the right spelling", () => {
    expect(() => nested.parse({ workerId: "a" })).toThrow(Problem);
    try {
      nested.parse({ worker_id: "a", lastSeen: {} });
    } catch (error) {
      expect((error as Problem).issues.map((issue) => issue.message).join()).toContain("lastSeen (write last_seen)");
    }
  });

  it("reports faults under their wire names", () => {
    try {
      nested.parse({ worker_id: "a", last_seen: { at_ms: "soon" } });
      expect.unreachable();
    } catch (error) {
      expect((error as Problem).issues[0]!.path).toBe("last_seen.at_ms");
    }
  });

  it("turns every camelCase name into one snake_case name and back", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        const camel = words
          .map((part, index) => (index === 0 ? part : part[0]!.toUpperCase() + part.slice(1)))
          .join("");
        expect(toSnakeCase(camel)).toBe(words.join("_"));
      }),
    );
  });

  it("carries socket messages through JSON unchanged", () => {
    const lease = { operationId: `op_${"0".repeat(20)}`, attempt: 3 };
    const toRegistry = wire(nodeMessage);
    const complete = {
      type: "complete" as const,
      ...lease,
      result: {
        sha256: null,
        bytes: 0,
        mediaType: "text/plain",
        summary: { return_percent: 1, nestedKey: { a_b: 1 } },
      },
    };
    expect(toRegistry.parse(JSON.parse(JSON.stringify(toRegistry.encode(complete))))).toEqual(complete);
    const toNode = wire(registryMessage);
    const spec = submitRequest.parse({ spec: { kind: "sleep", durationMs: 5 } }).spec;
    const assign = { type: "assign" as const, ...lease, spec, checkpoint: null };
    expect(toNode.parse(JSON.parse(JSON.stringify(toNode.encode(assign))))).toEqual(assign);
  });

  it("lets an answer have keys that a newer server adds, at any depth, and no other faults", () => {
    const answers = wire(
      z.strictObject({ workerId: z.string(), items: z.array(z.strictObject({ leaseMs: z.int() })) }),
    );
    const newer = { worker_id: "a", added: 1, items: [{ lease_ms: 5, also_added: {} }, { lease_ms: 6 }] };
    expect(answers.parseAnswer(newer, "answer")).toEqual({ workerId: "a", items: [{ leaseMs: 5 }, { leaseMs: 6 }] });
    expect(() => answers.parse(newer)).toThrow(/added/);
    expect(() => answers.parseAnswer({ ...newer, worker_id: 7 }, "answer")).toThrow(/worker_id/);
  });
});
