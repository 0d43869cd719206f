/**
 * Does the work of `src/routes/artefacts.ts` and of the registry's methods for it, over the real index of artefacts. Each
 * `yield` is an await: anything may happen before the rest, and the rest may never happen.
 */
import {
  abandonUpload,
  openUpload,
  recordArtefact,
  recordPart,
  type Scheduler,
  touchArtefact,
  type Upload,
  uploadOf,
} from "../../durable-objects/scheduler/index.ts";
import { type Lease, Problem, type StoredDataset } from "../../protocol/index.ts";
import type { Dataset } from "./library.ts";
import { StoreFault } from "./object-store.ts";
import { contentOf } from "./workload.ts";
import type { World } from "./world.ts";

export interface Answer {
  readonly status: number;
  readonly stored?: boolean;
  /** Parts that have arrived. */
  readonly parts?: readonly number[];
  readonly bytes?: string;
}

export type Route = Generator<undefined, Answer>;

/** A node with a lease, or (without) a person. */
export interface Caller {
  readonly credential: string | null;
  readonly lease: Lease | null;
}

/** Letters in a part. */
export const PART_LENGTH = 32;

export class ArtefactRoutes {
  readonly #world: World;
  readonly #recordsEarly: boolean;

  constructor(world: World, recordsEarly: boolean) {
    this.#world = world;
    this.#recordsEarly = recordsEarly;
  }

  /** `PUT /api/v1/artefacts/{sha256}` */
  *put(caller: Caller, sha256: string, bytes: string): Route {
    const { plane } = this.#world;
    const stored = plane.call((scheduler) => {
      this.#requireUploader(scheduler, caller);
      plane.collector.requireSettled(sha256);
      return touchArtefact(plane.storage, sha256, plane.wallNow);
    });
    if (stored) return { status: 200 };
    yield;
    plane.store.put(sha256, bytes);
    yield;
    this.#record(sha256, bytes.length);
    return { status: 201 };
  }

  /** `POST /api/v1/artefacts/{sha256}/uploads` */
  *open(caller: Caller, sha256: string, bytes: number): Route {
    const { plane } = this.#world;
    const { stored, upload } = this.#find(caller, sha256);
    if (stored) return { status: 200, stored, parts: [] };
    yield;
    if (upload !== null && upload.bytes === bytes) {
      const parts = upload.parts.map(({ partNumber }) => partNumber);
      if (parts.length > 0) this.#world.tally.uploadsResumed++;
      return { status: 201, stored, parts };
    }
    const uploadId = plane.store.openUpload(sha256);
    yield;
    plane.call((scheduler) => {
      const uploader = this.#requireUploader(scheduler, caller);
      openUpload(plane.storage, { sha256, uploadId, bytes, mediaType: "text/plain" }, uploader, plane.wallNow);
      plane.setAlarm();
    });
    this.#world.tally.uploadsInParts++;
    return { status: 201, stored, parts: [] };
  }

  /** `PUT /api/v1/artefacts/{sha256}/uploads/{part}` */
  *part(caller: Caller, sha256: string, partNumber: number, bytes: string): Route {
    const { plane, chance, rates, tally } = this.#world;
    const { uploadId } = this.#openUploadOf(caller, sha256);
    if (chance.perMille(rates.damagePerMille)) {
      tally.damaged++;
      throw new Problem("damaged-bytes", `part ${partNumber} is not what its hash says`);
    }
    yield;
    // Damage that happens here is found when the whole is read.
    const isDamaged = chance.perMille(rates.damagePerMille);
    const fault = this.#fault(() =>
      plane.store.putPart(uploadId, partNumber, isDamaged ? "!".repeat(bytes.length) : bytes),
    );
    yield;
    if (fault !== null) return this.#giveUp(sha256);
    plane.call(() =>
      recordPart(plane.storage, sha256, { partNumber, etag: `${uploadId}/${partNumber}` }, plane.wallNow),
    );
    return { status: 201 };
  }

  /** `POST /api/v1/artefacts/{sha256}/uploads/complete` */
  *join(caller: Caller, sha256: string): Route {
    const { plane, tally } = this.#world;
    const { uploadId, parts, bytes } = this.#openUploadOf(caller, sha256);
    if (parts.length < Math.ceil(bytes / PART_LENGTH)) throw new Problem("conflict", "some parts have not arrived");
    if (this.#recordsEarly) this.#record(sha256, bytes);
    yield;
    const fault = this.#fault(() =>
      plane.store.join(
        uploadId,
        parts.map(({ partNumber }) => partNumber),
      ),
    );
    yield;
    if (fault !== null && !plane.store.has(sha256)) return this.#giveUp(sha256);
    if (fault !== null) tally.joinedAgain++;
    if (plane.store.get(sha256) !== contentOf(sha256)) {
      tally.damaged++;
      plane.store.delete(sha256);
      yield;
      plane.call(() => abandonUpload(plane.storage, sha256));
      throw new Problem("damaged-bytes", "the bytes are not those that the name says");
    }
    yield;
    this.#record(sha256, bytes);
    return { status: 201 };
  }

  /** `GET /api/v1/artefacts/{sha256}` */
  *get(credential: string | null, sha256: string): Route {
    const { plane } = this.#world;
    plane.call((scheduler) => {
      if (credential === null || scheduler.workers.withCredential(credential) === null) throw unknownToken();
    });
    yield;
    const bytes = plane.store.get(sha256);
    return bytes === undefined ? { status: 404 } : { status: 200, bytes };
  }

  /** `PUT /api/v1/datasets/{sha256}` */
  *publish({ symbol, timeframe, sha256, rows }: Dataset): Route {
    const { plane } = this.#world;
    const details = { symbol, timeframe, rows, firstMs: 0, lastMs: 1, source: "" };
    plane.commit<StoredDataset>("publish", sha256, (scheduler, now) => {
      plane.collector.requireSettled(sha256);
      return scheduler.datasets.publish(sha256, details, now);
    });
    return { status: 200 };
  }

  /** `DELETE /api/v1/datasets/{sha256}` */
  *withdraw(sha256: string): Route {
    this.#world.plane.commit("withdraw", sha256, (scheduler, now) => scheduler.datasets.withdraw(sha256, now));
    return { status: 204 };
  }

  #find(caller: Caller, sha256: string): { stored: boolean; upload: Upload | null } {
    const { plane } = this.#world;
    return plane.call((scheduler) => {
      this.#requireUploader(scheduler, caller);
      plane.collector.requireSettled(sha256);
      const stored = touchArtefact(plane.storage, sha256, plane.wallNow);
      return { stored, upload: uploadOf(plane.storage, sha256) ?? null };
    });
  }

  #openUploadOf(caller: Caller, sha256: string): Upload {
    const { upload } = this.#find(caller, sha256);
    if (upload === null) throw new Problem("not-found", `There is no open upload of ${sha256}.`);
    return upload;
  }

  #giveUp(sha256: string): never {
    const { plane } = this.#world;
    plane.call(() => abandonUpload(plane.storage, sha256));
    throw new Problem("not-found", `The store has no open upload of ${sha256} any more.`);
  }

  #record(sha256: string, bytes: number): void {
    const { plane } = this.#world;
    plane.call(() => {
      recordArtefact(plane.storage, { sha256, bytes, mediaType: "text/plain" }, plane.wallNow);
      plane.setAlarm();
    });
  }

  #fault(work: () => void): StoreFault | null {
    try {
      work();
      return null;
    } catch (error) {
      if (error instanceof StoreFault) return error;
      throw error;
    }
  }

  /** Names the uploader, as the registry's method of this name does: its open uploads are counted. */
  #requireUploader(scheduler: Scheduler, { credential, lease }: Caller): string {
    if (lease === null) return "a person";
    const workerId = credential === null ? null : scheduler.workers.withCredential(credential);
    if (workerId === null) throw unknownToken();
    if (!scheduler.workers.holdsLease(workerId, lease)) throw new Problem("conflict", "not a lease of this worker now");
    return workerId;
  }
}

function unknownToken(): Problem {
  return new Problem("unauthenticated", "The token is unknown, expired or revoked.");
}
