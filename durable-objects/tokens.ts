/** API and enrolment tokens of one workspace. Only hashes are stored. */
import { Problem, type Role } from "../protocol/index.ts";
import { first, type Sql } from "./scheduler/index.ts";

type TokenRole = Role | "enrolment";

export interface TokenRecord {
  readonly tokenId: string;
  readonly role: TokenRole;
  readonly name: string;
  readonly createdAt: number;
  readonly expiresAtMs: number | null;
  readonly usesLeft: number | null;
}

interface TokenRow {
  token_id: string;
  role: TokenRole;
  name: string;
  created_at: number;
  expires_at: number | null;
  uses_left: number | null;
}

export class TokenStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  insert(token: TokenRecord, tokenHash: string): void {
    this.#sql.run(
      "INSERT INTO tokens (token_id, token_hash, role, name, created_at, expires_at, uses_left) VALUES (?, ?, ?, ?, ?, ?, ?)",
      token.tokenId,
      tokenHash,
      token.role,
      token.name,
      token.createdAt,
      token.expiresAtMs,
      token.usesLeft,
    );
  }

  /** Finds the token with this hash, unless it has expired or is used up. */
  valid(tokenHash: string, now: number): TokenRecord | undefined {
    const row = first<TokenRow>(this.#sql, "SELECT * FROM tokens WHERE token_hash = ?", tokenHash);
    if (row === undefined) return undefined;
    if (row.expires_at !== null && row.expires_at <= now) return undefined;
    if (row.uses_left !== null && row.uses_left <= 0) return undefined;
    return toRecord(row);
  }

  /** Takes one use of a limited token. */
  use(tokenId: string): void {
    this.#sql.run("UPDATE tokens SET uses_left = uses_left - 1 WHERE token_id = ? AND uses_left IS NOT NULL", tokenId);
  }

  list(): TokenRecord[] {
    return this.#sql.all<TokenRow>("SELECT * FROM tokens ORDER BY created_at, token_id").map(toRecord);
  }

  revoke(tokenId: string): void {
    const row = first<TokenRow>(this.#sql, "SELECT * FROM tokens WHERE token_id = ?", tokenId);
    if (row === undefined) {
      throw new Problem("not-found", `There is no token ${tokenId}.`, { cure: "List them with `ktrdr token list`." });
    }
    this.#sql.run("DELETE FROM tokens WHERE token_id = ?", tokenId);
  }
}

export function makeTokenId(): string {
  return `tok_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
}

function toRecord(row: TokenRow): TokenRecord {
  return {
    tokenId: row.token_id,
    role: row.role,
    name: row.name,
    createdAt: row.created_at,
    expiresAtMs: row.expires_at,
    usesLeft: row.uses_left,
  };
}
