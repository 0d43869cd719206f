/** Lengths in bytes of UTF-8, in which the limits of a wire are counted; a string's own `length` counts UTF-16 units. */

/**
 * The longest reason of a WebSocket's close, by the standard (RFC 6455, 5.5): a control frame has 125 bytes, and two of them are
 * the code.
 */
export const CLOSE_REASON_BYTES = 123;

const encoder = new TextEncoder();
/** Texts are encoded in pieces of this size, so that nothing is allocated for their bytes. */
const scratch = new Uint8Array(16 * 1024);

/** As many bytes as `TextEncoder` makes of the text: a surrogate without its other half counts as U+FFFD, three bytes. */
export function byteLength(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; ) {
    const { read, written } = encoder.encodeInto(at === 0 ? text : text.slice(at), scratch);
    at += read;
    bytes += written;
  }
  return bytes;
}

/** The longest beginning of the text that has at most `limitBytes` bytes; a character is left out whole. */
export function withinBytes(text: string, limitBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(limitBytes));
  return text.slice(0, read);
}
