/** The C loop of `limits/backtest.c`: the least that the moving-average cross can take on this machine. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("limits/backtest.c", import.meta.url));

/** Compiles it into `folder`. Answers the program, or why there is none. */
export function compileLoop(folder: string): { readonly program: string } | { readonly missing: string } {
  const program = join(folder, "limit");
  const flags = ["-O3", "-march=native", "-ffp-contract=off", "-o", program];
  try {
    execFileSync("cc", [...flags, SOURCE, "-lm"], { stdio: ["ignore", "ignore", "pipe"] });
    return { program };
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: Buffer };
    return { missing: code === "ENOENT" ? "no C compiler (cc)" : `cc failed: ${stderr?.toString().trim()}` };
  }
}
