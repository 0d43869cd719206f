import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/index.ts";
import { BAR_COLUMN_NAMES, type BarColumns } from "./bars.ts";
import { type LoadedBars, type LoadOptions, parseCsv } from "./csv.ts";
import { readTimeText } from "./time-text.ts";

const HEADER = "timestamp,open,high,low,close,volume";
const ROW = "2024-01-02T00:00:00Z,10,12,9,11,100";

function parse(text: string, options: LoadOptions = {}): LoadedBars {
  return parseCsv(new TextEncoder().encode(text), "prices.csv", options);
}

function problemOf(text: string, options: LoadOptions = {}): Problem {
  try {
    parse(text, options);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

/** The columns as plain arrays, for one glance. */
function columnsOf(bars: BarColumns): number[][] {
  return BAR_COLUMN_NAMES.map((name) => [...bars[name]]);
}

const DAY = Date.UTC(2024, 0, 2);
const PLAIN = [[DAY], [10], [12], [9], [11], [100]];

describe("parseCsv takes", () => {
  it.each([
    ["line feeds", `${HEADER}\n${ROW}\n`],
    ["no line feed at the end", `${HEADER}\n${ROW}`],
    ["CR LF", `${HEADER}\r\n${ROW}\r\n`],
    ["CR LF and none at the end", `${HEADER}\r\n${ROW}`],
    ["CR alone", `${HEADER}\r${ROW}\r`],
    ["a byte-order mark", `\ufeff${HEADER}\n${ROW}\n`],
    ["blank lines anywhere", `\n\n${HEADER}\n\n${ROW}\n\n`],
    ["semicolons", `${HEADER}\n${ROW}`.replaceAll(",", ";")],
    ["tabs", `${HEADER}\n${ROW}`.replaceAll(",", "\t")],
    ["bars", `${HEADER}\n${ROW}`.replaceAll(",", "|")],
    ["quoted fields", `"timestamp","open","high","low","close","volume"\n"2024-01-02","10","12","9","11","100"`],
    ["spaces around values", `timestamp, open, high, low, close, volume\n2024-01-02, 10, 12 , 9, 11, 100`],
    ["other cases of the names", `Date,OPEN,High,LoW,Close,Vol\n2024-01-02,10,12,9,11,100`],
    ["names in angle brackets", `<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n2024.01.02,10,12,9,11,100`],
    ["numbered names", `timestamp,1. open,2. high,3. low,4. close,5. volume\n2024-01-02,10,12,9,11,100`],
    ["columns in another order", `volume,close,low,high,open,time\n100,11,9,12,10,2024-01-02`],
    ["numbers in other spellings", `${HEADER}\n2024-01-02,1e1,12.,+9,11.0,1E2`],
  ])("%s", (_, text) => {
    const { bars, warnings } = parse(text);
    expect(columnsOf(bars)).toEqual(PLAIN);
    expect(warnings).toEqual([]);
  });

  it.each([
    ["2024-01-02", DAY],
    ["20240102", DAY],
    ["2024/1/2", DAY],
    ["2024-01-02 09:30", DAY + 34_200_000],
    ["2024-01-02T09:30:15Z", DAY + 34_215_000],
    ["2024-01-02t09:30:15z", DAY + 34_215_000],
    ["2024-01-02 09:30:15.250+02:00", DAY + 27_015_250],
    ["2024-01-02 09:30:15-0530", DAY + 54_015_000],
    ["2024-01-02 09:30:15.250000 UTC", DAY + 34_215_250],
    ["2024-02-29T23:59:59.999Z", Date.UTC(2024, 1, 29, 23, 59, 59, 999)],
    ["1704153600", DAY],
    ["1704153600.25", DAY + 250],
    ["1704153600250", DAY + 250],
    ["1704153600250000", DAY + 250],
    ["1704153600250000000", DAY + 250],
  ])("the time %s", (time, ms) => {
    expect(parse(`${HEADER}\n${time},10,12,9,11,100`).bars.timeMs[0]).toBe(ms);
  });

  it("every day from 1970 to 2199 as Date does", () => {
    const days = Array.from({ length: 84_006 }, (_, day) => new Date(day * 86_400_000).toISOString().slice(0, 10));
    const { bars } = parse(`${HEADER}\n${days.map((day) => `${day},10,12,9,11,1`).join("\n")}`);
    expect([...bars.timeMs]).toEqual(days.map((day) => Date.parse(day)));
    expect(days.at(-1)).toBe("2199-12-31");
  });

  it("columns that the caller names, and says which ones it leaves out", () => {
    const text = "When,First,Top,Bottom,Last,Note\n2024-01-02,10,12,9,11,x";
    const columns = { timestamp: "When", open: "First", high: "top", low: "Bottom", close: "Last" };
    const { bars, warnings } = parse(text, { columns });
    expect(columnsOf(bars)).toEqual([[DAY], [10], [12], [9], [11], [0]]);
    expect(warnings.map(({ code }) => code)).toEqual(["columns-ignored", "volume-missing"]);
    expect(warnings[0].message).toBe("Not used: Note.");
  });

  it("a first column without a name as the time, as data frames write it", () => {
    const { bars, warnings } = parse(",open,high,low,close,volume\n2024-01-02,10,12,9,11,100");
    expect(columnsOf(bars)).toEqual(PLAIN);
    expect(warnings.map(({ code }) => code)).toEqual(["time-column-assumed"]);
  });

  it("a file that quotes line feeds in a column that it ignores, and still counts lines", () => {
    const text =
      'timestamp,note,open,high,low,close,volume\n2024-01-02,"a\n""b"", c",10,12,9,11,100\n2024-01-03,,10,x,9,11,1';
    expect(problemOf(text).message).toBe("prices.csv, line 4: high 'x' is not a number.");
  });
});

describe("parseCsv warns, once for all rows, of", () => {
  it.each([
    ["adjusted-close-ignored", "date,open,high,low,close,Adj Close,volume\n2024-01-02,10,12,9,11,5.5,100"],
    ["volume-missing", "date,open,high,low,close\n2024-01-02,10,12,9,11"],
    ["volume-empty", `${HEADER}\n2024-01-02,10,12,9,11,\n2024-01-03,10,12,9,11,`],
    ["time-zone-assumed", `${HEADER}\n2024-01-02 09:30,10,12,9,11,1\n2024-01-02 09:31,10,12,9,11,1`],
    ["time-unit-assumed", `${HEADER}\n1704153600,10,12,9,11,1\n1704153660,10,12,9,11,1`],
  ])("%s", (code, text) => {
    const { warnings } = parse(text);
    expect(warnings.map((warning) => warning.code)).toEqual([code]);
  });

  it("rows that it sorted, when asked to", () => {
    const rows = ["2024-01-04,3,3,3,3,3", "2024-01-02,1,1,1,1,1", "2024-01-03,2,2,2,2,2"];
    const { bars, warnings } = parse(`${HEADER}\n${rows.join("\n")}`, { sort: true });
    expect([...bars.close]).toEqual([1, 2, 3]);
    expect(warnings).toEqual([
      { code: "rows-sorted", message: "3 rows were not in order of time and were sorted.", count: 3 },
    ]);
  });
});

describe("parseCsv refuses", () => {
  it.each<[string, string, string, string]>([
    ["an empty file", "", "prices.csv is empty.", "Give a file with a header and at least one bar."],
    [
      "blank lines alone",
      "\n\n",
      "prices.csv has no header line.",
      `Add a first line that names the columns, such as ${HEADER}.`,
    ],
    [
      "a header alone",
      `${HEADER}\n`,
      "prices.csv has a header and no rows.",
      "Give a file with at least one bar below the header.",
    ],
    [
      "a file without a header",
      `${ROW}\n`,
      `prices.csv has no header: its first line is ${ROW}`,
      `Add a first line that names the columns, such as ${HEADER}.`,
    ],
    [
      "a missing column",
      "Date,Open,High,Low,Last\n2024-01-02,10,12,9,11",
      "prices.csv has no column for close. Found: Date, Open, High, Low, Last. Needed: timestamp (or date), open, high, low, close.",
      "Say which column it is, as in --columns close=Last.",
    ],
    [
      "two columns of one name",
      "date,open,high,low,close,close\n2024-01-02,10,12,9,11,11",
      "prices.csv has more than one column 'close'.",
      "Rename or leave out all but one of them.",
    ],
    [
      "a date and a time in two columns",
      "date,time,open,high,low,close\n2024-01-02,09:30,10,12,9,11",
      "prices.csv splits its time over the columns date and time.",
      "Join them into one column, or choose one that is complete: --columns timestamp=date.",
    ],
    [
      "Parquet",
      "PAR1....",
      "prices.csv is a Parquet file, not CSV text.",
      "Load it with ktrdr data load, which takes both.",
    ],
  ])("%s", (_, text, message, cure) => {
    const problem = problemOf(text);
    expect(problem.kind).toBe("invalid-data");
    expect(problem.message).toBe(message);
    expect(problem.cure).toBe(cure);
  });

  it("UTF-16 and gzip, by their first bytes", () => {
    expect(() => parseCsv(Uint8Array.of(0xff, 0xfe, 0x74, 0), "a.csv")).toThrow("a.csv is UTF-16 text, not CSV text.");
    expect(() => parseCsv(Uint8Array.of(0x1f, 0x8b, 8), "a.gz")).toThrow("a.gz is compressed with gzip, not CSV text.");
  });

  it("a name that --columns gives and the file lacks", () => {
    const problem = problemOf(`${HEADER}\n${ROW}`, { columns: { close: "Last" } });
    expect(problem.message).toBe(
      "prices.csv has no column 'Last' to be the close; it has timestamp, open, high, low, close, volume.",
    );
    expect(problem.cure).toBe("Give one of these names: --columns close=NAME.");
  });

  const CORRECT = "Correct the file and load it again.";
  const SORT = "Sort the rows by time, or load the file with --sort.";
  it.each<[string, string, string]>([
    ["2024-01-03,10,12,9,,1", "close is empty", CORRECT],
    ["2024-01-03,10,12,9,null,1", "close 'null' is not a number", CORRECT],
    ["2024-01-03,10,12,9,0x0b,1", "close '0x0b' is not a number", CORRECT],
    ["2024-01-03,10,12,9,NaN,1", "close 'NaN' is not a number", CORRECT],
    ["2024-01-03,10,Infinity,9,11,1", "high 'Infinity' is not a number", CORRECT],
    ["2024-01-03,10,1e999,9,11,1", "high Infinity is not a finite number", CORRECT],
    ['2024-01-03,10,12,9,"11,5",1', "close '11,5' is not a number", "Write numbers with a decimal point."],
    ['2024-01-03,10,12,9,"11"5,1', "close '\"11\"5' is not a number", CORRECT],
    ['2024-01-03,10,12,9,"11,1', "close '\"11' is not a number", CORRECT],
    ["2024-01-03,10,8,9,9,1", "high 8 is below low 9", CORRECT],
    ["2024-01-03,13,12,9,11,1", "open 13 is above high 12", CORRECT],
    ["2024-01-03,8,12,9,11,1", "open 8 is below low 9", CORRECT],
    ["2024-01-03,10,12,9,12.0000001,1", "close 12.0000001 is above high 12", CORRECT],
    ["2024-01-03,10,12,9,11,-1", "volume -1 is not a finite number of at least 0", CORRECT],
    [
      "2024-01-03,10,12,0,11,1",
      "low 0 is not above zero",
      "Correct the rows, or load the file with --allow-non-positive where such prices are real.",
    ],
    ["2024-01-03,10,12,9,11", "it has fewer fields than the 6 that the header names", CORRECT],
    ["2024-01-03,10,12,9,11,1,7", "it has more fields than the 6 that the header names", CORRECT],
    ["2024-01-02,10,12,9,11,1", "the time 2024-01-02T00:00:00Z stands on line 2 already", CORRECT],
    ["2024-01-01,10,12,9,11,1", "the time 2024-01-01T00:00:00Z is before 2024-01-02T00:00:00Z on line 2", SORT],
    ["2024-02-30,10,12,9,11,1", "the time '2024-02-30' is not a day of the calendar", CORRECT],
    ["2024-01-03T25:00Z,10,12,9,11,1", "the time '2024-01-03T25:00Z' is not a time of day", CORRECT],
    [
      "2024-01-03T00:00:00.0005Z,10,12,9,11,1",
      "the time '2024-01-03T00:00:00.0005Z' is finer than a millisecond",
      CORRECT,
    ],
    [
      "03/01/2024,10,12,9,11,1",
      "the time '03/01/2024' is not a time; write it as 2024-01-31, 2024-01-31T09:30:00Z or seconds since 1970",
      CORRECT,
    ],
    [",10,12,9,11,1", "the time '' is empty", CORRECT],
    [
      "1704240000,10,12,9,11,1",
      "the time '1704240000' reads as seconds since 1970, and the rows before as a date",
      CORRECT,
    ],
    ["2201-01-01,10,12,9,11,1", "the time 2201-01-01T00:00:00Z is after the year 2200", CORRECT],
  ])("the row %s", (row, fault, cure) => {
    const problem = problemOf(`${HEADER}\n${ROW}\n${row}\n`);
    expect(problem.kind).toBe("invalid-data");
    expect(problem.message).toContain(`prices.csv, line 3: ${fault}.`);
    expect(problem.issues[0]).toEqual({ message: fault, file: "prices.csv", line: 3 });
    expect(problem.cure).toBe(cure);
  });

  it("rows before 1970", () => {
    const problem = problemOf(`${HEADER}\n1969-12-31,10,12,9,11,1\n1970-01-01,10,12,9,11,1`);
    expect(problem.message).toBe("prices.csv, line 2: the time 1969-12-31T00:00:00Z is before 1970.");
    expect(problem.cure).toBe("Leave out the rows before 1970.");
  });

  it("many rows at once: it lists 20 and counts all", () => {
    const rows = Array.from({ length: 50 }, (_, row) => `2024-01-02T00:${String(row).padStart(2, "0")}Z,10,12,9,bad,1`);
    const problem = problemOf(`${HEADER}\n${rows.join("\n")}`);
    expect(problem.message).toBe(
      "prices.csv, line 2: close 'bad' is not a number. And 49 more faults in other lines, of which 19 are listed.",
    );
    expect(problem.issues).toHaveLength(20);
    expect(problem.issues.map((issue) => issue.line)).toEqual(Array.from({ length: 20 }, (_, row) => row + 2));
  });

  it("equal times even when it sorts, and names the lines where they stand in the file", () => {
    const text = `${HEADER}\n2024-01-03,1,1,1,1,1\n2024-01-02,1,1,1,1,1\n\n2024-01-03,1,1,1,1,1`;
    expect(problemOf(text, { sort: true }).message).toBe(
      "prices.csv, line 5: the time 2024-01-03T00:00:00Z stands on line 2 already.",
    );
  });

  it("nothing that is at zero or below when the caller allows it", () => {
    const { bars } = parse(`${HEADER}\n2024-01-02,-1,0,-37.63,-10,5`, { allowNonPositive: true });
    expect(columnsOf(bars).slice(1, 5)).toEqual([[-1], [0], [-37.63], [-10]]);
  });
});

describe("parseCsv, for any bars,", () => {
  const price = fc.double({ min: 1e-300, max: 1e300, noNaN: true });
  const bar = fc.record({
    prices: fc.tuple(price, price, price, price),
    volume: fc.double({ min: 0, max: 1e300, noNaN: true }).map((volume) => volume + 0),
    stepMs: fc.integer({ min: 1, max: 1e9 }),
  });
  const spelling = fc.record({
    separator: fc.constantFrom(",", ";", "\t"),
    lineEnd: fc.constantFrom("\n", "\r\n", "\r"),
    isQuoted: fc.boolean(),
    hasLastLineEnd: fc.boolean(),
  });

  it("gives back the bits that were written", () => {
    fc.assert(
      fc.property(fc.array(bar, { minLength: 1, maxLength: 40 }), spelling, (bars, how) => {
        let time = 0;
        const rows = bars.map(({ prices, volume, stepMs }) => {
          time += stepMs;
          const [low, open, close, high] = prices.toSorted((a, b) => a - b);
          return [time, open, high, low, close, volume];
        });
        const quote = (text: string) => (how.isQuoted ? `"${text}"` : text);
        const lines = rows.map(([ms, ...values]) => [new Date(ms).toISOString(), ...values.map(String)]);
        const text = [HEADER.split(","), ...lines].map((fields) => fields.map(quote).join(how.separator));
        const parsed = parse(text.join(how.lineEnd) + (how.hasLastLineEnd ? how.lineEnd : "")).bars;
        expect(columnsOf(parsed)).toEqual(BAR_COLUMN_NAMES.map((_, column) => rows.map((row) => row[column])));
      }),
      { numRuns: 300 },
    );
  });

  it("reads every decimal spelling exactly as Number does", () => {
    const digits = (min: number, max: number) =>
      fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: min, maxLength: max });
    const decimal = fc
      .tuple(digits(1, 20), fc.option(digits(0, 25), { nil: null }), fc.constantFrom("", "e3", "E-7", "e+0"))
      .map(([whole, fraction, exponent]) => `${whole}${fraction === null ? "" : `.${fraction}`}${exponent}`);
    fc.assert(
      fc.property(decimal, (text) => {
        const { bars } = parse(`${HEADER}\n2024-01-02,1,1,1,1,${text}`);
        expect(bars.volume[0]).toBe(Number(text));
      }),
      { numRuns: 3000 },
    );
  });

  it("reads every time from bytes as the plain reading of text does", () => {
    const two = fc.integer({ min: 0, max: 70 }).map((value) => String(value).padStart(2, "0"));
    const time = fc
      .tuple(fc.integer({ min: 1970, max: 2199 }), fc.tuple(two, two, two, two, two), fc.constantFrom("T", " ", ""))
      .chain(([year, [month, day, hour, minute, second], between]) => {
        const clocks = [`${hour}:${minute}`, `${hour}:${minute}:${second}`, `${hour}:${minute}:${second}.125`];
        const zones = ["", "Z", "+00:00", "-05:30", "+0200", " UTC"];
        const clock = fc.tuple(fc.constantFrom(...clocks), fc.constantFrom(...zones)).map((parts) => parts.join(""));
        return clock.map((text) => `${year}-${month}-${day}${between === "" ? "" : between + text}`);
      });
    fc.assert(
      fc.property(time, (text) => {
        const reading = readTimeText(text);
        const file = `${HEADER}\n${text},1,1,1,1,1`;
        if ("fault" in reading) expect(problemOf(file).message).toContain(`the time '${text}' ${reading.fault}`);
        else if (reading.ms >= 0) expect(parse(file).bars.timeMs[0]).toBe(reading.ms);
      }),
      { numRuns: 3000 },
    );
  });

  it("always answers or refuses, whatever the bytes", () => {
    const fragment = fc.constantFrom(
      ...HEADER.split(","),
      ",",
      "\n",
      "\r",
      '"',
      ";",
      "2024-01-02",
      "12",
      ".",
      "-",
      "é",
      " ",
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(fragment, { maxLength: 60 }), (hasHeader, parts) => {
        const text = (hasHeader ? `${HEADER}\n` : "") + parts.join("");
        let rows = 0;
        try {
          rows = parse(text).bars.rows;
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
          expect((error as Problem).cure).toBeTruthy();
          return;
        }
        expect(rows).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });
});

it("parseCsv makes room when lines turn out shorter than the first ones", () => {
  const long = Array.from(
    { length: 900 },
    (_, row) => `${1_000_000_000 + row},${"1".padEnd(80, "0").replace(/^1/, "1.")},2,1,1,1`,
  );
  const short = Array.from({ length: 20_000 }, (_, row) => `${1_000_010_000 + row},1,2,1,1,1`);
  const { bars } = parse(`${HEADER}\n${[...long, ...short].join("\n")}`);
  expect(bars.rows).toBe(20_900);
  expect(bars.timeMs[20_899]).toBe(1_000_029_999_000);
});
