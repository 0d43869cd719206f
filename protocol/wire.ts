/**
 * The one place where camelCase (code) and snake_case (wire) meet.
 *
 * Schemas are written once, in camelCase. `wire(schema)` renames the keys that the schema declares, on the way in and
 * out, and leaves the keys of records (labels, parameters, metadata) as they are, since those belong to the user.
 * A key that arrives in camelCase is unknown: the wire has one spelling.
 */
import { z } from "zod";
import { issuesOf, Problem } from "./problem.ts";

export interface Wire<T> {
  /** The camelCase schema. */
  readonly schema: z.ZodType<T>;
  /** JSON value → checked value. Throws a `Problem` (`invalid-request`) that lists every fault with its wire path. */
  parse(json: unknown, subject?: string): T;
  /**
   * Parses a server's answer. Keys that this version does not know are left out, so that a control plane may be newer than its
   * clients.
   */
  parseAnswer(json: unknown, subject: string): T;
  /** JSON value that `encode` made → value, unchecked, since it was checked before it was stored. */
  decode(json: unknown): T;
  /** Value → JSON value. The value is trusted: it was parsed, or made by typed code. */
  encode(value: T): unknown;
}

type Rename = (value: unknown) => unknown;
interface Codec {
  decode: Rename;
  encode: Rename;
}

const identity: Rename = (value) => value;
const codecs = new WeakMap<z.core.$ZodType, Codec>();

export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Looks a schema's codec up when it is first used, so that recursive schemas end. */
function codecOf(schema: z.core.$ZodType): Codec {
  let codec = codecs.get(schema);
  if (codec === undefined) {
    codec = { decode: identity, encode: identity };
    codecs.set(schema, codec);
    Object.assign(codec, makeCodec(schema));
  }
  return codec;
}

function makeCodec(schema: z.core.$ZodType): Codec {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case "object":
      return objectCodec(def.shape);
    case "array":
      return eachOf(codecOf(def.element), (value, rename) => (Array.isArray(value) ? value.map(rename) : value));
    case "record":
      return eachOf(codecOf(def.valueType), (value, rename) =>
        isPlainObject(value) ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, rename(v)])) : value,
      );
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "readonly":
    case "catch":
      return eachOf(codecOf(def.innerType), (value, rename) => (value == null ? value : rename(value)));
    case "pipe":
      return codecOf(def.in);
    case "lazy":
      return { decode: (v) => codecOf(def.getter()).decode(v), encode: (v) => codecOf(def.getter()).encode(v) };
    case "union":
      return "discriminator" in def ? discriminated(def) : tried(def.options);
    default:
      return { decode: identity, encode: identity };
  }
}

function eachOf(inner: Codec, apply: (value: unknown, rename: Rename) => unknown): Codec {
  return {
    decode: (value) => apply(value, (v) => inner.decode(v)),
    encode: (value) => apply(value, (v) => inner.encode(v)),
  };
}

function objectCodec(shape: Readonly<Record<string, z.core.$ZodType>>): Codec {
  const byWireName = new Map(Object.keys(shape).map((name) => [toSnakeCase(name), name]));
  const wireNames = new Map([...byWireName].map(([wireName, name]) => [name, wireName]));
  return {
    decode(value) {
      if (!isPlainObject(value)) return value;
      const result: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        const name = byWireName.get(key);
        if (name !== undefined) result[name] = codecOf(shape[name]!).decode(item);
        else if (Object.hasOwn(shape, key)) result[`${key} (write ${toSnakeCase(key)})`] = item;
        else result[key] = item;
      }
      return result;
    },
    encode(value) {
      if (!isPlainObject(value)) return value;
      const result: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        if (item === undefined) continue;
        const wireName = wireNames.get(key);
        if (wireName === undefined) result[key] = item;
        else result[wireName] = codecOf(shape[key]!).encode(item);
      }
      return result;
    },
  };
}

function discriminated(def: { options: readonly z.core.$ZodType[]; discriminator?: unknown }): Codec {
  const field = String(def.discriminator);
  const wireField = toSnakeCase(field);
  const byTag = new Map<unknown, z.core.$ZodType>();
  for (const option of def.options) {
    for (const tag of option._zod.propValues?.[field] ?? []) byTag.set(tag, option);
  }
  const rename =
    (direction: keyof Codec, key: string): Rename =>
    (value) => {
      if (!isPlainObject(value)) return value;
      const option = byTag.get(value[key]);
      return option === undefined ? value : codecOf(option)[direction](value);
    };
  return { decode: rename("decode", wireField), encode: rename("encode", field) };
}

/** Tries the options of a plain union; the first that accepts the renamed value wins. */
function tried(options: readonly z.core.$ZodType[]): Codec {
  return {
    decode(value) {
      for (const option of options) {
        const renamed = codecOf(option).decode(value);
        if (z.safeParse(option, renamed).success) return renamed;
      }
      return value;
    },
    encode(value) {
      const option = options.find((candidate) => z.safeParse(candidate, value).success);
      return option === undefined ? value : codecOf(option).encode(value);
    },
  };
}

/** Makes the JSON form of a camelCase schema. `subject` names the thing in error messages. */
export function wire<S extends z.ZodType>(schema: S): Wire<z.output<S>> {
  return {
    schema: schema as unknown as z.ZodType<z.output<S>>,
    parse: (json, subject = "request body") => checked(schema.safeParse(codecOf(schema).decode(json)), subject),
    parseAnswer(json, subject) {
      const answer = codecOf(schema).decode(json);
      const first = schema.safeParse(answer);
      return checked(!first.success && dropUnknown(answer, first.error) ? schema.safeParse(answer) : first, subject);
    },
    decode: (json) => codecOf(schema).decode(json) as z.output<S>,
    encode: (value) => codecOf(schema).encode(value),
  };
}

/** Throws a `Problem` that lists every fault with its wire path. */
function checked<T>(result: z.ZodSafeParseResult<T>, subject: string): T {
  if (result.success) return result.data;
  const issues = issuesOf(result.error).map((issue) => ({ ...issue, path: toSnakeCase(issue.path ?? "") }));
  throw new Problem("invalid-request", `The ${subject} is not valid: ${describe(issues[0])}`, {
    issues,
    cure: issues.length > 1 ? `Correct the ${issues.length} faults listed under issues.` : "Correct it and try again.",
  });
}

/** Removes the keys that `error` calls unknown from `value`. Returns true where there were any. */
function dropUnknown(value: unknown, error: z.ZodError): boolean {
  let found = false;
  for (const issue of error.issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const holder = issue.path.reduce<unknown>((part, key) => (part as Record<PropertyKey, unknown>)[key], value);
    for (const key of issue.keys) found = Reflect.deleteProperty(holder as object, key) || found;
  }
  return found;
}

function describe(issue: { path?: string; message: string } | undefined): string {
  if (issue === undefined) return "it does not fit its schema";
  return issue.path ? `${issue.path}: ${issue.message}` : issue.message;
}
