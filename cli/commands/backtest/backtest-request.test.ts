import { describe, expect, it } from "vitest";
import { Problem } from "../../../protocol/index.ts";
import { chooseData, dataRequestOf, settingsOf } from "./backtest-request.ts";

const SP500 = { symbol: "SP500", timeframe: "1d" };
const AAPL = { symbol: "AAPL", timeframe: "1d" };

describe("settings", () => {
  it("are only those that were given", () => {
    expect(settingsOf({})).toEqual({});
    expect(settingsOf({ finalize: true })).toEqual({});
    expect(settingsOf({ finalize: false, commission: 0, fillAt: "close", fractional: true })).toEqual({
      finalizeTrades: false,
      commissionRate: 0,
      fillAt: "close",
      fractionalUnits: true,
    });
    const costs = { makerCommission: -0.0001, maintenanceMargin: 0.25, shortBorrow: 0.03, financing: 0.05, tick: 0.01 };
    expect(settingsOf(costs)).toEqual({
      makerCommissionRate: -0.0001,
      maintenanceMargin: 0.25,
      shortBorrowRate: 0.03,
      financingRate: 0.05,
      tickSize: 0.01,
    });
  });

  it("take conventions by their names, over those of a preset", () => {
    const settings = settingsOf({ preset: "backtesting.py", convention: { lastBar: "close" } });
    expect(settings).toMatchObject({ lastBar: "close", allIn: "below", gappedTarget: "stop" });
    expect(settingsOf({ convention: { crosses: "strict" } })).toEqual({ crosses: "strict" });
  });

  it("refuse a convention or an answer that is not there, with the closest", () => {
    const faultOf = (convention: Record<string, string>) => {
      try {
        return settingsOf({ convention });
      } catch (error) {
        return error instanceof Problem ? `${error.message} ${error.cure}` : error;
      }
    };
    expect(faultOf({ lastbar: "replay" })).toMatch(
      /--convention lastbar=replay: .* Did you mean "lastBar"\? Valid names: lastBar,/,
    );
    expect(faultOf({ toString: "a" })).toMatch(/there is no convention of that name/);
    expect(faultOf({ lastBar: "replya" })).toMatch(
      /lastBar has no such answer Did you mean "replay"\? Valid answers: close, replay\./,
    );
  });

  it("leave the range open where no date was given", () => {
    expect(dataRequestOf({ from: 5 }, "AAPL", "1d")).toEqual({ symbol: "AAPL", timeframe: "1d", startMs: 5 });
  });
});

describe("the choice of prices", () => {
  it("takes the symbol and timeframe that were given, known or not", () => {
    const choice = chooseData({ symbol: "MSFT", timeframe: "5m" }, [SP500]);
    expect(choice).toEqual({ kind: "chosen", symbol: "MSFT", timeframe: "5m", note: null });
  });

  it("assumes days for an unknown symbol", () => {
    expect(chooseData({ symbol: "MSFT" }, [SP500])).toMatchObject({ kind: "chosen", timeframe: "1d", note: null });
  });

  it("takes the only dataset, and says so", () => {
    const choice = chooseData({}, [SP500]);
    expect(choice).toMatchObject({ kind: "chosen", ...SP500 });
    expect(choice.kind === "chosen" && choice.note).toContain("the only dataset");
  });

  it("takes the only timeframe of a symbol, even when it is not days", () => {
    expect(chooseData({ symbol: "ES" }, [{ symbol: "ES", timeframe: "5m" }, SP500])).toMatchObject({ timeframe: "5m" });
  });

  it("asks when several fit, and names them", () => {
    expect(chooseData({}, [SP500, AAPL])).toMatchObject({ kind: "unclear", cure: expect.stringContaining("AAPL 1d") });
    const timeframes = [SP500, { symbol: "SP500", timeframe: "1w" }];
    expect(chooseData({ symbol: "SP500" }, timeframes)).toMatchObject({
      kind: "unclear",
      cure: expect.stringContaining("1d, 1w"),
    });
  });

  it("says how to load prices when there are none", () => {
    expect(chooseData({}, [])).toMatchObject({ kind: "unclear", cure: expect.stringContaining("ktrdr data load") });
  });
});
