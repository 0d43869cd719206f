/**
 * The JSON Schemas of strategy files, for editors, made from the zod schemas. Run it to write them:
 * `node compute-node/strategy/json-schema.ts && biome format --write schemas`
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { neuralStrategy } from "../../protocol/strategy-neural.ts";
import { ruleStrategy } from "../../protocol/strategy-rules.ts";
import { MEMBERSHIP_TYPES } from "../fuzzy/index.ts";
import { INDICATORS, type IndicatorDeclaration, NEURAL_INDICATORS } from "../indicators/index.ts";

export const SCHEMA_KINDS = ["rules", "v3"] as const;
export type SchemaKind = (typeof SCHEMA_KINDS)[number];

type Json = Record<string, unknown>;

export function schemaUrl(kind: SchemaKind): URL {
  return new URL(`../../schemas/strategy-${kind}.schema.json`, import.meta.url);
}

/** The schema as a file's text. Names of indicators and memberships are offered; other spellings stay valid. */
export function strategySchema(kind: SchemaKind): string {
  const schema = z.toJSONSchema(kind === "rules" ? ruleStrategy : neuralStrategy, { io: "input" }) as Json;
  const properties = schema.properties as Record<string, Json>;
  const required = (schema.required as string[]).filter((key) => key !== "kind");
  const title = kind === "rules" ? "A ktrdr strategy of rules" : "A fuzzy-neural ktrdr strategy, version 3";
  const table = kind === "rules" ? INDICATORS : [...NEURAL_INDICATORS, ...INDICATORS];
  offerIndicators(properties.indicators, table);
  if (kind === "v3") offerMemberships(properties.fuzzy_sets);
  return `${JSON.stringify({ ...schema, title, required }, null, 2)}\n`;
}

function offerIndicators(indicators: Json, table: readonly IndicatorDeclaration[]): void {
  const use = indicators.additionalProperties as { properties: Record<string, Json> };
  const names = [...new Set(table.flatMap(({ name, aliases }) => [name, ...aliases]))].sort();
  use.properties.type = { anyOf: [{ enum: names }, use.properties.type] };
  const parameters = table.flatMap((declaration) => declaration.parameters);
  for (const { name, description } of parameters)
    if (!Object.hasOwn(use.properties, name)) use.properties[name] = { description };
}

function offerMemberships(sets: Json): void {
  const set = sets.additionalProperties as { additionalProperties: { anyOf: Json[] } };
  const long = set.additionalProperties.anyOf.find(({ type }) => type === "object") as {
    properties: Record<string, Json>;
  };
  long.properties.type = { anyOf: [{ enum: MEMBERSHIP_TYPES }, long.properties.type] };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const kind of SCHEMA_KINDS) writeFileSync(schemaUrl(kind), strategySchema(kind));
