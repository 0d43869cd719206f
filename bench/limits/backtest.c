/*
 * The limit: the moving-average cross as one plain C loop that keeps four numbers and no records.
 * Usage: backtest DATA ROWS ROUNDS; DATA holds five float64 columns (time, open, high, low, close) of ROWS bars.
 * Prints one JSON line: the median seconds of a run, and the results.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FAST 20
#define SLOW 50

struct outcome {
  double equity, drawdown, sharpe;
  long trades;
};

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

/* Signal at the close, fill at the next open, all equity in fractional units, a fee on each side, long or flat. */
__attribute__((noinline)) static struct outcome run(const double *open, const double *close, long rows, double fee) {
  double cash = 1e6, units = 0, fast = 0, slow = 0, peak = 1e6, last = 1e6, drawdown = 0, sum = 0, squares = 0;
  long trades = 0;
  int wanted = 0, held = 0;
  for (long bar = 0; bar < rows; bar++) {
    if (wanted != held) {
      if (wanted) {
        units = cash / (open[bar] * (1 + fee));
        cash = 0;
      } else {
        cash = units * open[bar] * (1 - fee);
        units = 0;
        trades++;
      }
      held = wanted;
    }
    double equity = cash + units * close[bar], change = equity / last - 1;
    sum += change;
    squares += change * change;
    last = equity;
    if (equity > peak) peak = equity;
    double fall = 1 - equity / peak;
    if (fall > drawdown) drawdown = fall;
    fast += close[bar];
    slow += close[bar];
    if (bar >= FAST) fast -= close[bar - FAST];
    if (bar >= SLOW) slow -= close[bar - SLOW];
    wanted = bar >= SLOW && fast * SLOW > slow * FAST;
  }
  double mean = sum / rows, variance = squares / rows - mean * mean;
  struct outcome outcome = {last, drawdown, variance > 0 ? mean / sqrt(variance) * sqrt(252) : 0, trades};
  return outcome;
}

static int ascending(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  long rows = atol(arguments[2]), rounds = atol(arguments[3]);
  double *columns = malloc(5 * rows * sizeof(double)), *times = malloc(rounds * sizeof(double));
  FILE *file = fopen(arguments[1], "rb");
  if (!columns || !times || !file || fread(columns, sizeof(double), 5 * rows, file) != (size_t)(5 * rows)) return 1;
  fclose(file);
  const double *open = columns + rows, *close = columns + 4 * rows;
  long repeats = 1 + 20000000 / rows;
  struct outcome outcome = run(open, close, rows, 0.001);
  double checksum = 0;
  for (long round = -1; round < rounds; round++) {
    double start = seconds();
    for (long repeat = 0; repeat < repeats; repeat++) checksum += run(open, close, rows, 0.001).equity;
    if (round >= 0) times[round] = (seconds() - start) / repeats;
  }
  qsort(times, rounds, sizeof(double), ascending);
  printf("{\"seconds\":%.9g,\"leastSeconds\":%.9g,\"equity\":%.17g,\"drawdown\":%.17g,\"sharpe\":%.17g,\"trades\":%ld,\"checksum\":%.17g}\n",
         times[rounds / 2], times[0], outcome.equity, outcome.drawdown, outcome.sharpe, outcome.trades, checksum);
  return 0;
}
