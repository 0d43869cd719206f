#!/usr/bin/env node
// Plain JavaScript of 2017, so that a Node that is too old for the rest can still read this and say so. In a
// checkout the compile cache is on before the first TypeScript file: with every file in it, Node need not load its
// TypeScript parser at all. The package has no TypeScript; main.js turns its cache on.
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 24 || (major === 24 && minor >= 2)) {
  start().catch((error) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    fail(`ktrdr is not whole: ${error.message.split("\n")[0]}`, "Install it again; in a checkout, with `npm ci`.");
  });
} else {
  fail(
    `ktrdr needs Node 24.2 or newer; this is ${process.versions.node}`,
    "Install Node 24 (https://nodejs.org/en/download). In a checkout, `npm ci` brings one: run `npx ktrdr …` there.",
  );
}

function fail(message, cure) {
  process.stderr.write(`error: ${message}\n  cure: ${cure}\n`);
  process.exitCode = 1;
}

async function start() {
  const [{ existsSync }, { enableCompileCache }, { fileURLToPath }] = [
    await import("node:fs"),
    await import("node:module"),
    await import("node:url"),
  ];
  const folder = fileURLToPath(new URL("../", import.meta.url));
  if (existsSync(`${folder}package-lock.json`)) enableCompileCache(`${folder}node_modules/.cache/ktrdr`);
  await import("./main.ts");
}
