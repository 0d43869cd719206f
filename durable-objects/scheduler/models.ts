/** Steps about models: the versions that training runs and people publish under a name. */
import type { ModelVersion } from "../../protocol/index.ts";
import { findModel, listModels, type NewModel, publishModel, removeModel } from "./model-index.ts";
import type { Outcome, Steps } from "./steps.ts";

export class Models {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** Gives stored bytes a name, as its next version. */
  publish(model: NewModel, now: number): Outcome<ModelVersion> {
    return this.#steps.run((state) => publishModel(state.sql, model, now));
  }

  /** Removes one version, or (null) all of a name. Operations that are handed out go on. */
  remove(name: string, version: number | null, now: number): Outcome<void> {
    return this.#steps.run((state) => removeModel(state.sql, name, version, now));
  }

  list(name: string | null): ModelVersion[] {
    return listModels(this.#steps.sql, name);
  }

  /** Finds a version; null means the newest. */
  get(name: string, version: number | null): ModelVersion {
    return findModel(this.#steps.sql, name, version);
  }
}
