/** Checks offline what `wrangler preview` would send. Wrangler has no dry run for it, so it speaks to a stand-in. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fakeCloudflare } from "../testing/fake-cloudflare.ts";

await using cloudflare = await fakeCloudflare();
cloudflare.addDeployment({});
const child = spawn("wrangler", ["preview", "--name", "check", "--json"], {
  cwd: join(import.meta.dirname, "..", ".."),
  env: { ...process.env, ...cloudflare.environment },
  stdio: ["ignore", "ignore", "inherit"],
});
const code = await new Promise((resolve) => child.once("close", resolve));
const bound = cloudflare.previews.get("check")?.env;
if (code !== 0 || bound === undefined) {
  process.stderr.write(
    "error: a preview would not be deployed\n  cure: Wrangler says above what is wrong in wrangler.toml.\n",
  );
  process.exitCode = 1;
} else {
  const lines = Object.entries(bound).map(([name, { type, class_name, bucket_name }]) =>
    `  env.${name}: ${type} ${class_name ?? bucket_name}`.trimEnd(),
  );
  process.stdout.write(`a preview would have:\n${lines.join("\n")}\n`);
}
