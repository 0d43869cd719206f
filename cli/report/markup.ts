/** Puts text into HTML safely: a template escapes every value, unless it is markup already. */

/** HTML that is safe to print unchanged. Only `html` and `trustedMarkup` make it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Insertable = string | number | Markup | readonly Insertable[];

/** A template whose insertions are escaped: html`<h1>${strategyName}</h1>`. Lists are joined; markup goes in as it is. */
export function html(strings: TemplateStringsArray, ...insertions: Insertable[]): Markup {
  let text = strings[0];
  insertions.forEach((insertion, index) => {
    text += inserted(insertion) + strings[index + 1];
  });
  return new Markup(text);
}

/** Only for our own text, such as the style sheet; never for a name that a user can choose. */
export function trustedMarkup(text: string): Markup {
  return new Markup(text);
}

function inserted(value: Insertable): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return escapeHtml(String(value));
  return value.map(inserted).join("");
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Safe in element content and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** JSON for a `<script type="application/json">`: no `<` is left that could end the element or open a comment. */
export function embeddedJson(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replaceAll("<", "\\u003c"));
}

/**
 * JavaScript for an inline `<script>`: the two sequences that the HTML parser reacts to are broken up.
 * The sequences occur only in strings, templates and regular expressions, where the added backslash changes nothing.
 */
export function inlineScript(source: string): Markup {
  return new Markup(source.replace(/<(\/script|!--)/gi, "<\\$1"));
}
