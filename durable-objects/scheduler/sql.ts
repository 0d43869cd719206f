/**
 * The narrow door to storage: synchronous SQL with transactions. The Durable Object passes in its own SQLite,
 * the simulation and the unit tests pass in `node:sqlite`; the scheduler cannot tell them apart.
 */
export type SqlValue = string | number | null;

export interface Sql {
  /** All rows of a query. */
  all<Row>(query: string, ...values: SqlValue[]): Row[];
  /** A statement without rows. */
  run(query: string, ...values: SqlValue[]): void;
  /** All of `work`'s writes or, when it throws, none. */
  transaction<T>(work: () => T): T;
}

/** The only row of a query, or undefined. */
export function first<Row>(sql: Sql, query: string, ...values: SqlValue[]): Row | undefined {
  return sql.all<Row>(query, ...values)[0];
}
