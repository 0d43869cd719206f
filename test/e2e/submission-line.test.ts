/** Jobs submitted one by one over a held line, while that line is cut again and again: the self-hosted plane and two nodes. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../../client/client.ts";
import type { OutboundSocketEnd } from "../../client/outbound-socket.ts";
import type { SubmissionLine } from "../../client/submission-line.ts";
import { openSubmissionSocket } from "../../client/submission-socket.ts";
import { CLOSE_CODES } from "../../protocol/index.ts";
import { CuttableLine } from "../chaos/cuttable-line.ts";
import { Fleet, until } from "../support/fleet.ts";

const JOBS = 100;
const NAP = { spec: { kind: "sleep", durationMs: 1 } } as const;

let fleet: Fleet;
let relay: CuttableLine;
beforeAll(async () => {
  fleet = await Fleet.start();
  relay = await CuttableLine.open(Number(new URL(fleet.url).port));
  await fleet.startNodes(["first", "second"]);
});
afterAll(async () => {
  await fleet?.stop();
  await relay?.close();
});

function lineThroughRelay(): Promise<SubmissionLine> {
  return createClient({ url: relay.url, token: fleet.token, tokenSource: "the test" }).submissionLine();
}

async function total(status?: string): Promise<number> {
  return (await fleet.client.listOperations({ status, limit: 1 })).total;
}

describe("a submitter's line", () => {
  it("that is cut has each job accepted once and completed once", async () => {
    await using line = await lineThroughRelay();
    const ids: string[] = [];
    let cuts = 0;
    for (let job = 0; job < JOBS; job++) {
      const accepted = line.submit({ ...NAP, name: `job ${job}` });
      if (job % 4 === 1) {
        // Before it arrives, while it is worked on, or after it was answered.
        await sleep(job % 7);
        cuts += relay.cut(() => true);
      }
      ids.push((await accepted).operationId);
    }
    expect(cuts).toBeGreaterThan(JOBS / 10);
    expect([new Set(ids).size, await total()]).toEqual([JOBS, JOBS]);
    await until(30_000, "every job completed", async () => (await total("completed")) === JOBS);
    for (const id of ids) {
      const { events } = await fleet.client.operationEvents(id);
      const ends = events.filter(({ type }) => ["completed", "failed", "cancelled", "requeued"].includes(type));
      expect(ends.map(({ type }) => type)).toEqual(["completed"]);
    }
    console.log(`${JOBS} jobs one by one, ${cuts} cuts`);
  });

  it("outlives a restart of the control plane", async () => {
    await using line = await lineThroughRelay();
    const before = await total();
    await line.submit(NAP);
    const stopped = fleet.stopPlane();
    const during = line.submit(NAP);
    await stopped;
    const after = line.submit(NAP);
    await fleet.startPlane();
    const ids = (await Promise.all([during, after])).map(({ operationId }) => operationId);
    expect([new Set(ids).size, await total()]).toEqual([2, before + 3]);
    await until(30_000, "every job completed", async () => (await total("completed")) === before + 3);
  });

  it("is told goodbye by a control plane that stops", async () => {
    const ended = Promise.withResolvers<OutboundSocketEnd>();
    const opened = Promise.withResolvers<void>();
    const connection = { url: fleet.url, token: fleet.token, tokenSource: "the test" };
    openSubmissionSocket(connection, { opened: opened.resolve, answer: () => {}, ended: ended.resolve });
    await opened.promise;
    await fleet.stopPlane();
    expect(await ended.promise).toEqual({
      type: "closed",
      code: CLOSE_CODES.goingAway,
      reason: "the control plane stops",
    });
    await fleet.startPlane();
  });
});
