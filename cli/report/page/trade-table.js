import { element, figureText, timeText } from "./figures.js";

/** @typedef {import("../report-data.ts").ReportData} ReportData */

const TRADES_PER_PAGE = 100;
/** Trades on paper, which has no page buttons. A sentence there says how many are left out. */
const TRADES_ON_PAPER = 1000;

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {string} [unit]
 * @property {(index: number) => number} value the value to sort by and to save
 * @property {(index: number) => string} text
 * @property {(index: number) => string} [className]
 * @property {boolean} [isText] aligned left
 */

/**
 * The trade list: sorted by any column, a hundred at a time.
 * @param {ReportData} data
 * @param {(index: number) => void} choose called when the reader picks a trade
 */
export function tradeTable(data, choose) {
  const table = element("trade-table");
  const body = /** @type {HTMLTableSectionElement} */ (table.querySelector("tbody"));
  const columns = tradeColumns(data);
  const order = data.trades.size.map((_, index) => index);
  let sortedBy = 0;
  let isDescending = false;
  let page = 0;
  /** @type {number | null} */
  let selected = null;

  const headers = columns.map((column, number) => headerCell(column, () => sortBy(number)));
  const headRow = document.createElement("tr");
  headRow.append(...headers);
  table.querySelector("thead")?.append(headRow);
  const pages = pageButtons(element("trade-pages"), order.length, (chosen) => show(chosen));

  /** @param {number} number of the column; the same one again reverses the order */
  function sortBy(number) {
    isDescending = number === sortedBy ? !isDescending : false;
    sortedBy = number;
    const { value } = columns[number];
    const direction = isDescending ? -1 : 1;
    order.sort((left, right) => direction * (value(left) - value(right)) || left - right);
    show(0);
  }

  /** @param {number} chosen counted from 0 */
  function show(chosen) {
    page = chosen;
    const first = page * TRADES_PER_PAGE;
    draw(order.slice(first, first + TRADES_PER_PAGE));
    pages.update(page);
  }

  /** @param {number[]} trades */
  function draw(trades) {
    headers.forEach((header, number) => {
      if (number === sortedBy) header.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    });
    body.replaceChildren(...trades.map((index) => tradeRow(columns, index, index === selected, () => choose(index))));
  }

  /**
   * Marks a trade and turns to the page that it stands on.
   * @param {number} index
   */
  function select(index) {
    selected = index;
    show(Math.floor(order.indexOf(index) / TRADES_PER_PAGE));
  }

  addEventListener("beforeprint", () => draw(order.slice(0, TRADES_ON_PAPER)));
  addEventListener("afterprint", () => show(page));
  show(0);
  return { select, csv: () => tradesAsCsv(columns, data) };
}

/**
 * @param {ReportData} data
 * @returns {Column[]}
 */
function tradeColumns(data) {
  const { trades, exitReasons, intraday, priceDigits } = data;
  /** @param {number} value */
  const gainOrLoss = (value) => (value < 0 ? "loss" : value > 0 ? "gain" : "");
  /** @param {(number | null)[]} column @param {number} digits */
  const number = (column, digits) => ({
    value: (/** @type {number} */ index) => column[index] ?? Number.NEGATIVE_INFINITY,
    text: (/** @type {number} */ index) => (column[index] === null ? "–" : figureText(column[index], digits)),
  });
  /** @param {number[]} column */
  const time = (column) => ({
    value: (/** @type {number} */ index) => column[index],
    text: (/** @type {number} */ index) => timeText(column[index], intraday),
  });
  const sizeDigits = trades.size.every(Number.isInteger) ? 0 : 4;
  /** @type {Column[]} */
  const columns = [
    { title: "No.", value: (index) => index + 1, text: (index) => String(index + 1) },
    {
      title: "Side",
      isText: true,
      value: (index) => Math.sign(trades.size[index]),
      text: (index) => (trades.size[index] < 0 ? "Short" : "Long"),
      className: (index) => (trades.size[index] < 0 ? "short" : "long"),
    },
    { title: "Entry", ...time(trades.entryTime) },
    { title: "Entry price", ...number(trades.entryPrice, priceDigits) },
    { title: "Exit", ...time(trades.exitTime) },
    { title: "Exit price", ...number(trades.exitPrice, priceDigits) },
    { title: "Bars", ...number(trades.bars, 0) },
    { title: "Size", ...number(trades.size, sizeDigits) },
    { title: "Profit", ...number(trades.pnl, 2), className: (index) => gainOrLoss(trades.pnl[index]) },
    {
      title: "Return",
      unit: "%",
      ...number(trades.returnPercent, 2),
      className: (index) => gainOrLoss(trades.returnPercent[index]),
    },
    { title: "Worst", unit: "%", ...number(trades.adversePercent, 2) },
    { title: "Best", unit: "%", ...number(trades.favourablePercent, 2) },
    {
      title: "Exit reason",
      isText: true,
      value: (index) => trades.exitReason[index],
      text: (index) => reasonText(exitReasons[trades.exitReason[index]]),
    },
  ];
  if (trades.commission.some((commission) => commission !== 0)) {
    columns.splice(12, 0, { title: "Commission", ...number(trades.commission, 2) });
  }
  if (trades.stopLoss.some((price) => price !== null)) {
    columns.push({ title: "Stop loss", ...number(trades.stopLoss, priceDigits) });
  }
  if (trades.takeProfit.some((price) => price !== null)) {
    columns.push({ title: "Take profit", ...number(trades.takeProfit, priceDigits) });
  }
  return columns;
}

/** @param {string} reason as the wire has it: `stop_loss` */
function reasonText(reason) {
  const words = reason.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {Column} column @param {() => void} sort */
function headerCell(column, sort) {
  const cell = document.createElement("th");
  cell.scope = "col";
  if (column.isText) cell.className = "text";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = column.unit === undefined ? column.title : `${column.title} ${column.unit}`;
  button.addEventListener("click", sort);
  cell.append(button);
  return cell;
}

/** @param {Column[]} columns @param {number} index @param {boolean} isSelected @param {() => void} choose */
function tradeRow(columns, index, isSelected, choose) {
  const row = document.createElement("tr");
  row.dataset.trade = String(index);
  if (isSelected) row.setAttribute("aria-current", "true");
  row.addEventListener("click", choose);
  columns.forEach((column, number) => {
    const cell = document.createElement(number === 0 ? "th" : "td");
    cell.className = [column.isText ? "text" : "", column.className?.(index) ?? ""].join(" ").trim();
    if (number === 0) {
      cell.setAttribute("scope", "row");
      cell.append(chooseButton(column.text(index)));
    } else cell.textContent = column.text(index);
    row.append(cell);
  });
  return row;
}

/** Makes the row reachable by keyboard; its click bubbles to the row. @param {string} text */
function chooseButton(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.setAttribute("aria-label", `Show trade ${text} on the chart`);
  return button;
}

/**
 * @param {HTMLElement} container
 * @param {number} trades in all
 * @param {(page: number) => void} turnTo
 */
function pageButtons(container, trades, turnTo) {
  const lastPage = Math.max(0, Math.ceil(trades / TRADES_PER_PAGE) - 1);
  const position = document.createElement("span");
  position.setAttribute("role", "status");
  let page = 0;
  /** @param {string} text @param {() => number} target */
  const button = (text, target) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => turnTo(target()));
    return made;
  };
  const back = [button("First", () => 0), button("Previous", () => page - 1)];
  const forth = [button("Next", () => page + 1), button("Last", () => lastPage)];
  const paper = document.createElement("span");
  paper.className = "paper-only";
  if (trades > TRADES_ON_PAPER) paper.textContent = `The first ${figureText(TRADES_ON_PAPER, 0)} of these are printed.`;
  container.append(...(lastPage === 0 ? [position] : [...back, position, ...forth]), paper);

  /** @param {number} shown */
  function update(shown) {
    page = shown;
    const first = page * TRADES_PER_PAGE;
    const final = Math.min(trades, first + TRADES_PER_PAGE);
    position.textContent =
      lastPage === 0
        ? `${figureText(trades, 0)} ${trades === 1 ? "trade" : "trades"}`
        : `${figureText(first + 1, 0)} to ${figureText(final, 0)} of ${figureText(trades, 0)} trades`;
    for (const each of back) each.disabled = page === 0;
    for (const each of forth) each.disabled = page === lastPage;
  }
  return { update };
}

/** All trades in the order of their numbers; times as ISO 8601. @param {Column[]} columns @param {ReportData} data */
function tradesAsCsv(columns, data) {
  const header = columns.map((column) => column.title.toLowerCase().replace(".", "").replaceAll(" ", "_"));
  const rows = data.trades.size.map((_, index) =>
    columns.map((column) => {
      if (column.title === "Entry" || column.title === "Exit")
        return new Date(column.value(index) * 1000).toISOString();
      if (column.isText) return column.text(index).toLowerCase();
      const value = column.value(index);
      return Number.isFinite(value) ? String(value) : "";
    }),
  );
  return `${[header, ...rows].map((row) => row.join(",")).join("\n")}\n`;
}
