/**
 * Runs an operator's and GitHub's commands for Cloudflare with the real Wrangler: only Cloudflare's API and the deployed control
 * plane have stand-ins.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { COMPILE_CACHE_FOLDER } from "../../cli/compile-cache.ts";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { softwareVersion } from "../../cli/software-version.ts";
import { hashToken } from "../../client/admin-token.ts";
import { type FakeAnswer, type FakeControlPlane, fakeControlPlane } from "../../client/testing/fake-control-plane.ts";
import { type FakeCloudflare, fakeCloudflare, type UploadedMetadata } from "../../deploy/testing/fake-cloudflare.ts";

let home: string;
let plane: FakeControlPlane;
let cloudflare: FakeCloudflare;
/** The registry's answer to a token that it does not know. */
let registrySays: FakeAnswer;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "ktrdr-cloudflare-"));
  registrySays = {
    status: 401,
    json: { type: "urn:ktrdr:problem:unauthenticated", title: "", status: 401, detail: "" },
  };
  plane = await fakeControlPlane(({ path }) =>
    path === "/health" ? { json: { status: "ok", version: softwareVersion(), protocol_version: 1 } } : registrySays,
  );
  cloudflare = await fakeCloudflare(plane.url);
});
afterEach(async () => {
  await cloudflare[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not synchronously: the stand-ins answer in this process. */
function run(command: string, environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", command], {
    cwd: PROJECT_FOLDER,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      KTRDR_HOME: join(home, "ktrdr"),
      // Wrangler is started some forty times.
      NODE_COMPILE_CACHE: COMPILE_CACHE_FOLDER,
      ...cloudflare.environment,
      ...environment,
    },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

const credentials = (): { url: string; token: string } =>
  JSON.parse(readFileSync(join(home, "ktrdr", "credentials.json"), "utf8"));

/** The bindings of an upload, by name. */
function bindings(metadata: UploadedMetadata | undefined): Record<string, unknown> {
  const entries = (metadata?.bindings ?? []).map(({ name, ...rest }) => [name, rest]);
  return metadata?.env ?? Object.fromEntries(entries);
}

const deploy = (environment: NodeJS.ProcessEnv = {}, patienceMs = 60_000): Promise<Outcome> =>
  run(`node deploy/cloudflare/deploy.ts --patience-ms ${patienceMs}`, { KTRDR_URL: plane.url, ...environment });

it("make deploy makes bucket, admin token and deployment the first time, and keeps them later", async () => {
  const nobody = await deploy({ CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_ACCOUNT_ID: "", CI: "true" });
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("cure: Run `wrangler login`")]);
  const inCi = await deploy({ CI: "true" });
  expect([inCi.code, inCi.stderr]).toEqual([1, expect.stringContaining("cure: Run `make deploy` once on your own")]);
  expect(cloudflare.deployments).toEqual([]);

  const first = await run("make deploy", { KTRDR_URL: plane.url });
  expect(first.code, first.stdout + first.stderr).toBe(0);
  expect([...cloudflare.buckets]).toEqual(["ktrdr-artefacts"]);
  const { url, token } = credentials();
  expect(url).toBe(plane.url);
  expect(first.stdout + first.stderr).not.toContain(token);
  expect(cloudflare.deployments[0]).toMatchObject({
    migrations: { new_tag: "v1", steps: [{ new_sqlite_classes: ["WorkerRegistry"] }] },
    code_update_strategy: { mode: "immediate" },
  });
  expect(bindings(cloudflare.deployments[0])).toEqual({
    ADMIN_TOKEN_SHA256: { type: "secret_text", text: hashToken(token) },
    ARTEFACTS: { type: "r2_bucket", bucket_name: "ktrdr-artefacts" },
    REGISTRY: { type: "durable_object_namespace", class_name: "WorkerRegistry" },
  });

  const second = await deploy({ CI: "true" });
  expect(second.code, second.stderr).toBe(0);
  expect(credentials().token).toBe(token);
  expect(Object.keys(bindings(cloudflare.deployments[1])).toSorted()).toEqual(["ARTEFACTS", "REGISTRY"]);

  cloudflare.secrets.clear();
  const another = await deploy();
  expect(another.stderr).toContain(`belongs to the control plane at ${plane.url}`);
  expect(cloudflare.deployments).toHaveLength(2);
});

it("make deploy takes the version before back when the new one does not serve, and says when it cannot", async () => {
  cloudflare.buckets.add("ktrdr-artefacts");
  cloudflare.addDeployment({ bindings: [{ type: "secret_text", name: "ADMIN_TOKEN_SHA256" }] });
  registrySays = { status: 500, json: { title: "", status: 500, detail: "The stored state has schema 9" } };
  const broken = await deploy({ CI: "true" }, 0);
  expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining("The version before is back")]);
  expect(broken.stderr).toContain("The registry answers with status 500: The stored state has schema 9");
  expect([cloudflare.deployments.length, cloudflare.serving]).toEqual([2, 0]);

  cloudflare.isRollbackRefused = true;
  // Without an address of one's own it is the one that Wrangler names.
  const stuck = await deploy({ CI: "true", KTRDR_URL: "" }, 0);
  expect(stuck.code).toBe(1);
  expect(stuck.stderr).toMatch(/It does not serve \(.*https:\/\/ktrdr\.ktrdr-stand-in-of-a-test\.workers\.dev/);
  expect(stuck.stderr).toMatch(/the version before did not come back: .*A Durable Object migration lies in between/s);
});

it("a preview has a registry and a secret of its own and the previews' bucket, and goes with its pull request", async () => {
  const hash = hashToken("ktrdr.default.preview");
  const tooEarly = await run("make preview NAME=pr-7", { ADMIN_TOKEN_SHA256: hash });
  expect(tooEarly.stderr).toContain("cure: A preview belongs to a Worker: `make deploy` makes that once.");
  cloudflare.addDeployment({});
  const created = await run("node deploy/cloudflare/preview.ts create pr-7", { ADMIN_TOKEN_SHA256: hash, CI: "true" });
  expect(created.stderr).toBe("");
  expect(created.stdout).toBe(`${plane.url}\n`);
  expect(bindings(cloudflare.previews.get("pr-7"))).toEqual({
    ADMIN_TOKEN_SHA256: { type: "secret_text", text: hash },
    ARTEFACTS: { type: "r2_bucket", bucket_name: "ktrdr-artefacts-preview" },
    REGISTRY: { type: "durable_object_namespace", class_name: "WorkerRegistry" },
  });
  expect(cloudflare.expiryDays.get("ktrdr-artefacts-preview")).toBe(30);
  expect(cloudflare.deployments).toHaveLength(1);

  const checked = await run("make deploy-check");
  expect(checked.code, checked.stderr).toBe(0);
  expect(checked.stdout).toMatch(
    /--dry-run: exiting now\.[\s\S]*a preview would have:\n {2}env\.ARTEFACTS: r2_bucket ktrdr-artefacts-preview/,
  );

  for (const time of ["while it is there", "and when it is gone"]) {
    const { code, stderr } = await run("make preview-delete NAME=pr-7");
    expect(code, `${time}: ${stderr}`).toBe(0);
  }
  expect(cloudflare.previews.size).toBe(0);
  const unnamed = await run("node deploy/cloudflare/preview.ts create ../production");
  expect(unnamed.stderr).toContain('"../production" is no name for a preview');
});
