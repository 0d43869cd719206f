import { describe, expect, it } from "vitest";
import { sampleOperation } from "../../client/testing/sample-operation.ts";
import type { OperationDetail } from "../../protocol/operation.ts";
import { collector } from "../testing/collector.ts";
import { barText, createProgressView, progressText, ratesText } from "./progress.ts";

const running = (fraction: number, changes: Partial<OperationDetail> = {}): OperationDetail =>
  sampleOperation({
    status: "running",
    attempt: 1,
    workerId: "desk-1",
    progress: { phase: "bars", fraction, rates: { barsPerSecond: 1.2e8 } },
    ...changes,
  });

describe("progress", () => {
  it("draws a bar of fixed width and never claims to be done early", () => {
    expect(barText(0.5, 4)).toBe("[##--]  50 %");
    expect(barText(0.999, 4)).toBe("[####]  99 %");
    expect(barText(-1, 4)).toBe("[----]   0 %");
    expect(barText(2, 4)).toBe("[####] 100 %");
  });

  it("shortens rates", () => {
    expect(ratesText({ barsPerSecond: 1.2e8, trades: 1234 })).toBe("120M bars/s, 1.23K trades");
  });

  it("writes figures of a training run as figures", () => {
    const rates = { epoch: 12, loss: 0.81234, validationLoss: 0.9, accuracy: 0.612, rowsPerSecond: 2.1e6 };
    expect(ratesText(rates)).toBe("epoch 12, loss 0.812, validation loss 0.900, accuracy 61.2 %, 2.1M rows/s");
  });

  it("names the reason why a queued operation waits", () => {
    const reason = "no worker has MSFT 1d; load it with ktrdr data load";
    expect(progressText(sampleOperation({ waitingReason: reason }))).toBe(`queued: ${reason}`);
    expect(progressText(sampleOperation({ attempt: 1 }))).toBe("queued again after attempt 1");
  });

  it("names the node of a running operation, and the attempt from the second on", () => {
    expect(progressText(running(0.5))).toContain("bars on desk-1, 120M bars/s");
    expect(progressText(running(0.5, { attempt: 2 }))).toContain("on desk-1 (attempt 2)");
  });

  it("redraws one line on a terminal, cut to its width, and leaves it clean", () => {
    const stream = collector({ isTTY: true, columns: 30 });
    const view = createProgressView(stream);
    view.update(running(0.1));
    view.update(running(0.1));
    view.update(running(0.9));
    view.end();
    const frames = stream.text().split("\r\u001b[K");
    expect(frames).toHaveLength(4);
    expect(frames.every((frame) => frame.length < 30)).toBe(true);
    expect(frames.at(-1)).toBe("");
  });

  it("writes plain lines elsewhere, each only when it says something new", () => {
    const stream = collector();
    const view = createProgressView(stream);
    view.update(sampleOperation());
    view.update(sampleOperation());
    for (const fraction of [0, 0.1, 0.2, 0.3, 0.4, 0.5]) view.update(running(fraction));
    view.end();
    expect(stream.lines()).toHaveLength(4);
    expect(stream.text()).not.toContain("\u001b");
  });
});
