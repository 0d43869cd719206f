/** The frame of every report: one HTML document with its policy and style inside, and sections with headings. */
import { html, type Markup, trustedMarkup } from "./markup.ts";
import { pageAssets } from "./page-assets.ts";

interface ReportDocument {
  readonly title: string;
  /** Sources of the scripts that the page may run, as its policy names them. No script may run when left out. */
  readonly scripts?: string;
  readonly body: Markup;
}

/** The text of the page. Its policy forbids any request, and any script that it does not name. */
export function reportDocument({ title, scripts, body }: ReportDocument): string {
  // The fixed policy goes in as it is. One with a page's own hashes is escaped like any other value.
  const policy = scripts === undefined ? trustedMarkup(policyOf("")) : policyOf(`script-src ${scripts}; `);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>
${trustedMarkup(pageAssets().style)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}

function policyOf(scriptRule: string): string {
  return `default-src 'none'; img-src data:; style-src 'unsafe-inline'; ${scriptRule}base-uri 'none'; form-action 'none'`;
}

export function section(id: string, heading: string, content: Markup): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${heading}</h2>${content}</section>`;
}
