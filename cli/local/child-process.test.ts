import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningChild, startChild } from "./child-process.ts";
import { probePort } from "./free-port.ts";

let folder: string;
let children: RunningChild[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-child-"));
});
afterEach(async () => {
  await Promise.all(children.map((child) => child.stop(0)));
  children = [];
  rmSync(folder, { recursive: true, force: true });
});

async function start(script: string, onLine?: (line: string) => void): Promise<RunningChild> {
  const child = await startChild({
    name: "a child",
    command: "/bin/sh",
    arguments: ["-c", script],
    environment: process.env,
    workingFolder: folder,
    logFile: join(folder, "logs", "child.log"),
    ...(onLine === undefined ? {} : { onLine }),
  });
  children.push(child);
  return child;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false; // Gone.
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 8000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("it did not come about");
    await sleep(10);
  }
}

function nextLine(script: string): Promise<{ child: RunningChild; line: string }> {
  return new Promise((resolve, reject) => {
    const started = start(script, (line) => void started.then((child) => resolve({ child, line })));
    started.catch(reject);
  });
}

describe("a child process", () => {
  it("writes to its log file, and its last lines are kept", async () => {
    const child = await start("for i in $(seq 1 30); do echo line $i; done; echo oops >&2; exit 3");
    expect(await child.ended).toEqual({ code: 3, signal: null });
    await until(() => readFileSync(child.logFile, "utf8").includes("line 30"));
    expect(child.lastLines()).toHaveLength(12);
    expect(child.hasEnded()).toBe(true);
  });

  it("has time to end in order", async () => {
    const { child } = await nextLine('trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.02; done');
    await child.stop(5000);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.lastLines()).toContain("bye");
  });

  it("is killed with everything that it started when it does not end", async () => {
    const { child, line } = await nextLine('trap "" TERM; sleep 60 & echo $!; while :; do sleep 1; done');
    const grandchild = Number(line);
    expect(isAlive(grandchild)).toBe(true);
    await child.stop(50);
    expect(isAlive(grandchild)).toBe(false);
    expect(await child.ended).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("does not leave its own children behind when it ended before them", async () => {
    const { child, line } = await nextLine("sleep 60 & echo $!");
    await child.ended;
    await child.stop(1000);
    await until(() => !isAlive(Number(line)));
    expect(isAlive(Number(line))).toBe(false);
  });

  it("goes even when we are killed without a chance to stop it", async () => {
    const program = join(folder, "parent.ts");
    const module = join(import.meta.dirname, "child-process.ts");
    writeFileSync(
      program,
      `import { startChild } from ${JSON.stringify(module)};
       const child = await startChild({ name: "c", command: "sleep", arguments: ["60"], environment: process.env,
         workingFolder: "/", logFile: ${JSON.stringify(join(folder, "c.log"))} });
       console.log(child.pid);
       setInterval(() => {}, 1000);`,
    );
    const parent = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const pid = await new Promise<number>((resolve) => parent.stdout.once("data", (data) => resolve(Number(data))));
      expect(isAlive(pid)).toBe(true);
      parent.kill("SIGKILL");
      await until(() => !isAlive(pid));
      expect(isAlive(pid)).toBe(false);
    } finally {
      parent.kill("SIGKILL");
    }
  });

  it("that cannot be started is a problem with a cure", async () => {
    const missing = startChild({
      ...{ name: "a child", command: join(folder, "none"), arguments: [], environment: {} },
      ...{ workingFolder: folder, logFile: join(folder, "log") },
    });
    await expect(missing).rejects.toMatchObject({ cure: expect.stringContaining("npm ci") });
  });
});

describe("a port", () => {
  it("that is taken is named, with the way out", async () => {
    const { createServer } = await import("node:net");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      await expect(probePort(port)).rejects.toMatchObject({
        message: `Port ${port} is taken`,
        cure: expect.stringContaining("--port"),
      });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(await probePort(port)).toBe(port);
  });
});
