/**
 * Runs steps. A step gets an event and the time, reads and writes storage in one transaction, and hands back effects for the
 * shell to carry out after the commit. A step that throws leaves storage and memory as they were.
 */
import type { RegistryConfig } from "./config.ts";
import type { Effect } from "./effect.ts";
import { writeEvents } from "./event-log.ts";
import type { Sql } from "./sql.ts";
import { loadState, type State } from "./state.ts";
import { Tally } from "./tally.ts";

/** A step's answer, and the effects that the shell carries out after the commit. */
export interface Outcome<T> {
  readonly value: T;
  readonly effects: readonly Effect[];
}

export class Steps {
  readonly sql: Sql;
  readonly config: RegistryConfig;
  readonly tally: Tally;
  #state: State;

  constructor(sql: Sql, config: RegistryConfig) {
    this.sql = sql;
    this.config = config;
    this.tally = new Tally(sql);
    this.#state = loadState(sql, config);
  }

  /** Read between steps; a step that throws replaces it. */
  get state(): State {
    return this.#state;
  }

  run<T>(work: (state: State) => T): Outcome<T> {
    const state = this.#state;
    state.effects = [];
    state.observations = [];
    try {
      const value = this.sql.transaction(() => {
        const result = work(state);
        writeEvents(this.sql, state.effects);
        return result;
      });
      this.tally.add(state.observations);
      return { value, effects: state.effects };
    } catch (error) {
      this.#state = loadState(this.sql, this.config);
      throw error;
    }
  }
}
