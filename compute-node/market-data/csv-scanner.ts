/**
 * Reads numbers and times straight from a file's bytes. Each fast path covers what price files hold and is exact; it
 * answers NaN for anything else, which is then read as text.
 *
 * The bytes must end with a line feed: every loop stops there, so none checks for the end.
 */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../protocol/durations.ts";
import { dayStartMs } from "./time-text.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const COLON = 58;
const LETTER_T = 84;
const LETTER_Z = 90;

/** Powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** A mantissa of so many digits is an exact double, so that one division by an exact power of ten rounds just once. */
const EXACT_DIGITS = 15;
/** Doubles below this are exact integers. */
const EXACT_INTEGERS = 2 ** 53;
/** An integer of nine digits fits 32 bits. */
const INT32_DIGITS = 9;

const text = new TextDecoder();

export class CsvScanner {
  /** Offset of the next byte to read. */
  position = 0;
  /** Line feeds within quotes that were passed so far. */
  quotedLines = 0;
  /** Date-times without a zone that were read so far. */
  unzonedTimes = 0;
  readonly #separator: number;
  #bytes: Uint8Array;
  #dayKey = -1;
  #dayMs = 0;

  constructor(bytes: Uint8Array, separator: string) {
    this.#bytes = bytes;
    this.#separator = separator.charCodeAt(0);
  }

  get isAtEnd(): boolean {
    return this.position >= this.#bytes.length;
  }

  get isAtLineEnd(): boolean {
    const byte = this.#bytes[this.position];
    return byte === LINE_FEED || byte === CARRIAGE_RETURN;
  }

  /** Goes on with other bytes, from `position`. */
  continueWith(bytes: Uint8Array, position: number): void {
    this.#bytes = bytes;
    this.position = position;
  }

  /** The number of a field that ends at a separator or a line's end, as `Number` reads its text, or NaN. */
  readNumber(): number {
    const bytes = this.#bytes;
    let at = this.position;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at++;
    let whole = 0;
    let fraction = 0;
    const wholeStart = at;
    for (let digit = bytes[at] - 48; digit >= 0 && digit <= 9; digit = bytes[++at] - 48) {
      whole = (Math.imul(whole, 10) + digit) | 0;
    }
    const wholeDigits = at - wholeStart;
    let fractionDigits = 0;
    if (bytes[at] === POINT) {
      const fractionStart = ++at;
      for (let digit = bytes[at] - 48; digit >= 0 && digit <= 9; digit = bytes[++at] - 48) {
        fraction = (Math.imul(fraction, 10) + digit) | 0;
      }
      fractionDigits = at - fractionStart;
    }
    const digits = wholeDigits + fractionDigits;
    if (!this.#endsField(bytes[at]) || digits === 0) return Number.NaN;
    if (wholeDigits > INT32_DIGITS || fractionDigits > INT32_DIGITS || digits > EXACT_DIGITS) {
      return this.#readLongNumber();
    }
    this.position = at;
    const scale = POWERS_OF_TEN[fractionDigits];
    const value = (whole * scale + fraction) / scale;
    return isNegative ? -value : value;
  }

  /** Digits and at most one point, as `readNumber` saw, with more digits than it takes. */
  #readLongNumber(): number {
    const bytes = this.#bytes;
    let at = this.position;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at++;
    let mantissa = 0;
    let point = -1;
    for (; !this.#endsField(bytes[at]); at++) {
      if (bytes[at] === POINT) point = at;
      else mantissa = mantissa * 10 + (bytes[at] - 48);
    }
    const fractionDigits = point === -1 ? 0 : at - point - 1;
    if (mantissa >= EXACT_INTEGERS || fractionDigits >= POWERS_OF_TEN.length) return Number.NaN;
    this.position = at;
    const value = mantissa / POWERS_OF_TEN[fractionDigits];
    return isNegative ? -value : value;
  }

  /**
   * Milliseconds of a field `YYYY-MM-DD`, or that with `T` or a space, `HH:MM` or `HH:MM:SS` or `HH:MM:SS.mmm`, and `Z`,
   * `+HH:MM` or no zone; NaN for other text and for times that do not exist.
   */
  readTime(): number {
    const bytes = this.#bytes;
    const at = this.position;
    const year = this.#twoDigits(at) * 100 + this.#twoDigits(at + 2);
    const month = this.#twoDigits(at + 5);
    const day = this.#twoDigits(at + 8);
    if (bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS) return Number.NaN;
    const dayMs = this.#dayStart(year, month, day);
    const separator = bytes[at + 10];
    if (separator === LETTER_T || separator === SPACE) return this.#readClock(at + 11, dayMs);
    if (!this.#endsField(separator) || Number.isNaN(dayMs)) return Number.NaN;
    this.position = at + 10;
    return dayMs;
  }

  #readClock(start: number, dayMs: number): number {
    const bytes = this.#bytes;
    const hour = this.#twoDigits(start);
    const minute = this.#twoDigits(start + 3);
    if (bytes[start + 2] !== COLON) return Number.NaN;
    let at = start + 5;
    let second = 0;
    let millisecond = 0;
    if (bytes[at] === COLON) {
      second = this.#twoDigits(at + 1);
      at += 3;
      if (bytes[at] === POINT) {
        millisecond = this.#twoDigits(at + 1) * 10 + (this.#twoDigits(at + 2) % 10);
        at += 4;
      }
    }
    // Written so that a NaN from a byte that is no digit makes it false.
    if (!(hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN;
    const ms = dayMs + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + millisecond;
    return this.#readZone(at, ms);
  }

  #readZone(start: number, localMs: number): number {
    const bytes = this.#bytes;
    const sign = bytes[start];
    let at = start;
    let ms = localMs;
    if (sign === LETTER_Z) at++;
    else if (sign === PLUS || sign === MINUS) {
      const minutes = this.#twoDigits(start + 1) * 60 + this.#twoDigits(start + 4);
      if (bytes[start + 3] !== COLON) return Number.NaN;
      ms += (sign === PLUS ? -minutes : minutes) * MINUTE_MS;
      at += 6;
    }
    if (!this.#endsField(bytes[at]) || Number.isNaN(ms)) return Number.NaN;
    if (at === start) this.unzonedTimes++;
    this.position = at;
    return ms;
  }

  #twoDigits(at: number): number {
    const tens = this.#bytes[at] - 48;
    const ones = this.#bytes[at + 1] - 48;
    return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
  }

  /** Neighbouring bars mostly share their day. */
  #dayStart(year: number, month: number, day: number): number {
    const key = year * 10_000 + month * 100 + day;
    if (key !== this.#dayKey) {
      this.#dayKey = key;
      this.#dayMs = dayStartMs(year, month, day);
    }
    return this.#dayMs;
  }

  /** Passes a field without reading it. */
  skipField(): void {
    if (this.#bytes[this.position] === QUOTE) this.readText();
    else this.#skipToFieldEnd();
  }

  /** A field as text, without its quotes. Quotes that do not enclose all of it stay, and are refused where it is read. */
  readText(): string {
    const bytes = this.#bytes;
    const start = this.position;
    let close = bytes[start] === QUOTE ? bytes.indexOf(QUOTE, start + 1) : -1;
    while (close !== -1 && bytes[close + 1] === QUOTE) close = bytes.indexOf(QUOTE, close + 2);
    if (close === -1) {
      this.#skipToFieldEnd();
      return text.decode(bytes.slice(start, this.position));
    }
    for (let at = start; at < close; at++) if (bytes[at] === LINE_FEED) this.quotedLines++;
    this.position = close + 1;
    this.#skipToFieldEnd();
    const after = text.decode(bytes.slice(close + 1, this.position));
    if (after.trim() !== "") return text.decode(bytes.slice(start, this.position));
    return text.decode(bytes.slice(start + 1, close)).replaceAll('""', '"');
  }

  #skipToFieldEnd(): void {
    while (!this.#endsField(this.#bytes[this.position])) this.position++;
  }

  /** Goes past a separator. Answers false at a line's end. */
  passSeparator(): boolean {
    if (this.#bytes[this.position] !== this.#separator) return false;
    this.position++;
    return true;
  }

  /** Goes past LF, CR LF or CR. Answers false elsewhere. */
  passLineEnd(): boolean {
    const byte = this.#bytes[this.position];
    if (byte === CARRIAGE_RETURN) {
      this.position++;
      if (this.#bytes[this.position] === LINE_FEED) this.position++;
      return true;
    }
    if (byte !== LINE_FEED) return false;
    this.position++;
    return true;
  }

  /** Goes to the end of the line, past quoted separators but not past quoted line feeds. */
  skipLine(): void {
    const bytes = this.#bytes;
    while (bytes[this.position] !== LINE_FEED && bytes[this.position] !== CARRIAGE_RETURN) this.position++;
  }

  #endsField(byte: number): boolean {
    return byte === this.#separator || byte === LINE_FEED || byte === CARRIAGE_RETURN;
  }
}
