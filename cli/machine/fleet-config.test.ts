import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { registryConfig } from "../../durable-objects/scheduler/index.ts";
import type { Problem } from "../../protocol/problem.ts";
import { runCommand } from "../program.ts";
import { testSurroundings } from "../testing/collector.ts";
import { FLEET_FIELDS, planFleet, registryNumbers } from "./fleet-config.ts";
import { type FleetConfigRequest, fieldVariable, type ResolvedFleet, resolveFleetConfig } from "./fleet-config-file.ts";

const CONFIG_FOLDER = join(import.meta.dirname, "..", "..", "deploy", "config");
const PROD = join(CONFIG_FOLDER, "workers.prod.yaml");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function resolveWith(request: Partial<FleetConfigRequest>): ResolvedFleet {
  return resolveFleetConfig({ assignments: [], environment: {}, ...request });
}

/** The production file with one text replaced. */
function changed(before: string, after: string): string {
  const text = readFileSync(PROD, "utf8");
  expect(text).toContain(before);
  const file = join(folder, "workers.yaml");
  writeFileSync(file, text.replace(before, after));
  return file;
}

function refusal(request: Partial<FleetConfigRequest>): Problem {
  try {
    resolveWith(request);
  } catch (error) {
    return error as Problem;
  }
  throw new Error("it was accepted");
}

function field(fleet: ResolvedFleet, path: string): { value: unknown; source: string } | undefined {
  const found = fleet.fields.find((each) => each.path === path);
  return found && { value: found.value, source: found.source };
}

describe("the fleet's configuration", () => {
  it("comes from the file that KTRDR_ENV picks, development by default", () => {
    expect(resolveWith({}).config.deployment.type).toBe("docker-compose");
    expect(resolveWith({ environment: { KTRDR_ENV: "prod" } }).config.deployment.type).toBe("proxmox-lxc");
  });

  it("lists the environments when KTRDR_ENV names none of them", () => {
    const problem = refusal({ environment: { KTRDR_ENV: "prdo" } });
    expect(problem.kind).toBe("not-found");
    expect(problem.cure).toBe('Did you mean "prod"? Valid environments: dev, prod.');
  });

  it("gives each value with where it came from: flag, environment, line of the file, default", () => {
    const fleet = resolveWith({
      file: changed("  bridge: vmbr0\n", ""),
      environment: { KTRDR_WORKERS_BACKTESTING_COUNT: "2", KTRDR_BACKEND_URL: "https://one.example" },
      assignments: ["backend_url=https://two.example"],
    });
    expect(field(fleet, "backend_url")).toEqual({ value: "https://two.example", source: "flag --set" });
    expect(field(fleet, "workers.backtesting.count")).toEqual({
      value: 2,
      source: "environment KTRDR_WORKERS_BACKTESTING_COUNT",
    });
    expect(field(fleet, "health_check.interval_seconds")).toEqual({
      value: 10,
      source: `${join(folder, "workers.yaml")}:6`,
    });
    expect(field(fleet, "deployment.bridge")).toEqual({ value: "vmbr0", source: "default" });
  });

  it.each([...FLEET_FIELDS.keys()])("lets %s be set by a flag and by the environment", (path) => {
    const isCompose = path.startsWith("deployment.scale");
    const file = join(CONFIG_FOLDER, `workers.${isCompose ? "dev" : "prod"}.yaml`);
    const gpu = { count: 1, cores: 2, memory_mb: 4096, ip_range: "192.168.1.221" };
    const rest = Object.entries(gpu).map(([name, value]) => `workers.gpu_host.${name}=${value}`);
    const assignments = path.startsWith("workers.gpu_host") ? rest : [];
    const usual = resolveWith({ file, assignments }).fields.find((each) => each.path === path)?.value ?? 1;
    const byFlag = resolveWith({ file, assignments: [...assignments, `${path}=${usual}`] });
    expect(field(byFlag, path)).toEqual({ value: usual, source: "flag --set" });
    const variable = fieldVariable(path);
    const others = assignments.filter((each) => !each.startsWith(`${path}=`));
    const byVariable = resolveWith({ file, assignments: others, environment: { [variable]: String(usual) } });
    expect(field(byVariable, path)).toEqual({ value: usual, source: `environment ${variable}` });
  });

  it("refuses an unknown key with its line and the closest name", () => {
    const problem = refusal({ file: changed("timeout_seconds", "timout_seconds") });
    expect(problem.issues).toHaveLength(1);
    expect(problem.issues[0]).toMatchObject({ line: 7, column: 3, path: "health_check.timout_seconds" });
    expect(problem.issues[0].message).toContain('Did you mean "timeout_seconds"?');
  });

  it("suggests cpu_training for the type `training`", () => {
    const problem = refusal({ file: changed("  cpu_training:", "  training:") });
    expect(problem.issues[0].message).toContain('Did you mean "cpu_training"?');
  });

  it("refuses an unknown variable that looks like a field, and an unknown field in --set", () => {
    expect(refusal({ environment: { KTRDR_HEALTH_CHECK_INTERVAL: "1" } }).issues[0].message).toContain(
      'Did you mean "KTRDR_HEALTH_CHECK_INTERVAL_SECONDS"?',
    );
    expect(refusal({ assignments: ["backend_ulr=x"] }).cure).toContain('Did you mean "backend_url"?');
    expect(refusal({ assignments: ["backend_url"] }).cure).toBe("Write --set backend_url=<value>.");
  });

  it.each([
    ["not a number", "count: 5", "count: many", "workers.backtesting.count"],
    ["too few addresses", "count: 5", "count: 6", "201-205 has 5 addresses for 6 workers"],
    ["another network", "192.168.1.211-213", "192.168.2.211-213", "192.168.2.211 is not an address for a host in"],
    ["an address twice", "192.168.1.211-213", "192.168.1.205-207", "192.168.1.205 is that of workers.backtesting too"],
    ["the gateway's address", "192.168.1.211-213", "192.168.1.1-3", "192.168.1.1 is that of the gateway too"],
    ["a gateway elsewhere", "gateway: 192.168.1.1", "gateway: 10.0.0.1", "10.0.0.1 is not in 192.168.1.0/24"],
    ["bits beyond the prefix", "192.168.1.0/24", "192.168.1.7/24", "deployment.network.subnet"],
    ["a name with a shell in it", "storage: local-lvm", "storage: $(reboot)", "deployment.storage"],
  ])("refuses %s, with the field and where it came from", (_what, before, after, expected) => {
    const problem = refusal({ file: changed(before, after) });
    const text = problem.issues.map(({ path, message }) => `${path}: ${message}`).join("\n");
    expect(text).toContain(expected);
    expect(text).toMatch(/\(from .*workers\.yaml:\d+\)/);
  });

  it.each(["- a\n", "text\n"])("refuses a file without fields: %j", (text) => {
    const file = join(folder, "workers.yaml");
    writeFileSync(file, text);
    expect(refusal({ file }).message).toContain("holds no fields");
  });
});

describe("the plan", () => {
  it("has the workers of workers.prod.txt, in its order", () => {
    const { workers } = planFleet(resolveWith({ file: PROD }).config);
    const lines = readFileSync(join(CONFIG_FOLDER, "workers.prod.txt"), "utf8").split("\n");
    expect(lines.filter((line) => line !== "" && !line.startsWith("#"))).toEqual(
      workers.map((worker) => `${worker.workerId},${worker.ip},${worker.workerType}`),
    );
  });

  it("is refused for containers under Compose", () => {
    expect(() => planFleet(resolveWith({}).config)).toThrow("docker-compose, which needs no plan");
  });
});

it("gives numbers that the registry accepts", () => {
  const numbers = registryNumbers(resolveWith({ assignments: ["health_check.timeout_seconds=2.5"] }).config);
  expect(registryConfig.parse(numbers)).toMatchObject({
    healthIntervalMs: 10_000,
    healthTimeoutMs: 2500,
    failureThreshold: 3,
    removalMs: 300_000,
  });
});

describe("ktrdr config", () => {
  async function ktrdr(...words: string[]): Promise<{ code: number; out: string }> {
    const surroundings = testSurroundings({ KTRDR_HOME: folder, KTRDR_ENV: "prod" });
    const code = await runCommand(["config", ...words], surroundings);
    return { code, out: surroundings.stdout.text() };
  }

  it("shows fields, values and sources, as text and as JSON", async () => {
    const { out } = await ktrdr("show", "--set", "backend_url=https://k.example");
    expect(out).toMatch(/^backend_url +https:\/\/k\.example +flag --set$/m);
    expect(out).toMatch(/^deployment\.template_id +9000 +.*workers\.prod\.yaml:13$/m);
    const json = JSON.parse((await ktrdr("show", "--json")).out);
    expect(json.config).toEqual(parse(readFileSync(PROD, "utf8")));
    expect(Object.keys(json.sources)).toContain("workers.cpu_training.memory_mb");
  });

  it("prints the plan as lines that the scripts read", async () => {
    const [heading, first] = (await ktrdr("plan")).out.split("\n");
    expect(heading).toMatch(/^# worker_id,ip,worker_type,cores,memory_mb,/);
    expect(first).toBe(
      "ktrdr-backtest-1,192.168.1.201,backtesting,4,8192,9000,local-lvm,vmbr0,192.168.1.0/24,192.168.1.1,http://192.168.1.100:8787",
    );
  });
});
