/** Keeps the classes of requirements, and the number of queued operations of each. */
import { parseRequirementKey, type Requirement, requirementKey } from "./requirement.ts";
import { first, type Sql } from "./sql.ts";

export class ClassIndex {
  readonly #sql: Sql;
  readonly #byKey = new Map<string, number>();
  readonly #requirements = new Map<number, Requirement>();
  readonly #queued: Map<number, number>;

  constructor(sql: Sql, queued: Map<number, number>) {
    this.#sql = sql;
    this.#queued = queued;
    for (const row of sql.all<{ class_id: number; requirement: string }>(
      "SELECT class_id, requirement FROM classes ORDER BY class_id",
    )) {
      this.#byKey.set(row.requirement, row.class_id);
      this.#requirements.set(row.class_id, parseRequirementKey(row.requirement));
    }
  }

  idOf(requirement: Requirement): number {
    const key = requirementKey(requirement);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#sql.run("INSERT INTO classes (requirement) VALUES (?)", key);
    const row = first<{ class_id: number }>(this.#sql, "SELECT class_id FROM classes WHERE requirement = ?", key);
    const classId = row!.class_id;
    this.#byKey.set(key, classId);
    this.#requirements.set(classId, requirement);
    return classId;
  }

  requirement(classId: number): Requirement {
    const requirement = this.#requirements.get(classId);
    if (requirement === undefined) throw new Error(`invariant broken: class ${classId} is known`);
    return requirement;
  }

  /** Counts an operation of this class that entered (+1) or left (−1) the queue. */
  countQueued(classId: number, change: 1 | -1): void {
    const count = (this.#queued.get(classId) ?? 0) + change;
    if (count === 0) this.#queued.delete(classId);
    else this.#queued.set(classId, count);
  }

  /**
   * Forgets classes without an operation in the queue or on a worker, the oldest first, down to `kept` and at most `limit` at a
   * time. An ended operation keeps a number that means nothing any more; one that is taken back to the queue gets a new one.
   */
  removeUnused(running: ReadonlySet<number>, kept: number, limit: number): void {
    const unused = [...this.#byKey].filter(([, classId]) => !this.#queued.has(classId) && !running.has(classId));
    for (const [key, classId] of unused.slice(0, Math.min(limit, Math.max(0, unused.length - kept)))) {
      this.#sql.run("DELETE FROM classes WHERE class_id = ?", classId);
      this.#byKey.delete(key);
      this.#requirements.delete(classId);
    }
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Classes with something in the queue. */
  queued(): IterableIterator<number> {
    return this.#queued.keys();
  }

  queuedCount(classId: number): number {
    return this.#queued.get(classId) ?? 0;
  }
}
