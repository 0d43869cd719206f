/** CRC-32 as ZIP has it (reflected 0xEDB88320), eight bytes a step over eight tables. */

const POLYNOMIAL = 0xedb8_8320;
const STEP = 8;

/** Table n has the checksum of each byte with n zero bytes behind it. */
const TABLES = makeTables();

function makeTables(): Int32Array[] {
  const tables = Array.from({ length: STEP }, () => new Int32Array(256));
  const [first] = tables;
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    first[byte] = sum;
  }
  for (let step = 1; step < STEP; step++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = tables[step - 1][byte];
      tables[step][byte] = (before >>> 8) ^ first[before & 0xff];
    }
  }
  return tables;
}

export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - (bytes.length % STEP);
  let sum = -1;
  for (let at = 0; at < whole; at += STEP) {
    const low = view.getInt32(at, true) ^ sum;
    const high = view.getInt32(at + 4, true);
    sum =
      t7[low & 0xff] ^
      t6[(low >>> 8) & 0xff] ^
      t5[(low >>> 16) & 0xff] ^
      t4[low >>> 24] ^
      t3[high & 0xff] ^
      t2[(high >>> 8) & 0xff] ^
      t1[(high >>> 16) & 0xff] ^
      t0[high >>> 24];
  }
  for (let at = whole; at < bytes.length; at++) sum = (sum >>> 8) ^ t0[(sum ^ bytes[at]) & 0xff];
  return ~sum >>> 0;
}
