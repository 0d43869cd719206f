/** Steps about datasets: market data that people publish in the workspace's store. */
import {
  DATASET_BYTES_PER_BAR,
  Problem,
  type PublishDatasetRequest,
  pathOf,
  ROUTES,
  type StoredDataset,
} from "../../protocol/index.ts";
import { artefactBytes, keepArtefact, releaseArtefact } from "./artefact-index.ts";
import { dispatch } from "./dispatch.ts";
import type { State } from "./state.ts";
import type { Outcome, Steps } from "./steps.ts";

export class Datasets {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /**
   * Says which prices stored bytes are; from now on every node can have them.
   *
   * @throws Problem `conflict` while the bytes are not stored, `invalid-request` when they are not that many bars
   */
  publish(sha256: string, details: PublishDatasetRequest, now: number): Outcome<StoredDataset> {
    return this.#steps.run((state) => {
      const published = publishDataset(state, sha256, details, now);
      dispatch(state, now);
      return published;
    });
  }

  /**
   * Takes a dataset out of the store, under all its names; operations that are handed out go on.
   *
   * @throws Problem `not-found` when no dataset has these bytes
   */
  withdraw(sha256: string, now: number): Outcome<void> {
    return this.#steps.run((state) => withdrawDataset(state, sha256, now));
  }

  list(): StoredDataset[] {
    return this.#steps.state.datasets.list();
  }
}

function publishDataset(state: State, sha256: string, details: PublishDatasetRequest, now: number): StoredDataset {
  const bytes = artefactBytes(state.sql, sha256, now);
  if (bytes === undefined) {
    throw new Problem("conflict", `The bytes of dataset ${sha256} are not stored.`, {
      cure: `Upload them to ${pathOf(ROUTES.uploadArtefact, { sha256 })} first, as \`ktrdr data push\` does.`,
    });
  }
  const expected = details.rows * DATASET_BYTES_PER_BAR;
  if (bytes !== expected) {
    throw new Problem(
      "invalid-request",
      `Artefact ${sha256} has ${bytes} bytes; ${details.rows} bars take ${expected}.`,
      {
        cure: "Correct rows, or upload the six columns one after another as little-endian doubles.",
      },
    );
  }
  keepArtefact(state.sql, sha256);
  return state.datasets.publish(sha256, details, now);
}

function withdrawDataset(state: State, sha256: string, now: number): void {
  if (state.datasets.withdraw(sha256) === 0) {
    throw new Problem("not-found", `There is no dataset ${sha256} in the store.`, {
      cure: "List them with `ktrdr data list --remote`.",
    });
  }
  releaseArtefact(state.sql, sha256, now);
}
