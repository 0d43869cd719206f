/** Outcomes within this part of the account are the same: exits in another order add up to other last digits. */
export const SAME_MONEY = 1e-9;
