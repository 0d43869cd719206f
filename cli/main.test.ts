import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fakeControlPlane } from "../client/testing/fake-control-plane.ts";
import { OPERATION_ID, sampleOperationJson } from "../client/testing/sample-operation.ts";
import { probePort } from "./local/free-port.ts";

const MAIN = join(import.meta.dirname, "main.ts");
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ktrdr-main-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** The real command as a process. `onError` sees stderr as it grows, and may send signals. */
function ktrdr(
  words: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  onError: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...words], {
    env: { PATH: process.env.PATH, KTRDR_HOME: home, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
    onError(err, (signal) => child.kill(signal));
  });
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, out, err })));
}

describe("the ktrdr process", () => {
  it("ends with 2 and a suggestion for an unknown command", async () => {
    const { code, out, err } = await ktrdr(["backtset"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toBe("error: unknown command 'backtset'\n  cure: Did you mean backtest?\n");
  });

  it("ends with 1 and the cure when no control plane answers", async () => {
    const url = `http://127.0.0.1:${await probePort(0)}`;
    const { code, err } = await ktrdr(["workers", "--url", url, "--token", "t"]);
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^error: No control plane answers at ${url}\n {2}cure: .*ktrdr up`));
  });

  it("prints exactly one JSON document with --json", async () => {
    await using plane = await fakeControlPlane(() => ({ json: { total: 0, workers: [] } }));
    const { code, out, err } = await ktrdr(["workers", "--json"], { KTRDR_URL: plane.url, KTRDR_TOKEN: "t" });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({ total: 0, workers: [] });
  });

  it("loses nothing on Ctrl-C while it watches, says how to come back, and ends with 130", async () => {
    await using plane = await fakeControlPlane(() => ({ json: sampleOperationJson() }));
    let interrupted = false;
    const ended = await ktrdr(
      ["ops", "watch", OPERATION_ID],
      { KTRDR_URL: plane.url, KTRDR_TOKEN: "t" },
      (text, kill) => {
        if (interrupted || !text.includes("queued")) return;
        interrupted = true;
        kill("SIGINT");
      },
    );
    expect(ended.code).toBe(130);
    expect(ended.err).toContain(`ktrdr ops watch ${OPERATION_ID}`);
    expect(ended.err).toContain(`ktrdr ops cancel ${OPERATION_ID}`);
    expect(plane.requests.every((request) => request.method === "GET")).toBe(true);
  });

  it("names a taken port and the way out, and leaves no state locked", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      for (const _attempt of [1, 2]) {
        const { code, err } = await ktrdr(["up", "--nodes", "0", "--port", String(port)]);
        expect(code).toBe(1);
        expect(err).toContain(`error: Port ${port} is taken\n  cure: Choose another with --port`);
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("does not mind that the reader of its output has left", async () => {
    const child = spawn(process.execPath, [MAIN, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let err = "";
    child.stderr.on("data", (data) => {
      err += data;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  it("tells an old Node that it is too old, and what to run instead", async () => {
    const launcher = JSON.stringify(join(import.meta.dirname, "ktrdr.js"));
    const script = `Object.defineProperty(process.versions, "node", { value: "20.11.0" }); await import(${launcher});`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let err = "";
    child.stderr.on("data", (data) => {
      err += data;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(1);
    expect(err).toMatch(/^error: ktrdr needs Node 24\.2 or newer; this is 20\.11\.0\n {2}cure: .*npx ktrdr/);
  });

  it("loads neither schemas nor engines to show its help", async () => {
    const script = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ resolve(name, context, next) { const found = next(name, context); loaded.push(found.url); return found; } });
      const { runCommand } = await import(${JSON.stringify(join(import.meta.dirname, "program.ts"))});
      const quiet = { write() {} };
      await runCommand(["--help"], { environment: {}, stdout: quiet, stderr: quiet });
      console.log(JSON.stringify(loaded.filter((url) => url.startsWith("file:"))));`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    for await (const data of child.stdout) out += data;
    const loaded = JSON.parse(out) as string[];
    expect(loaded.some((url) => url.includes("/cli/commands/up/command.ts"))).toBe(true);
    // protocol/durations.ts has numbers alone.
    const slow = /\/(zod|protocol|compute-node|results|cli\/report)\/(?!durations\.ts$)/;
    expect(loaded.filter((url) => slow.test(url))).toEqual([]);
  });
});
