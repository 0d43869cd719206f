/** The report of a training run as one HTML file that needs nothing else, not even a script. */
import type { ModelManifest } from "../../compute-node/models/index.ts";
import { reportDocument, section } from "./document.ts";
import { html, type Markup } from "./markup.ts";
import { type FigureTable, type LossCurve, lossCurves, trainingFacts, trainingTables } from "./training-figures.ts";

const WIDTH = 1000;
const HEIGHT = 280;
const COLORS = ["#2962ff", "#c96a1c"];

/** The same model gives the same text. Its policy forbids any script and request. */
export function renderTrainingReport(manifest: ModelManifest): string {
  const curves = lossCurves(manifest).filter(({ values }) => values.length > 0);
  const facts = trainingFacts(manifest).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  );
  return reportDocument({
    title: `${manifest.name} · training`,
    body: html`<header><h1>${manifest.name}</h1><p class="subject"><span>${manifest.strategy.name}</span></p></header>
<main>
${section("run", "The run", html`<table class="figures">${facts}</table>`)}
${section("curve", "Learning curve", curveChart(curves, manifest.training?.bestEpoch ?? null))}
${trainingTables(manifest).map((table, index) => section(`table-${index}`, table.title, tableOf(table)))}
</main>
<footer><p>Made by ktrdr. Figures of the test part are of bars that the network never saw.</p></footer>`,
  });
}

function tableOf({ title, note, headings, rows }: FigureTable): Markup {
  const heads = headings.map(
    (heading) => html`<th scope="col" style="text-align:right;padding-right:0">${heading}</th>`,
  );
  const lines = rows.map(
    ([label, ...figures]) => html`<tr>${rowHead(label)}${figures.map((figure) => html`<td>${figure}</td>`)}</tr>`,
  );
  return html`<p class="note">${note}</p><table class="figures"><caption class="unseen">${title}</caption><thead><tr>${heads}</tr></thead><tbody>${lines}</tbody></table>`;
}

/** Indents the cell when its text is indented, since HTML drops the spaces. */
function rowHead(label: string): Markup {
  const isIndented = label.startsWith(" ");
  return isIndented
    ? html`<th scope="row" style="padding-left:1.5em">${label.trim()}</th>`
    : html`<th scope="row">${label}</th>`;
}

/** Losses by epoch on one scale, with a line at the epoch whose weights were kept. */
function curveChart(curves: readonly LossCurve[], bestEpoch: number | null): Markup {
  if (curves.length === 0) return html`<p class="empty">There is nothing to draw.</p>`;
  const values = curves.flatMap((curve) => curve.values);
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const epochs = curves[0].values.length;
  const x = (epoch: number) => (((epoch - 1) / Math.max(1, epochs - 1)) * WIDTH).toFixed(1);
  const y = (value: number) => (4 + (1 - (value - least) / (most - least || 1)) * (HEIGHT - 8)).toFixed(1);
  const lines = curves.map(({ name, values: losses }, index) => {
    const points = losses.map((loss, at) => `${x(at + 1)},${y(loss)}`).join(" ");
    return html`<polyline points="${points}" fill="none" stroke="${COLORS[index]}" stroke-width="1.5" vector-effect="non-scaling-stroke"><title>${name}</title></polyline>`;
  });
  const best =
    bestEpoch === null
      ? html``
      : html`<line x1="${x(bestEpoch)}" x2="${x(bestEpoch)}" y1="0" y2="${HEIGHT}" stroke="#8a8f98" stroke-dasharray="4 4" vector-effect="non-scaling-stroke"><title>Best epoch</title></line>`;
  const key = curves.map(
    ({ name }, index) => html`<li><i class="mark line" style="background:${COLORS[index]}"></i>${name}</li>`,
  );
  const label = `Losses of ${epochs} epochs, from ${least.toPrecision(4)} to ${most.toPrecision(4)}`;
  const kept = bestEpoch === null ? "" : ` The dashed line is epoch ${bestEpoch}, whose weights were kept.`;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}" style="width:100%;height:${HEIGHT}px;display:block">${best}${lines}</svg>
<ul class="key">${key}</ul><p class="note">${label}.${kept}</p>`;
}
