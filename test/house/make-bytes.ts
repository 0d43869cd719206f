/**
 * Makes rows of `bytes.json` again, for a change that is meant to change them; say why in the commit, and who made them in
 * `made_with`:
 *
 *   node test/house/make-bytes.ts "results format 3" "commission: a rate" "training: one network"
 *
 * Without names it makes every row that differs, and refuses rows whose content changed; `--content` allows it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { HOUSE_CASES, House, type ResultHashes } from "./cases.ts";

interface Row extends ResultHashes {
  readonly made_with: string;
}

const FILE = new URL("bytes.json", import.meta.url);
const words = process.argv.slice(2).filter((word) => word !== "--content");
const mayChangeContent = process.argv.includes("--content");
const [madeWith, ...names] = words;
if (madeWith === undefined) throw new Error('Say what the rows are made with, such as "results format 3".');

const rows = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Row>;
await using house = await House.open();
const made: Record<string, Row> = {};
for (const asked of HOUSE_CASES) {
  const kept = rows[asked.name];
  const hashes = names.length === 0 || names.includes(asked.name) ? await house.hashesOf(asked) : kept;
  const isSame = kept?.sha256 === hashes.sha256 && kept.content_sha256 === hashes.content_sha256;
  if (!mayChangeContent && kept !== undefined && kept.content_sha256 !== hashes.content_sha256)
    throw new Error(`${asked.name}: more than versions and warnings changed. --content says that this is meant.`);
  if (!isSame) console.log(asked.name);
  made[asked.name] = isSame ? kept : { ...hashes, made_with: madeWith };
}
writeFileSync(FILE, `${JSON.stringify(made, null, 2)}\n`);
