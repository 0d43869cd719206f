/**
 * Keeps the hashes of the tokens that were seen last. A client sends the same one with each request, and WebCrypto's round trip
 * is a good part of a short request. The registry checks the hash each time.
 */
import { sha256Hex } from "../protocol/index.ts";

const KEPT = 256;
const hashes = new Map<string, string>();

export async function hashOfToken(token: string): Promise<string> {
  const known = hashes.get(token);
  if (known !== undefined) return known;
  const hash = await sha256Hex(token);
  if (hashes.size >= KEPT) for (const oldest of hashes.keys()) if (hashes.delete(oldest)) break;
  hashes.set(token, hash);
  return hash;
}
