/** The Durable Object's own SQLite behind the scheduler's narrow door. */
import type { Sql } from "./scheduler/index.ts";

export function durableSql(storage: DurableObjectStorage): Sql {
  return {
    all: <Row>(query: string, ...values: (string | number | null)[]) =>
      storage.sql.exec(query, ...values).toArray() as unknown as Row[],
    run: (query, ...values) => {
      storage.sql.exec(query, ...values);
    },
    transaction: (work) => storage.transactionSync(work),
  };
}
