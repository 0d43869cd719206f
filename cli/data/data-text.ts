/** Market data in words. */
import type { GapReport } from "../../compute-node/market-data/index.ts";
import { momentText } from "../terminal/duration.ts";

/** One line: how many gaps there are, and the longest. */
export function gapsText({ count, missingBars, longest, usualPauses }: GapReport): string {
  const pauses = usualPauses === 0 ? "" : `; ${usualPauses.toLocaleString("en")} usual pauses (nights, weekends)`;
  if (longest === null) return `no gaps${pauses}`;
  const gaps = `${count.toLocaleString("en")} ${count === 1 ? "gap or holiday" : "gaps and holidays"}, ${bars(missingBars)} missing`;
  return `${gaps}, the longest of ${bars(longest.missingBars)} after ${momentText(longest.afterMs)}${pauses}`;
}

function bars(count: number): string {
  return `${count.toLocaleString("en")} ${count === 1 ? "bar" : "bars"}`;
}
