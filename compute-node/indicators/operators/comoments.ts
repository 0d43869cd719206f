/** Moments of pairs in a moving window, by blocks that are merged, as `rollingDeviation` does it. */
interface Comoments {
  /** Population variances and covariance of the last `period` pairs. */
  varianceX: number;
  varianceY: number;
  covariance: number;
}

/**
 * A function of the next pair that fills and gives back one record, or null until `period` pairs were given. Chan,
 * Golub and LeVeque (see `rollingDeviation`), with the covariance merged in the same way.
 */
export function comoments(period: number): (x: number, y: number) => Comoments | null {
  const result: Comoments = { varianceX: 0, varianceY: 0, covariance: 0 };
  const xs = new Float64Array(period);
  const ys = new Float64Array(period);
  const ends = emptyEnds(period);
  const begun = { meanX: 0, meanY: 0, xx: 0, yy: 0, xy: 0 };
  let count = 0;
  let isFirstBlock = true;
  return (x, y) => {
    if (Number.isNaN(x) || Number.isNaN(y)) return null;
    if (count === 0) Object.assign(begun, { meanX: 0, meanY: 0, xx: 0, yy: 0, xy: 0 });
    xs[count] = x;
    ys[count] = y;
    count++;
    addPair(begun, x, y, count);
    const isWarm = !isFirstBlock || count === period;
    const rest = period - count;
    const share = (count * rest) / period;
    const apartX = begun.meanX - ends.meanX[count];
    const apartY = begun.meanY - ends.meanY[count];
    result.varianceX = (begun.xx + ends.xx[count] + (rest === 0 ? 0 : apartX * apartX * share)) / period;
    result.varianceY = (begun.yy + ends.yy[count] + (rest === 0 ? 0 : apartY * apartY * share)) / period;
    result.covariance = (begun.xy + ends.xy[count] + (rest === 0 ? 0 : apartX * apartY * share)) / period;
    if (count === period) {
      fillEnds(xs, ys, ends);
      count = 0;
      isFirstBlock = false;
    }
    return isWarm ? result : null;
  };
}

interface Moments {
  meanX: number;
  meanY: number;
  xx: number;
  yy: number;
  xy: number;
}

type Ends = Record<keyof Moments, Float64Array>;

function emptyEnds(period: number): Ends {
  const column = () => new Float64Array(period + 1);
  return { meanX: column(), meanY: column(), xx: column(), yy: column(), xy: column() };
}

function addPair(to: Moments, x: number, y: number, count: number): void {
  const beforeX = x - to.meanX;
  const beforeY = y - to.meanY;
  to.meanX += beforeX / count;
  to.meanY += beforeY / count;
  to.xx += beforeX * (x - to.meanX);
  to.yy += beforeY * (y - to.meanY);
  to.xy += beforeX * (y - to.meanY);
}

/** Entry k describes the pairs k and later of the block. */
function fillEnds(xs: Float64Array, ys: Float64Array, ends: Ends): void {
  const moments: Moments = { meanX: 0, meanY: 0, xx: 0, yy: 0, xy: 0 };
  for (let index = xs.length - 1; index >= 0; index--) {
    addPair(moments, xs[index], ys[index], xs.length - index);
    ends.meanX[index] = moments.meanX;
    ends.meanY[index] = moments.meanY;
    ends.xx[index] = moments.xx;
    ends.yy[index] = moments.yy;
    ends.xy[index] = moments.xy;
  }
}
