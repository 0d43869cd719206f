#!/usr/bin/env node
/** The program of `make demo`. */
import process from "node:process";
import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
const { runDemonstration } = await import("./local/demonstration.ts");
process.exitCode = await runDemonstration();
