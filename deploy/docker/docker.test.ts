import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { probePort } from "../../cli/free-port.ts";
import { findProgram } from "../testing/stand-ins.ts";

const FOLDER = import.meta.dirname;
const ROOT = join(FOLDER, "..", "..");
const COMPOSE_FILE = join(FOLDER, "docker-compose.dev.yml");

interface Service {
  command?: string[];
  image: string;
  environment: Record<string, string>;
  healthcheck: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  cap_drop: string[];
  security_opt: string[];
  read_only: boolean;
  mem_limit: string;
  ports?: string[];
  volumes: string[];
  deploy?: { replicas: string };
}

const services = (parse(readFileSync(COMPOSE_FILE, "utf8"), { merge: true }) as { services: Record<string, Service> })
  .services;

describe("the Compose file", () => {
  /** The plugin where it is installed, else Debian's docker-compose. */
  const tool =
    findProgram("docker") !== null && spawnSync("docker", ["compose", "version"]).status === 0
      ? ["docker", "compose"]
      : findProgram("docker-compose") !== null
        ? ["docker-compose"]
        : null;

  it.skipIf(tool === null)("is valid for the real tool, also scaled (skipped where Compose is not installed)", () => {
    const [program, ...words] = tool ?? [""];
    const { status, stdout, stderr } = spawnSync(program, [...words, "-f", COMPOSE_FILE, "config"], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: process.env.HOME, KTRDR_DEPLOYMENT_SCALE_BACKTESTING: "7" },
    });
    expect(status, stderr).toBe(0);
    const settled = parse(stdout) as { services: Record<string, { deploy: { replicas: number } }> };
    expect(Object.keys(settled.services).toSorted()).toEqual(["backtest-worker", "control-plane", "training-worker"]);
    expect(settled.services["backtest-worker"].deploy.replicas).toBe(7);
  });

  it("starts as many nodes as workers.dev.yaml says, by the same variables", () => {
    const { scale } = (
      parse(readFileSync(join(ROOT, "deploy/config/workers.dev.yaml"), "utf8")) as {
        deployment: { scale: Record<string, number> };
      }
    ).deployment;
    expect(services["backtest-worker"].deploy?.replicas).toBe(
      `\${KTRDR_DEPLOYMENT_SCALE_BACKTESTING:-${scale.backtesting}}`,
    );
    expect(services["training-worker"].deploy?.replicas).toBe(
      `\${KTRDR_DEPLOYMENT_SCALE_CPU_TRAINING:-${scale.cpu_training}}`,
    );
  });

  it.each(Object.entries(services))(
    "gives %s no rights, a read-only system, limits and a health check",
    (_name, service) => {
      expect(service.cap_drop).toEqual(["ALL"]);
      expect(service.security_opt).toEqual(["no-new-privileges:true"]);
      expect(service.read_only).toBe(true);
      expect(service.mem_limit).toMatch(/\dg/);
      expect(existsSync(join(ROOT, service.healthcheck.test.at(-1) ?? ""))).toBe(true);
    },
  );

  it("leaves the names of nodes to their hosts, so that they can be scaled", () => {
    for (const name of ["backtest-worker", "training-worker"]) {
      expect(services[name].environment).not.toHaveProperty("WORKER_ID");
      expect(services[name]).not.toHaveProperty("container_name");
      expect(services[name]).not.toHaveProperty("hostname");
      expect(services[name].ports).toBeUndefined();
      expect(services[name].depends_on).toEqual({ "control-plane": { condition: "service_healthy" } });
    }
  });

  it("opens the control plane to this machine alone", () => {
    expect(services["control-plane"].ports).toEqual([`127.0.0.1:\${KTRDR_PORT:-8787}:8787`]);
  });
});

describe("the Dockerfile", () => {
  const lines = readFileSync(join(FOLDER, "Dockerfile"), "utf8").split("\n");
  const stages = lines.flatMap((line) => /^FROM (\S+) AS (\S+)$/.exec(line)?.slice(1, 3) ?? []);

  it("copies what is there, from stages that are there and files that the build sees", () => {
    const ignored = readFileSync(join(FOLDER, "Dockerfile.dockerignore"), "utf8").split("\n");
    for (const line of lines.filter((each) => each.startsWith("COPY "))) {
      const stage = /--from=(\S+)/.exec(line)?.[1];
      if (stage !== undefined) expect(stages).toContain(stage);
      else {
        for (const source of line.split(" ").slice(1, -1)) {
          expect(existsSync(join(ROOT, source)), source).toBe(true);
          expect(ignored).toContain(`!${source.split("/")[0]}`);
        }
      }
    }
  });

  it("ends in images that run as a user without rights, on the Node that the project is tested with", () => {
    const base = lines.slice(lines.findIndex((line) => line.endsWith(" AS base")));
    expect(base).toContain("USER node");
    expect(base.filter((line) => line.startsWith("USER "))).toEqual(["USER node"]);
    expect(lines.filter((line) => / AS (worker|control-plane)$/.test(line)).map((line) => line.split(" ")[1])).toEqual([
      "base",
      "base",
    ]);
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(lines).toContain(`ARG NODE_IMAGE=node:${devDependencies.node}-bookworm-slim`);
  });
});

describe("what the containers run", () => {
  let folder: string;
  let children: ChildProcess[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ktrdr-containers-"));
    children = [];
  });
  afterEach(async () => {
    // Nodes first, then the control plane, as Compose does it.
    for (const child of children.toReversed()) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.kill("SIGTERM")) await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  function start(words: readonly string[], environment: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(process.execPath, words, {
      cwd: ROOT,
      env: { PATH: process.env.PATH, LOG_LEVEL: "warn", ...environment },
      stdio: "ignore",
    });
    children.push(child);
    return child;
  }

  async function becomesHealthy(environment: NodeJS.ProcessEnv): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (spawnSync(process.execPath, ["deploy/docker/check-health.ts"], { cwd: ROOT, env: environment }).status === 0)
        return;
      await sleep(100);
    }
    throw new Error("it did not become healthy");
  }

  it("comes up in Compose's order: the plane writes the token with which nodes join, and both end in order", async () => {
    const enrolment = join(folder, "enrolment", "node.yaml");
    const port = String(await probePort(0));
    const plane = {
      HEALTH_PORT: port,
      KTRDR_PORT: port,
      KTRDR_HOME: join(folder, "plane"),
      KTRDR_ENROLMENT_FILE: enrolment,
      KTRDR_REGISTRY_CONFIG: "",
      KTRDR_TOKEN: "",
    };
    start(["deploy/self-host/start-control-plane.ts"], plane);
    await becomesHealthy(plane);
    const healthPort = String(await probePort(0));
    const worker = { ...services["backtest-worker"].environment, BACKEND_URL: `http://127.0.0.1:${port}` };
    const [, ...words] = services["backtest-worker"].command ?? [];
    start(
      words.map((word) => (word === "/run/ktrdr-enrolment/node.yaml" ? enrolment : word)),
      { ...worker, HEALTH_PORT: healthPort, LOG_LEVEL: "warn", WORKER_SLOTS: "1", KTRDR_HOME: join(folder, "node") },
    );
    await becomesHealthy({ HEALTH_PORT: healthPort });
    const { token } = JSON.parse(readFileSync(join(folder, "plane", "credentials.json"), "utf8"));
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/workers`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await response.json()).toMatchObject({
      total: 1,
      workers: [{ worker_type: "backtesting", connected: true }],
    });
  }, 60_000);
});
