import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { probePort } from "../../cli/local/free-port.ts";
import { contextFilter, parseDockerfile, wholeStage } from "../testing/dockerfile.ts";
import { findProgram } from "../testing/stand-ins.ts";

const FOLDER = import.meta.dirname;
const ROOT = join(FOLDER, "..", "..");
const COMPOSE_FILE = join(FOLDER, "docker-compose.dev.yml");

interface Service {
  command?: string[];
  image: string;
  build?: { target: string };
  environment: Record<string, string>;
  healthcheck: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  cap_drop: string[];
  security_opt: string[];
  read_only: boolean;
  mem_limit: string;
  ports?: string[];
  volumes: string[];
  deploy?: { replicas?: string; resources?: { reservations: { devices: object[] } } };
  profiles?: string[];
}

/** The images have JavaScript, made from the TypeScript here. */
const sourceOf = (path: string): string => path.replace(/\.js$/, ".ts");
/** Those that run our images. */
const OURS = ["control-plane", "backtest-worker", "training-worker", "gpu-worker"];

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
    const all = ["--profile", "gpu", "--profile", "monitoring"];
    const { status, stdout, stderr } = spawnSync(program, [...words, "-f", COMPOSE_FILE, ...all, "config"], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: process.env.HOME, KTRDR_DEPLOYMENT_SCALE_BACKTESTING: "7" },
    });
    expect(status, stderr).toBe(0);
    const settled = parse(stdout) as { services: Record<string, { deploy: object }> };
    expect(Object.keys(settled.services).toSorted()).toEqual([...OURS, "grafana", "prometheus"].toSorted());
    expect(settled.services["backtest-worker"].deploy).toMatchObject({ replicas: 7 });
    const [device] = services["gpu-worker"].deploy?.resources?.reservations.devices ?? [];
    expect(device).toEqual({ driver: "nvidia", count: "all", capabilities: ["gpu"] });
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
    (name, service) => {
      expect(service.cap_drop).toEqual(["ALL"]);
      expect(service.security_opt).toEqual(["no-new-privileges:true"]);
      expect(service.read_only).toBe(true);
      expect(service.mem_limit).toMatch(/\d[gm]/);
      const check = service.healthcheck.test.at(-1) ?? "";
      if (OURS.includes(name)) expect(existsSync(join(ROOT, sourceOf(check)))).toBe(true);
      else expect(check).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/.*health/);
    },
  );

  it("starts the GPU node and the monitoring only with their profiles", () => {
    const asked = Object.entries(services).flatMap(([name, { profiles }]) => (profiles ? [[name, ...profiles]] : []));
    expect(asked).toEqual([
      ["gpu-worker", "gpu"],
      ["prometheus", "monitoring"],
      ["grafana", "monitoring"],
    ]);
  });

  it("mounts files that are there, read-only", () => {
    const files = Object.values(services).flatMap(({ volumes }) => volumes.filter((volume) => volume.startsWith(".")));
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const [source = "", , mode] = file.split(":");
      expect(existsSync(join(FOLDER, source)), source).toBe(true);
      expect(mode).toBe("ro");
    }
  });

  it("leaves the names of nodes to their hosts, so that they can be scaled", () => {
    for (const name of OURS.slice(1)) {
      expect(services[name].environment).not.toHaveProperty("WORKER_ID");
      expect(services[name]).not.toHaveProperty("container_name");
      expect(services[name]).not.toHaveProperty("hostname");
      expect(services[name].ports).toBeUndefined();
      expect(services[name].depends_on).toEqual({ "control-plane": { condition: "service_healthy" } });
    }
  });

  it("opens ports to this machine alone", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.map((port) => port.replace(/\$\{\w+:-(\d+)\}/, "$1"))).toEqual([
      "127.0.0.1:8787:8787",
      "127.0.0.1:9090:9090",
      "127.0.0.1:3000:3000",
    ]);
  });
});

describe("the Dockerfile", () => {
  const stages = parseDockerfile(readFileSync(join(FOLDER, "Dockerfile"), "utf8"));
  const images = ["control-plane", "worker", "worker-gpu"].map((name) => wholeStage(stages, name));

  it("copies only paths that exist, from stages that exist and files that the build sees", () => {
    const isSeen = contextFilter(readFileSync(join(FOLDER, "Dockerfile.dockerignore"), "utf8"));
    for (const step of stages.flatMap((stage) => stage.steps)) {
      if (step.does !== "copy") continue;
      if (step.from !== null) expect(stages.map((stage) => stage.name)).toContain(step.from);
      else {
        for (const source of step.sources) {
          expect(existsSync(join(ROOT, source)), source).toBe(true);
          if (source !== ".") expect(isSeen(source), source).toBe(true);
        }
      }
    }
    expect(["node_modules", ".git", ".ktrdr", "compute-node/backtest/golden/x"].filter(isSeen)).toEqual([]);
  });

  it.each(images)("$name ends as a user without rights, and checks and runs programs that are there", (image) => {
    const users = image.steps.flatMap((step) => (step.does === "user" ? [step.name] : []));
    expect(users.at(-1)).toBe("node");
    for (const words of [image.command, image.healthCheck]) {
      expect(words?.[0]).toBe("node");
      expect(existsSync(join(ROOT, sourceOf(words?.[1] ?? ""))), words?.[1]).toBe(true);
    }
    expect(image.volumes).toEqual(["/var/lib/ktrdr"]);
  });

  it("is built on the Node that the project is tested with", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(images.map((image) => image.base)).toEqual(images.map(() => `node:${devDependencies.node}-bookworm-slim`));
  });

  it("is the file that Compose builds", () => {
    const targets = OURS.map((name) => services[name].build?.target);
    expect(targets).toEqual(["control-plane", "worker", "worker", "worker-gpu"]);
  });
});

describe("the programs of the containers", () => {
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

  it("come up in Compose's order: the plane writes the token with which nodes join, and both end in order", async () => {
    const enrolment = join(folder, "enrolment", "node.yaml");
    const scrape = join(folder, "scrape", "token");
    const port = String(await probePort(0));
    const plane = {
      HEALTH_PORT: port,
      KTRDR_PORT: port,
      KTRDR_HOME: join(folder, "plane"),
      KTRDR_ENROLMENT_FILE: enrolment,
      KTRDR_SCRAPE_TOKEN_FILE: scrape,
      KTRDR_REGISTRY_CONFIG: "",
      KTRDR_TOKEN: "",
    };
    start(["control-plane/start-control-plane.ts"], plane);
    await becomesHealthy(plane);
    await expect.poll(() => existsSync(scrape)).toBe(true);
    const scraped = await fetch(`http://127.0.0.1:${port}/api/v1/metrics/prometheus`, {
      headers: { authorization: `Bearer ${readFileSync(scrape, "utf8")}` },
    });
    expect(await scraped.text()).toContain("# TYPE ktrdr_workers gauge");
    const healthPort = String(await probePort(0));
    const worker = { ...services["backtest-worker"].environment, BACKEND_URL: `http://127.0.0.1:${port}` };
    const [, ...words] = services["backtest-worker"].command ?? [];
    start(
      words.map((word) => (word === "/run/ktrdr-enrolment/node.yaml" ? enrolment : sourceOf(word))),
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
  });
});
