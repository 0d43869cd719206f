/**
 * Follows an operation through server-sent events. An event only says when to look again; the state is then asked for. So
 * nothing depends on an event that got lost. Where no stream can be had, looking now and then remains.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { operationEvent } from "../protocol/events.ts";
import { Problem } from "../protocol/problem.ts";
import { wire } from "../protocol/wire.ts";
import type { Client } from "./client.ts";

const eventWire = wire(operationEvent);
const RECONNECT_MS = 1000;

interface EventFeed {
  /** True while a stream is open: `wait` then needs no short limit. */
  readonly isLive: boolean;
  /** Resolves when something has happened since the last call, or after `limitMs`. Rejects with the signal's reason. */
  wait(limitMs: number, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** Follows one operation until `close`, through restarts of the control plane, from where each stream ended. */
export function openEventFeed(client: Pick<Client, "followOperation">, operationId: string): EventFeed {
  const closing = new AbortController();
  let isLive = false;
  let hasNews = false;
  let wake: () => void = () => {};
  const tell = (): void => {
    hasNews = true;
    wake();
  };
  const follow = async (): Promise<void> => {
    let lastEventId = 0;
    while (!closing.signal.aborted) {
      try {
        const stream = await client.followOperation(operationId, { after: lastEventId }, { signal: closing.signal });
        isLive = true;
        for await (const eventId of eventsIn(stream)) {
          lastEventId = eventId ?? lastEventId;
          tell();
        }
      } catch (error) {
        // A refusal of the stream for good refuses the question too, and the question's answer has the reason.
        if (error instanceof Problem && !error.retryable) return;
      } finally {
        isLive = false;
        tell();
      }
      await sleep(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => {});
    }
  };
  void follow();
  return {
    get isLive() {
      return isLive;
    },
    async wait(limitMs, signal) {
      if (!hasNews) {
        const limit = new AbortController();
        wake = () => limit.abort();
        const signals = signal === undefined ? [limit.signal] : [limit.signal, signal];
        await sleep(limitMs, undefined, { signal: AbortSignal.any(signals) }).catch(() => signal?.throwIfAborted());
      }
      hasNews = false;
    },
    close: () => closing.abort(),
  };
}

/** The ids of the events in a `text/event-stream`, as they come; null for one that cannot be resumed from. */
export async function* eventsIn(stream: ReadableStream<Uint8Array>): AsyncGenerator<number | null> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const blocks = `${rest}${text}`.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data !== undefined) yield eventWire.parseAnswer(JSON.parse(data.slice("data: ".length)), "event").eventId;
    }
  }
}
