import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FakeRegistry, TOKEN } from "./agent/testing/fake-registry.ts";
import { temporaryFolder } from "./agent/testing/nodes.ts";
import { leaseFor } from "./agent/testing/story.ts";
import { addNodeOptions } from "./main.ts";

let registry: FakeRegistry;
let folder: ReturnType<typeof temporaryFolder>;
let child: ChildProcess | null;

beforeEach(async () => {
  registry = new FakeRegistry();
  await registry.start();
  folder = temporaryFolder();
  child = null;
});

afterEach(async () => {
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await registry.stop();
  folder.remove();
});

function startNode(...flags: string[]): { process: ChildProcess; output: () => string } {
  const program = join(import.meta.dirname, "main.ts");
  const common = ["--home", folder.path, "--worker-id", "node-1", "--slots", "1", "--no-health"];
  const environment = { PATH: process.env.PATH, HOME: folder.path, ENROLMENT_TOKEN: TOKEN };
  const started = spawn(process.execPath, [program, ...common, ...flags], { env: environment, stdio: "pipe" });
  child = started;
  let text = "";
  started.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { process: started, output: () => text };
}

it("a node process gives its work back on SIGTERM and exits with 0 within two seconds", async () => {
  const node = startNode("--url", registry.url);
  await registry.next("hello");
  registry.say({
    type: "assign",
    ...leaseFor(1),
    spec: { kind: "sleep", durationMs: 60_000, busy: true },
    checkpoint: null,
  });
  await registry.next("accept");
  const toldAt = performance.now();
  node.process.kill("SIGTERM");
  expect(await registry.next("stopped")).toMatchObject({ reason: "shutdown" });
  registry.say({ type: "acknowledge", ...leaseFor(1) });
  expect(await once(node.process, "exit")).toEqual([0, null]);
  expect(performance.now() - toldAt).toBeLessThan(2_000);
});

it("a node process exits with 1 over a wrong token and prints the cure", async () => {
  const node = startNode("--url", registry.url, "--token", "ktrdr.default.wrong");
  expect(await once(node.process, "exit")).toEqual([1, null]);
  expect(node.output()).toContain("error: The control plane at");
  expect(node.output()).toContain("  cure: Make an enrolment token with ktrdr enrol");
});

it("a node process exits with 2 over settings that do not fit", async () => {
  const node = startNode("--url", "nonsense");
  expect(await once(node.process, "exit")).toEqual([2, null]);
  expect(node.output()).toContain("flag --url");
});

it("takes the flags of earlier releases beside --program, and lists only today's in its help", () => {
  const command = addNodeOptions(new Command("ktrdr-node"));
  const words = ["--command", "a=/bin/sh", "--program", "b=/bin/sh", "--command-time-limit-ms", "5"];
  command.parse(words, { from: "user" });
  expect(command.opts()).toEqual({ programs: ["a=/bin/sh", "b=/bin/sh"], programTimeLimitMs: "5", health: true });
  const help = command.helpInformation();
  expect(help).toContain("--program <name=path>");
  expect(help).toContain("--program-time-limit-ms <ms>");
  expect(help).not.toContain("--command");
});

it("a node process started as earlier releases did announces its programs by the wire's names", async () => {
  const node = startNode("--url", registry.url, "--type", "cpu_training", "--command", "shell=/bin/sh");
  const { capabilities } = await registry.next("hello");
  expect(capabilities.kinds).toContain("command:shell");
  node.process.kill("SIGTERM");
  expect(await once(node.process, "exit")).toEqual([0, null]);
});
