/**
 * The form of a route: one row of data from which the edge mounts a handler, the client makes a call, the tests make their
 * requests and the reference page is printed. A new route is one row and one handler.
 */
import type { z } from "zod";
import type { Role } from "../api.ts";
import { LIMITS } from "../limits.ts";

/**
 * The callers of a route. The registry looks the role up here, and checks it in the call that does the work. A role includes
 * those below it: `admin`, `researcher`, `viewer`. `enrolment` is an enrolment token, or the credential of the very worker that
 * registers. `node` is the credential of the worker that the path names.
 */
export type RouteRole = "none" | Role | "enrolment" | "node" | "viewer or node" | "researcher or node";

/** A part of the path that the caller chooses. */
interface PathParameter {
  readonly schema: z.ZodType;
  /** Names it in the problem of a value that does not fit. */
  readonly subject: string;
  readonly example: string;
}

interface JsonBody {
  readonly type: "json";
  readonly schema: z.ZodType;
  readonly maxBytes: number;
  /** Names the body where a client refuses it before it is sent. A body without one is made by typed code and not checked there. */
  readonly subject?: string;
}

interface BytesBody {
  readonly type: "bytes";
  readonly maxBytes: number;
  /** True where the handler gets the body unread: it looks at the length, and reads nothing where the bytes are stored already. */
  readonly isStreamed: boolean;
}

/**
 * The answer of a call that succeeds: a JSON document, nothing, stored bytes, a text, a stream of server-sent events (or a
 * WebSocket with the same events, where the request upgrades), or a WebSocket.
 */
type RouteAnswer =
  | JsonAnswer
  | { readonly type: "empty"; readonly status: 201 | 204; readonly otherStatus?: 200 }
  | { readonly type: "bytes"; readonly status: 200 }
  | { readonly type: "text"; readonly status: 200; readonly mediaType: string }
  | { readonly type: "events"; readonly status: 200 }
  | { readonly type: "socket"; readonly status: 101 };

interface JsonAnswer {
  readonly type: "json";
  readonly schema: z.ZodType;
  readonly status: 200 | 201 | 202;
  /** Another status with which the same document may come; the summary says when. */
  readonly otherStatus?: 200;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `{name}` is a part that the caller chooses; `parameters` has its schema. */
  readonly path: string;
  readonly parameters?: Readonly<Record<string, PathParameter>>;
  readonly role: RouteRole;
  /** One sentence for the reference page. */
  readonly summary: string;
  /** The route answers only requests whose `accept` header is this one; a row below with the same path answers the others. */
  readonly accept?: string;
  readonly query?: z.ZodObject;
  /** Headers that its handler reads, each with its meaning. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent where no body is read. */
  readonly body?: JsonBody | BytesBody;
  readonly answer: RouteAnswer;
  /** In wire form. The schemas accept it, and tests send it. */
  readonly example?: {
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly answer?: unknown;
  };
}

export type Routes = Readonly<Record<string, Route>>;

/** A JSON body of `schema`, within the usual limit. */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { type: "json", schema, maxBytes: LIMITS.requestBodyBytes } as const;
}

/** A JSON body that people write: a client checks it before it is sent, and calls it `subject`. */
export function checkedBody<S extends z.ZodType>(schema: S, subject: string) {
  return { ...jsonBody(schema), subject } as const;
}

/** A JSON answer of `schema`. */
export function jsonAnswer<S extends z.ZodType>(schema: S, status: 200 | 201 | 202 = 200) {
  return { type: "json", schema, status } as const;
}

export const NO_CONTENT = { type: "empty", status: 204 } as const;
