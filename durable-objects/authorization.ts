/** Decides what a caller may do, by the hash of the bearer token. Deny by default. */
import { Problem, type Role } from "../protocol/index.ts";
import type { Scheduler } from "./scheduler/index.ts";
import type { TokenRecord, TokenStore } from "./tokens.ts";

const ROLE_ORDER: readonly Role[] = ["viewer", "researcher", "admin"];

export class Authorization {
  readonly #tokens: TokenStore;
  readonly #scheduler: Scheduler;
  readonly #adminTokenHash: string | undefined;

  /** `adminTokenHash` is the workspace's first admin token, from the deployment's secrets. */
  constructor(tokens: TokenStore, scheduler: Scheduler, adminTokenHash: string | undefined) {
    this.#tokens = tokens;
    this.#scheduler = scheduler;
    this.#adminTokenHash = adminTokenHash;
  }

  /** Throws `unauthenticated` for an unknown token, `forbidden` for one whose role is below `needed`. */
  requireRole(tokenHash: string, needed: Role, now: number): void {
    const role = this.#roleOf(tokenHash, now);
    if (role === undefined) throw unknownToken();
    if (role === "enrolment" || ROLE_ORDER.indexOf(role) < ROLE_ORDER.indexOf(needed)) {
      throw new Problem("forbidden", `This needs the role ${needed}; the token's role is ${role}.`, {
        cure: `Use a token with the role ${needed}; an admin makes one with \`ktrdr token create\`.`,
      });
    }
  }

  #roleOf(tokenHash: string, now: number): TokenRecord["role"] | undefined {
    if (this.#adminTokenHash !== undefined && tokenHash === this.#adminTokenHash) return "admin";
    return this.#tokens.valid(tokenHash, now)?.role;
  }

  /** Returns the enrolment token, or null when the caller is the worker itself with its own credential. */
  requireEnrolment(tokenHash: string, workerId: string, now: number): TokenRecord | null {
    if (this.isWorker(tokenHash, workerId)) return null;
    const token = this.#tokens.valid(tokenHash, now);
    if (token?.role === "enrolment") return token;
    throw new Problem("unauthenticated", "The enrolment token is unknown, expired or used up.", {
      cure: "Make a new one with `ktrdr enrol` and start the node with it.",
    });
  }

  isWorker(tokenHash: string, workerId: string): boolean {
    return this.#scheduler.workers.credentialHash(workerId) === tokenHash;
  }

  /** Finds the worker that has this credential. */
  requireSomeWorker(tokenHash: string): string {
    const workerId = this.#scheduler.workers.withCredential(tokenHash);
    if (workerId === null) throw unknownToken();
    return workerId;
  }
}

function unknownToken(): Problem {
  return new Problem("unauthenticated", "The token is unknown, expired or revoked.", {
    cure: "Pass a valid one with --token or KTRDR_TOKEN; `ktrdr up` stores one for its own control plane.",
  });
}
