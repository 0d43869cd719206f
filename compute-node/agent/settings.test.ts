import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Problem } from "../../protocol/index.ts";
import { resolveSettings } from "./settings.ts";
import { workerIdOfHost } from "./settings-table.ts";
import { temporaryFolder } from "./testing/nodes.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

const resolveIn = (flags: Record<string, unknown>, environment: Record<string, string> = {}) =>
  resolveSettings({ flags: { home: folder.path, ...flags }, environment });

describe("a node's settings", () => {
  it("come from flags, then the environment, then the file, then the defaults, and say so", () => {
    writeFileSync(
      join(folder.path, "node.yaml"),
      "url: http://file:1\nworker_type: gpu_host\nslots: 3\nlabels: {rack: a}\n",
    );
    const { settings, sources } = resolveIn(
      { url: "http://flag:1/" },
      { BACKEND_URL: "http://env:1", WORKER_TYPE: "cpu_training" },
    );
    expect(settings).toMatchObject({
      url: "http://flag:1",
      workerType: "cpu_training",
      slots: 3,
      labels: { rack: "a" },
    });
    expect(sources).toMatchObject({
      url: "flag --url",
      workerType: "environment WORKER_TYPE",
      slots: `file ${join(folder.path, "node.yaml")}: slots`,
      logLevel: "default",
    });
  });

  it("have defaults for everything", () => {
    const { settings } = resolveIn({});
    expect(settings).toMatchObject({
      token: null,
      workerType: "backtesting",
      healthPort: 5003,
      kinds: ["backtest", "portfolio", "train", "model_backtest", "sleep"],
      allowScripts: false,
    });
    expect(settings.workerId).toBe(workerIdOfHost(hostname()));
    expect(settings.slots).toBeGreaterThan(0);
  });

  it("take updates from a folder or a URL that nobody can change on the way", () => {
    const of = (source: string) => resolveIn({}, { KTRDR_UPDATE_SOURCE: source }).settings.updateSource;
    for (const source of ["/srv/releases", "https://k.example/releases", "http://127.0.0.1:80/r", "http://localhost"]) {
      expect(of(source)).toBe(source);
    }
    for (const source of ["http://k.example/releases", "http://127.0.0.1.example/", "releases", "ftp://k.example"]) {
      expect(() => of(source)).toThrow("https://");
    }
    expect(resolveIn({}).settings).toMatchObject({ autoUpdate: true, updateSource: null });
    expect(resolveIn({ autoUpdate: "no" }).settings.autoUpdate).toBe(false);
  });

  it("choose the health port by type, any with 0, and none with --no-health", () => {
    expect(resolveIn({ workerType: "gpu_host" }).settings.healthPort).toBe(5002);
    expect(resolveIn({ workerType: "cpu_training" }).settings.healthPort).toBe(5004);
    expect(resolveIn({ healthPort: "0" }).settings.healthPort).toBe(0);
    expect(resolveIn({ health: false }, { HEALTH_PORT: "6000" }).settings.healthPort).toBeNull();
  });

  it("take lists and labels as text", () => {
    const { settings } = resolveIn({ kinds: "sleep", labels: "rack=3, owner=kim" });
    expect(settings).toMatchObject({ kinds: ["sleep"], labels: { rack: "3", owner: "kim" } });
  });

  it("allow scripts by a flag, a word in the environment or the file, and take nothing else for a yes", () => {
    expect(resolveIn({ allowScripts: true }).settings.allowScripts).toBe(true);
    expect(resolveIn({}, { KTRDR_ALLOW_SCRIPTS: "1" }).settings.allowScripts).toBe(true);
    expect(resolveIn({}, { KTRDR_ALLOW_SCRIPTS: "no" }).settings.allowScripts).toBe(false);
    expect(() => resolveIn({}, { KTRDR_ALLOW_SCRIPTS: "please" })).toThrow("yes or no");
    writeFileSync(join(folder.path, "node.yaml"), "allow_scripts: true\n");
    expect(resolveIn({}).settings.allowScripts).toBe(true);
  });

  it("take programs by name, from repeated flags, the environment or the file", () => {
    const node = process.execPath;
    const of = (...words: Parameters<typeof resolveIn>) => resolveIn(...words).settings.programs;
    expect(of({})).toEqual({});
    expect(of({ programs: [`a=${node}`, "b=/bin/sh"] })).toEqual({ a: [node], b: ["/bin/sh"] });
    expect(of({}, { KTRDR_COMMANDS: "a=/bin/sh, b=/bin/sh" })).toEqual({ a: ["/bin/sh"], b: ["/bin/sh"] });
    writeFileSync(join(folder.path, "node.yaml"), "commands:\n  a: /bin/sh\n  b: [/bin/sh, -c, 'exit 1']\n");
    expect(of({})).toEqual({ a: ["/bin/sh"], b: ["/bin/sh", "-c", "exit 1"] });
    expect(() => of({ programs: ["a=train.py"] })).toThrow("whole path");
    expect(() => of({ programs: ["../a=/bin/sh"] })).toThrow("letters, digits");
    expect(() => of({ programs: ["/bin/sh"] })).toThrow("--program");
  });

  it("read JSON as well, with --config", () => {
    const file = join(folder.path, "other.json");
    writeFileSync(file, JSON.stringify({ worker_id: "from-json" }));
    expect(resolveIn({ config: file }).settings.workerId).toBe("from-json");
  });

  it("refuse an unknown key in the file, naming the nearest one", () => {
    writeFileSync(join(folder.path, "node.yaml"), "worker_typ: gpu_host\n");
    const problem = problemOf(() => resolveIn({}));
    expect(problem.message).toContain("unknown setting: worker_typ");
    expect(problem.cure).toContain('Did you mean "worker_type"?');
  });

  it("refuse each value that does not fit, naming where it stands", () => {
    const problem = problemOf(() =>
      resolveIn({ slots: "0", url: "ftp://x" }, { WORKER_ID: "../x", WORKER_TYPE: "gpu" }),
    );
    expect(problem.issues.map(({ path }) => path)).toEqual([
      "flag --url",
      "environment WORKER_ID",
      "environment WORKER_TYPE",
      "flag --slots",
    ]);
    expect(problem.issues[3].message).toContain('"0"');
  });

  it("refuse what merely looks like a number", () => {
    for (const slots of ["", "1e1", "0x10", " 2", "-1", "1.5"]) expect(() => resolveIn({ slots })).toThrow("--slots");
    expect(() => resolveIn({ healthPort: "70000" })).toThrow("--health-port");
  });

  it("refuse a --config file that is missing or no mapping", () => {
    expect(problemOf(() => resolveIn({ config: join(folder.path, "none.yaml") })).message).toContain("cannot be read");
    writeFileSync(join(folder.path, "node.yaml"), "- a\n");
    expect(problemOf(() => resolveIn({})).message).toContain("holds no settings");
  });
});

it("a host name that is no worker id becomes one", () => {
  expect(workerIdOfHost("Kim's Mac.local")).toBe("Kim-s-Mac.local");
  expect(workerIdOfHost("-_ä")).toBe("node");
});
