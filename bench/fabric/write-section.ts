/** Keeps one section of docs/benchmarks.md: a program's measurements, and beneath them a person's words. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));
const TITLE = "# Benchmarks\n";

/** Replaces the text between the section's markers, or appends a section with them. Everything else stays. */
export function writeSection(title: string, measured: string): void {
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : TITLE;
  writeFileSync(PAGE, withSection(page, title, measured));
}

function withSection(page: string, title: string, measured: string): string {
  const begin = `<!-- ${title}: measured, begin -->`;
  const end = `<!-- ${title}: measured, end -->`;
  const block = `${begin}\n${measured}\n${end}`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) return `${page.trimEnd()}\n\n## ${title}\n\n${block}\n`;
  return page.slice(0, from) + block + page.slice(to + end.length);
}
