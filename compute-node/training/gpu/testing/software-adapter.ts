/** The GPU that tests run on: SwiftShader, a Vulkan driver for the CPU that Debian's `chromium` package brings. */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import process from "node:process";

const FOLDERS = ["/usr/lib/chromium", "/usr/lib/chromium-browser"];
/** RTLD_NODELETE of glibc's dlfcn.h, which Node does not name: the library stays when it turns out to be no addon. */
const KEEP_LOADED = 0x1000;

/** Why there is none. */
export const NO_SOFTWARE_ADAPTER = "There is no software GPU here: install the package `chromium`.";

/**
 * Puts SwiftShader before Dawn's eyes; false when it is not installed. Throws when it is not and `CI` is set: there,
 * nothing is skipped. To be called before the first adapter is asked for.
 *
 * Dawn looks for `libvulkan.so.1` by its name alone, and the loader takes LD_LIBRARY_PATH from the start of a process;
 * but a library of that name that has been loaded already is taken, wherever it came from.
 */
export function useSoftwareAdapter(environment: NodeJS.ProcessEnv = process.env): boolean {
  const folder = FOLDERS.find((path) => existsSync(join(path, "vk_swiftshader_icd.json")));
  if (folder === undefined) {
    if ((environment.CI ?? "") !== "") throw new Error(`${NO_SOFTWARE_ADAPTER} (CI is set.)`);
    return false;
  }
  environment.VK_ICD_FILENAMES = join(folder, "vk_swiftshader_icd.json");
  try {
    process.dlopen({ exports: {} }, join(folder, "libvulkan.so.1"), constants.dlopen.RTLD_NOW | KEEP_LOADED);
  } catch {
    // It is no addon, and Node says so; it is loaded all the same.
  }
  return true;
}
