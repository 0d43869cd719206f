/** Rates of a world's faults, drawn from its seed: some worlds are calm, some rough, and no two alike. */

import { type RegistryConfig, registryConfig } from "../../durable-objects/scheduler/index.ts";
import { HOUR_MS } from "../../protocol/durations.ts";
import type { Chance } from "./chance.ts";

/** Something that befalls the world at random moments; the value is the mean time between two, 0 for never. */
export const FAULTS = [
  "cut",
  "crash",
  "freeze",
  "shutdown",
  "drain",
  "datasets",
  "restart",
  "hibernate",
  "jump",
  "deregister",
  "drainByHand",
  "publish",
  "withdraw",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Rates {
  /** A frame takes from 1 ms to this. */
  delayMs: number;
  /** A slow frame takes up to `slowMs`. */
  slowPerMille: number;
  slowMs: number;
  dropPerMille: number;
  repeatPerMille: number;
  /** The share of cuts that one side does not notice. */
  halfOpenPerMille: number;
  httpFailPerMille: number;
  httpLostAnswerPerMille: number;
  /** The share of requests that arrive after their sender gave up. */
  httpLatePerMille: number;
  /** The share of requests whose handler dies at one of its awaits. */
  httpDiesPerMille: number;
  /** The share of uploaded parts that are damaged: on the way, where their hash shows it, or in the store. */
  damagePerMille: number;
  alarmLateMs: number;
  meanMs: Record<Fault, number>;
  submitMs: number;
  jobMs: number;
  queueLimit: number;
}

const SECOND = 1000;

/** The shortest mean time between two of a fault, over all nodes; the longest is twelve times as long. */
const SHORTEST_MEAN_MS: Readonly<Record<Fault, number>> = {
  cut: 4 * SECOND,
  crash: 15 * SECOND,
  freeze: 15 * SECOND,
  shutdown: 30 * SECOND,
  drain: 30 * SECOND,
  datasets: 10 * SECOND,
  restart: 15 * SECOND,
  hibernate: 3 * SECOND,
  jump: 60 * SECOND,
  deregister: 90 * SECOND,
  drainByHand: 60 * SECOND,
  publish: 20 * SECOND,
  withdraw: 40 * SECOND,
};

export function drawRates(chance: Chance, slots: number): Rates {
  const jobMs = chance.pick([200, 2_000, 8_000, 20_000]);
  const meanMs = {} as Record<Fault, number>;
  for (const fault of FAULTS) {
    const shortest = SHORTEST_MEAN_MS[fault];
    meanMs[fault] = chance.perMille(200) ? 0 : chance.between(shortest, 12 * shortest);
  }
  return {
    delayMs: chance.pick([2, 20, 100, 500]),
    slowPerMille: chance.pick([0, 5, 30]),
    slowMs: chance.pick([2_000, 12_000]),
    dropPerMille: chance.pick([0, 2, 20, 60]),
    repeatPerMille: chance.pick([0, 10, 60]),
    halfOpenPerMille: chance.pick([50, 300, 700]),
    httpFailPerMille: chance.pick([0, 20, 150]),
    httpLostAnswerPerMille: chance.pick([0, 20, 100]),
    httpLatePerMille: chance.pick([0, 0, 10]),
    httpDiesPerMille: chance.pick([0, 5, 50]),
    damagePerMille: chance.pick([0, 0, 20, 100]),
    alarmLateMs: chance.pick([2, 50, 1_500]),
    meanMs,
    submitMs: Math.max(4, Math.floor((jobMs * chance.between(2, 12)) / (10 * slots))),
    jobMs,
    queueLimit: chance.pick([10, 40, 80]),
  };
}

/** The calm world after the faults, in which every request must come to its end. */
export function heal(rates: Rates): void {
  Object.assign(rates, {
    delayMs: 5,
    slowPerMille: 0,
    dropPerMille: 0,
    repeatPerMille: 0,
    httpFailPerMille: 0,
    httpLostAnswerPerMille: 0,
    httpLatePerMille: 0,
    httpDiesPerMille: 0,
    damagePerMille: 0,
    alarmLateMs: 2,
  });
  for (const fault of FAULTS) rates.meanMs[fault] = 0;
}

/** The registry's usual numbers, or shorter ones, and sometimes a short memory. */
export function drawConfig(chance: Chance): RegistryConfig {
  const usual = chance.perMille(700);
  return registryConfig.parse({
    ...(usual ? {} : { healthIntervalMs: 2_000, healthTimeoutMs: 1_000, graceMs: 3_000, acceptTimeoutMs: 2_000 }),
    ...(usual ? {} : { removalMs: 60_000, rejectionDelayMs: 5_000, agingMs: 20_000 }),
    retentionMs: HOUR_MS,
    retentionCount: chance.pick([50, 400]),
    classesKept: chance.pick([1, 20]),
  });
}
