/**
 * Runs a separate control plane beside production for a pull request or a branch. It has its own registry, address and admin
 * token, and shares the previews' bucket (docs/decisions/0027). `create` writes only the address to standard output.
 *
 *   node deploy/cloudflare/preview.ts create pr-7     ADMIN_TOKEN_SHA256 has the hash of its admin token
 *   node deploy/cloudflare/preview.ts delete pr-7
 */
import { parseArgs } from "node:util";
import { softwareVersion } from "../../cli/software-version.ts";
import { problemText } from "../../cli/terminal/problem-text.ts";
import { hashToken, makeAdminToken } from "../../client/admin-token.ts";
import { Problem } from "../../protocol/problem.ts";
import { faultOfDeployment } from "./check-deployment.ts";
import { bucketName, ensureBucket, reasonIn, requireWrangler, withSecretsFile, wrangler } from "./wrangler.ts";

/** After this many days the bucket itself removes what previews store. */
const KEPT_DAYS = 30;

/** Makes or updates the preview, and answers its address. Throws a `Problem` when it does not serve. */
async function createPreview(name: string, adminSha256: string, patienceMs: number): Promise<string> {
  const bucket = bucketName("previews");
  if (ensureBucket(bucket)) {
    requireWrangler(
      ["r2", "bucket", "lifecycle", "add", bucket, "expiry", "", "--expire-days", String(KEPT_DAYS), "--force"],
      "The bucket is there and keeps everything; add the rule, or delete the bucket and run this again.",
    );
  }
  const output = withSecretsFile({ ADMIN_TOKEN_SHA256: adminSha256 }, (file) =>
    requireWrangler(
      ["preview", "--name", name, "--json", "--secrets-file", file],
      "A preview belongs to a Worker: `make deploy` makes that once.",
    ),
  );
  const { preview } = JSON.parse(output.slice(output.indexOf("{"))) as { preview: { urls?: string[] } };
  const url = preview.urls?.[0];
  if (url === undefined) {
    throw new Problem("unavailable", `The preview ${name} has no address.`, {
      cure: "Previews on workers.dev are turned off for this Worker; turn them on in its settings, or in wrangler.toml.",
    });
  }
  const fault = await faultOfDeployment(url, { version: softwareVersion(), patienceMs });
  if (fault !== null) {
    throw new Problem("unavailable", `The preview ${name} does not serve: ${fault}`, {
      cure: "`wrangler tail` shows what it says; production is not touched.",
    });
  }
  return url;
}

/** Removes the preview with its registry's storage. A missing one is no fault, since a closed request may have had none. */
function deletePreview(name: string): void {
  const { ok, stdout, stderr } = wrangler(["preview", "delete", "--name", name, "--skip-confirmation"]);
  const reason = reasonIn(stdout + stderr);
  if (ok || /not found|does not exist/i.test(reason)) return;
  throw new Problem("internal", `The preview ${name} was not deleted: ${reason}`, {
    cure: `Run \`wrangler preview delete --name ${name}\` where you are logged in.`,
  });
}

function nameFrom(text: string | undefined): string {
  if (text !== undefined && /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(text)) return text;
  throw new Problem("invalid-request", `"${text ?? ""}" is no name for a preview`, {
    cure: "Lower-case letters, digits and hyphens, at most 32, such as pr-7.",
  });
}

function adminHash(): string {
  const given = process.env.ADMIN_TOKEN_SHA256;
  if (given && /^[0-9a-f]{64}$/.test(given)) return given;
  if (given || process.env.CI) {
    throw new Problem("invalid-request", "ADMIN_TOKEN_SHA256 is no SHA-256 of a token", {
      cure: '`ktrdr.default.` and 43 random letters are a token; `printf %s "$token" | sha256sum` is its hash. Make it a secret named PREVIEW_ADMIN_TOKEN_SHA256.',
    });
  }
  const token = makeAdminToken();
  process.stderr.write(`its admin token, shown once: ${token}\n`);
  return hashToken(token);
}

if (import.meta.main) {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { "patience-ms": { type: "string" } },
    });
    const [verb, text] = positionals;
    const patienceMs = Number(values["patience-ms"] ?? 60_000);
    const name = nameFrom(text);
    if (verb === "create") process.stdout.write(`${await createPreview(name, adminHash(), patienceMs)}\n`);
    else if (verb === "delete") deletePreview(name);
    else throw new Problem("invalid-request", `"${verb}" is neither create nor delete`);
  } catch (error) {
    process.stderr.write(`${problemText(error)}\n`);
    process.exitCode = 1;
  }
}
