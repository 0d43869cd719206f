/** Counts bytes of UTF-8, the unit of every limit on a wire. A string's own `length` counts UTF-16 units. */

/**
 * The longest reason of a WebSocket's close, by the standard (RFC 6455, 5.5). A control frame has 125 bytes, and two of them
 * are the code.
 */
export const CLOSE_REASON_BYTES = 123;

const encoder = new TextEncoder();
/** Texts are encoded in pieces of this size, so that nothing is allocated for their bytes. */
const scratch = new Uint8Array(16 * 1024);

/** Counts the bytes that `TextEncoder` makes of the text. A surrogate without its other half is U+FFFD, three bytes. */
export function byteLength(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; ) {
    const { read, written } = encoder.encodeInto(at === 0 ? text : text.slice(at), scratch);
    at += read;
    bytes += written;
  }
  return bytes;
}

/** Returns the longest beginning of the text with at most `limitBytes` bytes. No character is split. */
export function withinBytes(text: string, limitBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(limitBytes));
  return text.slice(0, read);
}
