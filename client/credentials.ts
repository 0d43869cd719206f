/** The control plane to talk to: from flags, the environment, or the file that `ktrdr up` writes. */

import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { workspace } from "../protocol/identifiers.ts";
import { Problem } from "../protocol/problem.ts";
import type { HomePaths } from "./home.ts";
import { jsonOrUndefined } from "./json-text.ts";

const credentialsFile = z.strictObject({
  url: z.url(),
  token: z.string().min(1),
  workspace: workspace.default("default"),
});
export type Credentials = z.infer<typeof credentialsFile>;

/** `tokenSource` says where the token came from, so that a refusal can name it. */
export interface Connection {
  readonly url: string;
  readonly token: string;
  readonly tokenSource: string;
}

/** The credentials of this home, or null before the first `ktrdr up`. Throws a `Problem` on a file that is broken. */
export function readCredentials(path: string): Credentials | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Problem("invalid-request", `${path} cannot be read: ${(error as Error).message}`, {
      cure: "Make it readable for you, or delete it.",
      cause: error,
    });
  }
  const parsed = credentialsFile.safeParse(jsonOrUndefined(text));
  if (parsed.success) return parsed.data;
  throw new Problem("invalid-request", `${path} is not a credentials file: ${z.prettifyError(parsed.error)}`, {
    cure: 'It holds {"url", "token", "workspace"}. Correct it, or delete it and pass --url and --token.',
  });
}

/** Writes the file whole or not at all, readable by its owner alone. */
export function writeCredentials(path: string, credentials: Credentials): void {
  writePrivateJson(path, credentials);
}

/** A JSON file with mode 600, replaced atomically. */
export function writePrivateJson(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}

/** The flags that name a control plane. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly token?: string;
}

/** Flags before the environment before the file. Throws a `Problem` when no URL or no token is known. */
export function findConnection(
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv,
  home: HomePaths,
): Connection {
  const chosenUrl = options.url || environment.KTRDR_URL;
  const given: [string, string | undefined][] = [
    ["--token", options.token],
    ["KTRDR_TOKEN", environment.KTRDR_TOKEN],
  ];
  const chosenToken = given.find(([, token]) => token);
  const stored = chosenUrl && chosenToken ? null : readCredentials(home.credentials);
  const url = chosenUrl ?? stored?.url;
  if (url === undefined) {
    throw new Problem("unauthenticated", `No control plane is known: ${home.credentials} is not there`, {
      cure: "Start one here with: ktrdr up. For one elsewhere, pass --url and --token, or set KTRDR_URL and KTRDR_TOKEN.",
    });
  }
  checkUrl(url);
  const tokenSource = chosenToken?.[0] ?? home.credentials;
  const token = chosenToken?.[1] ?? stored?.token;
  if (token === undefined) {
    throw new Problem("unauthenticated", `No token for ${url}`, { cure: "Pass --token, or set KTRDR_TOKEN." });
  }
  if (chosenToken === undefined && stored !== null && !sameOrigin(url, stored.url)) {
    throw new Problem("unauthenticated", `The token in ${home.credentials} belongs to ${stored.url}, not to ${url}`, {
      cure: `Pass the token for ${url} with --token or KTRDR_TOKEN.`,
    });
  }
  return { url: url.replace(/\/+$/, ""), token, tokenSource };
}

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  throw new Problem("invalid-request", `"${url}" is not the URL of a control plane`, {
    cure: "It starts with http:// or https://, such as http://127.0.0.1:8787.",
  });
}

function sameOrigin(left: string, right: string): boolean {
  return URL.canParse(right) && new URL(left).origin === new URL(right).origin;
}
