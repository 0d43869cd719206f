import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { NodeMessage } from "../../protocol/index.ts";
import { Outbox } from "./outbox.ts";

const result = { sha256: null, bytes: 0, mediaType: "application/json", summary: {} };
const accept = (operationId: string): NodeMessage => ({ type: "accept", operationId, attempt: 1 });
const complete = (operationId: string): NodeMessage => ({ type: "complete", operationId, attempt: 1, result });
const SCARCE = true;
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
  it("spares the accept of a short job, whose end says as much, and sends the end at once", () => {
    outbox.push([accept("a")], SCARCE);
    expect(frames).toEqual([]);
    outbox.push([complete("a")], SCARCE);
    expect(frames).toEqual([[complete("a")]]);
  });

  it("sends the accept of a longer job after a moment", () => {
    outbox.push([accept("a")], SCARCE);
    vi.advanceTimersByTime(10);
    expect(frames).toEqual([[accept("a")]]);
  });

  it("keeps further ends together until the registry answers", () => {
    outbox.push([complete("a")], SCARCE);
    outbox.push([complete("b")], SCARCE);
    outbox.push([complete("c")], SCARCE);
    expect(frames).toEqual([[complete("a")]]);
    outbox.answered();
    expect(frames).toEqual([[complete("a")], [complete("b"), complete("c")]]);
    outbox.push([complete("d")], SCARCE);
    expect(frames).toHaveLength(2);
  });

  it("gives ends company for a moment while slots are free, also when the registry says something", () => {
    outbox.push([complete("a")], false);
    outbox.push([complete("b")], false);
    outbox.answered();
    outbox.push([complete("c")], false);
    expect(frames).toEqual([[complete("a")]]);
    vi.advanceTimersByTime(5);
    expect(frames).toEqual([[complete("a")], [complete("b"), complete("c")]]);
  });

  it("sends waiting messages as soon as slots are scarce and the registry is heard", () => {
    outbox.push([complete("a")], false);
    outbox.push([complete("b")], false);
    outbox.answered();
    outbox.push([complete("c")], SCARCE);
    expect(frames).toEqual([[complete("a")], [complete("b"), complete("c")]]);
  });

  it("does not wait for a registry that says nothing", () => {
    outbox.push([complete("a")], SCARCE);
    outbox.push([complete("b")], SCARCE);
    vi.advanceTimersByTime(10);
    expect(frames).toEqual([[complete("a")], [complete("b")]]);
  });

  it("lets an urgent message take waiting ones along, in order", () => {
    outbox.push([accept("a")], SCARCE);
    outbox.push([drain], SCARCE);
    expect(frames).toEqual([[accept("a"), drain]]);
    vi.advanceTimersByTime(100);
    expect(frames).toHaveLength(1);
  });

  it("sends nothing more once it is discarded", () => {
    outbox.push([accept("a")], SCARCE);
    outbox.discard();
    vi.advanceTimersByTime(100);
    expect(frames).toEqual([]);
  });
});
