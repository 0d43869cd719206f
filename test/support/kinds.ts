/** The kinds of tests, each a project of vitest.config.ts and a target of the Makefile, in the order of `make test`. */

/** Kinds of a lane run one after the other, lanes beside each other: one computes while the other mostly waits for processes. */
export const LANES = [["unit"], ["e2e", "chaos", "worker", "browser", "simulation"]] as const;

/** Run at the end with nothing beside them, since they assert how fast something is. */
export const ALONE = ["load"] as const;

export type Kind = (typeof LANES)[number][number] | (typeof ALONE)[number];

export const KINDS: readonly Kind[] = [...LANES.flat(), ...ALONE];

/** What `make test` writes of each kind to `runners.json`. */
export interface RunnerTime {
  readonly kind: Kind;
  readonly seconds: number;
  /** Processor time of all processes that it waited for; null when the system does not tell. */
  readonly processorSeconds: number | null;
}

/** Minutes and seconds, such as 6:09. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
