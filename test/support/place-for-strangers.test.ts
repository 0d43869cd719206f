import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, it } from "vitest";
import { placeForStrangers, STRANGER } from "./place-for-strangers.ts";

const isRoot = process.getuid?.() === 0;
/** Where a folder of this test can be reached at all. */
const reached = placeForStrangers();

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(reached ?? "", "ktrdr-places-"));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it.skipIf(!isRoot || reached === null)(
  "the place for strangers is no folder below one that only its owner may enter, and none that is missing (skipped without root)",
  () => {
    const [closed, open] = [join(folder, "closed", "tmp"), join(folder, "open")];
    for (const path of [closed, open]) mkdirSync(path, { recursive: true });
    chmodSync(join(folder, "closed"), 0o700);
    expect(placeForStrangers(STRANGER, [closed, join(folder, "missing"), open])).toBe(open);
    expect(placeForStrangers(STRANGER, [closed])).toBeNull();
    expect(readdirSync(open)).toEqual([]);
  },
);
