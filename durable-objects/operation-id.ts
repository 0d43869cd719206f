/** Operation ids: 9 base-36 digits of time, so that they sort by age, and 11 of chance. */
const TIME_DIGITS = 9;
const RANDOM_DIGITS = 11;
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

export function makeOperationId(now: number, random: (bytes: Uint8Array) => void): string {
  const bytes = new Uint8Array(RANDOM_DIGITS);
  random(bytes);
  const time = now.toString(36).padStart(TIME_DIGITS, "0");
  return `op_${time}${Array.from(bytes, (byte) => DIGITS[byte % DIGITS.length]).join("")}`;
}
