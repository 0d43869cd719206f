import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { renderBacktestReport } from "../../cli/report/index.ts";
import { resultFixture } from "../../cli/report/testing/result-fixture.ts";
import type { BacktestResult } from "../../results/index.ts";
import { CHROMIUM_ARGUMENTS, findChromium, NO_CHROMIUM } from "./chromium.ts";
import { drawnPixels } from "./drawn-pixels.ts";
import { sampleRun } from "./sample-run.ts";

const chromiumPath = findChromium(process.env);
if (chromiumPath === undefined) console.warn(`The browser tests are skipped. ${NO_CHROMIUM}`);

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

describe.skipIf(chromiumPath === undefined)("the report in a browser", () => {
  let browser: Browser;
  let real: BacktestResult;
  /** Requests of a page beyond its file, and its complaints. */
  const complaints: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-report-"));

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath, args: CHROMIUM_ARGUMENTS });
    real = await sampleRun("AAPL", "sma-cross.yaml");
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  async function open(
    result: BacktestResult,
    size: { width: number; height: number } = DESKTOP,
    colorScheme: "light" | "dark" = "light",
  ): Promise<Page> {
    const file = join(folder, "report.html");
    writeFileSync(file, renderBacktestReport(result));
    const url = pathToFileURL(file).href;
    const context = await browser.newContext({ viewport: size, colorScheme, reducedMotion: "reduce", offline: true });
    const page = await context.newPage();
    page.on("request", (request) => {
      if (request.url() !== url && !request.url().startsWith("data:")) complaints.push(`requested ${request.url()}`);
    });
    page.on("console", (message) => complaints.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    await page.goto(url);
    await settled(page);
    return page;
  }

  /** Two frames: one in which the axes take their width, one in which everything fits. */
  async function settled(page: Page): Promise<void> {
    await page.evaluate(
      "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60))))",
    );
  }

  test("draws candles, marks, the equity line and the drawdown of a real run", async () => {
    const page = await open(real);
    const drawn = await drawnPixels(page, {
      candleUp: "--candle-up",
      candleDown: "--candle-down",
      long: "--long",
      equity: "--accent",
      gain: "--gain",
      loss: "--loss",
      drawdown: "--drawdown-fill",
    });
    expect(drawn.panes).toBe(3);
    expect(drawn.count("price", "candleUp")).toBeGreaterThan(200);
    expect(drawn.count("price", "candleDown")).toBeGreaterThan(200);
    expect(drawn.count("price", "long")).toBeGreaterThan(50 * Math.min(5, real.trades.length));
    expect(drawn.count("price", "gain") + drawn.count("price", "loss")).toBeGreaterThan(100);
    expect(drawn.columns("equity", "equity")).toBeGreaterThan(0.9);
    expect(drawn.columns("drawdown", "drawdown")).toBeGreaterThan(0.5);
  });

  test("draws the benchmark beside the equity, and a dot for each trade in both scatters", async () => {
    const page = await open(real);
    const drawn = await drawnPixels(page, { benchmark: "--pale-line" });
    // Thin, so that only where it is level are its pixels of the plain colour.
    expect(drawn.columns("equity", "benchmark")).toBeGreaterThan(0.1);
    for (const scatter of await page.locator("#excursions svg").all()) {
      expect(await scatter.locator("circle").count()).toBe(real.trades.length);
      const frame = await scatter.boundingBox();
      const last = await scatter.locator("circle").last().boundingBox();
      expect(frame !== null && last !== null && last.x > frame.x && last.x < frame.x + frame.width).toBe(true);
    }
  });

  test("sets long and short beside each other, with the figures of the result", async () => {
    const page = await open(real);
    const cells = await page.locator("#sides tbody tr").first().locator("td").allTextContents();
    const { all, long, short } = real.tradeSides;
    expect(cells).toEqual([all, long, short].map(({ tradeCount }) => String(tradeCount)));
    expect(await page.locator("#sides thead th").allTextContents()).toEqual(["All", "Long", "Short"]);
  });

  test("shows the statistics of the result, and its hashes", async () => {
    const page = await open(real);
    const shown = await page.$$eval("#statistics tr[data-statistic]", (rows) =>
      rows.map((row) => [row.getAttribute("data-statistic"), row.querySelector("data")?.getAttribute("value") ?? null]),
    );
    expect(Object.fromEntries(shown)).toEqual(
      Object.fromEntries(
        Object.entries(real.statistics).map(([key, value]) => [key, value === null ? null : String(value)]),
      ),
    );
    expect(await page.locator("#hashes code").allTextContents()).toEqual([
      real.hashes.spec,
      real.hashes.data,
      real.hashes.engine,
    ]);
    expect(await page.locator('tr[data-statistic="tradeCount"] td').first().textContent()).toBe(
      String(real.trades.length),
    );
  });

  test("lists every trade, and sorts by a column both ways", async () => {
    const page = await open(real);
    const returns = () =>
      page.$$eval("#trade-table tbody tr", (rows) => rows.map((row) => Number(row.getAttribute("data-trade"))));
    expect(await returns()).toEqual(real.trades.map((_, index) => index));
    const byReturn = real.trades
      .map((_, index) => index)
      .sort((left, right) => real.trades[left].returnPercent - real.trades[right].returnPercent);
    const header = page.getByRole("columnheader", { name: "Return %" });
    await header.getByRole("button").click();
    expect(await returns()).toEqual(byReturn);
    expect(await header.getAttribute("aria-sort")).toBe("ascending");
    await header.getByRole("button").press("Enter");
    expect(await returns()).toEqual(byReturn.toReversed());
    expect(await header.getAttribute("aria-sort")).toBe("descending");
  });

  test("a click on a trade moves the chart to it, and the whole range comes back", async () => {
    const page = await open(real);
    const range = page.locator("#visible-range");
    const whole = (await range.textContent()) ?? "";
    expect(whole).toBe(`${isoDay(real.statistics.startMs)} to ${isoDay(real.statistics.endMs)}`);
    const trade = real.trades[2];
    await page.click('#trade-table tr[data-trade="2"] td:nth-child(4)');
    await settled(page);
    const [from, to] = ((await range.textContent()) ?? "").split(" to ");
    expect(from > isoDay(real.statistics.startMs)).toBe(true);
    expect(from < isoDay(trade.entryTimeMs) && isoDay(trade.exitTimeMs) < to).toBe(true);
    expect(Date.parse(to) - Date.parse(from)).toBeLessThan(
      4 * (trade.exitTimeMs - trade.entryTimeMs) + 60 * 86_400_000,
    );
    expect(await page.locator("#selected-trade").textContent()).toContain(
      `Trade 3 of ${real.trades.length}: ${trade.size < 0 ? "short" : "long"}`,
    );
    expect(await page.locator('#trade-table tr[aria-current="true"]').getAttribute("data-trade")).toBe("2");
    await page.getByRole("button", { name: "Next trade" }).click();
    expect(await page.locator("#selected-trade").textContent()).toContain("Trade 4 of");
    await page.getByRole("button", { name: "Whole range" }).click();
    await settled(page);
    expect(await range.textContent()).toBe(whole);
  });

  test("is worked by keyboard: a trade from its row, the chart by arrows", async () => {
    const page = await open(real);
    await page.getByRole("button", { name: "Show trade 1 on the chart" }).press("Enter");
    await settled(page);
    const atTrade = await page.locator("#visible-range").textContent();
    await page.locator("#chart-canvas").press("ArrowRight");
    await settled(page);
    expect(await page.locator("#visible-range").textContent()).not.toBe(atTrade);
    await page.locator("#chart-canvas").press("Home");
    await settled(page);
    expect(await page.locator("#visible-range").textContent()).toContain(isoDay(real.statistics.startMs));
  });

  test("the crosshair reads all three panes at one time", async () => {
    const page = await open(real);
    const box = await page.locator("#chart-canvas").boundingBox();
    if (box === null) throw new Error("the chart has no place on the page");
    const before = await page.locator("#legend").textContent();
    await page.mouse.move(box.x + box.width / 3, box.y + box.height * 0.75);
    await settled(page);
    const legend = (await page.locator("#legend").textContent()) ?? "";
    expect(legend).not.toBe(before);
    const point = real.chart.timeMs.indexOf(Date.parse(legend.slice(0, 10)));
    expect(legend).toContain(
      `Equity ${real.chart.equity[point].toLocaleString("en-US", { maximumFractionDigits: 2, minimumFractionDigits: 2 })}`,
    );
  });

  test("copies a hash", async () => {
    const page = await open(real);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy the hash of the data" }).click();
    await page.getByText("Copied").first().waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(real.hashes.data);
  });

  test("names that are markup are shown as they are, and run nothing", async () => {
    const name = `</script><img src=x onerror="document.title='broken'">`;
    const page = await open({
      ...resultFixture({ strategyName: name }),
      parameters: { [name]: 1 },
      warnings: [{ code: "order-refused", message: `<b>${name}</b>`, count: 12 }],
    });
    expect(await page.locator("h1").textContent()).toBe(name);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.title()).toContain(name);
    expect(await page.locator("#warnings").textContent()).toContain(`<b>${name}</b>`);
    expect(await page.locator("#warnings").textContent()).toContain("12 times");
  });

  test("thousands of trades come in pages, and choosing a trade turns to its page", async () => {
    const result = resultFixture({ bars: 6_000, barsPerTrade: 2, barsPerPoint: 2 });
    const page = await open(result);
    expect(await page.locator("#trade-table tbody tr").count()).toBe(100);
    expect(await page.locator("#trade-pages").textContent()).toContain("1 to 100 of 2,999 trades");
    await page.getByRole("button", { name: "Last", exact: true }).click();
    expect(await page.locator("#trade-table tbody tr").last().getAttribute("data-trade")).toBe("2998");
    await page.getByRole("button", { name: "Next trade" }).click();
    expect(await page.locator("#trade-table tr[aria-current]").getAttribute("data-trade")).toBe("0");
  });

  const odd: [string, BacktestResult][] = [
    ["without trades", resultFixture({ barsPerTrade: 0 })],
    ["with one bar", resultFixture({ bars: 1, barsPerTrade: 0 })],
    ["with equity far below zero", resultFixture({ bars: 3_000, barsPerTrade: 2, barsPerPoint: 2 })],
    ["with bars of a minute", resultFixture({ bars: 3_000, barMs: 60_000 })],
    ["with undefined and infinite statistics", withOddStatistics()],
  ];
  for (const [name, result] of odd) {
    test(`a result ${name} is drawn in both schemes, and fits a phone`, async () => {
      for (const scheme of ["light", "dark"] as const) {
        const page = await open(result, PHONE, scheme);
        const drawn = await drawnPixels(page, { up: "--candle-up", down: "--candle-down", equity: "--accent" });
        expect(drawn.count("price", "up") + drawn.count("price", "down")).toBeGreaterThan(10);
        expect(drawn.count("equity", "equity")).toBeGreaterThan(2);
        const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        expect(overflow).toBeLessThanOrEqual(0);
        expect(await page.locator("main").textContent()).not.toMatch(/NaN|undefined|null/);
      }
    });
  }

  test("prints on white paper with the chart on it, also from a dark screen", async () => {
    const page = await open(real, DESKTOP, "dark");
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    const corner = await page.evaluate(
      "[...document.querySelector('#chart-print canvas').getContext('2d').getImageData(2, 2, 1, 1).data]",
    );
    expect(corner).toEqual([255, 255, 255, 255]);
    expect((await page.pdf({ format: "A4" })).byteLength).toBeGreaterThan(20_000);
  });

  test("follows the colour scheme when it changes", async () => {
    const page = await open(real);
    await page.emulateMedia({ colorScheme: "dark" });
    await settled(page);
    const drawn = await drawnPixels(page, { surface: "--surface", equity: "--accent" });
    expect(drawn.count("price", "surface")).toBeGreaterThan(50_000);
    expect(drawn.count("equity", "equity")).toBeGreaterThan(500);
  });
});

function isoDay(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

function withOddStatistics(): BacktestResult {
  const result = resultFixture();
  Object.assign(result.statistics, {
    profitFactor: "Infinity",
    sharpeRatio: null,
    sortinoRatio: "-Infinity",
    sqn: null,
  });
  return result;
}
