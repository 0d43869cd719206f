import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { embeddedJson, escapeHtml, html, inlineScript, trustedMarkup } from "./markup.ts";

describe("markup", () => {
  test("text in a template is escaped, and markup is not escaped twice", () => {
    const name = `</h1><img src=x onerror="alert('1')">&`;
    expect(html`<h1>${name}</h1>${html`<b>${1}</b>`}`.text).toBe(
      "<h1>&lt;/h1&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;</h1><b>1</b>",
    );
  });

  test("lists are joined, each part by its own rule", () => {
    expect(html`${["<", trustedMarkup("<br>"), 2]}`.text).toBe("&lt;<br>2");
  });

  test("escaped text has no character that is special to the parser", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
      }),
    );
  });

  test("embedded JSON holds no '<' and reads back as the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
        const text = embeddedJson({ value, name: "</script><!--<script>" }).text;
        expect(text).not.toContain("<");
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify({ value, name: "</script><!--<script>" })));
      }),
    );
  });

  test("an inline script cannot end its element, and means the same", () => {
    const script = inlineScript(`"</script><!-- </SCRIPT>"`).text;
    expect(script).not.toMatch(/<\/script|<!--/i);
    expect(new Function(`return ${script}`)()).toBe("</script><!-- </SCRIPT>");
  });
});
