import { colour, figureText, timeText } from "./figures.js";
import { TradeLines } from "./trade-lines.js";

/** @typedef {import("../report-data.ts").ReportData} ReportData */
/** @typedef {import("lightweight-charts").UTCTimestamp} Timestamp */

/** Pixels for each trade in sight: with less, marks shrink; with still less, only dots and lines stay. */
const PIXELS_PER_FULL_MARK = 24;
const PIXELS_PER_SMALL_MARK = 12;
/** Points to each side of a trade that is shown. */
const LEAST_SURROUNDINGS = 12;
/** Pixels of the picture that is printed. */
const PAPER_WIDTH = 1000;
const PAPER_HEIGHT = 560;

/**
 * Price with trades, equity and drawdown: three panes of one chart, so that time axis, range and crosshair are shared.
 * @param {HTMLElement} container
 * @param {ReportData} data
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one chart and what can be done with it, as closures
export function drawChart(container, data) {
  /** @type {typeof import("lightweight-charts")} */
  const library = Reflect.get(window, "LightweightCharts");
  const chart = library.createChart(container, { autoSize: true });
  const { price, equity, hold, drawdown } = addSeries(library, chart, data);
  const lines = new TradeLines(data);
  price.attachPrimitive(lines);
  const marks = library.createSeriesMarkers(price, [], { autoScale: false });
  const titles = ["Price", "Equity", "Drawdown %"].map((text, pane) => ({
    text,
    watermark: library.createTextWatermark(chart.panes()[pane], { horzAlign: "left", vertAlign: "top", lines: [] }),
  }));
  [3.2, 1.5, 1].forEach((factor, pane) => {
    chart.panes()[pane].setStretchFactor(factor);
  });

  const count = data.chart.time.length;
  const scale = chart.timeScale();
  let markSize = 1;

  /** Applies the colours of the present colour scheme. */
  function recolour() {
    chart.applyOptions(chartColours(container, data.intraday));
    price.applyOptions(candleColours());
    equity.applyOptions({ color: colour("--accent") });
    hold?.applyOptions({ color: colour("--pale-line") });
    drawdown.applyOptions({
      bottomLineColor: colour("--loss"),
      bottomFillColor1: colour("--drawdown-fill"),
      bottomFillColor2: colour("--drawdown-fill"),
    });
    for (const { text, watermark } of titles) {
      watermark.applyOptions({
        lines: [
          { text: " ", fontSize: 6 },
          { text, color: colour("--muted"), fontSize: 12, fontFamily: fontOf(container) },
        ],
      });
    }
    marks.setMarkers(tradeMarks(data, markSize));
  }

  /** Draws fewer and smaller marks where trades crowd. */
  function fitMarks() {
    const range = scale.getVisibleLogicalRange();
    if (range === null) return;
    const { entryPoint, exitPoint } = data.trades;
    const inSight = entryPoint.filter((entry, index) => entry <= range.to && exitPoint[index] >= range.from).length;
    const pixelsPerMark = scale.width() / Math.max(1, inSight);
    const size = pixelsPerMark >= PIXELS_PER_FULL_MARK ? 1 : pixelsPerMark >= PIXELS_PER_SMALL_MARK ? 0.5 : 0;
    if (size === markSize) return;
    markSize = size;
    lines.setCrowded(size === 0);
    marks.setMarkers(tradeMarks(data, markSize));
  }

  /** Shows the whole range, edge to edge. */
  function showAll() {
    scale.setVisibleLogicalRange({ from: -0.5, to: count - 0.5 });
  }

  /** @param {number} index */
  function showTrade(index) {
    const entry = data.trades.entryPoint[index];
    const exit = data.trades.exitPoint[index];
    const surroundings = Math.max(LEAST_SURROUNDINGS, Math.round((exit - entry) * 0.4));
    lines.select(index);
    scale.setVisibleLogicalRange({ from: entry - surroundings, to: exit + surroundings });
  }

  /** @param {(text: string) => void} write */
  function onRange(write) {
    scale.subscribeVisibleLogicalRangeChange(() => {
      fitMarks();
      const hint = markSize === 0 && data.trades.size.length > 0 ? "; dots are entries, zoom in to see exits" : "";
      write(rangeText(data, scale.getVisibleLogicalRange()) + hint);
    });
  }

  /** @param {(point: number) => void} write called with the point under the crosshair, or the last one */
  function onPoint(write) {
    write(count - 1);
    chart.subscribeCrosshairMove((event) => {
      const point = event.logical;
      write(point === undefined || point === null || point < 0 || point >= count ? count - 1 : Math.round(point));
    });
  }

  /** @param {(index: number) => void} choose */
  function onTradeClick(choose) {
    chart.subscribeClick((event) => {
      const id = event.hoveredInfo?.objectId ?? event.hoveredObjectId;
      if (typeof id === "string") choose(Number(id));
    });
  }

  /** @param {boolean} isLogarithmic */
  function setLogarithmic(isLogarithmic) {
    price.priceScale().applyOptions({ mode: isLogarithmic ? 1 : 0 });
    equity.priceScale().applyOptions({ mode: isLogarithmic ? 1 : 0 });
  }

  /**
   * Draws the chart as it is now, in the size of a page. Printing waits for no frame, so this draws at once: at least one
   * of the two sizes differs from the present one, which makes the chart do its pending work. Without that,
   * `takeScreenshot` of lightweight-charts 5.2.1 merges its pending work into itself and never returns.
   */
  function paperPicture() {
    chart.applyOptions({ autoSize: false });
    chart.resize(PAPER_WIDTH - 1, PAPER_HEIGHT, true);
    chart.resize(PAPER_WIDTH, PAPER_HEIGHT, true);
    return chart.takeScreenshot();
  }

  function leavePaper() {
    chart.applyOptions({ autoSize: true });
  }

  recolour();
  container.addEventListener("keydown", (event) => moveByKey(event, scale, showAll));
  container.addEventListener("wheel", leavePlainWheelToPage, { capture: true });
  return { showAll, showTrade, onRange, onPoint, onTradeClick, setLogarithmic, recolour, paperPicture, leavePaper };
}

/**
 * @param {typeof import("lightweight-charts")} library
 * @param {import("lightweight-charts").IChartApi} chart
 * @param {ReportData} data
 */
function addSeries(library, chart, data) {
  const { time, open, high, low, close } = data.chart;
  /** @param {number[]} values */
  const valued = (values) => values.map((value, index) => ({ time: /** @type {Timestamp} */ (time[index]), value }));
  const quiet = { priceLineVisible: false, crosshairMarkerRadius: 3 };
  const money = { type: /** @type {const} */ ("custom"), minMove: 0.01, formatter: moneyAxisText };

  const price = chart.addSeries(library.CandlestickSeries, {
    ...quiet,
    priceFormat: { type: "price", precision: data.priceDigits, minMove: 10 ** -data.priceDigits },
  });
  price.setData(
    time.map((timestamp, index) => ({
      time: /** @type {Timestamp} */ (timestamp),
      open: open[index],
      high: high[index],
      low: low[index],
      close: close[index],
    })),
  );
  const { benchmark } = data.chart;
  const hold =
    benchmark.length === 0
      ? null
      : chart.addSeries(
          library.LineSeries,
          { ...quiet, priceFormat: money, lineWidth: 1, lastValueVisible: false, crosshairMarkerVisible: false },
          1,
        );
  hold?.setData(valued(benchmark));
  const equity = chart.addSeries(library.LineSeries, { ...quiet, priceFormat: money, lineWidth: 2 }, 1);
  equity.setData(valued(data.chart.equity));
  const drawdown = chart.addSeries(
    library.BaselineSeries,
    {
      ...quiet,
      lineWidth: 1,
      priceFormat: { type: "price", precision: 1, minMove: 0.1 },
      baseValue: { type: "price", price: 0 },
      autoscaleInfoProvider: upToZero,
    },
    2,
  );
  drawdown.setData(valued(data.chart.drawdownPercent));
  return { price, equity, hold, drawdown };
}

/**
 * Keeps zero in sight above the drawdown.
 * @param {() => import("lightweight-charts").AutoscaleInfo | null} usual
 */
function upToZero(usual) {
  const info = usual();
  if (info?.priceRange == null) return info;
  return { ...info, priceRange: { minValue: Math.min(-1, info.priceRange.minValue), maxValue: 0 } };
}

/**
 * An arrow at each entry, a dot at each exit, in the order of time that the chart asks for.
 * @param {ReportData} data
 * @param {number} size 0 for none
 * @returns {import("lightweight-charts").SeriesMarker<import("lightweight-charts").Time>[]}
 */
function tradeMarks(data, size) {
  if (size === 0) return [];
  const { time } = data.chart;
  const { entryPoint, exitPoint, exitPrice, pnl } = data.trades;
  const paint = {
    long: colour("--long"),
    short: colour("--short"),
    gain: colour("--gain"),
    loss: colour("--loss"),
  };
  /** @type {{ point: number, mark: import("lightweight-charts").SeriesMarker<import("lightweight-charts").Time> }[]} */
  const marks = [];
  data.trades.size.forEach((units, index) => {
    const id = String(index);
    const isLong = units >= 0;
    marks.push({
      point: entryPoint[index],
      mark: {
        id,
        size,
        time: /** @type {Timestamp} */ (time[entryPoint[index]]),
        position: isLong ? "belowBar" : "aboveBar",
        shape: isLong ? "arrowUp" : "arrowDown",
        color: isLong ? paint.long : paint.short,
      },
    });
    marks.push({
      point: exitPoint[index],
      mark: {
        id,
        size: size * 0.6,
        time: /** @type {Timestamp} */ (time[exitPoint[index]]),
        position: "atPriceMiddle",
        price: exitPrice[index],
        shape: "circle",
        color: pnl[index] < 0 ? paint.loss : paint.gain,
      },
    });
  });
  return marks.sort((left, right) => left.point - right.point).map((entry) => entry.mark);
}

/**
 * The wheel zooms with Ctrl (as pinching on a touchpad does) and moves sideways; upright it scrolls the page,
 * which a chart of nearly its width would otherwise catch.
 * @param {WheelEvent} event
 */
function leavePlainWheelToPage(event) {
  if (!event.ctrlKey && Math.abs(event.deltaY) > Math.abs(event.deltaX)) event.stopPropagation();
}

/** @param {HTMLElement} container @param {boolean} isIntraday */
function chartColours(container, isIntraday) {
  const line = { color: colour("--grid") };
  const border = { borderColor: colour("--border") };
  const hair = { color: colour("--muted"), labelBackgroundColor: colour("--label") };
  return {
    layout: {
      background: { color: colour("--surface") },
      textColor: colour("--muted"),
      fontFamily: fontOf(container),
      fontSize: 12,
      attributionLogo: false,
      panes: { separatorColor: colour("--border"), enableResize: true },
    },
    grid: { vertLines: line, horzLines: line },
    crosshair: { mode: 0, vertLine: hair, horzLine: hair },
    rightPriceScale: { ...border, minimumWidth: 64 },
    timeScale: {
      ...border,
      timeVisible: isIntraday,
      secondsVisible: false,
      minBarSpacing: 0.05,
      maxBarSpacing: 48,
      lockVisibleTimeRangeOnResize: true,
    },
    localization: { locale: "en-GB", dateFormat: "yyyy-MM-dd" },
    handleScroll: { mouseWheel: true, vertTouchDrag: false },
  };
}

function candleColours() {
  const up = colour("--candle-up");
  const down = colour("--candle-down");
  return { upColor: up, downColor: down, borderVisible: false, wickUpColor: up, wickDownColor: down };
}

/** @param {HTMLElement} container */
function fontOf(container) {
  return getComputedStyle(container).fontFamily;
}

/**
 * Short enough for an axis: `1.25M`.
 * @param {number} value
 */
function moneyAxisText(value) {
  const size = Math.abs(value);
  if (size >= 1e15) return figureText(value, 0);
  if (size >= 1e9) return `${figureText(value / 1e9, 2)}B`;
  if (size >= 1e6) return `${figureText(value / 1e6, 2)}M`;
  return size >= 1e4 ? `${figureText(value / 1e3, 1)}k` : figureText(value, size < 100 ? 2 : 0);
}

/**
 * @param {ReportData} data
 * @param {{ from: number, to: number } | null} range
 */
function rangeText(data, range) {
  if (range === null) return "";
  const { time } = data.chart;
  const last = time.length - 1;
  const first = Math.min(last, Math.max(0, Math.ceil(range.from)));
  const final = Math.max(0, Math.min(last, Math.floor(range.to)));
  return `${timeText(time[first], data.intraday)} to ${timeText(time[final], data.intraday)}`;
}

/**
 * @param {KeyboardEvent} event
 * @param {import("lightweight-charts").ITimeScaleApi<import("lightweight-charts").Time>} scale
 * @param {() => void} showAll
 */
function moveByKey(event, scale, showAll) {
  const range = scale.getVisibleLogicalRange();
  if (range === null || event.ctrlKey || event.metaKey || event.altKey) return;
  const tenth = (range.to - range.from) / 10;
  /** @type {Record<string, [number, number]>} how far each edge moves */
  const moves = {
    ArrowLeft: [-tenth, -tenth],
    ArrowRight: [tenth, tenth],
    "+": [tenth, -tenth],
    "=": [tenth, -tenth],
    "-": [-tenth, tenth],
  };
  const move = moves[event.key];
  if (event.key === "Home") showAll();
  else if (move !== undefined) scale.setVisibleLogicalRange({ from: range.from + move[0], to: range.to + move[1] });
  else return;
  event.preventDefault();
}
