/** Collects artefacts as `artefact-collection.ts` does in the object, with a slow store. */
import {
  abandonedUploads,
  abandonUpload,
  collectableArtefacts,
  forgetArtefacts,
  isCollectable,
} from "../../durable-objects/scheduler/index.ts";
import { Problem } from "../../protocol/index.ts";
import type { World } from "./world.ts";

const COLLECT_AT_ONCE = 100;
/** The share of collections during which the registry dies. The store goes on. */
const DIES_PER_MILLE = 150;
/** The share of collections after which somebody wants the removed bytes. */
const WANTED_PER_MILLE = 500;

export class ArtefactCollector {
  readonly #world: World;
  /** Names whose bytes are being deleted now; lost with the registry's memory, while the store goes on. */
  #removing: ReadonlySet<string> = new Set();
  #isAtWork = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** The runtime calls no alarm while one is at work. */
  get isAtWork(): boolean {
    return this.#isAtWork;
  }

  /** Throws `too-many-requests` for bytes that are, or may be, being deleted. */
  requireSettled(sha256: string): void {
    const { storage, wallNow } = this.#world.plane;
    const isSettled = !this.#removing.has(sha256) && !isCollectable(storage, sha256, wallNow);
    if (!isSettled) throw new Problem("too-many-requests", `${sha256} is being removed`);
  }

  /** Forgets the registry's memory, and with it the calls that waited for the store. */
  forget(): void {
    this.#removing = new Set();
    this.#isAtWork = false;
  }

  /** Calls `done` when all is collected, unless the registry died meanwhile. */
  run(done: () => void): void {
    const { plane, queue, chance, judge, tally, library } = this.#world;
    const names = collectableArtefacts(plane.storage, plane.wallNow, COLLECT_AT_ONCE);
    const uploads = abandonedUploads(plane.storage, plane.wallNow);
    if (names.length === 0 && uploads.length === 0) return;
    const removing = new Set(names);
    this.#removing = removing;
    this.#isAtWork = true;
    if (chance.perMille(WANTED_PER_MILLE)) library.wantBack(names);
    if (chance.perMille(DIES_PER_MILLE)) queue.after(chance.between(1, 500), () => plane.restart());
    queue.after(chance.between(1, 500), () => {
      judge.alarmWasUseful();
      for (const name of names) {
        judge.collected(name);
        plane.store.delete(name);
      }
      for (const { uploadId } of uploads) if (plane.store.openUploads.includes(uploadId)) plane.store.abort(uploadId);
      if (this.#removing !== removing) return;
      tally.collected += names.length;
      tally.abandoned += uploads.length;
      forgetArtefacts(plane.storage, names);
      for (const { sha256 } of uploads) abandonUpload(plane.storage, sha256);
      this.#removing = new Set();
      this.#isAtWork = false;
      done();
    });
  }
}
