/** Fills `bytes` from the runtime's source of chance. */
export function fillRandom(bytes: Uint8Array): void {
  crypto.getRandomValues(bytes);
}
