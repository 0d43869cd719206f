import { colour } from "./figures.js";

/** In pixels. */
const DOT_RADIUS = 2.5;

/**
 * Draws, under the marks, a line from each entry to its exit, and the stops of the selected trade.
 * A series primitive of lightweight-charts: the chart calls `attached` once and `draw` for each frame.
 */
export class TradeLines {
  /** @type {number | null} */
  selected = null;
  /** True when there is no room for marks, so that each entry is a dot. */
  isCrowded = false;

  /** @param {import("../report-data.ts").ReportData} data */
  constructor(data) {
    this.data = data;
    this.views = [{ zOrder: () => /** @type {const} */ ("normal"), renderer: () => this }];
  }

  /** @param {import("lightweight-charts").SeriesAttachedParameter<import("lightweight-charts").Time>} parameters */
  attached({ chart, series, requestUpdate }) {
    this.timeScale = chart.timeScale();
    this.series = series;
    this.requestUpdate = requestUpdate;
  }

  paneViews() {
    return this.views;
  }

  /** @param {number | null} index */
  select(index) {
    this.selected = index;
    this.requestUpdate?.();
  }

  /** @param {boolean} isCrowded */
  setCrowded(isCrowded) {
    this.isCrowded = isCrowded;
    this.requestUpdate?.();
  }

  /** @param {import("fancy-canvas").CanvasRenderingTarget2D} target */
  draw(target) {
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const paint = {
        gain: colour("--gain"),
        loss: colour("--loss"),
        stop: colour("--muted"),
        long: colour("--long"),
        short: colour("--short"),
      };
      const { pnl, size } = this.data.trades;
      for (let index = 0; index < pnl.length; index++) {
        const ends = this.ends(index);
        if (ends === null || ends.right < 0 || ends.left > mediaSize.width) continue;
        context.strokeStyle = pnl[index] < 0 ? paint.loss : paint.gain;
        context.globalAlpha = this.selected === null || this.selected === index ? 0.9 : 0.35;
        context.lineWidth = this.selected === index ? 2.5 : 1.25;
        context.setLineDash(this.selected === index ? [] : [4, 3]);
        context.beginPath();
        context.moveTo(ends.left, ends.entry);
        context.lineTo(ends.right, ends.exit);
        context.stroke();
        if (this.isCrowded) drawDot(context, ends, size[index] < 0 ? paint.short : paint.long);
        if (this.selected === index) this.drawStops(context, index, ends, paint.stop);
      }
    });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} index
   * @param {{ left: number, right: number }} ends
   * @param {string} stroke
   */
  drawStops(context, index, ends, stroke) {
    const { stopLoss, takeProfit } = this.data.trades;
    context.strokeStyle = stroke;
    context.globalAlpha = 1;
    context.lineWidth = 1;
    context.setLineDash([2, 2]);
    for (const price of [stopLoss[index], takeProfit[index]]) {
      const height = price === null ? null : (this.series?.priceToCoordinate(price) ?? null);
      if (height === null) continue;
      context.beginPath();
      context.moveTo(ends.left, height);
      context.lineTo(Math.max(ends.right, ends.left + 8), height);
      context.stroke();
    }
  }

  /**
   * Returns the ends of a trade in pixels of the pane; null when the chart does not know them.
   * @param {number} index
   */
  ends(index) {
    if (this.timeScale === undefined || this.series === undefined) return null;
    const { entryPoint, exitPoint, entryPrice, exitPrice } = this.data.trades;
    const left = this.timeScale.logicalToCoordinate(/** @type {any} */ (entryPoint[index]));
    const right = this.timeScale.logicalToCoordinate(/** @type {any} */ (exitPoint[index]));
    const entry = this.series.priceToCoordinate(entryPrice[index]);
    const exit = this.series.priceToCoordinate(exitPrice[index]);
    if (left === null || right === null || entry === null || exit === null) return null;
    return { left, right, entry, exit };
  }
}

/** @param {CanvasRenderingContext2D} context @param {{ left: number, entry: number }} place @param {string} fill */
function drawDot(context, { left, entry }, fill) {
  context.fillStyle = fill;
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(left, entry, DOT_RADIUS, 0, 2 * Math.PI);
  context.fill();
}
