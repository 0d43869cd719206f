import { drawChart } from "./chart.js";
import { element, figureText, timeText } from "./figures.js";
import { tradeTable } from "./trade-table.js";

/** @type {import("../report-data.ts").ReportData} */
const data = JSON.parse(element("report-data").textContent ?? "");
const tradeCount = data.trades.size.length;

connectCopyButtons();
if (data.chart.time.length > 0) connectChart();

function connectChart() {
  const chart = drawChart(element("chart-canvas"), data);
  const table = tradeCount === 0 ? null : tradeTable(data, (index) => chooseTrade(index, true));
  /** @type {number | null} */
  let selected = null;

  /**
   * @param {number} index
   * @param {boolean} isToBeSeen whether the page moves to the chart
   */
  function chooseTrade(index, isToBeSeen) {
    selected = index;
    chart.showTrade(index);
    table?.select(index);
    element("selected-trade").textContent = tradeSentence(index);
    connectSteps();
    if (isToBeSeen) showElement(element("chart"));
  }

  function connectSteps() {
    const steps = [
      { id: "previous-trade", index: selected === null ? tradeCount - 1 : selected - 1 },
      { id: "next-trade", index: selected === null ? 0 : selected + 1 },
    ];
    for (const { id, index } of steps) {
      const button = /** @type {HTMLButtonElement} */ (element(id));
      button.disabled = index < 0 || index >= tradeCount;
      button.onclick = () => chooseTrade(index, false);
    }
  }

  chart.onRange((text) => {
    element("visible-range").textContent = text;
  });
  chart.onPoint((point) => element("legend").replaceChildren(...legend(point)));
  chart.onTradeClick((index) => chooseTrade(index, false));
  element("whole-range").addEventListener("click", chart.showAll);
  element("logarithmic").addEventListener("click", () => {
    const isLogarithmic = element("logarithmic").getAttribute("aria-pressed") !== "true";
    element("logarithmic").setAttribute("aria-pressed", String(isLogarithmic));
    chart.setLogarithmic(isLogarithmic);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", chart.recolour);
  addEventListener("beforeprint", () => {
    setPaper(true);
    chart.recolour();
    element("chart-print").replaceChildren(chart.paperPicture());
  });
  addEventListener("afterprint", () => {
    setPaper(false);
    chart.leavePaper();
    chart.recolour();
    element("chart-print").replaceChildren();
  });
  connectSteps();
  // The axes take their width in the first frame; only then does the whole range fit.
  requestAnimationFrame(() => requestAnimationFrame(chart.showAll));
  if (table !== null) {
    element("save-trades").addEventListener("click", () => saveText(table.csv(), data.fileName, "text/csv"));
  }
}

/** Switches to light colours for paper, whatever the screen has. @param {boolean} isPaper */
function setPaper(isPaper) {
  document.documentElement.classList.toggle("paper", isPaper);
}

/** @param {number} index */
function tradeSentence(index) {
  const { size, entryTime, exitTime, returnPercent, pnl } = data.trades;
  const side = size[index] < 0 ? "short" : "long";
  const times = `${timeText(entryTime[index], data.intraday)} to ${timeText(exitTime[index], data.intraday)}`;
  const gain = `${figureText(returnPercent[index], 2)} % (${figureText(pnl[index], 2)})`;
  return `Trade ${figureText(index + 1, 0)} of ${figureText(tradeCount, 0)}: ${side}, ${times}, ${gain}`;
}

/** Describes the bar under the crosshair. @param {number} point */
function legend(point) {
  const { time, open, high, low, close, equity, drawdownPercent } = data.chart;
  const figures = [
    ["", timeText(time[point], data.intraday)],
    ["Open", figureText(open[point], data.priceDigits)],
    ["High", figureText(high[point], data.priceDigits)],
    ["Low", figureText(low[point], data.priceDigits)],
    ["Close", figureText(close[point], data.priceDigits)],
    ["Equity", figureText(equity[point], 2)],
    ["Drawdown", `${figureText(drawdownPercent[point], 2)} %`],
  ];
  return figures.map(([label, text]) => {
    const part = document.createElement("span");
    const value = document.createElement("b");
    value.textContent = text;
    part.append(label === "" ? "" : `${label} `, value);
    return part;
  });
}

/** @param {HTMLElement} target */
function showElement(target) {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}

function connectCopyButtons() {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("button.copy"))) {
    button.addEventListener("click", async () => {
      await copyText(button.dataset.copy ?? "");
      element("copied").textContent = "Copied";
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
        element("copied").textContent = "";
      }, 1500);
    });
  }
}

/** Copies the text. Some browsers refuse the clipboard to pages from disk; the old command works there. @param {string} text */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/** @param {string} text @param {string} fileName @param {string} type */
function saveText(text, fileName, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
