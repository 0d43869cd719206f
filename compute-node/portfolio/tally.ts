/** Counts the events that a portfolio's run warns of, while it runs; none of them stops it. */
import { PORTFOLIO_REFUSALS, type PortfolioRefusal } from "../../protocol/portfolio-result.ts";
import type { PortfolioCounts } from "./portfolio-model.ts";

export class PortfolioTally {
  /** Entries that became no position, by reason. */
  readonly refusals = Object.fromEntries(PORTFOLIO_REFUSALS.map((reason) => [reason, 0])) as Record<
    PortfolioRefusal,
    number
  >;
  /** Times at which a flat symbol asked for both sides. */
  conflictingEntries = 0;
  /** Bars that touched the stop and the target. */
  ambiguousBars = 0;
  neverDecided = 0;
  endedEarly = 0;
  isRuined = false;

  counts(ofAccount: Pick<PortfolioCounts, "reducedEntries" | "firstRefusals">): PortfolioCounts {
    const { reducedEntries, firstRefusals } = ofAccount;
    const { refusals, conflictingEntries, ambiguousBars, neverDecided, endedEarly, isRuined } = this;
    return {
      ...{ refusals, firstRefusals, reducedEntries, conflictingEntries },
      ...{ ambiguousBars, neverDecided, endedEarly, isRuined },
    };
  }
}
