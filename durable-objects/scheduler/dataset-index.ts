/**
 * Market data that people have published in the workspace's store, by symbol and timeframe; the bytes never come here.
 *
 * Every version stays until it is withdrawn, since operations may pin it. Its artefact is referred to for as long, so it is
 * never collected. An operation that pins none gets the newest version, whatever nodes hold of their own: the place where an
 * operation runs must not decide which prices it sees.
 */
import type { DataRequest, DatasetRef, PublishDatasetRequest, StoredDataset } from "../../protocol/index.ts";
import type { Sql } from "./sql.ts";

interface DatasetRow {
  symbol: string;
  timeframe: string;
  sha256: string;
  row_count: number;
  first_ms: number;
  last_ms: number;
  source: string;
  published_at: number;
}

type Version = Omit<StoredDataset, "isNewest">;

export class DatasetIndex {
  readonly #sql: Sql;
  /** By symbol and timeframe, the newest version first. */
  readonly #versions = new Map<string, Version[]>();

  constructor(sql: Sql) {
    this.#sql = sql;
    for (const row of sql.all<DatasetRow>("SELECT * FROM datasets ORDER BY version")) this.#enter(toVersion(row));
  }

  list(): StoredDataset[] {
    return [...this.#versions.values()]
      .flatMap((versions) => versions.map((version, index) => ({ ...version, isNewest: index === 0 })))
      .sort((a, b) => compareText(a.symbol, b.symbol) || compareText(a.timeframe, b.timeframe));
  }

  /** Finds the version that a request means; undefined when the store does not have it. */
  find({ symbol, timeframe, sha256 }: Pick<DataRequest, "symbol" | "timeframe" | "sha256">): DatasetRef | undefined {
    const versions = this.#versions.get(keyOf({ symbol, timeframe })) ?? [];
    const found = sha256 === undefined ? versions[0] : versions.find((version) => version.sha256 === sha256);
    return found === undefined ? undefined : { symbol, timeframe, sha256: found.sha256 };
  }

  /** Makes it the newest version, also when it was published before. The caller keeps the artefact. */
  publish(sha256: string, details: PublishDatasetRequest, now: number): StoredDataset {
    const { symbol, timeframe, rows, firstMs, lastMs, source } = details;
    const version: Version = { symbol, timeframe, sha256, rows, firstMs, lastMs, source, publishedAt: now };
    this.#sql.run(
      "DELETE FROM datasets WHERE symbol = ? AND timeframe = ? AND sha256 = ?",
      ...[symbol, timeframe, sha256],
    );
    this.#sql.run(
      `INSERT INTO datasets (symbol, timeframe, sha256, row_count, first_ms, last_ms, source, published_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[symbol, timeframe, sha256, rows, firstMs, lastMs, source, now],
    );
    this.#enter(version);
    return { ...version, isNewest: true };
  }

  /** Removes the entries with these bytes, under any name, and returns their number. The caller releases the artefact. */
  withdraw(sha256: string): number {
    let removed = 0;
    for (const [key, versions] of this.#versions) {
      const kept = versions.filter((version) => version.sha256 !== sha256);
      removed += versions.length - kept.length;
      if (kept.length === 0) this.#versions.delete(key);
      else this.#versions.set(key, kept);
    }
    if (removed > 0) this.#sql.run("DELETE FROM datasets WHERE sha256 = ?", sha256);
    return removed;
  }

  #enter(version: Version): void {
    const key = keyOf(version);
    const others = (this.#versions.get(key) ?? []).filter(({ sha256 }) => sha256 !== version.sha256);
    this.#versions.set(key, [version, ...others]);
  }
}

function keyOf({ symbol, timeframe }: Pick<DatasetRef, "symbol" | "timeframe">): string {
  return `${symbol} ${timeframe}`;
}

function toVersion(row: DatasetRow): Version {
  return {
    symbol: row.symbol,
    timeframe: row.timeframe,
    sha256: row.sha256,
    rows: row.row_count,
    firstMs: row.first_ms,
    lastMs: row.last_ms,
    source: row.source,
    publishedAt: row.published_at,
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
