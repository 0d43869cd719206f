/** Figures as the page's script writes them, in step with number-format.ts. */

const MINUS = "\u2212";

/**
 * With thousands separators and a true minus sign.
 * @param {number} value
 * @param {number} digits those after the point
 */
export function figureText(value, digits) {
  const size = Math.abs(value);
  const text =
    size >= 1e12
      ? size.toExponential(3)
      : size.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
}

/**
 * UTC.
 * @param {number} timeSeconds
 * @param {boolean} intraday whether to add the time of day
 */
export function timeText(timeSeconds, intraday) {
  const text = new Date(timeSeconds * 1000).toISOString();
  return intraday ? `${text.slice(0, 10)} ${text.slice(11, 16)}` : text.slice(0, 10);
}

/**
 * A colour of the style sheet, as the present colour scheme has it.
 * @param {string} name such as `--gain`
 */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * An element that the document is known to have.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the report has no element #${id}`);
  return found;
}
