/** Pages for people who carry on: they name what is there, and the arrows that are drawn. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { ARROWS } from "./support/rooms.ts";
import { ROOT } from "./support/source-tree.ts";

const PAGES = ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/decisions/README.md"];
const ROOM =
  /^(protocol|telemetry|results|client|src|durable-objects|control-plane|compute-node|cli|deploy|test|bench|docs|examples|schemas)\//;
const read = (page: string) => readFileSync(join(ROOT, page), "utf8");

/** The arrows as a table in Markdown. */
function arrowsTable(): string {
  const rows = Object.entries(ARROWS).map(
    ([room, others]) => `| \`${room}\` | ${others.map((other) => `\`${other}\``).join(", ") || "nothing of ktrdr"} |`,
  );
  return ["| room | may import |", "|---|---|", ...rows].join("\n");
}

describe.each(PAGES)("%s", (page) => {
  it("names files that are there", () => {
    const named = [...read(page).matchAll(/`([\w@./-]+)`/g)]
      .map(([, path]) => path ?? "")
      .filter((path) => ROOM.test(path));
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("links to pages that are there", () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, path]) => path ?? "");
    expect(links.filter((path) => !existsSync(join(ROOT, dirname(page), path)))).toEqual([]);
  });
});

it("docs/architecture.md draws the arrows that test/tidy.test.ts holds", () => {
  const [, drawn] = /<!-- arrows -->\n([\s\S]*?)\n?<!-- \/arrows -->/.exec(read("docs/architecture.md")) ?? [];
  expect(drawn).toBe(arrowsTable());
});

it("CONTRIBUTING.md names targets of the Makefile", () => {
  const targets = new Set([...read("Makefile").matchAll(/^([a-z0-9-]+):/gm)].map(([, name]) => name));
  const named = [...read("CONTRIBUTING.md").matchAll(/\bmake ([a-z][a-z0-9-]*)/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((name) => !targets.has(name))).toEqual([]);
});
