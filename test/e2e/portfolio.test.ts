/** A portfolio through real processes: a control plane and a node, on loopback and free ports. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { executePortfolio } from "../../compute-node/portfolio/index.ts";
import {
  type OperationDetail,
  PORTFOLIO_RESULT_MEDIA_TYPE,
  portfolioSpec,
  submitRequest,
  TERMINAL_STATUSES,
} from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";

const SYMBOLS = ["SP500", "AAPL"] as const;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ wrangler: true });
  const store = new MarketDataStore(fleet.home.data);
  for (const symbol of SYMBOLS) {
    const { bars } = await loadSample(symbol);
    await store.put(bars, { symbol, timeframe: "1d", source: "sample" });
  }
  await fleet.startNodes(["only"]);
});
afterAll(async () => {
  await fleet?.stop();
});

it("a portfolio of two symbols comes back with the bytes that a local run makes", async () => {
  const spec = portfolioSpec.parse({
    kind: "portfolio",
    strategy: {
      kind: "rules",
      name: "strongest",
      indicators: { mean: { type: "sma", period: 100 } },
      entries: { long: "close > mean" },
      portfolio: { max_positions: 1, rank_by: "close / mean", rebalance: { every: "monthly", select: "ranked" } },
    },
    data: SYMBOLS.map((symbol) => ({ symbol, timeframe: "1d" })),
    actions: [{ symbol: "AAPL", exMs: Date.UTC(2015, 1, 5), action: "dividend", amount: 0.47 }],
  });
  const { operationId } = await fleet.client.submit(submitRequest.parse({ spec }));
  const isOver = ({ status }: OperationDetail): boolean => TERMINAL_STATUSES.includes(status);
  await until(60_000, "the portfolio ended", async () => isOver(await fleet.client.showOperation(operationId)));
  const operation = await fleet.client.showOperation(operationId);
  expect(operation).toMatchObject({ status: "completed", result: { mediaType: PORTFOLIO_RESULT_MEDIA_TYPE } });
  const store = new MarketDataStore(fleet.home.data);
  const stored = await Promise.all(spec.data.map((data) => store.read(data)));
  const datasets = stored.map(({ manifest, bars }) => ({ bars, sha256: manifest.sha256 }));
  const local = executePortfolio({ spec, datasets });
  expect(Buffer.compare(await fleet.client.operationResult(operationId), local.bytes)).toBe(0);
  expect(local.result.symbols.find(({ symbol }) => symbol === "AAPL")?.dividends).toBeGreaterThan(0);
});
