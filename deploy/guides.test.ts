/** The guides for operators name only commands, options and files that exist. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../cli/program.ts";
import { createContext } from "../cli/terminal/context.ts";
import { testSurroundings } from "../cli/testing/collector.ts";

const ROOT = join(import.meta.dirname, "..");
const surroundings = testSurroundings();
const program = createProgram(surroundings, (options) => createContext(options, surroundings));

function find(parent: Command, words: readonly string[]): Command {
  const next = parent.commands.find((command) => command.name() === words[0]);
  return next === undefined ? parent : find(next, words.slice(1));
}

describe.each(["operations-runbook.md", "cost.md"])("docs/guides/%s", (name) => {
  const text = readFileSync(join(ROOT, "docs", "guides", name), "utf8");

  it("names commands that exist, with options that they have", () => {
    for (const [line, first = ""] of text.matchAll(/(?<=`|^ {4}|&& |sh -c ')ktrdr ([a-z]+)[^`\n|]*/gm)) {
      const words = line.split(/\s+/).slice(1);
      expect(
        program.commands.map((command) => command.name()),
        line,
      ).toContain(first);
      const command = find(program, words);
      const known = [...command.options, ...program.options].map((option) => option.long);
      for (const word of words) if (word.startsWith("--")) expect(known, `${line}: ${word}`).toContain(word);
    }
  });

  it("names files that exist", () => {
    for (const [path] of text.matchAll(/(?<=`)(deploy|test|\.github|docs)\/[\w./-]+/g)) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
    }
  });
});

it("the cost page uses the number of rows that its test measures", () => {
  const test = readFileSync(join(ROOT, "test", "worker", "cost.test.ts"), "utf8");
  const measured = /expect\(written\)\.toBe\((\d{2,})\)/.exec(test)?.[1];
  const page = readFileSync(join(ROOT, "docs", "guides", "cost.md"), "utf8");
  expect(page).toContain(`| an operation, from submission to stored result | ${measured} |`);
  expect(page).toContain(`50 N × (${measured} + 2 + 6 + 6)`);
});
