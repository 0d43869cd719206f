/** The deployment guide names only commands, options and files that exist. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../cli/program.ts";
import { createContext } from "../cli/terminal/context.ts";
import { testSurroundings } from "../cli/testing/collector.ts";

const ROOT = join(import.meta.dirname, "..");
const GUIDE = readFileSync(join(ROOT, "docs/guides/DEPLOYMENT_GUIDE.md"), "utf8");
/** The lines of its bash blocks and its inline code, continued lines joined. */
const CODE = [
  ...[...GUIDE.matchAll(/```bash\n(.*?)```/gs)].flatMap(([, block]) => block.replaceAll("\\\n", " ").split("\n")),
  ...[...GUIDE.replace(/```.*?```/gs, "").matchAll(/`([^`\n]+)`/g)].map(([, code]) => code),
];

describe("the deployment guide", () => {
  it("names only files that exist in the repository", () => {
    const paths = CODE.flatMap((line) => [...line.matchAll(/\bdeploy\/[\w./@-]+\w/g)].map(([path]) => path));
    expect(paths.length).toBeGreaterThan(15);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("passes scripts only options that they have", () => {
    const lines = CODE.filter((line) => /^(sudo )?deploy\/\S+\.sh /.test(line));
    expect(lines.length).toBeGreaterThan(6);
    for (const line of lines) {
      const script = readFileSync(join(ROOT, /deploy\/\S+\.sh/.exec(line)?.[0] ?? ""), "utf8");
      for (const [option] of line.replace(/"\$\(.*\)"/, "").matchAll(/--[a-z0-9-]+/g))
        expect(script, line).toContain(`  ${option}`);
    }
  });

  it("uses only ktrdr commands and options that exist", () => {
    const surroundings = testSurroundings();
    const program = createProgram(surroundings, (options) => createContext(options, surroundings));
    const lines = CODE.flatMap(
      (line) => /(?:^|\s|\()ktrdr ((?:--home \S+ )?[a-z].*)/.exec(line.split(" #")[0])?.[1] ?? [],
    );
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      let command: Command = program;
      const words = line
        .split(/[|>)]/)[0]
        .replace(/^--home \S+ /, "")
        .trim()
        .split(/\s+/);
      for (const word of words) {
        const next = command.commands.find((each) => each.name() === word);
        if (next === undefined) break;
        command = next as Command;
      }
      expect(command, line).not.toBe(program);
      const options = [program, command].flatMap((each) => each.options.map(({ long }) => long));
      for (const option of words.filter((word) => word.startsWith("--"))) expect(options, line).toContain(option);
    }
  });
});
