import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { compileRules, parseRuleStrategyFile, parseStrategyFile, validateStrategy } from "./index.ts";

const GOOD = `name: test
indicators:
  sma_fast: { type: sma, period: 10 }
entries:
  long: close > sma_fast
exits:
  long: close < sma_fast
`;

function check(text: string): Problem | null {
  try {
    validateStrategy(parseStrategyFile(text, "test.yaml"));
    return null;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** `line:column path: message` of each issue. */
function issues(text: string): string[] {
  return (check(text)?.issues ?? []).map(
    ({ file, line, column, path, message }) => `${file}:${line}:${column} ${path ?? ""}: ${message}`,
  );
}

describe("the example strategies", () => {
  const folder = new URL("../../examples/strategies/", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

  it("are there", () => {
    expect(files.sort()).toEqual([
      "donchian-breakout.yaml",
      "ema-cross-brackets.yaml",
      "momentum-rotation.yaml",
      "neural-daily-trend.yaml",
      "neural-rsi-macd.yaml",
      "rsi-reversion.yaml",
      "sma-cross.yaml",
    ]);
  });

  it.each(files.filter((file) => !file.startsWith("neural")))(
    "%s is valid, without a warning, and compiles",
    (file) => {
      const strategy = parseRuleStrategyFile(readFileSync(new URL(file, folder), "utf8"), file);
      expect(strategy.name).toBe(file.replace(".yaml", ""));
      expect(strategy.description).toBeTruthy();
      expect(validateStrategy(strategy)).toEqual([]);
      expect(Object.keys(compileRules(strategy).parameters)).toEqual(Object.keys(strategy.parameters));
    },
  );
});

describe("faults of a strategy file", () => {
  it("name an unknown indicator, the closest one and the valid ones", () => {
    const problem = check(GOOD.replace("type: sma", "type: smaaa"));
    expect(problem?.message).toBe('test.yaml:3:21, indicators.sma_fast.type: unknown indicator "smaaa"');
    expect(problem?.cure).toMatch(/^Did you mean "sma"\? Valid indicators: ad, adosc, .*, zscore\.$/);
  });

  it("name an undefined name in a rule, with its column in the file and in the rule", () => {
    const problem = check(GOOD.replace("close > sma_fast", "close > sma_fst"));
    expect(problem?.message).toBe('test.yaml:5:17, entries.long: at column 9 of the rule, undefined name "sma_fst"');
    expect(problem?.cure).toBe('Did you mean "sma_fast"? Valid names: sma_fast, open, high, low, close, volume.');
    expect(problem?.kind).toBe("invalid-strategy");
  });

  it("are listed all together, in the order of the file", () => {
    const text = `name: test
parameters: { half: 0.5 }
indicators:
  a: { type: smaa }
  b: { type: sma, perod: 3 }
  c: { type: sma, period: half }
  d: { type: atr, source: close }
  e: { type: sma, period: thre }
  m: { type: macd, fast_period: 30 }
  close: { type: sma }
entries:
  long: clse > m
  short: close crosss above 3
exits:
  short: close
stop_loss: 3
size: nothing
`;
    const found = issues(text);
    const expected = [
      /^test.yaml:4:14 indicators.a.type: unknown indicator "smaa". Did you mean "sma"\?/,
      /^test.yaml:5:19 indicators.b.perod: sma has no parameter "perod". Did you mean "period"\?/,
      /^test.yaml:6:27 indicators.c.period: period of sma is 0.5, and must be a whole number/,
      /^test.yaml:7:19 indicators.d.source: atr takes no source: it reads high, low, close/,
      /^test.yaml:8:27 indicators.e.period: period is "thre", and there is no such parameter/,
      /^test.yaml:9:6 indicators.m: macd: fast_period \(30\) is not below slow_period \(26\)/,
      /^test.yaml:10:3 indicators.close: "close" already means something in conditions/,
      /^test.yaml:12:9 entries.long: at column 1 of the rule, undefined name "clse". Did you mean "close"\?/,
      /^test.yaml:13:16 entries.short: at column 7 of the rule, unexpected "crosss"/,
      /^test.yaml:15:10 exits.short: at column 1 of the rule, the rule is a number, not a condition/,
      /^test.yaml:16:12 stop_loss: stop_loss is 3. Give a fraction above 0 and below 1. For 3 percent write 3%/,
      /^test.yaml:17:7 size: "nothing" is no fraction and no parameter/,
    ];
    expect(found).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
  });

  it("say where unknown, missing and doubled keys stand", () => {
    expect(issues(GOOD.replace("entries:", "entires:"))).toEqual([
      expect.stringMatching(/^test.yaml:1:1 entries: the key "entries" is missing/),
      expect.stringMatching(/^test.yaml:4:1 entires: unknown key "entires". Did you mean "entries"\?/),
    ]);
    expect(issues(`${GOOD}stop_loss: { fration: 0.1 }\n`)).toEqual([
      expect.stringMatching(/^test.yaml:8:1 stop_loss.fraction: the key "fraction" is missing/),
      expect.stringMatching(/^test.yaml:8:14 stop_loss.fration: unknown key "fration". Did you mean "fraction"\?/),
    ]);
    expect(issues(`${GOOD}name: again\n`)).toEqual([
      expect.stringMatching(/^test.yaml:8:1 : the key "name" stands here twice/),
    ]);
    expect(issues(GOOD.replace("sma_fast:", "SMA:"))[0]).toMatch(
      /^test.yaml:3:3 indicators.SMA: "SMA" cannot be a name/,
    );
  });

  it("tell a file that is not YAML from one that is not a mapping", () => {
    expect(issues("name: [1")[0]).toMatch(/^test.yaml:1:\d+ : this is not valid YAML/);
    expect(issues("- name")[0]).toBe(
      "test.yaml:1:1 : a strategy file is a mapping, and this one is a list. Write keys and values: name, indicators, entries, exits.",
    );
    expect(issues("")[0]).toContain("this one is empty");
    expect(issues("a: *b")[0]).toContain("Unresolved alias");
    expect(issues(`kind: neural\n${GOOD}`)).toEqual([
      'test.yaml:1:7 kind: the kind is "neural". Write "kind: rules", or leave it out.',
    ]);
    expect(check("x".repeat(300_000))?.message).toContain("300000 characters");
  });

  it("have the right line and column within folded, quoted and indented rules", () => {
    const folded = GOOD.replace("close > sma_fast", ">\n    close > 1 and\n      (clse > 2)");
    expect(issues(folded)[0]).toMatch(/^test.yaml:7:8 entries.long: at column \d+ of the rule, undefined name "clse"/);
    const quoted = GOOD.replace("close > sma_fast", '"close > sma_fst"');
    expect(issues(quoted)[0]).toMatch(/^test.yaml:5:18 /);
    const early = GOOD.replace("close > sma_fast", "close >");
    expect(issues(early)[0]).toMatch(
      /^test.yaml:5:16 entries.long: at column 8 of the rule, the condition ends too early/,
    );
  });

  it.each([
    ["close > sma_fast[-1]", "[-1] would be a later bar", "A rule sees past bars alone"],
    ["close[close] > 1", "the number of bars in [ ] changes from bar to bar", "Give a number or a parameter."],
    ["close[1.5] > 1", "[1.5] is no number of bars", "whole number from 0 to 100000"],
    ["highest(high) > 1", "highest has 1 argument", "Write highest(close, 20)."],
    ["highest(high, 0) > 1", "period of highest is 0, outside 1 to 5000", "whole number"],
    ["highest(high, close) > 1", "the number of bars of highest changes", "Give a number or a parameter."],
    ["highest > 1", '"highest" is a function', "Write it with its arguments: highest(close, 20)."],
    ["macd(close, 3) > 1", 'unknown function "macd"', "Declare it under indicators and write its name."],
    ["higest(high, 3) > 1", 'unknown function "higest"', 'Did you mean "highest"?'],
    ["30 < close < 70", 'unexpected "<"', "Comparisons do not chain"],
    ["close crosses 3", 'unexpected "3"', 'Write "crosses above" or "crosses below".'],
    ["close = 3", 'unexpected character "="', 'Write "==" to compare.'],
    ["close > 1 && close < 3", 'unexpected character "&"', 'Write "and".'],
    ["(close > 1", "the condition ends too early", "A parenthesis is not closed"],
    ["close > 1)", 'unexpected ")"', "no parenthesis is open here"],
    ["close and close > 1", 'the left side of "and" is a number', "Compare it"],
    ["(close > 1) + 2 > 3", 'the left side of "+" is a condition', "Use a price"],
    ["sma_fast.value2 > 3", '"sma_fast" has no output "value2"', 'Write "sma_fast".'],
    ["close > 1e999", "the number is too large", "1e308"],
  ])("explain the rule %s", (rule, message, cure) => {
    const problem = check(GOOD.replace("close > sma_fast", JSON.stringify(rule)));
    expect(problem?.message).toContain(message);
    expect(problem?.cure).toContain(cure);
  });

  it("explain indicators of indicators: outputs, unknown ones and circles", () => {
    const withIndicators = (text: string) => GOOD.replace("entries:", `${text}\nentries:`);
    expect(issues(withIndicators("  m: { type: macd }\n  s: { type: sma, source: m }"))[0]).toContain(
      '"m" has 3 outputs. Name one of them: m.line, m.signal, m.histogram.',
    );
    expect(issues(withIndicators("  s: { type: sma, source: sma_fats }"))[0]).toContain('Did you mean "sma_fast"?');
    expect(issues(withIndicators("  s: { type: sma, source: t }\n  t: { type: sma, source: s }"))[0]).toContain(
      's is computed from itself, through "t"',
    );
  });

  it("find a strategy that never enters", () => {
    expect(issues("name: x\nentries: {}\n")[0]).toContain("the strategy never enters: entries is empty");
  });
});

describe("warnings", () => {
  it("name unused parts, with their place", () => {
    const text = GOOD.replace("entries:", "  idle: { type: rsi }\nentries:").replace(
      "indicators:",
      "parameters: { spare: 3 }\nindicators:",
    );
    expect(validateStrategy(parseStrategyFile(text, "test.yaml"))).toEqual([
      {
        code: "unused-parameter",
        message: 'parameter "spare" is not used. Use it in a rule, or remove it.',
        cure: "Use it in a rule, or remove it.",
        path: "parameters.spare",
        file: "test.yaml",
        line: 2,
        column: 15,
      },
      expect.objectContaining({ code: "unused-indicator", path: "indicators.idle", line: 5, column: 3 }),
    ]);
  });

  it("find exits without entries, and entries that nothing ends", () => {
    const codes = (text: string) =>
      validateStrategy(parseStrategyFile(text, "t")).map(({ code, path }) => `${code} ${path}`);
    expect(codes(GOOD.replace("  long: close <", "  short: close <"))).toEqual([
      "entry-without-exit entries.long",
      "exit-without-entry exits.short",
    ]);
    expect(codes("name: x\nentries: { long: close > 2, short: close < 2 }\nreverse: true\n")).toEqual([]);
    expect(codes("name: x\nentries: { long: close > 2 }\nstop_loss: 3%\n")).toEqual([]);
  });

  it("count an indicator as used when a used one reads it", () => {
    const text = GOOD.replace("entries:", "  twice: { type: sma, source: sma_fast }\nentries:").replaceAll(
      /close ([<>]) sma_fast/g,
      "close $1 twice",
    );
    expect(validateStrategy(parseStrategyFile(text, "t"))).toEqual([]);
  });
});

describe("strategies that come without a file", () => {
  it("have paths, and the file only when it is given", () => {
    const strategy = { ...parseRuleStrategyFile(GOOD, "test.yaml"), entries: { long: "clse > 1" } };
    const thrown = (file?: string) => {
      try {
        validateStrategy(strategy, { file });
      } catch (error) {
        if (error instanceof Problem) return error.issues[0];
      }
      return null;
    };
    expect(thrown()).toEqual({ path: "entries.long", message: expect.stringContaining('undefined name "clse"') });
    expect(thrown("given.yaml")?.file).toBe("given.yaml");
  });
});

describe("robustness", () => {
  it("turns every damaged file into a strategy or a Problem", () => {
    const damage = fc.tuple(fc.nat(GOOD.length), fc.nat(12), fc.string({ maxLength: 6, unit: "binary-ascii" }));
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (places) => {
        const text = places.reduce((t, [at, length, insert]) => t.slice(0, at) + insert + t.slice(at + length), GOOD);
        const problem = check(text);
        expect(problem === null || problem.cure !== undefined).toBe(true);
        for (const issue of problem?.issues ?? []) expect(issue.line).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
