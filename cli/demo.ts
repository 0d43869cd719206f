#!/usr/bin/env node
/** What `make demo` runs. */
import process from "node:process";
import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
const { runDemonstration } = await import("./local/demonstration.ts");
process.exitCode = await runDemonstration();
