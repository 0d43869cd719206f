/** The classes of requirements, and how many operations of each are queued. */
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
    for (const row of sql.all<{ class_id: number; requirement: string }>("SELECT class_id, requirement FROM classes")) {
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

  /** An operation of this class entered (+1) or left (−1) the queue. */
  countQueued(classId: number, change: 1 | -1): void {
    const count = (this.#queued.get(classId) ?? 0) + change;
    if (count === 0) this.#queued.delete(classId);
    else this.#queued.set(classId, count);
  }

  /** Classes with something in the queue. */
  queued(): IterableIterator<number> {
    return this.#queued.keys();
  }

  queuedCount(classId: number): number {
    return this.#queued.get(classId) ?? 0;
  }
}
