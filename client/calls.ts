/**
 * Makes a call for each route from its row. Its arguments are the parts of the path in their order, then the body and the
 * query where it has them. A new row is a new call.
 */
import type { z } from "zod";
import { Problem, parameterNames, pathOf, ROUTES, type Route, toSnakeCase, wire } from "../protocol/index.ts";
import { notKtrdr } from "./api-problems.ts";
import { checkedInput } from "./checked-input.ts";
import { jsonOrUndefined } from "./json-text.ts";

/** Sockets, and bodies of bytes, have clients of their own. */
type Callable<R extends Route> = R extends { answer: { type: "socket" } } | { body: { type: "bytes" } } ? never : R;

type Names<R extends Record<string, Route>> = {
  [Name in keyof R]: Callable<R[Name]> extends never ? never : Name;
}[keyof R];

/** The parts of the path, in their order. */
type Parts<Path extends string> = Path extends `${string}{${string}}${infer Rest}`
  ? [part: string, ...Parts<Rest>]
  : [];

/** A body that is checked may leave out keys that have a default. */
type Body<R extends Route> = R extends { body: { schema: infer S extends z.ZodType } }
  ? R extends { body: { subject: string } }
    ? OptionalWhereEmpty<z.input<S>>
    : OptionalWhereEmpty<z.output<S>>
  : [];

type OptionalWhereEmpty<T> = Record<never, never> extends T ? [body?: T] : [body: T];

/** Keys are the code's names. The control plane checks the values, which are text on the wire. */
type Query<R extends Route> = R extends { query: infer Q extends z.ZodType }
  ? [query?: { readonly [Name in keyof z.output<Q>]?: string | number | undefined }]
  : [];

interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Replaces the usual limit of time. */
  readonly signal?: AbortSignal;
}

type Answer<R extends Route> = R["answer"] extends { type: "json"; schema: infer S extends z.ZodType }
  ? Promise<z.output<S>>
  : {
      json: never;
      empty: Promise<void>;
      bytes: Promise<Uint8Array<ArrayBuffer>>;
      text: Promise<string>;
      events: Promise<ReadableStream<Uint8Array>>;
      socket: never;
    }[R["answer"]["type"]];

type Call<R extends Route> = (
  ...given: [...Parts<R["path"]>, ...Body<R>, ...Query<R>, options?: CallOptions]
) => Answer<R>;

/** Throws a `Problem` for a refusal of the control plane, or for a request that fails. */
export type Calls = { readonly [Name in Names<typeof ROUTES>]: Call<(typeof ROUTES)[Name]> };

/** A request as its row and the call's arguments make it. */
export interface CallRequest {
  readonly route: Route;
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | undefined>>;
  /** In wire form. */
  readonly body: unknown;
  readonly options: CallOptions;
}

/** `send` makes the request and throws for what is not a success; `url` names the control plane in problems. */
export function callsOf(url: string, send: (request: CallRequest) => Promise<Response>): Calls {
  const calls: Record<string, unknown> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    if (route.answer.type === "socket" || route.body?.type === "bytes") continue;
    calls[name] = async (...given: unknown[]) => {
      const request = requestOf(route, given);
      return answerOf(request, await send(request), url);
    };
  }
  // The loop and the type leave out the same routes.
  return calls as Calls;
}

function requestOf(route: Route, given: readonly unknown[]): CallRequest {
  const names = parameterNames(route.path);
  const parts = Object.fromEntries(names.map((name, at) => [name, String(given[at])]));
  const rest = given.slice(names.length);
  const body = route.body === undefined ? undefined : bodyOf(route.body, rest.shift() ?? {});
  const query = (route.query === undefined ? undefined : rest.shift()) ?? {};
  return { route, path: pathOf(route, parts), query: wireNames(query), body, options: rest.shift() ?? {} };
}

function bodyOf(form: NonNullable<Route["body"]>, given: unknown): unknown {
  if (form.type !== "json") throw new Error("A body of bytes has a client of its own.");
  const { schema, subject } = form;
  return wire(schema).encode(subject === undefined ? given : checkedInput(schema, given, subject));
}

function wireNames(query: object): CallRequest["query"] {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [toSnakeCase(name), value]));
}

async function answerOf({ route, path }: CallRequest, response: Response, url: string): Promise<unknown> {
  const { answer } = route;
  if (answer.type === "empty") return;
  if (answer.type === "bytes") return new Uint8Array(await response.arrayBuffer());
  if (answer.type === "events" && response.body === null) throw notKtrdr(url, "a stream of events is empty");
  if (answer.type === "events") return response.body;
  const text = await response.text();
  if (answer.type === "text") return text;
  if (answer.type !== "json") throw new Error("A socket has a client of its own.");
  const json = jsonOrUndefined(text);
  if (json === undefined) throw notKtrdr(url, `${path} is not JSON`);
  try {
    return wire(answer.schema).parseAnswer(json, `answer of ${path}`);
  } catch (error) {
    throw notKtrdr(url, Problem.from(error).message);
  }
}
