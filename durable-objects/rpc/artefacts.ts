/** Calls about artefacts: rights to upload and read bytes, and the list of stored ones. */
import { type Lease, Problem } from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import type { Registry } from "../registry.ts";
import {
  abandonUpload,
  openUpload,
  recordArtefact,
  recordPart,
  type StoredPart,
  touchArtefact,
  type Upload,
  uploadOf,
} from "../scheduler/index.ts";

export const artefactCalls = {
  /** Checks that the caller may upload now (see `requireUploader`), and tells whether the bytes are stored already. */
  async authorizeUpload(
    registry: Registry,
    tokenHash: string,
    claim: Lease | null,
    sha256: string,
  ): Promise<Answer<{ stored: boolean }>> {
    return registry.catching(async (now) => {
      requireUploader(registry, tokenHash, claim, now);
      registry.collection.requireSettled(sha256, now);
      return { stored: touchArtefact(registry.sql, sha256, now) };
    });
  },

  async recordArtefact(
    registry: Registry,
    artefact: { sha256: string; bytes: number; mediaType: string },
  ): Promise<void> {
    recordArtefact(registry.sql, artefact, Date.now());
    registry.setAlarm();
  },

  /** Finds the open upload in parts; null when it has to be opened. */
  async findUpload(
    registry: Registry,
    tokenHash: string,
    claim: Lease | null,
    sha256: string,
  ): Promise<Answer<{ stored: boolean; upload: Upload | null }>> {
    return registry.catching(async (now) => {
      requireUploader(registry, tokenHash, claim, now);
      registry.collection.requireSettled(sha256, now);
      return { stored: touchArtefact(registry.sql, sha256, now), upload: uploadOf(registry.sql, sha256) ?? null };
    });
  },

  async openUpload(
    registry: Registry,
    tokenHash: string,
    claim: Lease | null,
    upload: Omit<Upload, "parts">,
  ): Promise<Answer<void>> {
    return registry.catching(async (now) => {
      openUpload(registry.sql, upload, requireUploader(registry, tokenHash, claim, now), now);
      registry.setAlarm();
    });
  },

  async recordPart(registry: Registry, sha256: string, part: StoredPart): Promise<Answer<void>> {
    return registry.catching(async (now) => recordPart(registry.sql, sha256, part, now));
  },

  async abandonUpload(registry: Registry, sha256: string): Promise<void> {
    abandonUpload(registry.sql, sha256);
  },

  /** People with any role, and the workspace's own nodes (checkpoints, datasets), may read artefacts. */
  async requireReader(registry: Registry, tokenHash: string): Promise<Answer<void>> {
    return registry.catching(async (now) => {
      if (registry.scheduler.workers.withCredential(tokenHash) === null)
        registry.authorization.requireRole(tokenHash, "viewer", now);
    });
  },
};

/**
 * Names the uploader: a worker with a lease that it holds now, or (without a claim) a person who may publish datasets.
 * Their bytes are collected after an hour if nothing has referred to them by then.
 */
function requireUploader(registry: Registry, tokenHash: string, claim: Lease | null, now: number): string {
  if (claim === null) {
    if (registry.scheduler.workers.withCredential(tokenHash) !== null) {
      throw new Problem("invalid-request", "A node's upload needs x-ktrdr-operation and x-ktrdr-attempt.", {
        cure: "Name the lease that the upload belongs to.",
      });
    }
    registry.authorization.requireRole(tokenHash, "researcher", now);
    return `token ${tokenHash.slice(0, 16)}`;
  }
  const workerId = registry.authorization.requireSomeWorker(tokenHash);
  if (!registry.scheduler.workers.holdsLease(workerId, claim)) {
    throw new Problem(
      "conflict",
      `Attempt ${claim.attempt} of ${claim.operationId} is not a lease of ${workerId} now.`,
      {
        cure: "Drop the result: the operation was handed to another worker, or has ended.",
      },
    );
  }
  return workerId;
}
