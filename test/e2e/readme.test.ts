/** Every command in the README runs, in its order, as a reader would run it. */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import { killGroup, until } from "../support/fleet.ts";
import { patience } from "../support/patience.ts";

const run = promisify(execFile);
const home = mkdtempSync(join(tmpdir(), "ktrdr-readme-"));
const environment = {
  ...process.env,
  KTRDR_HOME: home,
  NO_COLOR: "1",
  npm_config_update_notifier: "false",
  PATH: `${join(PROJECT_FOLDER, "node_modules", ".bin")}:${process.env.PATH}`,
};
const background: number[] = [];

afterAll(async () => {
  for (const pid of background) killGroup(pid, "SIGTERM");
  await until(15_000, "the system of the README is gone", async () => background.every(isGone));
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

/** The lines of all `sh` blocks, without comments. */
function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1]!);
  return blocks.flatMap((block) => block.split("\n")).flatMap((line) => line.replace(/\s+#.*$/, "").trim() || []);
}

const commands = commandsOf(readFileSync(join(PROJECT_FOLDER, "README.md"), "utf8"));
const isMake = (command: string): boolean => command.startsWith("make ");
const staysUp = (command: string): boolean => command.startsWith("npx ktrdr up");

describe("the README's commands", () => {
  it("are there to be run", () => {
    expect(commands.length).toBeGreaterThan(10);
    expect(commands.slice(0, 2)).toEqual(["make demo", "make test"]);
  });

  // `make demo` has a test of its own; `make test` is what runs this one.
  it.each(commands.filter(isMake))("%s is a target", (command) => {
    const makefile = readFileSync(join(PROJECT_FOLDER, "Makefile"), "utf8");
    expect(makefile).toMatch(new RegExp(`^${command.split(" ")[1]}:.*## `, "m"));
  });

  for (const command of commands.filter((text) => !isMake(text))) {
    it(`${command}`, async () => {
      if (staysUp(command)) await startAndLeave(command);
      else {
        const { stdout } = await run("bash", ["-c", command], {
          cwd: PROJECT_FOLDER,
          env: environment,
          timeout: patience(60_000),
        });
        expect(stdout.length).toBeGreaterThan(0);
      }
    });
  }
});

/** As in a terminal of its own; on a free port, since the default one may be in use on this machine. */
async function startAndLeave(command: string): Promise<void> {
  const port = await probePort(0);
  const child = spawn("bash", ["-c", `exec ${command} --port ${port}`], {
    cwd: PROJECT_FOLDER,
    env: environment,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  background.push(child.pid!);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  await until(60_000, `${command} is ready`, async () => output.includes("Ready."));
}

function isGone(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return false;
  } catch {
    return true;
  }
}
