import { suggestion } from "../closest-name.ts";
import type { StrategyFault } from "../strategy-faults.ts";

export type NeuralWarningCode =
  | "ignored-key"
  | "ignored-parameter"
  | "ignored-setting"
  | "unused-indicator"
  | "unused-fuzzy-set"
  | "unused-context"
  | "duplicate-input"
  | "version-number"
  | "timeframes-text";

export type NeuralWarning = StrategyFault & { readonly code: NeuralWarningCode };

type Place = Pick<StrategyFault, "path" | "atKey">;

/** Collects the faults and warnings of a strategy: all are gathered, none stops the search. */
export class Findings {
  readonly faults: StrategyFault[] = [];
  readonly warnings: NeuralWarning[] = [];

  fault(path: readonly string[], message: string, cure: string, place: Omit<Place, "path"> = {}): null {
    this.faults.push({ path, message, cure, ...place });
    return null;
  }

  warn(code: NeuralWarningCode, path: readonly string[], message: string, cure: string): void {
    this.warnings.push({ code, path, message, cure, atKey: true });
  }

  /** Warns of each key of `given` that is in neither list: it does nothing. `ignored` maps known dead keys to why. */
  unknownKeys(
    given: Readonly<Record<string, unknown>>,
    path: readonly string[],
    known: readonly string[],
    ignored: Readonly<Record<string, string>> = {},
  ): void {
    const place = path.length === 0 ? "a strategy" : path.join(".");
    for (const key of Object.keys(given)) {
      const why = Object.hasOwn(ignored, key) ? ignored[key] : undefined;
      if (why !== undefined) this.warn("ignored-setting", [...path, key], `${key} does nothing: ${why}`, "Remove it.");
      else if (!known.includes(key))
        this.warn(
          "ignored-key",
          [...path, key],
          `unknown key "${key}" does nothing`,
          `Remove it. ${suggestion(key, known, `keys of ${place}`)}`,
        );
    }
  }
}
