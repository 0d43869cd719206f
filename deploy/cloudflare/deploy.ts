/**
 * `make deploy`: deploys the control plane to Cloudflare, the first time and every time. Makes the bucket and the admin token
 * when they are missing, deploys, checks that it serves, and brings the version before back when it does not.
 *
 *   node deploy/cloudflare/deploy.ts [--url https://…] [--message TEXT] [--new-admin-token] [--home FOLDER]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { softwareVersion } from "../../cli/software-version.ts";
import { problemText } from "../../cli/terminal/problem-text.ts";
import { hashToken, makeAdminToken } from "../../client/admin-token.ts";
import { readCredentials, writeCredentials } from "../../client/credentials.ts";
import { homeFolder, homePaths } from "../../client/home.ts";
import { Problem } from "../../protocol/problem.ts";
import { DEFAULT_WORKSPACE } from "../../protocol/token.ts";
import { faultOfDeployment } from "./check-deployment.ts";
import { bucketName, ensureBucket, reasonIn, withSecretsFile, wrangler } from "./wrangler.ts";

const ADMIN_SECRET = "ADMIN_TOKEN_SHA256";
/**
 * Otherwise a registry with open sockets keeps its old code for up to five minutes, and the check would ask the old code.
 * Nodes come back within seconds, with their leases.
 */
const AT_ONCE = ["--durable-objects-code-update-mode", "immediate"];

interface Options {
  /** Its address; the one that Wrangler names when left out. */
  readonly url: string | undefined;
  readonly message: string | undefined;
  readonly isTokenRenewed: boolean;
  readonly home: string | undefined;
  /** True when nobody reads along and the output is kept: no token may be made then. */
  readonly isUnattended: boolean;
  readonly patienceMs: number | undefined;
}

/** Throws a `Problem` for any obstacle, which says what was deployed by then. */
async function deploy(options: Options): Promise<void> {
  const secrets = storedSecrets();
  const admin = secrets?.includes(ADMIN_SECRET) && !options.isTokenRenewed ? null : newAdminToken(options);
  const bucket = bucketName("production");
  if (secrets === null) say(ensureBucket(bucket) ? `made the bucket ${bucket}` : `the bucket ${bucket} is there`);
  const { targets, version } = upload(options.message, admin);
  const url = options.url || targets.find((target) => target.startsWith("https://"));
  if (url === undefined) {
    throw new Problem("invalid-request", "It is deployed, and Wrangler names no address at which it answers.", {
      cure: "Say it with --url or KTRDR_URL; it is not checked otherwise.",
    });
  }
  // Before the check: a token whose hash is deployed and that nobody has would be lost.
  if (admin !== null) keep(url, admin, options);
  const patience = options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs };
  const fault = await faultOfDeployment(url, { version: softwareVersion(), ...patience });
  if (fault !== null) rollBack(fault, secrets === null);
  say(`${url} serves version ${softwareVersion()} (${version})`);
}

/** The names of the Worker's secrets; null when there is no Worker yet. */
function storedSecrets(): string[] | null {
  const { ok, stdout, stderr } = wrangler(["secret", "list", "--format", "json"]);
  if (ok) return (JSON.parse(stdout) as { name: string }[]).map((secret) => secret.name);
  const reason = reasonIn(stdout + stderr);
  if (/not found|does not exist/i.test(reason)) return null;
  throw new Problem("unauthenticated", `Cloudflare does not let Wrangler in: ${reason}`, {
    cure: "Run `wrangler login`, or set CLOUDFLARE_ACCOUNT_ID and a CLOUDFLARE_API_TOKEN that may edit Workers and R2 of that account.",
  });
}

function newAdminToken(options: Options): string {
  if (options.isUnattended) {
    throw new Problem(
      "conflict",
      `The Worker has no secret ${ADMIN_SECRET}, and no token is made where its log is kept.`,
      {
        cure: "Run `make deploy` once on your own machine, where the token can be kept.",
      },
    );
  }
  const { credentials } = homePaths(homeFolder(options.home, process.env));
  const stored = readCredentials(credentials);
  if (stored !== null && !options.isTokenRenewed) {
    throw new Problem("conflict", `${credentials} belongs to the control plane at ${stored.url}`, {
      cure: "Name another folder for this one's token with --home or KTRDR_HOME.",
    });
  }
  return makeAdminToken();
}

interface Uploaded {
  readonly targets: readonly string[];
  readonly version: string;
}

function upload(message: string | undefined, admin: string | null): Uploaded {
  const words = ["deploy", ...AT_ONCE, ...(message === undefined ? [] : ["--message", message])];
  if (admin === null) return deployed(words);
  return withSecretsFile({ [ADMIN_SECRET]: hashToken(admin) }, (file) => deployed([...words, "--secrets-file", file]));
}

/** Wrangler's record of a deployment, one JSON document a line. */
function deployed(words: readonly string[]): Uploaded {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-deploy-"));
  try {
    const file = join(folder, "output.ndjson");
    const { ok, stdout, stderr } = wrangler(words, true, { WRANGLER_OUTPUT_FILE_PATH: file });
    if (!ok) {
      throw new Problem("internal", `wrangler deploy failed: ${reasonIn(stdout + stderr)}`, {
        cure: "Nothing was deployed; what runs is the version before.",
      });
    }
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    const entry = lines
      .map((line) => JSON.parse(line) as { type: string; targets?: string[]; version_id?: string })
      .find((each) => each.type === "deploy");
    return { targets: entry?.targets ?? [], version: entry?.version_id ?? "of unknown id" };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function keep(url: string, token: string, options: Options): void {
  const { credentials } = homePaths(homeFolder(options.home, process.env));
  writeCredentials(credentials, { url, token, workspace: DEFAULT_WORKSPACE });
  say(`the admin token is in ${credentials}; nobody else has it`);
}

/** Brings the version before back, and always throws, since the deployment failed. */
function rollBack(fault: string, isFirst: boolean): never {
  if (isFirst) {
    throw new Problem("unavailable", `It is deployed and does not serve: ${fault}`, {
      cure: "There is no version before it. `wrangler tail` shows what it says; correct it, and deploy again.",
    });
  }
  say(`it does not serve: ${fault}`);
  const { ok, stdout, stderr } = wrangler([
    "rollback",
    "--yes",
    ...AT_ONCE,
    "--message",
    "the new version does not serve",
  ]);
  if (ok) {
    throw new Problem("unavailable", `The version before is back, since the new one does not serve: ${fault}`, {
      cure: "`wrangler tail` and `wrangler versions list` tell more.",
    });
  }
  throw new Problem(
    "unavailable",
    `It does not serve (${fault}), and the version before did not come back: ${reasonIn(stdout + stderr)}`,
    {
      cure: "Over a migration of Durable Object classes there is no way back: correct it and deploy again.",
    },
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: "string" },
        message: { type: "string" },
        "new-admin-token": { type: "boolean", default: false },
        home: { type: "string" },
        "patience-ms": { type: "string" },
      },
    });
    await deploy({
      url: values.url || process.env.KTRDR_URL,
      message: values.message,
      isTokenRenewed: values["new-admin-token"],
      home: values.home,
      isUnattended: Boolean(process.env.CI),
      patienceMs: values["patience-ms"] === undefined ? undefined : Number(values["patience-ms"]),
    });
  } catch (error) {
    process.stderr.write(`${problemText(error)}\n`);
    process.exitCode = 1;
  }
}
