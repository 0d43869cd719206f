"""backtesting.py: the same rule with whole units. `python backtesting_py.py DATA ROWS ROUNDS`; prints one JSON line."""
import json
import statistics
import sys
import time
import warnings

warnings.simplefilter("ignore")
try:
    import backtesting
    import numpy
    import pandas
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit()

path, rows, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
columns = numpy.fromfile(path).reshape(5, rows)
index = pandas.to_datetime(columns[0].astype("int64"), unit="ms")
prices = pandas.DataFrame({"Open": columns[1], "High": columns[2], "Low": columns[3], "Close": columns[4]}, index=index)


def moving_average(values, period):
    return pandas.Series(values).rolling(period).mean()


class Cross(backtesting.Strategy):
    def init(self):
        self.fast = self.I(moving_average, self.data.Close, 20)
        self.slow = self.I(moving_average, self.data.Close, 50)

    def next(self):
        if self.fast[-1] > self.slow[-1]:
            if not self.position:
                self.buy()
        elif self.position:
            self.position.close()


def backtest():
    # Whole units: with this much cash they round off less than a millionth.
    return backtesting.Backtest(prices, Cross, cash=1e9, commission=0.001, finalize_trades=False).run()


if rows <= 50_000:
    backtest()
seconds = []
for _ in range(rounds if rows <= 50_000 else 1):
    start = time.perf_counter()
    outcome = backtest()
    seconds.append(time.perf_counter() - start)
print(
    json.dumps(
        {
            "version": getattr(backtesting, "__version__", "unknown"),
            "seconds": statistics.median(seconds),
            "equity": outcome["Equity Final [$]"] / 1e3,
            "drawdown": -outcome["Max. Drawdown [%]"] / 100,
            "trades": int(outcome["# Trades"]),
        }
    )
)
