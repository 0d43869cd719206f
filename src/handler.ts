/** The form of a handler: it takes a request that was checked by its route's row, and returns the answer that the row declares. */
import type { Context } from "hono";
import type { z } from "zod";
import type { ParameterName, Route, Routes } from "../protocol/index.ts";
import type { Edge } from "./edge.ts";

type Parameters<R extends Route> = {
  readonly [Name in ParameterName<R["path"]>]: R extends {
    parameters: Record<Name, { schema: infer S extends z.ZodType }>;
  }
    ? z.output<S>
    : never;
};

/** The parts of the request that the row names, checked. */
export interface Input<R extends Route> {
  readonly parameters: Parameters<R>;
  readonly query: R extends { query: infer Q extends z.ZodType } ? z.output<Q> : undefined;
  readonly body: R extends { body: { type: "json"; schema: infer B extends z.ZodType } } ? z.output<B> : undefined;
  /** The JSON body as it came. */
  readonly json: unknown;
  /** The time before the body was read. */
  readonly receivedAtMs: number;
}

/** A JSON answer's value, in camelCase; a text; or the response itself for bytes, events and sockets. */
type Output<R extends Route> = R["answer"] extends { type: "json"; schema: infer S extends z.ZodType }
  ? z.output<S>
  : R["answer"] extends { type: "text" }
    ? string
    : Response;

type Handling<R extends Route, Result> = (context: Context<Edge>, input: Input<R>) => Result | Promise<Result>;

/** Throws a `Problem`. It may set headers, and the row's other status, on `context`. */
export type Handler<R extends Route> = R["answer"] extends { type: "empty" }
  ? Handling<R, void>
  : Handling<R, Output<R>>;

/** A handler for each row, and none besides: the compiler names the one that is missing, and the one that has no row. */
export type Handlers<Table extends Routes> = { readonly [Name in keyof Table]: Handler<Table[Name]> };
