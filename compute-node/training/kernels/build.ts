/**
 * Compiles the kernels: `npm run build`; `npm ci` in a clone runs it too. The same sources and compiler give the same
 * bytes. `exact.wasm` comes out, whose results are the same on every machine, and `fast.wasm`, where relaxed SIMD lets a
 * machine round a multiplication and an addition once; and of each the same code on memory that threads share. With `--where-possible`, an installation
 * without development packages is left as it is.
 */
import { mkdirSync, renameSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** The part of the compiler that is used here. Its own types declare a `console` for AssemblyScript, over Node's. */
interface Compiler {
  main(
    values: readonly string[],
    streams: { readonly stdout: NodeJS.WritableStream; readonly stderr: NodeJS.WritableStream },
  ): Promise<{ readonly error: Error | null }>;
}

/** A name that the type checker does not follow. */
const COMPILER: string = "assemblyscript/asc";

/** The memory is then made outside; its most is all that 32 bits reach. */
const SHARED = [
  "--enable",
  "threads",
  "--importMemory",
  "--sharedMemory",
  "--initialMemory",
  "1",
  "--maximumMemory",
  "65536",
];
const EXACT = ["--enable", "simd"];
const FAST = [...EXACT, "--enable", "relaxed-simd"];
/** The exact one last: the Makefile looks for it. */
const MODULES = {
  "fast-shared": [...FAST, ...SHARED],
  fast: FAST,
  "exact-shared": [...EXACT, ...SHARED],
  exact: EXACT,
};

function at(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

/** `null` when the package is not installed. */
async function loadCompiler(): Promise<Compiler | null> {
  try {
    return (await import(COMPILER)) as Compiler;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    return null;
  }
}

/** In this process: four compilers of their own would start and warm up four times, which takes longer than the work. */
async function compile(compiler: Compiler, name: string, options: readonly string[]): Promise<void> {
  const file = at(`build/${name}.wasm`);
  const settings = ["-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--disableWarning", "112"];
  const values = [at("assembly/index.ts"), ...settings, ...options, "--outFile", `${file}.new`];
  const { error } = await compiler.main(values, { stdout: process.stdout, stderr: process.stderr });
  if (error !== null) throw error;
  // Renamed when whole, so that nobody who reads meanwhile finds half a module.
  renameSync(`${file}.new`, file);
}

const { values } = parseArgs({ options: { "where-possible": { type: "boolean", default: false } } });
const compiler = await loadCompiler();
if (compiler !== null) {
  mkdirSync(at("build"), { recursive: true });
  for (const [name, options] of Object.entries(MODULES)) await compile(compiler, name, options);
} else if (values["where-possible"]) {
  console.warn("The training kernels are not built: the package assemblyscript is not installed.");
} else {
  console.error("The training kernels cannot be built: the package assemblyscript is not installed. Run `npm ci`.");
  process.exitCode = 1;
}
