/** A broken promise, with its name and the circumstances. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`invariant ${invariant}: ${message}`);
    this.name = "Violation";
    this.invariant = invariant;
  }
}
