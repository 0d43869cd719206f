#!/usr/bin/env node
// Plain JavaScript, so that a Node that is too old for the rest can still read this and say so, and so that the compile
// cache is on before the first TypeScript file: with every file in it, Node need not load its TypeScript parser at all.
import { fileURLToPath } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/ktrdr", import.meta.url)));
  await import("./main.ts");
} else {
  process.stderr.write(
    `error: ktrdr needs Node 22.18 or newer; this is ${process.versions.node}\n` +
      "  cure: In the checkout, run `npm ci` once and then `npx ktrdr …`, which uses the Node in node_modules/.bin.\n",
  );
  process.exitCode = 1;
}
