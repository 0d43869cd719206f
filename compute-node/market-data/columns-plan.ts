/** Finds the role of each of a file's columns. */
import { Problem, type ResultWarning } from "../../protocol/index.ts";

/** The roles that a column can be given, in the order of `BAR_COLUMN_NAMES`. */
export const COLUMN_ROLES = ["timestamp", "open", "high", "low", "close", "volume"] as const;
type ColumnRole = (typeof COLUMN_ROLES)[number];
/** Such as `{ close: "Last" }`: the file's own name for a column. */
export type ColumnChoice = Readonly<Partial<Record<ColumnRole, string>>>;

/** Names in lower case, the preferred one first. */
const USUAL_NAMES: Record<ColumnRole, readonly string[]> = {
  timestamp: [
    ..."timestamp,datetime,date time,open time,date,time,ts,t,gmt time,unix,unix timestamp,epoch".split(","),
    ..."timestamp utc,datetime utc,date utc,time utc".split(","),
    // The name that pandas gives an index without one in Parquet, `__index_level_0__`.
    "index level 0",
  ],
  open: ["open", "open price", "o"],
  high: ["high", "high price", "h"],
  low: ["low", "low price", "l"],
  close: ["close", "close price", "c"],
  volume: ["volume", "vol", "v"],
};
const ADJUSTED_CLOSE = ["adj close", "adjclose", "adjusted close", "adjustedclose"];

/** A column that is not read. */
export const IGNORED = -1;

export interface ColumnPlan {
  /** For each of the file's columns: an index into `BAR_COLUMN_NAMES`, or `IGNORED`. */
  readonly roles: readonly number[];
  readonly warnings: readonly ResultWarning[];
}

/**
 * Finds the six columns by their usual names in any case, or by `choice`. A first column without a name, which data
 * frames write for their index, is the time when no other is. A missing volume and ignored columns are
 * warnings. Throws `invalid-data` that names the columns there are and the ones that are needed.
 */
export function planColumns(names: readonly string[], choice: ColumnChoice, file: string): ColumnPlan {
  if (names.length > 1 && names.every((name) => /^[\s\d.:TZ+/-]*$/.test(name))) throw withoutHeader(names, file);
  const roles = names.map(() => IGNORED);
  const plain = names.map(plainName);
  const missing: ColumnRole[] = [];
  for (const [index, role] of COLUMN_ROLES.entries()) {
    const chosen = choice[role];
    let column = chosen === undefined ? findUsual(names, plain, role, file) : findChosen(names, chosen, role, file);
    if (column === -1 && role === "timestamp" && plain[0] === "") column = 0;
    if (column === -1) missing.push(role);
    else if (roles[column] !== IGNORED) throw twice(names[column], COLUMN_ROLES[roles[column]], role, file);
    else roles[column] = index;
  }
  const unused = names.filter((name, column) => roles[column] === IGNORED && name.trim() !== "");
  const needed = missing.filter((role) => role !== "volume");
  if (needed.length > 0) throw missingColumns(names, needed, unused, file);
  if (choice.timestamp === undefined) requireOneTime(names, plain, roles, file);
  const isTimeUnnamed = plain[roles.indexOf(0)] === "";
  return { roles, warnings: columnWarnings(unused, isTimeUnnamed, missing.includes("volume")) };
}

/** `"Adj_Close"`, `<CLOSE>` and `4. close` as people mean them. */
function plainName(name: string): string {
  const plain = name
    .trim()
    .toLowerCase()
    .replace(/[<>()]/g, " ")
    .replace(/[\s_-]+/g, " ")
    .trim();
  return plain.replace(/^\d+\. ?/, "");
}

function findUsual(names: readonly string[], plain: readonly string[], role: ColumnRole, file: string): number {
  for (const usual of USUAL_NAMES[role]) {
    const column = plain.indexOf(usual);
    if (column === -1) continue;
    if (plain.lastIndexOf(usual) === column) return column;
    throw new Problem("invalid-data", `${file} has more than one column '${names[column]}'.`, {
      cure: "Rename or leave out all but one of them.",
    });
  }
  return -1;
}

function findChosen(names: readonly string[], chosen: string, role: ColumnRole, file: string): number {
  const wanted = chosen.trim();
  const exact = names.findIndex((name) => name.trim() === wanted);
  const column = exact === -1 ? names.findIndex((name) => plainName(name) === plainName(wanted)) : exact;
  if (column !== -1) return column;
  throw new Problem("invalid-data", `${file} has no column '${chosen}' to be the ${role}; it has ${listed(names)}.`, {
    cure: `Give one of these names: --columns ${role}=NAME.`,
  });
}

function requireOneTime(
  names: readonly string[],
  plain: readonly string[],
  roles: readonly number[],
  file: string,
): void {
  const date = plain.indexOf("date");
  const time = plain.indexOf("time");
  if (date === -1 || time === -1 || (roles[date] === IGNORED && roles[time] === IGNORED)) return;
  throw new Problem("invalid-data", `${file} splits its time over the columns ${names[date]} and ${names[time]}.`, {
    cure: `Join them into one column, or choose one that is complete: --columns timestamp=${names[date]}.`,
  });
}

function columnWarnings(unused: readonly string[], isTimeUnnamed: boolean, isVolumeMissing: boolean): ResultWarning[] {
  const warnings: ResultWarning[] = [];
  if (isTimeUnnamed) {
    const message = "The first column has no name and was read as the time.";
    warnings.push({ code: "time-column-assumed", message, count: 1 });
  }
  const adjusted = unused.filter((name) => ADJUSTED_CLOSE.includes(plainName(name)));
  const others = unused.filter((name) => !adjusted.includes(name));
  if (adjusted.length > 0) {
    const message = `Column ${listed(adjusted)} is not used: the other prices of the row are not adjusted.`;
    warnings.push({ code: "adjusted-close-ignored", message, count: adjusted.length });
  }
  if (others.length > 0) {
    warnings.push({ code: "columns-ignored", message: `Not used: ${listed(others)}.`, count: others.length });
  }
  if (isVolumeMissing) {
    warnings.push({ code: "volume-missing", message: "There is no volume column; every volume is 0.", count: 1 });
  }
  return warnings;
}

function missingColumns(
  names: readonly string[],
  needed: readonly ColumnRole[],
  unused: readonly string[],
  file: string,
): Problem {
  const message = `${file} has no column for ${needed.join(", ")}. Found: ${listed(names)}. Needed: timestamp (or date), open, high, low, close.`;
  const example = unused[0]?.trim() ?? "NAME";
  return new Problem("invalid-data", message, {
    cure: `Say which column it is, as in --columns ${needed[0]}=${/\s/.test(example) ? `"${example}"` : example}.`,
  });
}

function withoutHeader(names: readonly string[], file: string): Problem {
  return new Problem("invalid-data", `${file} has no header: its first line is ${names.join(",").slice(0, 80)}`, {
    cure: `Add a first line that names the columns, such as ${COLUMN_ROLES.join(",")}.`,
  });
}

function twice(name: string, first: ColumnRole, second: ColumnRole, file: string): Problem {
  return new Problem("invalid-data", `${file}: column '${name}' cannot be both ${first} and ${second}.`, {
    cure: `Give another column for one of them, as in --columns ${second}=NAME.`,
  });
}

function listed(names: readonly string[]): string {
  return names.map((name) => name.trim() || "(no name)").join(", ");
}

/** A comma within a column's name does not part two choices. */
const BETWEEN_CHOICES = new RegExp(`,(?=\\s*(?:${COLUMN_ROLES.join("|")})\\s*=)`, "i");

/** Reads `a=b` pairs, such as `close=Last` or `open=First,close=Last`. Throws `invalid-request` for anything else. */
export function parseColumnChoice(pairs: readonly string[]): ColumnChoice {
  const choice: Partial<Record<ColumnRole, string>> = {};
  for (const pair of pairs.flatMap((text) => text.split(BETWEEN_CHOICES))) {
    const [role, ...rest] = pair.split("=");
    const name = rest.join("=").trim();
    const known = COLUMN_ROLES.find((candidate) => candidate === role.trim().toLowerCase());
    if (known === undefined || name === "") {
      throw new Problem("invalid-request", `'${pair}' does not name a column.`, {
        cure: `Write one of ${COLUMN_ROLES.join(", ")}, '=', and the file's name for it, such as close=Last.`,
      });
    }
    choice[known] = name;
  }
  return choice;
}
