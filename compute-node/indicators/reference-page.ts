/**
 * Prints docs/reference/indicators.md from the table. Run it to write the page:
 * `node compute-node/indicators/reference-page.ts`
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type IndicatorDeclaration, type IndicatorParameter, type Scale, scaleOf } from "./declaration.ts";
import { INDICATORS, NEURAL_INDICATORS } from "./table.ts";

export const REFERENCE_PAGE_URL = new URL("../../docs/reference/indicators.md", import.meta.url);

/** The whole page. */
export function referencePage(): string {
  return `${[
    "# Indicators",
    "",
    "Made from the table in `compute-node/indicators` by `node compute-node/indicators/reference-page.ts`.",
    "",
    "Case and underscores in a name never matter: `BollingerBands` is `bollinger_bands`. A value is undefined (NaN) before",
    "the bar given as its warm-up (bar 0 is the first), and after a gap in its inputs an indicator starts again. Where an",
    "indicator reads `close` or another single column first, `source` may name another one. Each value depends on its own",
    "bar and earlier ones only. An output that grows with price is twice as large on prices twice as high; one without a unit",
    "stays the same. No threshold is an absolute number: a quotient is replaced only where its divisor is exactly 0.",
    "",
    "Rules and TypeScript strategies use the first table. Fuzzy-neural strategies (v3) use it too, except for the names in",
    "the second one, where their models were trained on other arithmetic.",
    "",
    "## For every strategy",
    "",
    ...INDICATORS.flatMap(section),
    "## For v3 strategies",
    "",
    ...NEURAL_INDICATORS.flatMap(section),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function section(declaration: IndicatorDeclaration): string[] {
  const { name, aliases, title, parameters, inputs, takesSource, outputs, formula, origin } = declaration;
  const reads = inputs.map((input, k) => (k === 0 && takesSource ? `${input} (or \`source\`)` : input)).join(", ");
  return [
    `### ${name}`,
    "",
    `${title}.${aliases.length === 0 ? "" : ` Also: ${aliases.map((alias) => `\`${alias}\``).join(", ")}.`} Reads ${reads}.`,
    "",
    `- formula: ${formula}`,
    ...parameters.map((parameter) => `- parameter ${parameterText(parameter)}`),
    ...outputs.map(
      (output, k) =>
        `- output \`${output.name}\`: ${output.description}; ${unitText(scaleOf(declaration, k))}; warm-up ${warmup(declaration, output)}`,
    ),
    ...(declaration.undefinedWhere === undefined ? [] : [`- undefined where ${declaration.undefinedWhere}`]),
    ...(declaration.deviation === undefined ? [] : [`- differs from the Python original: ${declaration.deviation}`]),
    `- origin: ${origin}`,
    "",
  ];
}

function parameterText(parameter: IndicatorParameter): string {
  const { name, min, max, integer, description, choices, ignored } = parameter;
  const standard = choices === undefined ? parameter.default : choices[parameter.default];
  const range =
    choices === undefined
      ? `${integer ? "whole number" : "number"} from ${min} to ${max}`
      : `one of ${choices.map(String).join(", ")}`;
  return `\`${name}\` = ${standard}: ${description} (${range})${ignored === undefined ? "" : `; it does nothing: ${ignored}`}`;
}

/** Such as `grows with price² / volume`. */
function unitText(scale: Scale | null): string {
  if (scale === null) return "depends on the unit of prices";
  const powers = [
    ["price", scale.price],
    ["volume", scale.volume],
  ] as const;
  const written = (sign: number) =>
    powers
      .filter(([, power]) => power * sign > 0)
      .map(([name, power]) => `${name}${Math.abs(power) === 2 ? "²" : ""}`)
      .join(" × ");
  const [above, below] = [written(1), written(-1)];
  if (above === "" && below === "") return "has no unit";
  return `grows with ${above}${below === "" ? "" : ` / ${below}`}`;
}

/** With the standard parameters. */
function warmup({ parameters }: IndicatorDeclaration, output: IndicatorDeclaration["outputs"][number]): string {
  const standard = Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.default]));
  const bars = output.firstIndex(standard);
  return `${bars} ${bars === 1 ? "bar" : "bars"}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REFERENCE_PAGE_URL, referencePage());
