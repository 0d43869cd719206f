/** The same strategy in TypeScript: `node script.ts ROWS SEED ROUNDS`; prints one JSON line. */
import { ColumnScratch, defineStrategy, runScript } from "../../compute-node/backtest/index.ts";
import { backtestSettings } from "../../protocol/index.ts";
import { leastAndMedianSeconds } from "../measure.ts";
import { randomWalk } from "../random-walk.ts";

const [rows, seed, rounds] = process.argv.slice(2, 5).map(Number);
const bars = randomWalk(rows, seed);
const settings = backtestSettings.parse({
  initialCapital: 1e6,
  commissionRate: 0.001,
  fractionalUnits: true,
  finalizeTrades: false,
});
const cross = defineStrategy({
  parameters: { fast: 20, slow: 50 },
  indicators: ({ fast, slow }) => ({ fast: ["sma", { period: fast }], slow: ["sma", { period: slow }] }),
  onBar({ indicators: { fast, slow }, position, buy, close }) {
    if (fast.now > slow.now) {
      if (position.size === 0) buy();
    } else if (position.size > 0) close();
  },
});
let checksum = 0;
/** As for the compiled rules: memory that one run leaves to the next. */
const scratch = new ColumnScratch();
const { least, median } = leastAndMedianSeconds(() => {
  checksum += runScript(bars, cross, settings, {}, undefined, scratch).cash;
}, rounds);
const { equity, trades } = runScript(bars, cross, settings);
let [peak, drawdown] = [equity[0], 0];
for (const value of equity) {
  peak = Math.max(peak, value);
  drawdown = Math.max(drawdown, 1 - value / peak);
}
console.log(
  JSON.stringify({
    seconds: median,
    leastSeconds: least,
    equity: equity[rows - 1],
    drawdown,
    trades: trades.count,
    checksum,
  }),
);
