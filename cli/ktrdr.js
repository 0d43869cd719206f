#!/usr/bin/env node
// Plain JavaScript, so that a Node that is too old for the rest can still read this and say so.
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  await import("./main.ts");
} else {
  process.stderr.write(
    `error: ktrdr needs Node 22.18 or newer; this is ${process.versions.node}\n` +
      "  cure: In the checkout, run `npm ci` once and then `npx ktrdr …`, which uses the Node in node_modules/.bin.\n",
  );
  process.exitCode = 1;
}
