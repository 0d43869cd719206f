/** Reads back the result of a finished backtest, and writes its report. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import type { HomePaths } from "../../../client/home.ts";
import { PORTFOLIO_RESULT_FORMAT, Problem } from "../../../protocol/index.ts";
import {
  type BacktestResult,
  decodeBacktestResult,
  decodePortfolioResult,
  isPortfolioResult,
  type PortfolioResult,
} from "../../../results/index.ts";

/** Throws a `Problem` (`invalid-data`) when the bytes are not a backtest's result. `source` names them. */
export function parseResult(bytes: Uint8Array, source: string): BacktestResult {
  try {
    return decodeBacktestResult(bytes, crc32);
  } catch (error) {
    const inner = error instanceof Problem && error.cure !== undefined ? `${error.cure} ` : "";
    throw new Problem("invalid-data", `${source} is not the result of a backtest: ${(error as Error).message}`, {
      cure: `${inner}Name a completed backtest's operation, or a file that \`ktrdr ops result <operation-id> -o <file>\` wrote.`,
      cause: error,
    });
  }
}

export async function readResultFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new Problem("not-found", `${path} is neither an operation id nor a file that can be read (${code})`, {
      cure: "An operation id looks like op_01jd3x0c5k8m2q4r6t8v; `ktrdr ops list` shows them.",
      cause: error,
    });
  }
}

/** `reports/<name>.html` in the home, for an operation id or a result file. */
export function reportPath(home: HomePaths, source: string): string {
  return join(home.reports, `${basename(source, extname(source))}.html`);
}

/** Writes the self-contained HTML file, folders included, and answers its absolute path. */
export async function writeReport(result: BacktestResult | PortfolioResult, file: string): Promise<string> {
  const { renderBacktestReport, renderPortfolioReport } = await import("../../report/index.ts");
  const path = resolve(file);
  await mkdir(dirname(path), { recursive: true });
  const isPortfolio = result.format === PORTFOLIO_RESULT_FORMAT;
  await writeFile(path, isPortfolio ? renderPortfolioReport(result) : await renderBacktestReport(result));
  return path;
}

/** Reads the result of one symbol or of a portfolio; the bytes tell which. Throws as `parseResult`. */
export function parseAnyResult(bytes: Uint8Array, source: string): BacktestResult | PortfolioResult {
  return isPortfolioResult(bytes, crc32) ? decodePortfolioResult(bytes, crc32) : parseResult(bytes, source);
}
