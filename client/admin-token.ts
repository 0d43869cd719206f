/** The secret of a self-hosted control plane: made at its first start, kept by its owner, known to the server as a hash. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { sha256 } from "../protocol/identifiers.ts";
import { Problem } from "../protocol/problem.ts";
import { DEFAULT_WORKSPACE, makeToken } from "../protocol/token.ts";
import { readCredentials, writeCredentials, writePrivateJson } from "./credentials.ts";
import type { HomePaths } from "./home.ts";
import { isLoopback } from "./loopback.ts";

const secretsFile = z.strictObject({ admin_token_sha256: sha256 });

interface AdminToken {
  readonly token: string;
  /** SHA-256 of the whole token text, as hexadecimal. The server compares with it. */
  readonly sha256: string;
  /** True for a token that was made just now: it has to be shown. */
  readonly isNew: boolean;
}

export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** A new admin token of the default workspace. */
export function makeAdminToken(): string {
  return makeToken(DEFAULT_WORKSPACE, (bytes) => crypto.getRandomValues(bytes));
}

/**
 * Finds the admin token of the control plane in this home, or makes one where it has none. A new token is kept once the
 * control plane runs (`keepAdminToken`): a start that fails leaves no token behind that nobody knows. `given` is a token from a
 * flag or the environment. Throws a `Problem` when the control plane has a token that nobody here knows, or when the home's
 * credentials belong to a control plane elsewhere, which must not be overwritten.
 */
export function adminToken(home: HomePaths, given: string | undefined): AdminToken {
  const path = secretsPath(home);
  const stored = readCredentials(home.credentials);
  if (stored !== null && !isLoopback(stored.url)) {
    throw new Problem("conflict", `${home.credentials} belongs to the control plane at ${stored.url}`, {
      cure: "Start this one in a home of its own: ktrdr up --home <folder>",
    });
  }
  const token = given ?? stored?.token;
  if (!existsSync(path)) {
    const fresh = token ?? makeAdminToken();
    return { token: fresh, sha256: hashToken(fresh), isNew: token === undefined };
  }
  const expected = readSecrets(path);
  if (token !== undefined && hashToken(token) === expected) return { token, sha256: expected, isNew: false };
  const lack = token === undefined ? `${home.credentials} is not there` : "the token that is here is another";
  throw new Problem("unauthenticated", `The control plane in ${home.controlPlane} has an admin token, but ${lack}`, {
    cure: `Pass the admin token with --token or KTRDR_TOKEN, or delete ${path} to have a new one made.`,
  });
}

/** Writes the token for this machine's commands, then its hash for the next start of the control plane. */
export function keepAdminToken(home: HomePaths, url: string, admin: AdminToken): void {
  writeCredentials(home.credentials, { url, token: admin.token, workspace: DEFAULT_WORKSPACE });
  writePrivateJson(secretsPath(home), { admin_token_sha256: admin.sha256 });
}

function secretsPath(home: HomePaths): string {
  return join(home.controlPlane, "secrets.json");
}

function readSecrets(path: string): string {
  try {
    return secretsFile.parse(JSON.parse(readFileSync(path, "utf8"))).admin_token_sha256;
  } catch (error) {
    throw new Problem("invalid-request", `${path} is damaged`, {
      cure: "Delete it; the next start makes a new admin token.",
      cause: error,
    });
  }
}
