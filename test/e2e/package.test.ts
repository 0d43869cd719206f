/**
 * The npm package, installed as a stranger does it, and used: its commands, a node of it in a fleet of the checkout, and a
 * control plane of its own. What it computes has the bytes of the checkout.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, describe, expect, it } from "vitest";
import { startChild } from "../../cli/local/child-process.ts";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import { runCommand } from "../../cli/program.ts";
import { softwareVersion } from "../../cli/software-version.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { Fleet, until } from "../support/fleet.ts";
import {
  filesBelow,
  type InstalledPackage,
  installPackage,
  npmEnvironment,
  type Ran,
  run,
} from "../support/installed-package.ts";
import { placeForStrangers, STRANGER } from "../support/place-for-strangers.ts";

const LARGEST_BYTES = 60e6;
const RULES = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
const CODE = join(PROJECT_FOLDER, "examples/strategies/breakout-bracket.ts");
const NETWORK = join(PROJECT_FOLDER, "examples/strategies/neural-daily-trend.yaml");

const place = placeForStrangers();
const installed = await installPackage(place ?? tmpdir());
afterAll(() => installed?.remove());

/** The tests do not run without it. */
function thePackage(): InstalledPackage {
  if (installed === null) throw new Error("the package is not installed");
  return installed;
}

/** The command of the checkout, in this process. */
async function checkout(...words: string[]): Promise<Ran> {
  const surroundings = testSurroundings({ KTRDR_HOME: join(thePackage().home, ".ktrdr") });
  const code = await runCommand(words, surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

/** Links a package of the checkout beside the installed one, where `npm install --global` would put it: faster, and no less. */
function installBeside(name: string): void {
  const target = join(thePackage().prefix, "lib", "node_modules", name);
  if (!existsSync(target)) symlinkSync(join(PROJECT_FOLDER, "node_modules", name), target);
}

describe.skipIf(installed === null)("the npm package (skipped where npm's registry cannot be reached)", () => {
  describe("an installed package", () => {
    it("is small: below 60 MB with all that it needs", () => {
      const { prefix } = thePackage();
      const bytes = filesBelow(prefix).reduce((sum, path) => sum + lstatSync(join(prefix, path)).size, 0);
      expect(bytes).toBeLessThan(LARGEST_BYTES);
      expect(bytes).toBeGreaterThan(1e6);
    });

    it("has no TypeScript but examples and declarations, no tests, and nothing of this machine", () => {
      const { root } = thePackage();
      const own = filesBelow(root).filter((path) => !path.startsWith("node_modules/"));
      const typescript = own.filter((path) => /\.[cm]?ts$/.test(path) && !path.endsWith(".d.ts"));
      expect(typescript.filter((path) => !path.startsWith("examples/"))).toEqual([]);
      expect(own.filter((path) => /(^|\/)(test|testing|golden|bench)(\/|$)|\.test\./.test(path))).toEqual([]);
      expect(own.filter((path) => readFileSync(join(root, path)).includes(PROJECT_FOLDER))).toEqual([]);
    });

    it("says its version, its commands, and what is not right about the machine", async () => {
      const { ktrdr } = thePackage();
      expect(await ktrdr("--version")).toEqual({ code: 0, out: `${softwareVersion()}\n`, err: "" });
      const help = await ktrdr("--help");
      expect(help).toMatchObject({ code: 0, err: "" });
      expect(help.out).toBe((await checkout("--help")).out);
      const doctor = JSON.parse((await ktrdr("doctor", "--json")).out);
      expect(JSON.stringify(doctor)).toMatch(/"check":"kernels","status":"ok"/);
    });

    it("keeps compiled code in the user's cache, and leaves its own folder as it was", async () => {
      const { ktrdr, prefix, home } = thePackage();
      const before = filesBelow(prefix);
      await ktrdr("--help");
      expect(filesBelow(join(home, ".cache", "ktrdr")).length).toBeGreaterThan(0);
      expect(filesBelow(prefix)).toEqual(before);
    });

    it("validates and tests strategies on its sample prices, with the bytes of the checkout", async () => {
      const { ktrdr, home } = thePackage();
      expect(await ktrdr("data", "load", "--sample", "AAPL")).toMatchObject({ code: 0, err: "" });
      expect(await ktrdr("strategy", "validate", RULES, NETWORK)).toMatchObject({ code: 0, err: "" });
      for (const strategy of [RULES, CODE]) {
        const [ours, theirs] = [join(home, "package.zip"), join(home, "checkout.zip")];
        const words = ["backtest", strategy, "--symbol", "AAPL", "--local"];
        expect(await ktrdr(...words, "-o", ours, "--report", join(home, "report.html"))).toMatchObject({ code: 0 });
        expect(await checkout(...words, "-o", theirs)).toMatchObject({ code: 0 });
        expect(readFileSync(ours).equals(readFileSync(theirs)), strategy).toBe(true);
        expect(readFileSync(join(home, "report.html"), "utf8")).toContain("lightweight-charts");
      }
    });

    it("says how to get a GPU's package, and what a service of it would run", async () => {
      const { ktrdr, root } = thePackage();
      const node = ["--url", "http://127.0.0.1:9", "--token", "none"];
      const gpu = await ktrdr("node", "start", "--type", "gpu_host", ...node);
      expect(gpu).toMatchObject({
        code: 1,
        err: expect.stringMatching(/`npm install --global --prefix \S+ webgpu@\d/),
      });
      const plan = await ktrdr("node", "install", ...node, "--type", "backtesting", "--dry-run");
      expect(plan, plan.err).toMatchObject({ code: 0, out: expect.stringContaining(root) });
      expect(plan.out).toMatch(/^ *ExecStart=\S+ \S+\/compute-node\/main\.js /m);
    });

    it("names the package that brings the other sample, and the command for the place where ktrdr is", async () => {
      const { ktrdr, prefix } = thePackage();
      const { code, err } = await ktrdr("data", "load", "--sample", "SP500");
      expect(code).toBe(1);
      expect(err).toContain("vega-datasets, which is not installed");
      expect(err).toMatch(new RegExp(`cure: Run \`npm install --global --prefix ${prefix} vega-datasets@\\d`));
    });
  });

  describe("a strategy in TypeScript", () => {
    it("is written, and checked against the package's types once a compiler is there", async () => {
      const { ktrdr, home } = thePackage();
      const folder = join(home, "mine");
      mkdirSync(folder);
      const file = join(folder, "mine.ts");
      expect(await ktrdr("strategy", "new", file)).toMatchObject({ code: 0 });
      const unchecked = await ktrdr("strategy", "validate", file);
      expect(unchecked).toMatchObject({ code: 0, err: expect.stringContaining("npm install typescript") });
      mkdirSync(join(folder, "node_modules"));
      symlinkSync(join(PROJECT_FOLDER, "node_modules", "typescript"), join(folder, "node_modules", "typescript"));
      expect(await ktrdr("strategy", "validate", file)).toMatchObject({ code: 0, err: "" });
      writeFileSync(file, readFileSync(file, "utf8").replace("fast.now", "fast.nou"));
      const wrong = await ktrdr("strategy", "validate", file);
      expect(wrong.code).toBe(1);
      expect(`${wrong.out}${wrong.err}`).toMatch(/Property 'nou' does not exist.*TS/);
    });

    it("finds `ktrdr/strategy` in a project that has ktrdr among its packages, to check and to run", async () => {
      const { root, folder, environment } = thePackage();
      const project = join(folder, "project");
      mkdirSync(join(project, "node_modules"), { recursive: true });
      symlinkSync(root, join(project, "node_modules", "ktrdr"));
      cpSync(CODE, join(project, "strategy.ts"));
      writeFileSync(join(project, "run.mjs"), `import * as api from "ktrdr/strategy"; console.log(Object.keys(api));`);
      const tsc = join(PROJECT_FOLDER, "node_modules", "typescript", "bin", "tsc");
      const options = ["--ignoreConfig", "--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
      const words = [tsc, ...options, "--types", "", "strategy.ts"];
      expect(await run(process.execPath, words, { cwd: project })).toEqual({ code: 0, out: "", err: "" });
      const ran = await run(process.execPath, ["run.mjs"], { cwd: project, env: environment() });
      expect(ran).toEqual({ code: 0, out: "[ 'defineStrategy' ]\n", err: "" });
    });
  });

  describe("a node of the package", () => {
    it("works in a fleet of the checkout, with the same bytes: rules, code and a network", async () => {
      const { home, bin, environment, ktrdr } = thePackage();
      const fleet = await Fleet.start();
      try {
        const sample = await loadSample("AAPL");
        await new MarketDataStore(fleet.home.data).put(sample.bars, { ...sample });
        const { token } = await fleet.client.createEnrolment({ name: "package", maxUses: 1, ttlMs: 600_000 });
        const flags = ["--health-port", "0", "--allow-scripts"];
        const node = await startChild({
          name: "node package",
          command: bin,
          arguments: [
            ...["node", "start", "--url", fleet.url, "--home", join(home, "node"), "--worker-id", "package"],
            ...["--labels", "from=package", ...flags],
          ],
          environment: { ...environment(), ENROLMENT_TOKEN: token },
          workingFolder: home,
          logFile: join(home, "node.log"),
        });
        fleet.nodes.set("package", node);
        await fleet.startNode("checkout", ["--labels", "from=checkout", ...flags]);
        await fleet.connected(["package", "checkout"]);

        const at = ["--url", fleet.url, "--token", fleet.token, "--home", fleet.home.root];
        expect(await ktrdr(...at, "data", "push", "AAPL", "1d")).toMatchObject({ code: 0 });
        const submit = async (origin: string, command: typeof ktrdr, ...words: string[]): Promise<Buffer> => {
          const file = join(home, `${origin}.result`);
          const output = words[0] === "train" ? "--out" : "--output";
          const ended = await command(
            ...at,
            ...words,
            "--require",
            `from=${origin}`,
            "--deadline",
            "60s",
            output,
            file,
          );
          expect(ended, ended.err).toMatchObject({ code: 0 });
          expect(ended.err).toContain(`Completed on ${origin}`);
          return readFileSync(file);
        };
        const network = join(home, "network.yaml");
        writeFileSync(network, readFileSync(NETWORK, "utf8").replace("symbol: SP500", "symbol: AAPL"));
        for (const words of [
          ["backtest", RULES, "--symbol", "AAPL"],
          ["backtest", CODE, "--symbol", "AAPL"],
          ["train", network, "--epochs", "3", "--worker-type", "backtesting"],
        ]) {
          const ours = await submit("package", ktrdr, ...words);
          const theirs = await submit("checkout", checkout, ...words);
          expect(ours.byteLength).toBeGreaterThan(1000);
          expect(ours.equals(theirs), words.join(" ")).toBe(true);
        }
      } finally {
        await fleet.stop();
      }
    });
  });

  describe("a control plane of the package", () => {
    it("asks for miniflare, and runs once it is there", async () => {
      const { ktrdr, home, prefix, bin, environment } = thePackage();
      const own = join(home, "up");
      const without = await ktrdr("--home", own, "up", "--port", "0");
      expect(without).toMatchObject({ code: 1, err: expect.stringContaining("The package miniflare") });
      expect(without.err).toMatch(new RegExp(`npm install --global --prefix ${prefix} miniflare@\\d`));
      const development = await ktrdr("--home", own, "up", "--dev");
      expect(development).toMatchObject({ code: 1, err: expect.stringContaining("clone of the repository") });

      installBeside("miniflare");
      const system = await startChild({
        name: "ktrdr up",
        command: bin,
        arguments: ["--home", own, "up", "--port", "0", "--nodes", "1", "--trainers", "0"],
        environment: environment(),
        workingFolder: home,
        logFile: join(home, "up.log"),
      });
      try {
        await until(60_000, "it is ready", async () => system.lastLines().some((line) => line.startsWith("Ready.")));
        expect(await ktrdr("--home", own, "data", "load", "--sample", "AAPL")).toMatchObject({ code: 0 });
        const ran = await ktrdr("--home", own, "backtest", RULES, "--symbol", "AAPL");
        expect(ran, ran.err).toMatchObject({ code: 0, err: expect.stringContaining("Completed on") });
      } finally {
        await system.stop(15_000);
      }
    });
    it("runs as a service does", async () => {
      installBeside("miniflare");
      const { root, folder, environment, ktrdr } = thePackage();
      const home = join(folder, "service");
      const port = String(await probePort(0));
      const service = await startChild({
        name: "the service",
        command: process.execPath,
        arguments: [join(root, "control-plane", "start-control-plane.js")],
        environment: { ...environment(), KTRDR_HOME: home, KTRDR_PORT: port },
        workingFolder: folder,
        logFile: join(folder, "service.log"),
      });
      try {
        await until(60_000, "it answers", async () => (await ktrdr("--home", home, "workers", "list")).code === 0);
      } finally {
        await service.stop(15_000);
      }
    });
  });

  describe("an unpacked release", () => {
    it("gets the packages of its role from the lock that came with it", async () => {
      const { folder, tarball, environment } = thePackage();
      const release = join(folder, "release");
      mkdirSync(release);
      const options = { cwd: release, env: { ...environment(), ...npmEnvironment() } };
      const steps = [
        ["tar", "-xzf", tarball, "--strip-components=1"],
        [process.execPath, "deploy/packages-for.js", "worker", "."],
        [
          "npm",
          "ci",
          "--omit=dev",
          "--ignore-scripts",
          "--no-audit",
          "--no-fund",
          "--prefer-offline",
          "--loglevel=error",
        ],
        [process.execPath, "compute-node/main.js", "--help"],
      ];
      for (const [program, ...words] of steps) {
        expect(await run(program, words, options), program).toMatchObject({ code: 0, err: "" });
      }
      const packages = readdirSync(join(release, "node_modules"));
      expect(packages).toEqual(expect.arrayContaining(["esbuild", "hyparquet", "ws", "zod"]));
      expect(packages).not.toContain("lightweight-charts");
    });
  });

  describe("an odd place", () => {
    it("may be read-only, for a user without a home, and nothing is said of it", async ({ skip }) => {
      if (place === null) skip("no folder for temporary files lets another user run a program");
      const { prefix, bin, folder, environment } = thePackage();
      for (const path of [folder, prefix]) chmodSync(path, 0o755);
      const isRoot = process.getuid?.() === 0;
      const nobody = isRoot ? STRANGER : {};
      if (!isRoot) for (const path of filesBelow(prefix)) chmodSync(join(prefix, path), 0o555);
      // A copy of its own, since a stranger may not reach the folder that Node itself lies in.
      const node = join(folder, "node");
      cpSync(process.execPath, node);
      const env = { ...environment(), HOME: "/nonexistent" };
      const ran = await run(node, [bin, "--version"], { env, cwd: "/", ...nobody });
      expect(ran).toEqual({ code: 0, out: `${softwareVersion()}\n`, err: "" });
      const validated = await run(node, [bin, "strategy", "schema", "rules"], { env, cwd: "/", ...nobody });
      expect(validated, validated.err).toMatchObject({ code: 0, err: "" });
    });
  });
});
