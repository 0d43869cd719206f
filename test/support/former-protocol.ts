/** The protocol as an older version spoke it, in a tree of today: its `socket.ts` is a fixture, byte for byte. */
import { readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { ROOT } from "./source-tree.ts";

/** The fixture imports a module that has been split since. */
const SINCE_SPLIT = 'export * from "./operation.ts";\nexport * from "./operations/index.ts";\n';

/** Makes the code in `tree` speak that version; `language` is the one that the tree is in. */
export function speakFormerProtocol(tree: string, version: number, language: "ts" | "js"): void {
  const fixture = readFileSync(join(ROOT, `test/fixtures/protocol-${version}/socket.ts.txt`), "utf8");
  for (const [name, source] of Object.entries({ socket: fixture, operations: SINCE_SPLIT })) {
    writeFileSync(join(tree, "protocol", `${name}.${language}`), language === "ts" ? source : javaScriptOf(source));
  }
}

function javaScriptOf(source: string): string {
  return stripTypeScriptTypes(source).replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"');
}
