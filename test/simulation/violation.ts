/** A promise was broken: which one, and how. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`invariant ${invariant}: ${message}`);
    this.name = "Violation";
    this.invariant = invariant;
  }
}
