import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SCHEMA_KINDS, schemaUrl, strategySchema } from "./json-schema.ts";

describe.each(SCHEMA_KINDS)("the JSON Schema of %s", (kind) => {
  it("is current (run node compute-node/strategy/json-schema.ts)", () => {
    // As values: the formatter lays the file out.
    expect(JSON.parse(readFileSync(schemaUrl(kind), "utf8"))).toEqual(JSON.parse(strategySchema(kind)));
  });

  it("offers the names of indicators and asks for no kind", () => {
    const schema = JSON.parse(strategySchema(kind));
    const { type } = schema.properties.indicators.additionalProperties.properties;
    expect(type.anyOf[0].enum).toContain("rsi");
    expect(schema.required).toContain("name");
    expect(schema.required).not.toContain("kind");
  });
});
