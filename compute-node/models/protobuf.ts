/** As much of the Protocol Buffers wire format as ONNX files need. https://protobuf.dev/programming-guides/encoding/ */
import { Problem } from "../../protocol/problem.ts";

const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];

/** Builds one message, field after field. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  /** A whole number from 0 to 2^53, or below 0. */
  integer(field: number, value: number): this {
    this.#key(field, VARINT);
    this.#varint(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  float(field: number, value: number): this {
    this.#key(field, FIXED32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#parts.push(bytes);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#key(field, BYTES);
    this.#varint(BigInt(value.length));
    this.#parts.push(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: MessageWriter): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #key(field: number, type: number): void {
    this.#varint(BigInt(field * 8 + type));
  }

  #varint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    while (rest > 0x7fn) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#parts.push(Uint8Array.from(bytes));
  }
}

/** A field as it stands: a whole number, the bits of a float, or bytes. */
type FieldValue = bigint | Uint8Array;

/** One message, its fields by number. Throws a `Problem` (`invalid-request`) for bytes that end within a field. */
export class MessageReader {
  readonly #fields = new Map<number, FieldValue[]>();
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    while (this.#at < bytes.length) {
      const key = Number(this.#varint());
      const field = Math.floor(key / 8);
      const values = this.#fields.get(field) ?? [];
      values.push(this.#value(key % 8));
      this.#fields.set(field, values);
    }
  }

  /** Every value of a repeated field of whole numbers, packed or not. */
  integers(field: number): number[] {
    return this.#all(field).flatMap((value) =>
      typeof value === "bigint" ? [signed(value)] : new MessageReader(packedAsField(value)).integers(1),
    );
  }

  integer(field: number): number | null {
    return this.integers(field).at(-1) ?? null;
  }

  /** Every value of a repeated field of floats, packed or not. */
  floats(field: number): number[] {
    return this.#all(field).flatMap((value) => {
      const bytes = typeof value === "bigint" ? bitsOf(value) : value;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Array.from({ length: bytes.length >> 2 }, (_, index) => view.getFloat32(4 * index, true));
    });
  }

  float(field: number): number | null {
    return this.floats(field).at(-1) ?? null;
  }

  bytes(field: number): Uint8Array | null {
    return this.messagesBytes(field).at(-1) ?? null;
  }

  texts(field: number): string[] {
    return this.messagesBytes(field).map((value) => new TextDecoder().decode(value));
  }

  text(field: number): string {
    return this.texts(field).at(-1) ?? "";
  }

  messages(field: number): MessageReader[] {
    return this.messagesBytes(field).map((value) => new MessageReader(value));
  }

  messagesBytes(field: number): Uint8Array[] {
    return this.#all(field).filter((value): value is Uint8Array => typeof value !== "bigint");
  }

  #all(field: number): readonly FieldValue[] {
    return this.#fields.get(field) ?? [];
  }

  #value(type: number): FieldValue {
    if (type === VARINT) return this.#varint();
    if (type === BYTES) return this.#take(Number(this.#varint()));
    if (type !== FIXED32 && type !== FIXED64) throw damaged(`a field of type ${type}`);
    return this.#take(type === FIXED32 ? 4 : 8);
  }

  #take(count: number): Uint8Array {
    const start = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw damaged(`${count} bytes from byte ${start} of ${this.#bytes.length}`);
    return this.#bytes.subarray(start, this.#at);
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte] = this.#take(1);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw damaged("a whole number of more than 64 bits");
  }
}

function signed(value: bigint): number {
  return Number(BigInt.asIntN(64, value));
}

function bitsOf(value: bigint): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Number(BigInt.asUintN(32, value)), true);
  return bytes;
}

/** Packed whole numbers, each as field 1. */
function packedAsField(packed: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  let isStart = true;
  for (const byte of packed) {
    if (isStart) bytes.push(8);
    bytes.push(byte);
    isStart = byte < 0x80;
  }
  return Uint8Array.from(bytes);
}

function damaged(what: string): Problem {
  return new Problem("invalid-request", `This is not a whole ONNX file: it breaks off in ${what}.`, {
    cure: "Fetch it again and check its SHA-256.",
  });
}
