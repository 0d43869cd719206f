import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { NodeMessage } from "../../protocol/index.ts";
import { Outbox } from "./outbox.ts";

const result = { sha256: null, bytes: 0, mediaType: "application/json", summary: {} };
const accept = (operationId: string): NodeMessage => ({ type: "accept", operationId, attempt: 1 });
const complete = (operationId: string): NodeMessage => ({ type: "complete", operationId, attempt: 1, result });
const drain: NodeMessage = { type: "drain", draining: true };

let frames: NodeMessage[][];
let outbox: Outbox;
beforeEach(() => {
  vi.useFakeTimers();
  frames = [];
  outbox = new Outbox((messages) => frames.push([...messages]));
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the outbox", () => {
  it("sends the accept and the end of a short job together, at once", () => {
    outbox.push([accept("a")]);
    expect(frames).toEqual([]);
    outbox.push([complete("a")]);
    expect(frames).toEqual([[accept("a"), complete("a")]]);
  });

  it("sends the accept of a longer job after a moment", () => {
    outbox.push([accept("a")]);
    vi.advanceTimersByTime(10);
    expect(frames).toEqual([[accept("a")]]);
  });

  it("keeps further ends together until the registry answers", () => {
    outbox.push([complete("a")]);
    outbox.push([complete("b")]);
    outbox.push([complete("c")]);
    expect(frames).toEqual([[complete("a")]]);
    outbox.answered();
    expect(frames).toEqual([[complete("a")], [complete("b"), complete("c")]]);
    outbox.push([complete("d")]);
    expect(frames).toHaveLength(2);
  });

  it("does not wait for a registry that says nothing", () => {
    outbox.push([complete("a")]);
    outbox.push([complete("b")]);
    vi.advanceTimersByTime(10);
    expect(frames).toEqual([[complete("a")], [complete("b")]]);
  });

  it("lets what is urgent take along what waits, in order", () => {
    outbox.push([accept("a")]);
    outbox.push([drain]);
    expect(frames).toEqual([[accept("a"), drain]]);
    vi.advanceTimersByTime(100);
    expect(frames).toHaveLength(1);
  });

  it("sends nothing more once it is discarded", () => {
    outbox.push([accept("a")]);
    outbox.discard();
    vi.advanceTimersByTime(100);
    expect(frames).toEqual([]);
  });
});
