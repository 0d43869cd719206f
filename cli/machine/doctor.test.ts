import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeAnswer, fakeControlPlane } from "../../client/testing/fake-control-plane.ts";
import { PROTOCOL_VERSION } from "../../protocol/index.ts";
import { runCommand } from "../program.ts";
import { softwareVersion } from "../software-version.ts";
import { testSurroundings } from "../testing/collector.ts";
import { judgeKernels, judgeNodeVersion } from "./doctor.ts";
import { type Finding, judgeClock, judgeDisk, judgeVersions } from "./doctor-judgements.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ktrdr-doctor-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const HEALTH = { status: "ok", version: softwareVersion(), protocol_version: PROTOCOL_VERSION };
const REFUSED = { type: "about:blank", title: "Unauthenticated", status: 401, detail: "no" };

async function doctor(
  url: string,
  ...words: string[]
): Promise<{ code: number; of: (check: string) => Finding | undefined }> {
  const surroundings = testSurroundings({ KTRDR_HOME: home });
  const code = await runCommand(["doctor", "--json", "--url", url, "--token", "some-token", ...words], surroundings);
  const { findings } = JSON.parse(surroundings.stdout.text()) as { findings: Finding[] };
  return { code, of: (check) => findings.find((finding) => finding.check === check) };
}

describe("ktrdr doctor", () => {
  it("finds nothing on a healthy machine, except that no node is connected", async () => {
    await using plane = await fakeControlPlane(({ path }): FakeAnswer => {
      if (path === "/health") return { json: HEALTH };
      return path.endsWith("/events") ? { status: 401, json: REFUSED } : { json: { total: 0, workers: [] } };
    });
    const { code, of } = await doctor(plane.url);
    expect(code).toBe(0);
    for (const check of [
      "node version",
      "kernels",
      "settings",
      "control plane",
      "version",
      "clock",
      "token",
      "sockets",
    ]) {
      expect(of(check), check).toMatchObject({ status: "ok" });
    }
    expect(of("gpu")).toMatchObject({ status: "skipped" });
    expect(of("fleet")).toMatchObject({ status: "warning", cure: expect.stringContaining("ktrdr enrol") });
  });

  it("tells a wrong token from a blocked socket", async () => {
    await using plane = await fakeControlPlane(({ path }): FakeAnswer => {
      if (path === "/health") return { json: HEALTH };
      return path.endsWith("/events") ? { status: 502, text: "bad gateway" } : { status: 401, json: REFUSED };
    });
    const { code, of } = await doctor(plane.url);
    expect(code).toBe(1);
    expect(of("token")).toMatchObject({ status: "failed", detail: expect.stringContaining("--token") });
    expect(of("sockets")).toMatchObject({ status: "failed", detail: expect.stringContaining("status 502") });
    expect(of("sockets")?.cure).toContain("Upgrade");
    expect(of("fleet")).toBeUndefined();
  });

  it("says that nobody listens, and stops asking there", async () => {
    const plane = await fakeControlPlane(() => "drop");
    await plane[Symbol.asyncDispose]();
    const { code, of } = await doctor(plane.url);
    expect(code).toBe(1);
    expect(of("control plane")).toMatchObject({ status: "failed", detail: expect.stringContaining("ECONNREFUSED") });
    expect(of("token")).toBeUndefined();
  });

  it("says that another server answers", async () => {
    await using plane = await fakeControlPlane(() => ({ text: "<html>It works!</html>" }));
    expect((await doctor(plane.url)).of("control plane")).toMatchObject({ status: "failed" });
  });

  it("prints one line a check for people, with the cure below it", async () => {
    const surroundings = testSurroundings({ KTRDR_HOME: home });
    expect(await runCommand(["doctor"], surroundings)).toBe(1);
    const lines = surroundings.stdout.lines();
    const at = lines.findIndex((line) => line.startsWith("FAILED   control plane"));
    expect(lines[at + 1]).toContain("cure: Start one here with: ktrdr up");
    expect(lines.at(-1)).toMatch(/1 failed, \d+ warning/);
  });
});

describe("a judgement", () => {
  it("asks for Node 24", () => {
    expect(judgeNodeVersion("24.0.1").status).toBe("ok");
    expect(judgeNodeVersion("22.20.0")).toMatchObject({ status: "failed", cure: expect.stringContaining("Node 24") });
  });

  it("misses kernels that are not compiled", () => {
    expect(judgeKernels(home)).toMatchObject({ status: "failed", cure: expect.stringContaining("make install") });
  });

  it("warns of a disk with less than a tenth free, and fails below half a gigabyte", () => {
    expect(judgeDisk(home, 50e9, 100e9).status).toBe("ok");
    expect(judgeDisk(home, 9e9, 100e9).status).toBe("warning");
    expect(judgeDisk(home, 0.4e9, 1e9).status).toBe("failed");
  });

  it("forgives the second that the server's clock is cut to, and the time on the way", () => {
    const now = Date.parse("2026-01-05T00:00:00.900Z");
    const at = (date: string, roundTripMs = 100) => judgeClock(date, now, now + roundTripMs).status;
    expect(at("Mon, 05 Jan 2026 00:00:00 GMT")).toBe("ok");
    expect(at("Mon, 05 Jan 2026 00:00:05 GMT")).toBe("ok");
    expect(at("Mon, 05 Jan 2026 00:00:08 GMT")).toBe("warning");
    expect(at("Mon, 05 Jan 2026 00:00:08 GMT", 8000)).toBe("ok");
    expect(at("Sun, 04 Jan 2026 23:58:00 GMT")).toBe("failed");
    expect(judgeClock(null, now, now).status).toBe("skipped");
  });

  it("lets versions differ, and not a control plane that speaks an older protocol", () => {
    const of = (software: string, protocol: number, oldestProtocol = 1) =>
      judgeVersions({ software, protocol, oldestProtocol }, "1.0.0").status;
    expect(of("1.0.0", PROTOCOL_VERSION)).toBe("ok");
    expect(of("1.1.0", PROTOCOL_VERSION + 1)).toBe("warning");
    expect(of("0.9.0", PROTOCOL_VERSION - 1)).toBe("failed");
  });

  it("says that this machine is to be updated where the control plane serves newer nodes only", () => {
    const plane = { software: "2.0.0", protocol: PROTOCOL_VERSION + 1, oldestProtocol: PROTOCOL_VERSION + 1 };
    const judgement = judgeVersions(plane, "1.0.0");
    expect(judgement.status).toBe("failed");
    expect(judgement.cure).toContain("ktrdr node update");
  });
});
