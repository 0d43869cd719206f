/** grademark (npm): the same rule. `node grademark.cjs DATA ROWS ROUNDS`; prints one JSON line. */
const { readFileSync } = require("node:fs");

function load() {
  try {
    return { ...require("grademark"), DataFrame: require("data-forge").DataFrame };
  } catch (error) {
    console.log(JSON.stringify({ missing: String(error.message).split("\n")[0] }));
    process.exit();
  }
}

const { backtest, analyze, DataFrame } = load();
const [path, rowText, roundText] = process.argv.slice(2);
const rows = Number(rowText);
const file = readFileSync(path);
const columns = new Float64Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));

/** Bars as objects with both averages, which the library expects its user to bring. */
function bars() {
  const result = [];
  let [fast, slow] = [0, 0];
  for (let bar = 0; bar < rows; bar++) {
    const [time, open, high, low, close] = [0, 1, 2, 3, 4].map((column) => columns[column * rows + bar]);
    fast += close - (bar >= 20 ? columns[4 * rows + bar - 20] : 0);
    slow += close - (bar >= 50 ? columns[4 * rows + bar - 50] : 0);
    const isReady = bar >= 50;
    const averages = { fast: isReady ? fast / 20 : 0, slow: isReady ? slow / 50 : 0 };
    result.push({ time: new Date(time), open, high, low, close, volume: 1, ...averages });
  }
  return result;
}

const strategy = {
  entryRule: (enter, { bar }) => bar.fast > bar.slow && enter({ direction: "long" }),
  exitRule: (exit, { bar }) => bar.fast <= bar.slow && exit(),
  fees: () => 0.1,
};

function run() {
  const trades = backtest(strategy, new DataFrame(bars()).setIndex("time"));
  return { trades, analysis: analyze(1e6, trades) };
}

if (rows <= 50_000) run();
const seconds = [];
let last;
for (let round = 0; round < (rows <= 50_000 ? Number(roundText) : 1); round++) {
  const start = performance.now();
  last = run();
  seconds.push((performance.now() - start) / 1000);
}
seconds.sort((left, right) => left - right);
const { trades, analysis } = last;
console.log(
  JSON.stringify({
    version: require("grademark/package.json").version,
    seconds: seconds[seconds.length >> 1],
    equity: analysis.finalCapital,
    drawdown: -analysis.maxDrawdownPct / 100,
    trades: trades.length,
  }),
);
