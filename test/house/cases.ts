/**
 * Fifty results whose bytes stay when the code is rearranged: command lines, and the results of each. Everything goes
 * through `runCommand`, the one door that does not move, in this process.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../cli/program.ts";
import { HOUR_MS } from "../../protocol/durations.ts";

interface HouseCase {
  readonly name: string;
  /**
   * `artefact`: the archive of `backtest --local -o`; `model`: the file of `train --local --out`; `document`: what `--json`
   * prints; `request`: the body that is sent to the control plane.
   */
  readonly kind: "artefact" | "model" | "document" | "request";
  readonly words: readonly string[];
}

/** SHA-256 of one result. */
export interface ResultHashes {
  /** Hash of the bytes. */
  readonly sha256: string;
  /**
   * Hash of the content that stays when a format gets a new version: tables and figures without `format`, `warnings`
   * and the hash of the specification; weights without the header before them. Null for a request.
   */
  readonly content_sha256: string | null;
}

const HERE = import.meta.dirname;
const MODEL = ["--model-file", join(HERE, "model.safetensors")];
const yaml = (name: string): string => join(HERE, "strategies", `${name}.yaml`);
const script = (name: string): string => join(HERE, "strategies", `${name}.ts`);
const golden = (name: string): string => join(HERE, "..", "golden", "strategies", `${name}.yaml`);

const artefact = (name: string, file: string, options: string): HouseCase => ({
  ...{ name, kind: "artefact" },
  words: ["backtest", file, ...wordsOf(options)],
});
const request = (name: string, ...words: string[]): HouseCase => ({ name, kind: "request", words });
const wordsOf = (options: string): string[] => options.split(" ").filter((word) => word !== "");

const SMA = yaml("sma-cross");
const BRACKETS = yaml("ema-cross-brackets");
const NEURAL = yaml("neural-daily-trend");

export const HOUSE_CASES: readonly HouseCase[] = [
  artefact("example: crossing averages", SMA, "--symbol SP500"),
  artefact("example: Donchian breakout", yaml("donchian-breakout"), "--symbol SP500"),
  artefact("example: crossing averages with brackets", BRACKETS, "--symbol SP500"),
  artefact("example: RSI reversion", yaml("rsi-reversion"), "--symbol SP500"),

  artefact("golden: Donchian", golden("Donchian"), "--symbol AAPL"),
  artefact("golden: EMA with stop and target, both sides", golden("EmaSLTPboth"), "--symbol AAPL"),
  artefact("golden: RSI, long and short", golden("RsiLS"), "--symbol SP500"),
  artefact("golden: RSI, long", golden("RsiLong"), "--symbol AAPL"),
  artefact("golden: SMA, long and short", golden("SmaLS"), "--symbol AAPL"),
  artefact("golden: SMA, long", golden("SmaLong"), "--symbol AAPL"),
  artefact("golden: SMA with stop and target", golden("SmaSLTP"), "--symbol SP500"),

  artefact("commission: a rate", SMA, "--symbol SP500 --commission 0.1%"),
  artefact("commission: fixed and a rate", SMA, "--symbol AAPL --commission-fixed 2 --commission 0.05%"),
  artefact(
    "commission: per unit, with a minimum",
    BRACKETS,
    "--symbol AAPL --commission-per-unit 0.01 --commission-minimum 5",
  ),
  artefact("commission: a maker's rebate", BRACKETS, "--symbol SP500 --commission 0.1% --maker-commission -0.01%"),
  artefact("price: spread", SMA, "--symbol SP500 --spread 0.05%"),
  artefact("price: slippage", BRACKETS, "--symbol SP500 --slippage 0.1%"),
  artefact("price: slippage, spread and tick", BRACKETS, "--symbol AAPL --slippage 0.02% --spread 0.01% --tick 0.05"),
  artefact("price: fills at the close", SMA, "--symbol SP500 --fill-at close"),
  artefact("price: fills at the close, with brackets", BRACKETS, "--symbol AAPL --fill-at close"),
  artefact("size: fractions of a unit", SMA, "--symbol SP500 --fractional"),
  artefact("size: lots of ten", SMA, "--symbol AAPL --lot 10"),
  artefact("size: a small account", BRACKETS, "--symbol AAPL --capital 500"),
  artefact("size: an account too small for one unit", SMA, "--symbol SP500 --capital 900"),
  artefact("margin: two times", SMA, "--symbol SP500 --margin 0.5 --financing 4%"),
  artefact("margin: ten times, liquidated", golden("RsiLS"), "--symbol SP500 --margin 0.1 --maintenance-margin 5%"),
  artefact("short: borrowed at 3 %", golden("SmaLS"), "--symbol SP500 --short-borrow 3%"),
  artefact("preset: backtesting.py", SMA, "--symbol AAPL --preset backtesting.py"),
  artefact(
    "preset: backtesting.py with brackets and commission",
    golden("EmaSLTPboth"),
    "--symbol AAPL --preset backtesting.py --commission 0.2%",
  ),
  artefact("range: from and to", SMA, "--symbol SP500 --from 2005 --to 2012-06"),
  artefact("range: open at the last bar", SMA, "--symbol AAPL --to 2016 --no-finalize"),
  artefact("parameters: overridden", BRACKETS, "--symbol SP500 --set fast=5 --set slow=40 --set stop=0.03"),
  artefact(
    "hours: crossing averages with brackets",
    BRACKETS,
    "--symbol WALK --timeframe 1h --fractional --commission 0.02%",
  ),

  artefact("script: crossing averages", script("sma-cross"), "--symbol SP500"),
  artefact("script: breakout with stop orders", script("breakout-bracket"), "--symbol SP500"),
  artefact(
    "script: overridden, with costs",
    script("breakout-bracket"),
    "--symbol AAPL --set lookback=40 --commission 0.1% --slippage 0.05%",
  ),

  artefact("portfolio: rotation", yaml("momentum-rotation"), "--symbols SP500,AAPL --timeframe 1d --fractional"),
  artefact("portfolio: two symbols on one account", BRACKETS, "--symbols SP500,AAPL --timeframe 1d --commission 0.1%"),
  artefact(
    "portfolio: splits and dividends",
    SMA,
    `--symbols AAPL --timeframe 1d --actions ${join(HERE, "actions.csv")}`,
  ),
  artefact(
    "portfolio: dividends, history as it was",
    SMA,
    `--symbols AAPL --timeframe 1d --actions ${join(HERE, "actions.csv")} --adjust none`,
  ),
  artefact(
    "portfolio: prices in euros",
    BRACKETS,
    "--symbols WALK --timeframe 1h --currency WALK=EUR --convert EUR=EURUSD@1h",
  ),

  { name: "training: one network", kind: "model", words: ["train", NEURAL, "--epochs", "4"] },
  {
    name: "training: the best of three",
    kind: "model",
    words: ["train", NEURAL, "--epochs", "2", "--seeds", "3", "--seed", "7"],
  },
  {
    name: "model: backtest of a kept one",
    kind: "artefact",
    words: ["backtest", ...MODEL, "--symbol", "SP500", "--from", "2015"],
  },

  {
    name: "document: what --json prints",
    kind: "document",
    words: ["backtest", BRACKETS, "--symbol", "AAPL", "--local"],
  },

  request(
    "request: backtest of rules",
    "backtest",
    SMA,
    ...wordsOf("--symbol SP500 --timeframe 1d --commission 0.1% --from 2010"),
  ),
  request(
    "request: backtest of code",
    "backtest",
    script("sma-cross"),
    ...wordsOf("--symbol SP500 --timeframe 1d --set fast=10"),
  ),
  request(
    "request: portfolio",
    "backtest",
    yaml("momentum-rotation"),
    ...wordsOf("--symbols SP500,AAPL --timeframe 1d"),
  ),
  request(
    "request: training",
    "train",
    NEURAL,
    ...wordsOf("--epochs 5 --require gpu=h100 --worker-type gpu_host,cpu_training"),
  ),
  request(
    "request: program",
    "run",
    "trend-line",
    ...wordsOf("--symbol SP500 --data-format npy --set epochs=50 --priority 3 --name trend"),
  ),
];

/** A ktrdr home with the sample prices and two series made here, and a control plane that takes every request. */
export class House implements AsyncDisposable {
  private readonly home = mkdtempSync(join(tmpdir(), "ktrdr-house-"));
  private readonly bodies: string[] = [];
  private readonly plane = createServer((incoming, outgoing) => {
    let body = "";
    incoming.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    incoming.on("end", () => {
      this.bodies.push(body);
      outgoing.writeHead(200, { "content-type": "application/json" });
      outgoing.end('{"operation_id":"op_01jd3x0c5k8m2q4r6t8v","status":"queued"}');
    });
  });

  static async open(): Promise<House> {
    const house = new House();
    await new Promise<void>((resolve) => house.plane.listen(0, "127.0.0.1", resolve));
    await house.command(["data", "load", "--sample"]);
    for (const [symbol, start, seed] of [
      ["WALK", 100, 1],
      ["EURUSD", 1.1, 2],
    ] as const) {
      const file = join(house.home, `${symbol}_1h.csv`);
      writeFileSync(file, hourlyWalk(start, seed));
      await house.command(["data", "load", file]);
    }
    return house;
  }

  async hashesOf(asked: HouseCase): Promise<ResultHashes> {
    const bytes = await this.run(asked);
    return { sha256: sha256(bytes), content_sha256: contentHash(asked.kind, bytes) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.plane.closeAllConnections();
    await new Promise((resolve) => this.plane.close(resolve));
    rmSync(this.home, { recursive: true, force: true });
  }

  private async run({ kind, words }: HouseCase): Promise<Uint8Array> {
    const file = join(this.home, "result");
    switch (kind) {
      case "artefact":
        await this.command([...words, "--local", "-o", file]);
        return readFileSync(file);
      case "model":
        await this.command([...words, "--local", "--out", file]);
        return readFileSync(file);
      case "document":
        return Buffer.from(await this.command([...words, "--json"]));
      case "request":
        await this.command([...words, "--detach"]);
        return Buffer.from(this.bodies.pop() ?? "");
    }
  }

  /** Runs the command and answers its output. Throws where it does not end well. */
  private async command(words: readonly string[]): Promise<string> {
    const stdout = new Written();
    const stderr = new Written();
    const url = `http://127.0.0.1:${(this.plane.address() as AddressInfo).port}`;
    const code = await runCommand(words, {
      environment: { PATH: process.env.PATH, KTRDR_HOME: this.home, KTRDR_URL: url, KTRDR_TOKEN: "t" },
      ...{ stdout, stderr },
    });
    if (code !== 0) throw new Error(`ktrdr ${words.join(" ")} ended with ${code}: ${stderr.text}`);
    return stdout.text;
  }
}

class Written {
  text = "";

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

/** Two thousand hours of a random walk, as CSV with two decimals more than its start has; the same text everywhere. */
function hourlyWalk(start: number, seed: number): string {
  const decimals = start > 10 ? 2 : 5;
  let state = seed;
  const chance = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  let close = start;
  const rows = Array.from({ length: 2000 }, (_, hour) => {
    const open = close;
    close = open * (1 + 0.01 * chance());
    const high = Math.max(open, close) * 1.001;
    const low = Math.min(open, close) * 0.999;
    const time = new Date(Date.UTC(2024, 0, 1) + hour * HOUR_MS).toISOString();
    return `${time},${[open, high, low, close].map((price) => price.toFixed(decimals)).join(",")},${1000 + hour}`;
  });
  return `timestamp,open,high,low,close,volume\n${rows.join("\n")}\n`;
}

function contentHash(kind: HouseCase["kind"], bytes: Uint8Array): string | null {
  switch (kind) {
    case "artefact":
      return archiveContentHash(bytes);
    case "model": {
      // safetensors: the header's length in 8 bytes, the header, the weights.
      const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
      return sha256(bytes.subarray(8 + headerBytes));
    }
    case "document": {
      const { result } = JSON.parse(new TextDecoder().decode(bytes)) as { result: object };
      return sha256(withoutVersions(result));
    }
    case "request":
      return null;
  }
}

function archiveContentHash(bytes: Uint8Array): string {
  const parts = storedFiles(bytes).map(([name, content]) => {
    const isJson = name.endsWith(".json");
    return `${name} ${sha256(isJson ? withoutVersions(JSON.parse(new TextDecoder().decode(content))) : content)}`;
  });
  return sha256(parts.join("\n"));
}

function withoutVersions(result: object): string {
  const { format: _format, warnings: _warnings, hashes, ...rest } = result as Record<string, unknown>;
  const { spec: _spec, ...otherHashes } = hashes as Record<string, unknown>;
  return JSON.stringify({ ...rest, hashes: otherHashes });
}

/** The files of a ZIP archive that is stored without compression, by the headers before each. */
function storedFiles(bytes: Uint8Array): [name: string, content: Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files: [string, Uint8Array][] = [];
  for (let at = 0; view.getUint32(at, true) === 0x04034b50; ) {
    const [size, nameBytes, extraBytes] = [
      view.getUint32(at + 18, true),
      view.getUint16(at + 26, true),
      view.getUint16(at + 28, true),
    ];
    const start = at + 30 + nameBytes + extraBytes;
    files.push([
      new TextDecoder().decode(bytes.subarray(at + 30, at + 30 + nameBytes)),
      bytes.subarray(start, start + size),
    ]);
    at = start + size;
  }
  return files;
}

function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}
