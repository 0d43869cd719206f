/** IPv4 addresses as numbers: networks such as `192.168.1.0/24`, ranges such as `192.168.1.201-205`. */

export interface Network {
  /** The network's own address. */
  readonly base: number;
  readonly prefixLength: number;
}

/** The address as a number from 0 to 2^32 - 1, or null when the text is none. */
export function addressNumber(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  const parts = match.slice(1).map(Number);
  if (parts.some((part, index) => part > 255 || String(part) !== match[index + 1])) return null;
  return parts.reduce((number, part) => number * 256 + part, 0);
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

/** Null when the text is no network, or has bits set beyond its prefix (`192.168.1.7/24`). */
export function parseNetwork(text: string): Network | null {
  const [address = "", length = "", ...rest] = text.split("/");
  const base = addressNumber(address);
  if (base === null || rest.length > 0 || !/^\d{1,2}$/.test(length)) return null;
  const prefixLength = Number(length);
  if (prefixLength < 1 || prefixLength > 30 || base % 2 ** (32 - prefixLength) !== 0) return null;
  return { base, prefixLength };
}

/** True for an address that a host can have: inside the network, and neither its own address nor the broadcast one. */
export function isHostOf({ base, prefixLength }: Network, address: number): boolean {
  return address > base && address < base + 2 ** (32 - prefixLength) - 1;
}

/** Every address of `192.168.1.201-205`, or of a single address; null when the text is no range. */
export function parseAddressRange(text: string): number[] | null {
  const [first = "", last, ...rest] = text.split("-");
  const start = addressNumber(first);
  if (start === null || rest.length > 0) return null;
  if (last === undefined) return [start];
  if (!/^\d{1,3}$/.test(last) || Number(last) > 255) return null;
  const count = Number(last) - (start % 256) + 1;
  return count < 1 ? null : Array.from({ length: count }, (_, index) => start + index);
}
