/** GitHub's workflows, as far as that can be checked without GitHub: their form, and that what they run is there. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "..");
const FOLDER = join(ROOT, ".github", "workflows");
const FILES = readdirSync(FOLDER);

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const permissions = z.record(z.string(), z.enum(["read", "write", "none"]));
/** Of GitHub's workflow syntax what is used here; unknown keys are faults. */
const step = z
  .strictObject({
    name: z.string().optional(),
    if: z.string().optional(),
    uses: z.string().optional(),
    with: z.record(z.string(), scalar).optional(),
    env: z.record(z.string(), scalar).optional(),
    run: z.string().optional(),
  })
  .refine((one) => (one.uses === undefined) !== (one.run === undefined), "a step either uses or runs");
const job = z.union([
  z.strictObject({ uses: z.string().startsWith("./"), needs: z.string().optional() }),
  z.strictObject({
    needs: z.string().optional(),
    "runs-on": z.union([z.string(), z.array(z.string())]),
    "timeout-minutes": z.int(),
    environment: z.string().optional(),
    permissions: permissions.optional(),
    env: z.record(z.string(), scalar).optional(),
    strategy: z
      .strictObject({ "fail-fast": z.boolean(), matrix: z.record(z.string(), z.array(z.string())) })
      .optional(),
    steps: z.array(step).min(1),
  }),
]);
const workflow = z.strictObject({
  name: z.string(),
  on: z.record(z.string(), z.unknown()),
  permissions,
  concurrency: z.strictObject({ group: z.string(), "cancel-in-progress": z.boolean() }).optional(),
  jobs: z.record(z.string(), job),
});

function read(file: string): z.infer<typeof workflow> {
  return workflow.parse(parse(readFileSync(join(FOLDER, file), "utf8")));
}

/** Every `run` of a workflow, once for each value of its matrix. */
function commandsOf(file: string): string[] {
  return Object.values(read(file).jobs).flatMap((one) => {
    if (!("steps" in one)) return [];
    const runs = one.steps.flatMap((each) => (each.run === undefined ? [] : [each.run]));
    const matrix = Object.entries(one.strategy?.matrix ?? {});
    return runs.flatMap((run) =>
      matrix.reduce(
        (texts, [name, values]) =>
          texts.flatMap((text) => values.map((value) => text.replaceAll(`\${{ matrix.${name} }}`, value))),
        [run],
      ),
    );
  });
}

const MAKE_TARGETS = new Set(
  [...readFileSync(join(ROOT, "Makefile"), "utf8").matchAll(/^([a-z0-9-]+):/gm)].map(([, target]) => target),
);
const NPM_SCRIPTS = Object.keys(
  (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object }).scripts,
);

describe.each(FILES)("%s", (file) => {
  it("has the form of a workflow, with least permissions and a limit of time for every job", () => {
    expect(read(file).permissions).toEqual({ contents: "read" });
  });

  it("needs only jobs that it has, and calls only workflows that are there", () => {
    const { jobs } = read(file);
    for (const one of Object.values(jobs)) {
      if (one.needs !== undefined) expect(Object.keys(jobs)).toContain(one.needs);
      if ("uses" in one) expect(existsSync(join(ROOT, one.uses)), one.uses).toBe(true);
    }
  });

  it("uses GitHub's own actions alone, at a version", () => {
    const steps = Object.values(read(file).jobs).flatMap((one) => ("steps" in one ? one.steps : []));
    for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^actions\/[a-z-]+@v\d+$/);
  });

  it("runs only make targets, npm scripts and programs of the repository that are there", () => {
    for (const command of commandsOf(file)) {
      for (const [, target] of command.matchAll(/\bmake ([a-z0-9-]+)/g))
        expect(MAKE_TARGETS, command).toContain(target);
      for (const [, script] of command.matchAll(/\bnpm run ([a-z-]+)/g)) expect(NPM_SCRIPTS, command).toContain(script);
      for (const [path] of command.matchAll(/\b(deploy|node_modules\/\.bin|cli)\/[\w./-]+/g)) {
        expect(existsSync(join(ROOT, path)), path).toBe(true);
        if (path.endsWith(".sh")) accessSync(join(ROOT, path), constants.X_OK);
      }
    }
  });

  it("gives scripts that options exist for", () => {
    for (const command of commandsOf(file)) {
      const [script, ...words] = command.trim().split(/\s+/);
      if (!script?.endsWith(".sh")) continue;
      const help = readFileSync(join(ROOT, script), "utf8");
      for (const word of words) if (word.startsWith("--")) expect(help, `${script} ${word}`).toContain(`${word} `);
    }
  });

  it("is sound shell, and takes nothing that others write into a command line", () => {
    for (const command of commandsOf(file)) {
      const { status, stderr } = spawnSync("bash", ["-n"], { input: command, encoding: "utf8" });
      expect(status, stderr).toBe(0);
      expect(command).not.toContain("${{");
    }
  });
});

it("every kind of test that make test runs is a job", () => {
  const all = /for kind in ([a-z0-9 ]+);/.exec(readFileSync(join(ROOT, "Makefile"), "utf8"))?.[1]?.split(" ");
  const jobs = read("test.yml").jobs.tests;
  if (jobs === undefined || !("steps" in jobs)) throw new Error("test.yml has no tests");
  expect(jobs.strategy?.matrix.kind?.toSorted()).toEqual(all?.toSorted());
});

it("main is deployed after its tests, the control plane before the fleet", () => {
  const { on, jobs } = read("deploy.yml");
  expect(on.push).toEqual({ branches: ["main"] });
  expect(jobs["control-plane"]?.needs).toBe("test");
  expect(jobs.fleet?.needs).toBe("control-plane");
});
