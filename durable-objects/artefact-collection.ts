/** Removes artefacts that nothing refers to, and uploads that nobody goes on with. */
import { Problem } from "../protocol/index.ts";
import { artefactKey } from "./artefact-key.ts";
import {
  abandonedUploads,
  abandonUpload,
  collectableArtefacts,
  forgetArtefacts,
  isCollectable,
  type Sql,
} from "./scheduler/index.ts";

/** Artefacts that one alarm removes from the store. */
const COLLECT_AT_ONCE = 100;

export class ArtefactCollection {
  readonly #sql: Sql;
  readonly #bucket: R2Bucket;
  readonly #workspace: string;
  /** Names whose bytes are being deleted at this moment. */
  #removing: ReadonlySet<string> = new Set();

  constructor(sql: Sql, bucket: R2Bucket, workspace: string) {
    this.#sql = sql;
    this.#bucket = bucket;
    this.#workspace = workspace;
  }

  /** Removes a bounded number at a time, and forgets them after the deletion. */
  async run(now: number): Promise<void> {
    const names = collectableArtefacts(this.#sql, now, COLLECT_AT_ONCE);
    if (names.length > 0) {
      this.#removing = new Set(names);
      try {
        await this.#bucket.delete(names.map((name) => artefactKey(this.#workspace, name)));
        forgetArtefacts(this.#sql, names);
      } finally {
        this.#removing = new Set();
      }
    }
    for (const { sha256, uploadId } of abandonedUploads(this.#sql, now)) {
      await this.#bucket
        .resumeMultipartUpload(artefactKey(this.#workspace, sha256), uploadId)
        .abort()
        .catch((error: unknown) => console.warn("an abandoned upload could not be aborted", sha256, error));
      abandonUpload(this.#sql, sha256);
    }
  }

  /** Throws `too-many-requests` for bytes that are, or may be, being deleted: whoever wants to store them asks again. */
  requireSettled(sha256: string, now: number): void {
    if (!this.#removing.has(sha256) && !isCollectable(this.#sql, sha256, now)) return;
    throw new Problem("too-many-requests", `An older artefact ${sha256} is being removed.`, {
      cure: "Try again in a second.",
    });
  }
}
