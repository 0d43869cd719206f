import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

describe("canonical JSON", () => {
  it("has one text for a value, however its keys are ordered", () => {
    const text = '{"A":1,"a":[{"x":-1,"y":0}],"é":2,"界":3}';
    expect(canonicalJson({ 界: 3, é: 2, a: [{ y: -0, x: -1 }], A: 1, left: undefined })).toBe(text);
    expect(canonicalJson(JSON.parse(text))).toBe(text);
  });

  it("has keys that are whole numbers first, by their value", () => {
    expect(canonicalJson({ a: 1, "10": 2, "9": 3, "-1": 4, "010": 5 })).toBe('{"9":3,"10":2,"-1":4,"010":5,"a":1}');
  });

  it("keeps a key that is called __proto__", () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"z":1,"y":2}}'))).toBe('{"__proto__":{"y":2,"z":1},"b":1}');
  });

  it("has large numbers in the form of ECMAScript, and refuses those that JSON cannot carry", () => {
    expect(canonicalJson([1e21, 1e-7, 100])).toBe("[1e+21,1e-7,100]");
    expect(() => canonicalJson({ a: [Number.NaN] })).toThrow(TypeError);
  });
});
