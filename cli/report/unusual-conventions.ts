/** The conventions of a result that are not ktrdr's own, for its reports. */
import {
  answersOf,
  CONVENTION_NAMES,
  CONVENTIONS,
  type ConventionName,
  conventionsOf,
} from "../../protocol/conventions.ts";
import type { BacktestSettings } from "../../protocol/index.ts";

/** `lastBar=replay, allIn=below`; null where every answer is the default. */
export function unusualConventionsText(settings: BacktestSettings): string | null {
  const unusual = CONVENTION_NAMES.flatMap((name) => {
    const answer = unusualAnswer(settings, name);
    return answer === null ? [] : [`${name}=${answer}`];
  });
  return unusual.length === 0 ? null : unusual.join(", ");
}

/** The answer and its meaning; null for the default. */
export function unusualConvention(settings: BacktestSettings, name: ConventionName): string | null {
  const answer = unusualAnswer(settings, name);
  const meanings: Readonly<Record<string, string>> = CONVENTIONS[name].answers;
  return answer === null ? null : `${answer}: ${meanings[answer]}`;
}

function unusualAnswer(settings: BacktestSettings, name: ConventionName): string | null {
  const answer = conventionsOf(settings)[name];
  return answer === answersOf(name)[0] ? null : answer;
}
