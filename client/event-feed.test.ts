import { describe, expect, it } from "vitest";
import { Problem } from "../protocol/problem.ts";
import { eventsIn, openEventFeed } from "./event-feed.ts";
import { OPERATION_ID } from "./testing/sample-operation.ts";

function eventText(eventId: number | null): string {
  const event = { event_id: eventId, operation_id: OPERATION_ID, type: "log", at_ms: 1, data: {} };
  return `${eventId === null ? "" : `id: ${eventId}\n`}event: log\ndata: ${JSON.stringify(event)}\n\n`;
}

/** A stream of these texts, which stays open unless `ends`. */
function streamOf(texts: string[], ends = true): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(new TextEncoder().encode(text));
      if (ends) controller.close();
    },
  });
}

describe("a stream of events", () => {
  it("is read however it is cut, comments and retry times left out", async () => {
    const text = `retry: 1000\n\n${eventText(3)}: still here\n\n${eventText(null)}${eventText(4)}`;
    for (const size of [1, 7, 1000]) {
      const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      const ids: (number | null)[] = [];
      for await (const id of eventsIn(streamOf(pieces))) ids.push(id);
      expect(ids).toEqual([3, null, 4]);
    }
  });
});

describe("a feed", () => {
  it("wakes waiting callers, and goes on after its last event when the stream ends", async () => {
    const asked: number[] = [];
    const feed = openEventFeed(
      {
        async followOperation(_, query) {
          asked.push(Number(query?.after));
          return streamOf([eventText(asked.length * 10)], asked.length < 2);
        },
      },
      OPERATION_ID,
    );
    const startedAt = performance.now();
    await feed.wait(60_000);
    await expect.poll(() => asked, { timeout: 5_000 }).toEqual([0, 10]);
    await feed.wait(60_000);
    expect(feed.isLive).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    feed.close();
  });

  it("leaves the waiting to its limit where there is no stream, and does not ask for ever", async () => {
    let asked = 0;
    const refused = async () => {
      asked++;
      throw new Problem("not-found", "no such path");
    };
    const feed = openEventFeed({ followOperation: refused }, OPERATION_ID);
    for (let turn = 0; turn < 5; turn++) await feed.wait(20);
    expect([asked, feed.isLive]).toEqual([1, false]);
    feed.close();
  });

  it("stops waiting when it is told to", async () => {
    const feed = openEventFeed({ followOperation: async () => streamOf([], false) }, OPERATION_ID);
    const controller = new AbortController();
    const waiting = feed.wait(60_000, controller.signal);
    controller.abort(new Error("interrupted"));
    await expect(waiting).rejects.toThrow("interrupted");
    feed.close();
  });
});
