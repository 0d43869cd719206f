/** Draws each trade as a dot: its adverse and favourable excursion against its return. Plain SVG, without a script. */
import { formatNumber, type Trade } from "../../results/index.ts";
import { html, type Markup } from "./markup.ts";

const WIDTH = 520;
const HEIGHT = 300;
const LEFT = 56;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 42;
/** At most this many dots are drawn. With more trades, every n-th one is drawn. */
const MOST_DOTS = 2000;
const TICKS = 5;

type ExcursionKind = "adverse" | "favourable";

const TITLES: Readonly<Record<ExcursionKind, string>> = {
  adverse: "Furthest against the trade, %",
  favourable: "Furthest with the trade, %",
};

/** A scatter with the excursion to the right and the return upwards; `trades` has at least one. */
export function excursionChart(trades: readonly Trade[], kind: ExcursionKind): Markup {
  const every = Math.ceil(trades.length / MOST_DOTS);
  const shown = trades.filter((_, index) => index % every === 0);
  const excursion = (trade: Trade) =>
    kind === "adverse" ? -trade.adverseExcursionPercent : trade.favourableExcursionPercent;
  const across = ticksOf(0, greatest(shown.map(excursion)));
  const returns = shown.map((trade) => trade.returnPercent);
  const upward = ticksOf(Math.min(0, -greatest(returns.map((value) => -value))), Math.max(0, greatest(returns)));
  const x = scale(across, LEFT, WIDTH - RIGHT);
  const y = scale(upward, HEIGHT - BOTTOM, TOP);
  const dots = shown.map((trade) => {
    const title = `${trade.size < 0 ? "Short" : "Long"}, return ${formatNumber(trade.returnPercent, 2)} %, excursion ${formatNumber(excursion(trade), 2)} %`;
    return html`<circle class="${trade.pnl < 0 ? "loss" : "gain"}" cx="${round(x(excursion(trade)))}" cy="${round(y(trade.returnPercent))}" r="3"><title>${title}</title></circle>`;
  });
  const sentence = `${formatNumber(shown.length, 0)} of ${formatNumber(trades.length, 0)} trades: ${TITLES[kind]} across, return upwards`;
  return html`<figure><svg class="scatter" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${sentence}">
${across.map((value) => html`<line class="grid" x1="${round(x(value))}" x2="${round(x(value))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text x="${round(x(value))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${tickText(value, across)}</text>`)}
${upward.map((value) => html`<line class="${value === 0 ? "zero" : "grid"}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(value))}" y2="${round(y(value))}"/><text x="${LEFT - 8}" y="${round(y(value) + 4)}" text-anchor="end">${tickText(value, upward)}</text>`)}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${TITLES[kind]}</text>
<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">Return, %</text>
${dots}
</svg></figure>`;
}

function greatest(values: readonly number[]): number {
  return values.reduce((left, right) => Math.max(left, right), Number.NEGATIVE_INFINITY);
}

/** Round numbers, evenly apart, from at or below `least` to at or above `most`; two at least. */
export function ticksOf(least: number, most: number): number[] {
  const span = most - least > 0 ? most - least : 1;
  const power = 10 ** Math.floor(Math.log10(span / TICKS));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => span / candidate <= TICKS) ?? span;
  const first = Math.floor(least / step);
  const last = Math.max(first + 1, Math.ceil((least + span) / step));
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function scale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const [least, most] = [ticks[0], ticks[ticks.length - 1]];
  return (value) => from + ((value - least) / (most - least)) * (to - from);
}

function tickText(value: number, ticks: readonly number[]): string {
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(ticks[1] - ticks[0]))));
  return formatNumber(value, digits);
}

function round(value: number): string {
  return value.toFixed(1);
}
