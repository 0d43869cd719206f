/** States what can no longer be false. A failure is a fault of ours, never of a caller. Stays on in production. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${sentence}`);
}
