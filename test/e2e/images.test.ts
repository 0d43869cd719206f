/**
 * The images without a container engine: every step of the Dockerfile in its order in a clean Debian, then the containers' own
 * commands, as their user, with a root that is read-only, as Compose starts them.
 */
import type { ChildProcess } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import { runCommand } from "../../cli/program.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { createClient } from "../../client/client.ts";
import { baseTree, ImageBuilder, lackForTrees } from "../../deploy/testing/image-tree.ts";
import { until } from "../support/fleet.ts";
import { patience } from "../support/patience.ts";

interface Container {
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: Readonly<Record<string, string>>;
}

const composed = (
  parse(readFileSync(join(PROJECT_FOLDER, "deploy/docker/docker-compose.dev.yml"), "utf8"), { merge: true }) as {
    services: Record<string, { command?: string[] }>;
  }
).services;
const lack = lackForTrees();
const MEGABYTE = 1 << 20;

describe.skipIf(lack !== null)(`the images${lack === null ? "" : ` (skipped: ${lack})`}`, () => {
  let folder: string;
  let images: ImageBuilder;
  const children: ChildProcess[] = [];
  const output = new Map<ChildProcess, string>();

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "ktrdr-images-"));
    const base = baseTree(join(tmpdir(), "ktrdr-image-base"));
    images = new ImageBuilder(folder, base, PROJECT_FOLDER, join(PROJECT_FOLDER, "deploy/docker/Dockerfile"));
  });
  afterAll(async () => {
    // Nodes first, then the control plane, as Compose does it.
    for (const child of children.toReversed()) await stopped(child);
    rmSync(folder, { recursive: true, force: true });
  });

  /** With the command of Compose where that has one, else the image's. */
  function start(image: string, service: string, settings: Container): ChildProcess {
    const command = composed[service]?.command ?? images.stages.find((stage) => stage.name === image)!.command!;
    const environment = { LOG_LEVEL: "warn", ...settings.environment };
    const child = images.start(image, command, { environment, volumes: settings.volumes });
    children.push(child);
    const note = (chunk: Buffer): void => void output.set(child, (output.get(child) ?? "") + chunk.toString());
    child.stdout?.on("data", note);
    child.stderr?.on("data", note);
    return child;
  }

  /** What Docker runs every ten seconds, inside the container. */
  async function isHealthy(image: string, settings: Container): Promise<void> {
    const check = images.stages.find((stage) => stage.name === "base")!.healthCheck!;
    try {
      await until(60_000, `${image} is healthy`, async () => images.run(image, check, settings).status === 0);
    } catch (error) {
      throw new Error([...output.values()].join("\n"), { cause: error });
    }
  }

  /** A volume of its own, the image's user's. */
  function volume(name: string): string {
    const path = join(folder, "volumes", name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chownSync(path, 1000, 1000);
    return path;
  }

  it(
    "are built by the Dockerfile's steps in a clean Debian, with nothing in them that builds",
    () => {
      for (const image of ["control-plane", "worker", "worker-gpu"]) images.build(image);
      for (const [image, mostMegabytes] of Object.entries({ worker: 50, "worker-gpu": 90, "control-plane": 240 })) {
        expect(images.bytes(image, "/app") / MEGABYTE, image).toBeLessThan(mostMegabytes);
        const sources = "find /app -name '*.ts' | grep -vE '/node_modules/|/examples/|\\.d\\.ts$'";
        const tools = "ls /app/node_modules | grep -E '^(assemblyscript|typescript|wrangler|vitest)$'";
        expect(images.run(image, ["sh", "-c", `${sources}; ${tools}`]).stdout, image).toBe("");
      }
    },
    patience(480_000),
  );

  it("run as a user without rights, on a system that it cannot change", () => {
    const { stdout: words } = images.run("worker", [
      "sh",
      "-c",
      "id -un; touch /app/x 2>&1; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status",
    ]);
    expect(words.split("\n").slice(0, 4)).toEqual([
      "node",
      expect.stringContaining("Read-only file system"),
      "CapEff:\t0000000000000000",
      "NoNewPrivs:\t1",
    ]);
  });

  it("worker-gpu has the loader through which the drivers of its host are found", () => {
    const { stdout } = images.run("worker-gpu", [
      "sh",
      "-c",
      "ldconfig -p | grep -c libvulkan.so.1; ls node_modules/webgpu/dist",
    ]);
    expect(stdout).toMatch(/^1\nlinux-/);
  });

  it("serve: the control plane admits a worker from its own container, which runs a backtest", async () => {
    const port = String(await probePort(0));
    const [plane, node, enrolment] = [volume("plane"), volume("node"), volume("enrolment")];
    const enrolmentFile = "/run/ktrdr-enrolment/node.yaml";
    start("control-plane", "control-plane", {
      environment: {
        ...{ KTRDR_HOST: "127.0.0.1", KTRDR_PORT: port, HEALTH_PORT: port, KTRDR_REGISTRY_CONFIG: "", KTRDR_TOKEN: "" },
        KTRDR_ENROLMENT_FILE: enrolmentFile,
      },
      volumes: { "/var/lib/ktrdr": plane, "/run/ktrdr-enrolment": enrolment },
    });
    await isHealthy("control-plane", {
      environment: { HEALTH_PORT: port, KTRDR_ENROLMENT_FILE: enrolmentFile },
      volumes: { "/run/ktrdr-enrolment": enrolment },
    });
    const { url, token } = JSON.parse(readFileSync(join(plane, "credentials.json"), "utf8"));
    const healthPort = String(await probePort(0));
    const settings = { BACKEND_URL: url, WORKER_TYPE: "backtesting", WORKER_SLOTS: "1", WORKER_ID: "in-a-container" };
    start("worker", "backtest-worker", {
      environment: { ...settings, HEALTH_PORT: healthPort },
      volumes: { "/var/lib/ktrdr": node, "/run/ktrdr-enrolment": enrolment },
    });
    await isHealthy("worker", { environment: { HEALTH_PORT: healthPort }, volumes: {} });

    const surroundings = testSurroundings({ KTRDR_HOME: join(folder, "desk"), KTRDR_URL: url, KTRDR_TOKEN: token });
    for (const words of [
      ["data", "load", "--sample", "SP500"],
      ["data", "push", "SP500", "1d"],
      ["backtest", join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml"), "--symbol", "SP500"],
    ]) {
      expect(await runCommand(words, surroundings), surroundings.stderr.text()).toBe(0);
    }
    const client = createClient({ url, token, tokenSource: "the test" });
    const { operations } = await client.listOperations();
    expect(operations).toMatchObject([{ status: "completed", workerId: "in-a-container" }]);
    const inside = images.run("control-plane", ["ktrdr", "workers", "--json"], {
      volumes: { "/var/lib/ktrdr": plane },
    });
    expect(inside.status, inside.stderr).toBe(0);
    expect(JSON.parse(inside.stdout)).toMatchObject({ workers: [{ worker_id: "in-a-container" }] });
    for (const child of children.toReversed()) expect(await stopped(child), output.get(child)).toBe(0);
  });
});

/** Its exit status after SIGTERM. */
async function stopped(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  }
  return child.exitCode;
}
