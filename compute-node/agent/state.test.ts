import { describe, expect, it } from "vitest";
import {
  CLOSE_CODES,
  type OperationResult,
  PROTOCOL_VERSION,
  Problem,
  type Progress,
  versionRefusal,
} from "../../protocol/index.ts";
import { EXIT_TOO_OLD } from "./exit-codes.ts";
import { heldLeases, wakeAt } from "./state.ts";
import { backtestOf, effectTypes, HEARTBEAT_MS, leaseFor, SLEEP, Story, said } from "./testing/story.ts";

const STORED: OperationResult = { sha256: "a".repeat(64), bytes: 10, mediaType: "text/plain", summary: {} };
const SUMMARY_ONLY: OperationResult = { sha256: null, bytes: 0, mediaType: "application/json", summary: { n: 1 } };
const progressOf = (fraction: number): Progress => ({ phase: "bars", fraction, rates: {} });
const A = leaseFor(1);
const B = leaseFor(2);

describe("the connection", () => {
  it("enrols, connects and greets with what it holds, in that order", () => {
    const story = new Story();
    expect(effectTypes(story.do({ type: "start" }))).toEqual(["enrol"]);
    expect(story.do({ type: "enrolled", epoch: 7 })).toEqual([{ type: "connect", epoch: 8 }]);
    const [hello] = said(story.do({ type: "opened", epoch: 8 }));
    expect(hello).toMatchObject({ type: "hello", epoch: 8, leases: [], draining: false });
    story.welcome([]);
    expect(story.state.connection.phase).toBe("connected");
  });

  it("keeps trying for ever, with full jitter between nothing and a ceiling that doubles from 1 s to 60 s", () => {
    const story = new Story(1, {}, () => 0.999);
    story.do({ type: "start" });
    const rests: number[] = [];
    for (let failure = 0; failure < 10; failure++) {
      const problem = new Problem("unavailable", "No control plane answers");
      story.do({ type: "enrolment-failed", problem, final: false });
      rests.push(wakeAt(story.state) - story.now);
      story.after(rests[failure]);
      expect(story.state.connection.phase).toBe("enrolling");
    }
    expect(rests.map((ms) => Math.round(ms / 1000))).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
  });

  it("does not start over with the first delay when a line is welcomed and dropped at once", () => {
    const story = new Story(1, {}, () => 0.999);
    story.connect();
    story.drop();
    story.connect();
    story.drop();
    expect(wakeAt(story.state) - story.now).toBe(1998);
  });

  it("starts over with the first delay after a line that lived for a heartbeat", () => {
    const story = new Story(1, {}, () => 0.999);
    for (let count = 0; count < 5; count++) {
      story.connect();
      story.drop();
    }
    story.connect();
    story.now += HEARTBEAT_MS;
    story.drop();
    expect(wakeAt(story.state) - story.now).toBe(999);
  });

  it("pings at each interval and hangs up when nothing was heard within interval and timeout", () => {
    const story = new Story();
    story.connect();
    expect(effectTypes(story.after(HEARTBEAT_MS))).toEqual(["ping"]);
    story.do({ type: "pong", epoch: story.state.epoch });
    expect(effectTypes(story.after(HEARTBEAT_MS))).toEqual(["ping"]);
    expect(effectTypes(story.after(HEARTBEAT_MS))).toEqual(["disconnect"]);
    expect(story.state.connection.phase).toBe("resting");
  });

  it("asks once more before it gives up on a line, when it stood still itself", () => {
    const story = new Story();
    story.connect();
    expect(effectTypes(story.after(120_000))).toEqual(["ping"]);
    expect(effectTypes(story.after(story.state.config.heartbeatTimeoutMs))).toEqual(["disconnect"]);
  });

  it("gives up on a socket that never opens and on one that never welcomes", () => {
    const story = new Story();
    story.do({ type: "start" });
    story.do({ type: "enrolled", epoch: 0 });
    expect(effectTypes(story.after(10_000))).toEqual(["disconnect"]);
    story.after(60_000);
    story.do({ type: "opened", epoch: story.state.epoch });
    expect(effectTypes(story.after(10_000))).toEqual(["disconnect"]);
  });

  it("ignores an older socket's late messages", () => {
    const story = new Story();
    story.connect();
    story.drop();
    story.connect();
    story.do({ type: "message", epoch: 1, message: { type: "assign", ...A, spec: SLEEP, checkpoint: null } });
    story.do({ type: "closed", epoch: 1, code: CLOSE_CODES.superseded, reason: "" });
    expect(story.state.connection.phase).toBe("connected");
    expect(heldLeases(story.state)).toEqual([]);
  });

  it("leaves with a clear message when another process takes its place", () => {
    const story = new Story();
    story.connect();
    const effects = story.drop(CLOSE_CODES.superseded);
    expect(effects.at(-1)).toMatchObject({ type: "exit", code: 1, problem: { kind: "conflict" } });
    expect(story.do({ type: "start" })).toEqual([]);
  });

  it("leaves with a status of its own, and the cure, when the control plane says that it is too old", () => {
    const story = new Story();
    story.connect();
    const refusal = versionRefusal(PROTOCOL_VERSION, PROTOCOL_VERSION + 1);
    const exit = story.drop(refusal?.code, refusal?.reason).at(-1);
    expect(exit).toMatchObject({ type: "exit", code: EXIT_TOO_OLD });
    expect(exit).toHaveProperty("problem.cure", expect.stringContaining("ktrdr node update"));
    expect(exit).toHaveProperty("problem.message", expect.stringContaining(`version ${PROTOCOL_VERSION} is older`));
  });

  it.each(["protocol version 3 is newer than this control plane's 2", ""])(
    "waits for a control plane that is older than it, and says so: %s",
    (reason) => {
      const story = new Story();
      story.connect();
      for (let refusals = 0; refusals < 20; refusals++) {
        const effects = story.drop(CLOSE_CODES.unsupported, reason);
        expect(effects.map(({ type }) => type)).toEqual(["note"]);
        expect(effects[0]).toMatchObject({
          level: "warn",
          message: expect.stringContaining("update the control plane"),
        });
        expect(effectTypes(story.after(60_000))).toEqual(["connect"]);
        story.connect();
      }
      expect(story.state.connection.phase).toBe("connected");
    },
  );

  it("enrols again with its token when the credential was revoked, and leaves when it has none", () => {
    const story = new Story();
    story.connect();
    story.drop(CLOSE_CODES.revoked);
    expect(story.after(60_000)).toEqual([{ type: "enrol", fresh: true }]);

    const without = new Story(1, { canEnrolAgain: false });
    without.connect();
    const exit = without.drop(CLOSE_CODES.revoked).at(-1);
    expect(exit).toMatchObject({ type: "exit", code: 1, problem: { kind: "unauthenticated" } });
  });

  it("enrols again when the handshake is answered with 401", () => {
    const story = new Story();
    story.do({ type: "start" });
    story.do({ type: "enrolled", epoch: 0 });
    story.do({ type: "closed", epoch: 1, code: 1006, reason: "status 401", httpStatus: 401 });
    expect(story.after(60_000)).toEqual([{ type: "enrol", fresh: true }]);
  });

  it("counts messages that it does not understand, and goes on", () => {
    const story = new Story();
    story.connect();
    story.do({ type: "unreadable", epoch: 1, reason: "not JSON" });
    story.hear({ type: "refused", reason: "too late" });
    expect(story.state.counters).toMatchObject({ unreadableMessages: 1, refusedMessages: 1 });
    expect(story.state.connection.phase).toBe("connected");
  });
});

describe("assignments", () => {
  it("are accepted and started, and accepted again when repeated, without a second start", () => {
    const story = new Story();
    story.connect();
    const first = story.assign(A);
    expect(effectTypes(first)).toEqual(["start-job", "send"]);
    expect(said(first)).toEqual([{ type: "accept", ...A }]);
    const again = story.assign(A);
    expect(effectTypes(again)).toEqual(["send"]);
    expect(said(again)).toEqual([{ type: "accept", ...A }]);
  });

  it("are rejected with the reason: no slot, kind not allowed, no data, draining", () => {
    const story = new Story();
    story.state.capabilities = { ...story.state.capabilities, kinds: ["sleep"] };
    story.connect();
    story.assign(A);
    const reasonFor = (effects: ReturnType<Story["do"]>) => {
      const [message] = said(effects);
      return message.type === "reject" ? message.reason : message.type;
    };
    expect(reasonFor(story.assign(B))).toBe("no free slot: 1 of 1 taken");
    const backtest = backtestOf("AAPL");
    const ask = () => story.hear({ type: "assign", ...B, spec: backtest, checkpoint: null });
    expect(reasonFor(ask())).toBe("kind backtest is not allowed here; allowed: sleep");
    story.state.capabilities = { ...story.state.capabilities, kinds: ["backtest"] };
    expect(reasonFor(ask())).toBe("no data AAPL 1d");
    const script = { ...backtest, strategy: { kind: "script", name: "s", source: "exports.default = {}" } as const };
    const scripted = story.hear({ type: "assign", ...B, spec: script, checkpoint: null });
    expect(reasonFor(scripted)).toBe("kind script is not allowed here; allowed: backtest");
    story.do({ type: "drain", draining: true, exitWhenDrained: false });
    expect(reasonFor(story.assign(B))).toBe("the node drains");
  });

  it("to a full node make it list its leases, so that the registry can take back those that it lost sight of", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    expect(said(story.assign(B))).toEqual([
      { type: "reject", ...B, reason: "no free slot: 1 of 1 taken" },
      { type: "accept", ...A },
    ]);
    expect(effectTypes(story.hear({ type: "stale", ...A }))).toEqual(["stop-job"]);
  });

  it("for a newer attempt stop the older one and wait for its slot", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    const newer = leaseFor(1, 2);
    const effects = story.assign(newer);
    expect(effectTypes(effects)).toEqual(["stop-job", "send"]);
    expect(said(effects)).toEqual([{ type: "accept", ...newer }]);
    expect(heldLeases(story.state)).toEqual([newer]);
    const ended = story.do({ type: "job-ended", lease: A, outcome: { type: "stopped" } });
    expect(ended).toEqual([{ type: "start-job", lease: newer, spec: SLEEP, dataset: null }]);
  });

  it("for an attempt that has ended, or that is older than the one in hand, start nothing", () => {
    const story = new Story();
    story.connect();
    story.assign(leaseFor(1, 2));
    expect(effectTypes(story.assign(A))).toEqual([]);
    story.do({ type: "job-ended", lease: leaseFor(1, 2), outcome: { type: "result", result: SUMMARY_ONLY } });
    story.hear({ type: "acknowledge", ...leaseFor(1, 2) });
    expect(effectTypes(story.assign(leaseFor(1, 2)))).toEqual([]);
    expect(story.state.counters.ignoredAssignments).toBe(2);
  });
});

describe("results", () => {
  it("are uploaded, then reported, and repeated until acknowledged", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    const ended = story.do({ type: "job-ended", lease: A, outcome: { type: "result", result: STORED } });
    expect(ended).toEqual([{ type: "upload", lease: A, result: STORED }]);
    const uploaded = story.do({ type: "uploaded", lease: A, outcome: { type: "stored" } });
    expect(said(uploaded)).toEqual([{ type: "complete", ...A, result: STORED }]);
    expect(said(story.after(4_999))).toEqual([]);
    expect(said(story.after(1))).toEqual([{ type: "complete", ...A, result: STORED }]);
    story.hear({ type: "acknowledge", ...A });
    expect(story.state.holdings.size).toBe(0);
  });

  it("that have no bytes are reported without an upload", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    const ended = story.do({ type: "job-ended", lease: A, outcome: { type: "result", result: SUMMARY_ONLY } });
    expect(effectTypes(ended)).toEqual(["send"]);
  });

  it("reached while the line is down are in the next hello, and reported after the welcome", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    story.drop();
    story.do({ type: "job-ended", lease: A, outcome: { type: "result", result: SUMMARY_ONLY } });
    expect(heldLeases(story.state)).toEqual([A]);
    expect(said(story.connect([A]))).toEqual([{ type: "complete", ...A, result: SUMMARY_ONLY }]);
  });

  it("whose upload fails are tried again; a refused one is reported as failed", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    story.do({ type: "job-ended", lease: A, outcome: { type: "result", result: STORED } });
    story.do({ type: "uploaded", lease: A, outcome: { type: "unreachable", cause: "ECONNREFUSED" } });
    expect(effectTypes(story.after(500))).toEqual(["upload"]);
    const error = new Problem("conflict", "The lease is not yours").toDetails();
    const refused = story.do({ type: "uploaded", lease: A, outcome: { type: "refused", error, retryable: true } });
    expect(said(refused)).toEqual([{ type: "fail", ...A, error, retryable: true }]);
    story.hear({ type: "stale", ...A });
    expect(story.state.holdings.size).toBe(0);
  });
});

describe("the registry's revocations", () => {
  it("leases that the welcome does not list are stopped and forgotten, without a word", () => {
    const story = new Story(2);
    story.connect();
    story.assign(A);
    story.assign(B);
    story.drop();
    const effects = story.connect([B]);
    expect(effects).toContainEqual({ type: "stop-job", lease: A });
    expect(heldLeases(story.state)).toEqual([B]);
    expect(said(story.do({ type: "job-ended", lease: A, outcome: { type: "stopped" } }))).toEqual([]);
  });

  it("an assignment that overtakes the welcome survives it", () => {
    const story = new Story();
    story.connect();
    story.drop();
    story.after(60_000);
    story.do({ type: "opened", epoch: story.state.epoch });
    story.assign(A);
    story.welcome([]);
    expect(heldLeases(story.state)).toEqual([A]);
  });

  it("a cancelled job is stopped and reported once its thread has ended, until acknowledged", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    expect(story.hear({ type: "cancel", ...A })).toEqual([{ type: "stop-job", lease: A }]);
    const ended = story.do({ type: "job-ended", lease: A, outcome: { type: "result", result: STORED } });
    expect(said(ended)).toEqual([{ type: "stopped", ...A, reason: "cancelled" }]);
    expect(said(story.after(5_000))).toEqual([{ type: "stopped", ...A, reason: "cancelled" }]);
    story.hear({ type: "acknowledge", ...A });
    expect(said(story.after(60_000))).toEqual([]);
  });

  it("a cancel that comes before its assignment is answered, and the assignment starts nothing", () => {
    const story = new Story();
    story.connect();
    expect(said(story.hear({ type: "cancel", ...A }))).toEqual([{ type: "stopped", ...A, reason: "cancelled" }]);
    expect(effectTypes(story.assign(A))).toEqual([]);
  });
});

describe("progress", () => {
  it("goes out at most once a second for each job, the newest last", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    const report = (fraction: number) => story.do({ type: "progress", lease: A, progress: progressOf(fraction) });
    expect(said(report(0.1))).toHaveLength(1);
    story.now += 100;
    expect(said(report(0.2))).toEqual([]);
    expect(said(report(0.3))).toEqual([]);
    expect(wakeAt(story.state)).toBe(1_000);
    expect(said(story.after(900))).toEqual([{ type: "progress", ...A, progress: progressOf(0.3) }]);
  });
});

describe("a job's log", () => {
  const linesIn = (effects: Parameters<typeof said>[0]) =>
    said(effects).flatMap((message) => (message.type === "log" ? message.lines : []));

  it("goes out in batches, a few a second, and its last lines before the report of the end", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    const say = (...lines: string[]) => story.do({ type: "log", lease: A, lines });
    expect([...linesIn(say("one")), ...linesIn(say("two"))]).toEqual([]);
    expect(wakeAt(story.state) - story.now).toBe(250);
    expect(linesIn(story.after(250))).toEqual(["one", "two"]);
    say("three");
    const ending = said(story.do({ type: "job-ended", lease: A, outcome: { type: "result", result: SUMMARY_ONLY } }));
    expect(ending.map(({ type }) => type)).toEqual(["log", "complete"]);
    expect(linesIn(story.after(1_000))).toEqual([]);
  });

  it("is kept while the line is down, and sent with what is missing after the welcome", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    story.drop();
    for (let n = 0; n < 700; n++) story.do({ type: "log", lease: A, lines: [`line ${n}`] });
    story.connect([A]);
    const lines = [1, 2, 3, 4, 5, 6].flatMap(() => linesIn(story.after(250)));
    expect(lines[0]).toContain("200 lines were dropped here");
    expect([lines[1], lines.at(-1), lines.length]).toEqual(["line 200", "line 699", 501]);
  });

  it("for a lost lease goes nowhere", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    story.hear({ type: "stale", ...A });
    story.do({ type: "log", lease: A, lines: ["late"] });
    expect(linesIn(story.after(1_000))).toEqual([]);
  });
});

describe("leaving", () => {
  it("gives everything back first, and leaves when all is acknowledged", () => {
    const story = new Story(2);
    story.connect();
    story.assign(A);
    const effects = story.do({ type: "shutdown" });
    expect(said(effects)).toEqual([
      { type: "drain", draining: true },
      { type: "stopped", ...A, reason: "shutdown" },
    ]);
    expect(said(story.assign(B))).toMatchObject([{ type: "reject", reason: "the node shuts down" }]);
    const last = story.hear({ type: "acknowledge", ...A });
    expect(effectTypes(last)).toEqual(["disconnect", "exit"]);
  });

  it("does not wait longer than the limit, nor at all where nobody listens", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    story.do({ type: "shutdown" });
    expect(wakeAt(story.state)).toBe(1_500);
    expect(story.after(1_500).at(-1)).toEqual({ type: "exit", code: 0, problem: null });

    const alone = new Story();
    alone.do({ type: "start" });
    expect(alone.do({ type: "shutdown" })).toEqual([{ type: "exit", code: 0, problem: null }]);
  });

  it("by draining finishes what it holds", () => {
    const story = new Story();
    story.connect();
    story.assign(A);
    story.do({ type: "drain", draining: true, exitWhenDrained: true });
    story.do({ type: "job-ended", lease: A, outcome: { type: "result", result: SUMMARY_ONLY } });
    expect(story.state.connection.phase).toBe("connected");
    expect(effectTypes(story.hear({ type: "acknowledge", ...A }))).toEqual(["disconnect", "exit"]);
  });
});

it("the agent lists its datasets in as many messages as that takes, at the greeting and later", () => {
  const story = new Story();
  const datasets = Array.from({ length: 601 }, (_, index) => ({
    ...{ symbol: `S${index}`, timeframe: "1d", sha256: index.toString(16).padStart(64, "0") },
  }));
  story.do({ type: "datasets", datasets });
  story.do({ type: "start" });
  story.do({ type: "enrolled", epoch: 0 });
  const listed = (messages: ReturnType<typeof said>) =>
    messages.map((message) =>
      message.type === "datasets" ? message.datasets : "capabilities" in message ? message.capabilities.datasets : [],
    );
  const greeting = said(story.do({ type: "opened", epoch: 1 }));
  expect(greeting.map(({ type }) => type)).toEqual(["hello", "datasets", "datasets"]);
  expect(listed(greeting).flat()).toEqual(datasets);
  expect(listed(said(story.do({ type: "datasets", datasets }))).map(({ length }) => length)).toEqual([250, 250, 101]);
});

it("the agent tells the registry when the market data changes", () => {
  const story = new Story();
  story.connect();
  const datasets = [{ symbol: "AAPL", timeframe: "1d", sha256: "b".repeat(64) }];
  expect(said(story.do({ type: "datasets", datasets }))).toMatchObject([
    { type: "capabilities", capabilities: { datasets } },
  ]);
});
