/** Bugs that are planted to see whether the simulation finds them. None needs a switch in the code under test. */
import type { Sql } from "../../durable-objects/scheduler/index.ts";

/**
 * `ignore-attempt`: a node's message counts for the present attempt, whatever attempt it names.
 * `send-before-write`: a step's messages go out, and the process dies before its writes are kept.
 * `forget-lease-on-disconnect`: the registry's memory loses the leases of a worker whose socket closed.
 * `double-assign`: an assignment now and then goes to a second worker too.
 * `forget-heartbeats`: the runtime forgets heartbeats when the registry hibernates.
 * `unreferenced-datasets`: a dataset is published, and its artefact counts as one that nothing refers to.
 * `record-before-joining`: an upload in parts counts as stored before its parts are joined and looked at.
 */
export const CANARIES = [
  "ignore-attempt",
  "send-before-write",
  "forget-lease-on-disconnect",
  "double-assign",
  "forget-heartbeats",
  "unreferenced-datasets",
  "record-before-joining",
] as const;
export type Canary = (typeof CANARIES)[number];

/** Adds nested transactions to the storage, so that a committed step can still be undone. */
export function inSavepoints(sql: Sql): Sql {
  return {
    all: (query, ...values) => sql.all(query, ...values),
    run: (query, ...values) => sql.run(query, ...values),
    transaction(work) {
      sql.run("SAVEPOINT step");
      try {
        const value = work();
        sql.run("RELEASE step");
        return value;
      } catch (error) {
        sql.run("ROLLBACK TO step");
        sql.run("RELEASE step");
        throw error;
      }
    },
  };
}
