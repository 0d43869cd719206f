/** Reads the start of a CSV file: checks that it is one, and finds its separator and the names of its columns. */
import { Problem } from "../../protocol/index.ts";
import { COLUMN_ROLES } from "./columns-plan.ts";

const LONGEST_HEADER_BYTES = 64 * 1024;

export interface CsvHeader {
  readonly names: readonly string[];
  readonly separator: string;
  /** The offset of the first byte after the header's line end. */
  readonly end: number;
  /** The header's line, from 1: blank lines may come before it. */
  readonly line: number;
}

/** The first bytes of files that are not CSV, and the cure for each. */
const OTHER_FORMATS = [
  { start: [0x50, 0x41, 0x52, 0x31], name: "a Parquet file", cure: "Load it with ktrdr data load, which takes both." },
  { start: [0x1f, 0x8b], name: "compressed with gzip", cure: "Unpack it with gunzip first." },
  { start: [0x50, 0x4b, 0x03, 0x04], name: "a ZIP archive", cure: "Unpack it first." },
  { start: [0xff, 0xfe], name: "UTF-16 text", cure: "Save it as UTF-8." },
  { start: [0xfe, 0xff], name: "UTF-16 text", cure: "Save it as UTF-8." },
] as const;

/** The text's bytes. Throws `invalid-data` for an empty file and for plainly another format. */
export function withoutByteOrderMark(bytes: Uint8Array, file: string): Uint8Array {
  if (bytes.length === 0) {
    throw new Problem("invalid-data", `${file} is empty.`, { cure: "Give a file with a header and at least one bar." });
  }
  for (const { start, name, cure } of OTHER_FORMATS) {
    if (start.every((byte, index) => bytes[index] === byte)) {
      throw new Problem("invalid-data", `${file} is ${name}, not CSV text.`, { cure });
    }
  }
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/** The first line that is not blank. Throws `invalid-data` when there is none, or it is absurdly long. */
export function readHeader(bytes: Uint8Array, file: string): CsvHeader {
  const head = new TextDecoder().decode(bytes.slice(0, LONGEST_HEADER_BYTES));
  const match = /^((?:[ \t]*(?:\r\n|\n|\r))*)([^\r\n]+)(\r\n|\n|\r|$)/.exec(head);
  if (match === null || (match[3] === "" && bytes.length > LONGEST_HEADER_BYTES)) {
    throw new Problem("invalid-data", `${file} has no header line.`, {
      cure: `Add a first line that names the columns, such as ${COLUMN_ROLES.join(",")}.`,
    });
  }
  const [whole, blank, header] = match;
  const separator = detectSeparator(header);
  return {
    names: splitHeader(header, separator),
    separator,
    end: new TextEncoder().encode(whole).length,
    line: (blank.match(/\r\n|\n|\r/g)?.length ?? 0) + 1,
  };
}

/** Splits at separators outside quotes. */
function splitHeader(header: string, separator: string): string[] {
  const names = [""];
  let isQuoted = false;
  for (const character of header) {
    if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) names.push("");
    else names[names.length - 1] += character;
  }
  return names;
}

/** The separator that the header uses most, of comma, semicolon, tab and bar; a comma when it has none. */
function detectSeparator(header: string): string {
  const unquoted = header.replace(/"[^"]*"/g, "");
  const counts = [",", ";", "\t", "|"].map((separator) => unquoted.split(separator).length);
  return [",", ";", "\t", "|"][counts.indexOf(Math.max(...counts))];
}
