import { describe, expect, it } from "vitest";
import { PROTOCOL_VERSION, type RegistryMessage } from "./socket.ts";
import { messageFor, OLDEST_PROTOCOL_VERSION, saysTooOld, versionRefusal } from "./versions.ts";

const assign: RegistryMessage = {
  type: "assign",
  operationId: "op_00000000000000000001",
  attempt: 1,
  spec: { kind: "sleep", durationMs: 1, busy: false },
  checkpoint: null,
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

describe("a message for an older node", () => {
  it("is as it is for a node of today's version", () => {
    expect(messageFor(PROTOCOL_VERSION, assign)).toBe(assign);
  });

  it("has no traceparent for version 1, and is the same otherwise", () => {
    const { traceparent, ...known } = assign;
    expect(messageFor(1, assign)).toEqual(known);
    expect(traceparent).toBeDefined();
  });

  it("is left alone where that version has nothing that is new", () => {
    const welcome: RegistryMessage = { type: "welcome", epoch: 1, leases: [], heartbeatIntervalMs: 5000 };
    for (let version = OLDEST_PROTOCOL_VERSION; version <= PROTOCOL_VERSION; version++) {
      expect(messageFor(version, welcome)).toBe(welcome);
    }
  });
});

describe("a version that is not spoken", () => {
  it("is refused with both versions and the cure, within a close frame's limit", () => {
    const refusal = versionRefusal(1, 1_000_000);
    expect(refusal).toMatchObject({
      code: 4010,
      reason: expect.stringMatching(/1 is older than 1000000.*node update/),
    });
    expect(Buffer.byteLength(refusal?.reason ?? "")).toBeLessThanOrEqual(123);
    expect(versionRefusal(PROTOCOL_VERSION + 1, 1)?.reason).toContain(`${PROTOCOL_VERSION + 1} is newer`);
  });

  it("is none from the oldest to the newest", () => {
    for (let version = OLDEST_PROTOCOL_VERSION; version <= PROTOCOL_VERSION; version++) {
      expect(versionRefusal(version, OLDEST_PROTOCOL_VERSION)).toBeNull();
    }
  });

  it("tells a node that is too old from one that is too new", () => {
    expect(saysTooOld(versionRefusal(PROTOCOL_VERSION, PROTOCOL_VERSION + 1)?.reason ?? "")).toBe(true);
    expect(saysTooOld(versionRefusal(PROTOCOL_VERSION + 1, 1)?.reason ?? "")).toBe(false);
    expect(saysTooOld(`protocol version ${PROTOCOL_VERSION} is newer than this control plane's 1`)).toBe(false);
    expect(saysTooOld("")).toBe(false);
  });
});
