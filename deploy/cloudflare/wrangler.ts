/** Runs Wrangler, which deploys to Cloudflare, and returns its answers as values. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Problem } from "../../protocol/problem.ts";

const ROOT = join(import.meta.dirname, "..", "..");

interface WranglerAnswer {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Wrangler in the repository's root. With `isShown` its output goes to the terminal too. */
export function wrangler(
  words: readonly string[],
  isShown = false,
  environment: NodeJS.ProcessEnv = {},
): WranglerAnswer {
  const path = `${process.env.PATH}${delimiter}${join(ROOT, "node_modules", ".bin")}`;
  const { status, stdout, stderr, error } = spawnSync("wrangler", words, {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, ...environment, PATH: path, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" },
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) {
    throw new Problem("internal", `wrangler cannot be run: ${error.message}`, { cure: "Run `make install`." });
  }
  if (isShown) process.stderr.write(stdout + stderr);
  return { ok: status === 0, stdout, stderr };
}

/** Runs Wrangler and requires success. Throws a `Problem` with Wrangler's error. */
export function requireWrangler(words: readonly string[], cure: string): string {
  const { ok, stdout, stderr } = wrangler(words);
  if (ok) return stdout;
  throw new Problem("internal", `wrangler ${words.join(" ")} failed: ${reasonIn(stdout + stderr)}`, { cure });
}

/** Wrangler's error in one line: its output from the error's mark on, without colours. */
export function reasonIn(output: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
  const text = output.replace(/\u001b\[[0-9;]*m/g, "");
  const said = text.slice(Math.max(0, text.indexOf("[ERROR]"))).replace("[ERROR]", "");
  const lines = said.split("\n").map((line) => line.trim());
  const kept = lines.filter((line) => line !== "" && !/^(⛅|─|🪵|If you think this is a bug)/u.test(line));
  return kept.join(" ") || "it said nothing";
}

/** Makes the bucket unless it exists. Returns true when it was made now. Throws a `Problem`. */
export function ensureBucket(name: string): boolean {
  if (wrangler(["r2", "bucket", "info", name]).ok) return false;
  requireWrangler(
    ["r2", "bucket", "create", name],
    "R2 has to be enabled once for the account (dashboard, Storage & databases, R2), and the token needs the permission to edit it.",
  );
  return true;
}

/** Writes secrets for Wrangler into a file that only its owner can read, passes it to `work`, and then removes it. */
export function withSecretsFile<T>(secrets: Readonly<Record<string, string>>, work: (file: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-secrets-"));
  try {
    const file = join(folder, "secrets.json");
    writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
    return work(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `bucket_name` of the binding ARTEFACTS in wrangler.toml, for production or for previews. */
export function bucketName(of: "production" | "previews"): string {
  const table = of === "production" ? "r2_buckets" : "previews.r2_buckets";
  const section = readFileSync(join(ROOT, "wrangler.toml"), "utf8").split(`[[${table}]]\n`)[1];
  const name = /^bucket_name = "([a-z0-9-]+)"$/m.exec(section?.split("\n[")[0] ?? "")?.[1];
  if (name === undefined) throw new Problem("internal", `wrangler.toml has no bucket_name in [[${table}]]`);
  return name;
}
