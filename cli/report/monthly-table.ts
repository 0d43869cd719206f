/** Monthly returns as a table of years and months, each cell tinted by its size, each year with its total. */
import { type BacktestResult, formatNumber } from "../../results/index.ts";
import { html, type Markup } from "./markup.ts";

type MonthlyReturn = BacktestResult["monthlyReturns"][number];

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** The tints that the style sheet has, from pale to strong. */
const HEAT_LEVELS = 5;
/** The least return for the strongest tint, so that noise does not glow when all months are calm. */
const LEAST_STRONG_PERCENT = 2;

interface YearOfReturns {
  year: number;
  /** By month, January first; undefined where the test does not reach. */
  months: (number | undefined)[];
  totalPercent: number;
}

/** The oldest year first. */
export function yearsOfReturns(monthlyReturns: readonly MonthlyReturn[]): YearOfReturns[] {
  const byYear = Map.groupBy(monthlyReturns, (entry) => entry.year);
  return [...byYear.entries()]
    .sort(([left], [right]) => left - right)
    .map(([year, entries]) => {
      const months: (number | undefined)[] = MONTHS.map(() => undefined);
      for (const entry of entries) months[entry.month - 1] = entry.returnPercent;
      return { year, months, totalPercent: compoundPercent(months.filter((month) => month !== undefined)) };
    });
}

/** Compounds returns: (1 + r1)(1 + r2)… − 1. A total loss stays a total loss: nothing compounds below zero. */
export function compoundPercent(returnsPercent: readonly number[]): number {
  let growth = 1;
  for (const returnPercent of returnsPercent) {
    growth *= 1 + returnPercent / 100;
    if (growth <= 0) break;
  }
  return (growth - 1) * 100;
}

export function monthlyTable(monthlyReturns: readonly MonthlyReturn[]): Markup {
  if (monthlyReturns.length === 0) return html`<p class="empty">There is no complete month to show.</p>`;
  const years = yearsOfReturns(monthlyReturns);
  const strongPercent = strongMonth(monthlyReturns.map((entry) => entry.returnPercent));
  return html`<div class="scroller" tabindex="0" role="region" aria-label="Monthly returns, scrollable">
<table class="months">
<caption class="unseen">Return of each month and year in percent</caption>
<thead><tr><th scope="col">Year</th>${MONTHS.map((month) => html`<th scope="col">${month}</th>`)}<th scope="col">Year total</th></tr></thead>
<tbody>
${years.map((entry) => yearRow(entry, strongPercent))}
</tbody>
</table></div>`;
}

function yearRow(entry: YearOfReturns, strongPercent: number): Markup {
  const cells = entry.months.map((month) =>
    month === undefined
      ? html`<td></td>`
      : html`<td class="${heatClass(month, strongPercent)}"><data value="${month}">${formatNumber(month, 1)}</data></td>`,
  );
  const sign = entry.totalPercent < 0 ? "loss" : "gain";
  return html`<tr><th scope="row">${entry.year}</th>${cells}<td class="total ${sign}"><data value="${entry.totalPercent}">${formatNumber(entry.totalPercent, 1)}</data></td></tr>
`;
}

/** The ninth decile of the sizes, so that one wild month does not pale all others. */
function strongMonth(returnsPercent: readonly number[]): number {
  const sizes = returnsPercent.map(Math.abs).sort((left, right) => left - right);
  return Math.max(LEAST_STRONG_PERCENT, sizes[Math.floor(0.9 * (sizes.length - 1))]);
}

function heatClass(returnPercent: number, strongPercent: number): string {
  const level = Math.min(HEAT_LEVELS, Math.ceil((Math.abs(returnPercent) / strongPercent) * HEAT_LEVELS));
  if (level === 0) return "";
  return `${returnPercent < 0 ? "down" : "up"}${level}`;
}
