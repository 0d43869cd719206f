"""vectorbt: the same cross, filled at the next open. `python vectorbt.py DATA ROWS ROUNDS`; prints one JSON line."""
import json
import statistics
import sys
import time
import warnings

# The script's own folder would hide the package of the same name.
sys.path.pop(0)
warnings.simplefilter("ignore")
try:
    import numpy
    import pandas
    import vectorbt
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit()

path, rows, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
columns = numpy.fromfile(path).reshape(5, rows)
index = pandas.to_datetime(columns[0].astype("int64"), unit="ms")
open_price, close = (pandas.Series(columns[row], index=index) for row in (1, 4))


def backtest():
    fast = vectorbt.MA.run(close, 20, short_name="fast")
    slow = vectorbt.MA.run(close, 50, short_name="slow")
    entries = fast.ma_crossed_above(slow).vbt.signals.fshift(1)
    exits = fast.ma_crossed_below(slow).vbt.signals.fshift(1)
    portfolio = vectorbt.Portfolio.from_signals(
        close, entries, exits, price=open_price, fees=0.001, init_cash=1e6, freq="1D"
    )
    return {
        "equity": float(portfolio.final_value()),
        "drawdown": -float(portfolio.max_drawdown()),
        "sharpe": float(portfolio.sharpe_ratio()),
        "trades": int(portfolio.trades.closed.count()),
    }


backtest()
seconds = []
for _ in range(rounds):
    start = time.perf_counter()
    result = backtest()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"version": vectorbt.__version__, "seconds": statistics.median(seconds), **result}))
