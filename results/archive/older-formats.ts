/** Results of the format before the present one, which differ in how warnings are called. */
import { BACKTEST_RESULT_FORMAT, PORTFOLIO_RESULT_FORMAT } from "../../protocol/index.ts";

/** Their present names by the older formats that are still read. */
const PRESENT_FORMATS: Readonly<Record<string, string>> = {
  "ktrdr.backtest.v2": BACKTEST_RESULT_FORMAT,
  "ktrdr.portfolio.v1": PORTFOLIO_RESULT_FORMAT,
};

/** A result's JSON as the present format has it; whatever is not of an older format comes back as it is. */
export function inPresentFormat(content: unknown): unknown {
  if (typeof content !== "object" || content === null || !("format" in content)) return content;
  const format = PRESENT_FORMATS[String(content.format)];
  if (format === undefined) return content;
  return { ...content, format, ...("warnings" in content && { warnings: inKebabCase(content.warnings) }) };
}

/** `order_refused` is `order-refused` today. */
function inKebabCase(warnings: unknown): unknown {
  if (!Array.isArray(warnings)) return warnings;
  return warnings.map((warning: unknown) =>
    typeof warning === "object" && warning !== null && "code" in warning
      ? { ...warning, code: String(warning.code).replaceAll("_", "-") }
      : warning,
  );
}
