#!/usr/bin/env node
/** The `ktrdr` command. Each command loads its slow modules itself. */
import process from "node:process";
import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // The reader of the output has left, such as `| head`. The command still finishes its work.
    if (error.code !== "EPIPE") throw error;
  });
}
const { runCommand } = await import("./program.ts");
process.exitCode = await runCommand(process.argv.slice(2), {
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
