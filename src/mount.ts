/** Mounts a handler for each route. The row's rules for callers, limits, query, body and answer are applied here, once. */
import type { Context, Hono, MiddlewareHandler } from "hono";
import type { z } from "zod";
import { API_PREFIX, LIMITS, type Route, type Routes, type Wire, wire } from "../protocol/index.ts";
import { jsonBody } from "./answers.ts";
import { authenticate } from "./authentication.ts";
import { limitBody } from "./body-limit.ts";
import type { Edge } from "./edge.ts";
import type { Handler, Handlers, Input } from "./handler.ts";

/** A row with its handler, and its schemas in wire form. */
interface Mounted {
  readonly route: Route;
  readonly handler: Handler<Route>;
  readonly parameters: readonly (readonly [name: string, subject: string, form: Wire<unknown>])[];
  readonly query: Wire<unknown> | null;
  readonly body: Wire<unknown> | null;
  readonly answer: Wire<unknown> | null;
}

export function mount<Table extends Routes>(app: Hono<Edge>, routes: Table, handlers: Handlers<Table>): void {
  const byPlace = new Map<string, Mounted[]>();
  for (const [name, route] of Object.entries(routes)) {
    // The table's type has paired this row with this handler.
    const mounted = prepared(route, handlers[name] as unknown as Handler<Route>);
    const place = `${route.method} ${route.path}`;
    byPlace.set(place, [...(byPlace.get(place) ?? []), mounted]);
  }
  for (const alternatives of byPlace.values()) {
    const { route } = alternatives[0]!;
    const path = route.path.replace(/\{(\w+)\}/g, ":$1");
    app.on(route.method, [path], ...guardsOf(route), (context) => serve(context, alternatives));
  }
  guardTheRest(app, routes);
}

/** Answers paths that no row names. Under a resource they need a token like the others, so that nobody learns which exist. */
function guardTheRest(app: Hono<Edge>, routes: Routes): void {
  app.use(`${API_PREFIX}/*`, limitBody(LIMITS.requestBodyBytes));
  const resources = Object.values(routes)
    .filter(({ role }) => role !== "none")
    .map(({ path }) => path.slice(API_PREFIX.length + 1).split("/")[0]);
  for (const resource of new Set(resources)) app.use(`${API_PREFIX}/${resource}/*`, authenticate);
}

function guardsOf({ role, body }: Route): MiddlewareHandler<Edge>[] {
  const limit = body?.type === "bytes" && body.isStreamed ? [] : [limitBody(body?.maxBytes ?? LIMITS.requestBodyBytes)];
  return role === "none" ? limit : [...limit, authenticate];
}

function prepared(route: Route, handler: Handler<Route>): Mounted {
  const { parameters = {}, query, body, answer } = route;
  const formOf = (schema: z.ZodType | undefined): Wire<unknown> | null => (schema === undefined ? null : wire(schema));
  return {
    route,
    handler,
    parameters: Object.entries(parameters).map(([name, { subject, schema }]) => [name, subject, wire(schema)] as const),
    query: formOf(query),
    body: formOf(body?.type === "json" ? body.schema : undefined),
    answer: formOf(answer.type === "json" ? answer.schema : undefined),
  };
}

async function serve(context: Context<Edge>, alternatives: readonly Mounted[]): Promise<Response> {
  const accept = context.req.header("accept");
  const mounted = alternatives.find(({ route }) => route.accept === undefined || route.accept === accept)!;
  const input = await inputOf(context, mounted);
  const { answer } = mounted.route;
  if (answer.status !== 200) context.status(answer.status);
  const output: unknown = await mounted.handler(context, input);
  if (mounted.answer !== null) return context.json(mounted.answer.encode(output) as object);
  if (answer.type === "empty") return context.body(null);
  if (answer.type === "text") return context.text(output as string, 200, { "content-type": answer.mediaType });
  return output as Response;
}

async function inputOf(context: Context<Edge>, { parameters, query, body }: Mounted): Promise<Input<Route>> {
  const found = parameters.map(
    ([name, subject, form]) => [name, form.parse(context.req.param(name), subject)] as const,
  );
  const checkedQuery = query?.parse(context.req.query(), "query");
  const receivedAtMs = Date.now();
  const json = body === null ? undefined : await jsonBody(context);
  return {
    parameters: Object.fromEntries(found),
    query: checkedQuery,
    body: body?.parse(json),
    json,
    receivedAtMs,
  } as Input<Route>;
}
