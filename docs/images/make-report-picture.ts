/**
 * Makes `docs/images/report.png`, the picture in the README: the report of a real run on the S&P 500 from 2000 to 2020.
 * Run it with `npx node docs/images/make-report-picture.ts`; it needs Chromium.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { renderBacktestReport } from "../../cli/report/index.ts";
import { CHROMIUM_ARGUMENTS, findChromium, NO_CHROMIUM } from "../../test/browser/chromium.ts";
import { sampleRun } from "../../test/browser/sample-run.ts";

const MAX_BYTES = 300_000;
const VIEW = { width: 1280, height: 900 };
/** Below the last thing that is shown, in pixels. */
const BOTTOM_SPACE = 24;
const PICTURE = fileURLToPath(new URL("report.png", import.meta.url));

const executablePath = findChromium(process.env);
if (executablePath === undefined) throw new Error(NO_CHROMIUM);
const result = await sampleRun("SP500", "sma-cross.yaml", { fast: 50, slow: 200 });
const folder = mkdtempSync(join(tmpdir(), "ktrdr-picture-"));
const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
try {
  const file = join(folder, "report.html");
  writeFileSync(file, renderBacktestReport(result, { title: "Golden cross on the S&P 500" }));
  const page = await browser.newPage({ viewport: VIEW, colorScheme: "light", reducedMotion: "reduce" });
  await page.goto(pathToFileURL(file).href);
  await page.waitForFunction("document.getElementById('visible-range').textContent !== ''");
  await page.waitForTimeout(500);
  const key = await page.locator("#chart .key").boundingBox();
  if (key === null) throw new Error("The report has no key beneath its chart.");
  const height = Math.ceil(key.y + key.height + BOTTOM_SPACE);
  await page.screenshot({ path: PICTURE, fullPage: true, clip: { x: 0, y: 0, width: VIEW.width, height } });
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
const { size } = statSync(PICTURE);
if (size > MAX_BYTES) throw new Error(`${PICTURE} has ${size} bytes, more than ${MAX_BYTES}.`);
console.log(`${PICTURE}: ${size} bytes, ${result.trades.length} trades`);
