import { describe, expect, it } from "vitest";
import { commandSpec, type OperationSpec, Problem } from "../../protocol/index.ts";
import { smallSpec } from "../training-job/testing/small-spec.ts";
import type { UploadOutcome } from "./state-model.ts";
import { effectTypes, leaseFor, Story, said } from "./testing/story.ts";

const A = leaseFor(1);
const FIRST = { sha256: "1".repeat(64), bytes: 10 };
const SECOND = { sha256: "2".repeat(64), bytes: 20 };
const STORED: UploadOutcome = { type: "stored" };

/** A specification of another kind that makes checkpoints. */
const COMMAND = commandSpec.parse({ kind: "command", program: "torch" });

/** A node that trains. */
function training(checkpoint: string | null = null, spec: OperationSpec = smallSpec()): Story {
  const story = new Story();
  story.state.capabilities = {
    ...story.state.capabilities,
    kinds: ["train", "command:torch"],
    datasets: [{ symbol: "SP500", timeframe: "1d", sha256: "5".repeat(64) }],
  };
  story.connect();
  story.hear({ type: "assign", ...A, spec, checkpoint });
  return story;
}

const made = (story: Story) => story.do({ type: "checkpoint-made", lease: A });
const uploaded = (story: Story, checkpoint = FIRST, outcome: UploadOutcome = STORED) =>
  story.do({ type: "checkpoint-uploaded", lease: A, checkpoint, outcome });
const stoppedReports = (story: Story) => said(story.effects).filter(({ type }) => type === "stopped");

describe("a checkpoint", () => {
  it("from the attempt before goes along to the job", () => {
    const start = training(FIRST.sha256).effects.find(({ type }) => type === "start-job");
    expect(start).toMatchObject({ lease: A, checkpoint: FIRST.sha256 });
  });

  it("is uploaded, then told", () => {
    const story = training();
    expect(effectTypes(made(story))).toEqual(["upload-checkpoint"]);
    expect(said(uploaded(story))).toEqual([{ type: "checkpoint", ...A, ...FIRST }]);
  });

  it("waits while another is uploaded, and only the newest goes next", () => {
    const story = training();
    made(story);
    expect(made(story)).toEqual([]);
    expect(made(story)).toEqual([]);
    expect(effectTypes(uploaded(story))).toEqual(["upload-checkpoint", "send"]);
    expect(effectTypes(uploaded(story, SECOND))).toEqual(["send"]);
  });

  it("that is stored while nobody hears is told after the reconnection", () => {
    const story = training();
    made(story);
    story.drop();
    expect(said(uploaded(story))).toEqual([]);
    expect(said(story.connect([A]))).toContainEqual({ type: "checkpoint", ...A, ...FIRST });
  });

  it("that cannot be stored is forgotten with a warning, and the run goes on", () => {
    const story = training();
    const refusal = new Problem("too-large", "too large").toDetails();
    const outcomes: UploadOutcome[] = [
      { type: "unreachable", cause: "no answer" },
      { type: "refused", error: refusal, retryable: false },
    ];
    for (const outcome of outcomes) {
      made(story);
      const effects = uploaded(story, FIRST, outcome);
      expect(effectTypes(effects)).toEqual([]);
      expect(effects).toMatchObject([{ type: "note", level: "warn" }]);
    }
    expect(story.state.holdings.get("op_00000000000000000001#1")?.stage.name).toBe("running");
  });

  it("from a cancelled run is of no use", () => {
    const story = training();
    story.hear({ type: "cancel", ...A });
    expect(made(story)).toEqual([]);
    story.do({ type: "job-ended", lease: A, outcome: { type: "stopped" } });
    expect(uploaded(story)).toEqual([]);
  });
});

describe("a node that trains and is told to leave", () => {
  it.each([smallSpec(), COMMAND])(
    "has a run of $kind saved, tells the checkpoint, and only then that it stopped",
    (spec) => {
      const story = training(null, spec);
      const effects = story.do({ type: "shutdown" });
      expect(effects).toContainEqual({ type: "stop-job", lease: A, save: true });
      expect(said(effects).map(({ type }) => type)).toEqual(["drain"]);
      made(story);
      story.do({ type: "job-ended", lease: A, outcome: { type: "stopped" } });
      expect(stoppedReports(story)).toEqual([]);
      expect(said(uploaded(story)).map(({ type }) => type)).toEqual(["checkpoint", "stopped"]);
      expect(stoppedReports(story)).toEqual([{ type: "stopped", ...A, reason: "shutdown" }]);
      expect(effectTypes(story.hear({ type: "acknowledge", ...A }))).toEqual(["disconnect", "exit"]);
    },
  );

  it("sends the last checkpoint after one that is still on its way", () => {
    const story = training();
    made(story);
    story.do({ type: "shutdown" });
    made(story);
    story.do({ type: "job-ended", lease: A, outcome: { type: "stopped" } });
    expect(effectTypes(uploaded(story))).toEqual(["upload-checkpoint", "send"]);
    expect(said(uploaded(story, SECOND)).map(({ type }) => type)).toEqual(["checkpoint", "stopped"]);
  });

  it("waits no longer than its grace for a checkpoint, and no longer than that for an answer", () => {
    const story = training();
    const { lastCheckpointMs, shutdownMs } = story.state.config;
    story.do({ type: "shutdown" });
    expect(stoppedReports(story)).toEqual([]);
    story.after(lastCheckpointMs);
    expect(stoppedReports(story)).toHaveLength(1);
    expect(effectTypes(story.after(shutdownMs))).toContain("exit");
  });

  it("leaves at once where nobody hears it", () => {
    const story = training();
    story.drop();
    expect(effectTypes(story.do({ type: "shutdown" }))).toContain("exit");
  });

  it("drops the run when it is cancelled meanwhile, or was lost", () => {
    const cancelled = training();
    cancelled.do({ type: "shutdown" });
    expect(effectTypes(cancelled.hear({ type: "cancel", ...A }))).toEqual(["stop-job"]);
    cancelled.do({ type: "job-ended", lease: A, outcome: { type: "stopped" } });
    expect(stoppedReports(cancelled)).toEqual([{ type: "stopped", ...A, reason: "cancelled" }]);
    const lost = training();
    lost.do({ type: "shutdown" });
    expect(effectTypes(lost.hear({ type: "stale", ...A }))).toEqual(["stop-job"]);
    expect(effectTypes(lost.do({ type: "job-ended", lease: A, outcome: { type: "stopped" } }))).toContain("exit");
    expect(stoppedReports(lost)).toEqual([]);
  });
});
