/** `node:sqlite` behind the scheduler's narrow door: the same SQL engine as the Durable Object's, outside workerd. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Sql, SqlValue } from "../../durable-objects/scheduler/index.ts";

export interface NodeSql extends Sql {
  close(): void;
}

/** `path` is a file, or `:memory:`. */
export function nodeSql(path = ":memory:"): NodeSql {
  const database = new DatabaseSync(path);
  const statements = new Map<string, StatementSync>();
  const prepared = (query: string): StatementSync => {
    let statement = statements.get(query);
    if (statement === undefined) {
      statement = database.prepare(query);
      statements.set(query, statement);
    }
    return statement;
  };
  return {
    all: <Row>(query: string, ...values: SqlValue[]) => prepared(query).all(...values) as Row[],
    run: (query, ...values) => {
      prepared(query).run(...values);
    },
    transaction(work) {
      database.exec("BEGIN");
      try {
        const value = work();
        database.exec("COMMIT");
        return value;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    close: () => database.close(),
  };
}
