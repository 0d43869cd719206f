/** Reads results of older formats, which differ in the names of warnings. */
import { BACKTEST_RESULT_FORMAT, PORTFOLIO_RESULT_FORMAT } from "../../protocol/index.ts";

/** The present format's name by each older one that is still read. */
const PRESENT_FORMATS: Readonly<Record<string, string>> = {
  "ktrdr.backtest.v2": BACKTEST_RESULT_FORMAT,
  "ktrdr.portfolio.v1": PORTFOLIO_RESULT_FORMAT,
};

/** Converts a result's JSON to the present format. JSON that has no older format comes back as it is. */
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
