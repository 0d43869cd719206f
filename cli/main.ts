#!/usr/bin/env node
/** The `ktrdr` command. Whatever is slow to load is loaded by the command that needs it. */
import process from "node:process";
import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read our output has left, such as `| head`. What was asked for is still done.
    if (error.code !== "EPIPE") throw error;
  });
}
const { runCommand } = await import("./program.ts");
process.exitCode = await runCommand(process.argv.slice(2), {
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
