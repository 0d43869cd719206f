/** Bearer tokens: `ktrdr.<workspace>.<secret>`. The workspace routes the request; the secret is 256 bits of chance. */
import { workspace as workspaceName } from "./identifiers.ts";

export const DEFAULT_WORKSPACE = "default";
const SECRET_BYTES = 32;

/** A new token's text. `random` fills the array with unpredictable bytes. */
export function makeToken(workspace: string, random: (bytes: Uint8Array<ArrayBuffer>) => void): string {
  const bytes = new Uint8Array(SECRET_BYTES);
  random(bytes);
  const secret = btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  return `ktrdr.${workspace}.${secret}`;
}

/** The workspace that a token names, or null when the text is not a token. */
export function workspaceOfToken(token: string): string | null {
  const parts = token.split(".");
  if (parts.length !== 3 || parts[0] !== "ktrdr" || !/^[A-Za-z0-9_-]{20,100}$/.test(parts[2]!)) return null;
  return workspaceName.safeParse(parts[1]).success ? parts[1]! : null;
}

/** Computes the lower-case hexadecimal SHA-256 of a text or bytes. It is stored instead of a token. */
export async function sha256Hex(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  let hex = "";
  for (const byte of digest) hex += HEX[byte];
  return hex;
}

/** Indexed by byte. Computing them took three times as long as the digest of a short text. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
