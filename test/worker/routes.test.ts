/** Calls every route of the table in workerd: it is mounted, and keeps the role and the limit of its row. */
import { env, SELF } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { pathOf, ROUTES, type Route, type RouteRole } from "../../protocol/index.ts";
import app from "../../src/index.ts";
import { ADMIN_TOKEN, api, enrol } from "./support.ts";

const TABLE = Object.entries<Route>(ROUTES);
const WITH_TOKEN = TABLE.filter(([, { role }]) => role !== "none");
/** A name that no other test gives away. */
const NODE = "route-tester";

const tokens = { viewer: "", researcher: "", admin: ADMIN_TOKEN, enrolment: "", node: "" };
type Bearer = keyof typeof tokens;

beforeAll(async () => {
  for (const role of ["viewer", "researcher"] as const) {
    tokens[role] = (await api("POST", "/tokens", { role, name: role })).body.token as string;
  }
  tokens.enrolment = (await api("POST", "/enrolments", { max_uses: 1000 })).body.token as string;
  tokens.node = (await enrol(NODE)).credential;
});

/** The row's own example, as a request. */
function requestOf(route: Route, bearer: Bearer | null, headers: Record<string, string> = {}): Request {
  const parts = Object.entries(route.parameters ?? {}).map(([name, { example }]) => [name, example] as const);
  const target = new URL(pathOf(route, Object.fromEntries(parts)), "http://plane");
  for (const [name, value] of Object.entries(route.example?.query ?? {})) target.searchParams.set(name, value);
  const body = route.body?.type === "json" ? JSON.stringify(route.example?.body) : null;
  return new Request(target, {
    method: route.method,
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${tokens[bearer]}` }),
      ...(route.accept === undefined ? {} : { accept: route.accept }),
      ...(route.answer.type === "socket" ? { upgrade: "websocket", "sec-websocket-protocol": "ktrdr.v1" } : {}),
      ...headers,
    },
    body: route.body?.type === "bytes" ? "bytes" : body,
  });
}

async function statusOf(request: Request): Promise<number> {
  const response = await SELF.fetch(request);
  response.webSocket?.accept();
  response.webSocket?.close();
  await response.body?.cancel();
  return response.status;
}

/** The callers that each role turns away, with their answers: a token with another purpose is not one for this. */
const REFUSED: Readonly<Record<RouteRole, Partial<Record<Bearer, number>>>> = {
  none: {},
  viewer: { enrolment: 403, node: 401 },
  "viewer or node": { enrolment: 403 },
  researcher: { viewer: 403, enrolment: 403, node: 401 },
  "researcher or node": { viewer: 403, enrolment: 403, node: 400 },
  admin: { viewer: 403, researcher: 403, enrolment: 403, node: 401 },
  enrolment: { viewer: 401, researcher: 401, admin: 401, node: 401 },
  node: { viewer: 401, researcher: 401, admin: 401, enrolment: 401, node: 401 },
};

describe("every route", () => {
  it("is mounted where its row says, and nothing else is", () => {
    const mounted = app.routes
      .filter(({ method, path }) => method !== "ALL" && !path.endsWith("*"))
      .map(
        ({ method, path }) =>
          `${method} ${path.replace(/:(\w+)/g, (part, name, at) => (path[at - 1] === "/" ? `{${name}}` : part))}`,
      );
    const named = TABLE.map(([, { method, path }]) => `${method} ${path}`);
    expect([...new Set(mounted)].sort()).toEqual([...new Set(named)].sort());
  });

  it.each(WITH_TOKEN)("asks for a token: %s", async (_, route) => {
    const response = await SELF.fetch(requestOf(route, null));
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="ktrdr"']);
    expect(await response.json()).toMatchObject({ type: "urn:ktrdr:problem:unauthenticated" });
  });

  it.each(WITH_TOKEN)("turns away callers without the role that its row names: %s", async (_, route) => {
    const statuses: Partial<Record<Bearer, number>> = {};
    for (const bearer of Object.keys(REFUSED[route.role]) as Bearer[]) {
      statuses[bearer] = await statusOf(requestOf(route, bearer));
    }
    expect(statuses).toEqual(REFUSED[route.role]);
  });

  it.each(TABLE.filter(([, { role }]) => ["none", "viewer", "researcher", "admin"].includes(role)))(
    "lets in whoever has the role that its row names: %s",
    async (_, route) => {
      const status = await statusOf(requestOf(route, route.role === "none" ? null : (route.role as Bearer)));
      expect([401, 403]).not.toContain(status);
    },
  );

  const withQuery = TABLE.flatMap(([name, route]) =>
    route.query === undefined ? [] : [[name, route, route.query] as const],
  );

  it.each(withQuery)("refuses a query that its row does not know: %s", async (_, route, query) => {
    const request = requestOf(route, "admin");
    const target = new URL(request.url);
    target.searchParams.set("nonsense", "1");
    const response = await SELF.fetch(new Request(target, request));
    const isStrict = !query.safeParse({ ...route.example?.query, nonsense: "1" }).success;
    expect(isStrict, "streams take what proxies add").toBe(route.answer.type !== "events");
    if (!isStrict) return void (await response.body?.cancel());
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ issues: [{ message: expect.stringContaining("nonsense") }] });
  });
});

describe("every route with a JSON body", () => {
  const withJson = TABLE.flatMap(([name, route]) =>
    route.body?.type === "json" ? [[name, route, route.body] as const] : [],
  );

  it.each(withJson)(
    "refuses one over its limit, whether or not it says its length: %s",
    async (_, route, { maxBytes }) => {
      const { url, method, headers } = requestOf(route, "admin");
      const large = new Uint8Array(maxBytes + 1);
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writing = (async () => {
        const writer = writable.getWriter();
        await writer.write(large);
        await writer.close();
      })().catch(() => {});
      for (const body of [large, readable]) {
        const response = await SELF.fetch(url, { method, headers, body });
        expect(response.status).toBe(413);
        expect(await response.json()).toMatchObject({ detail: expect.stringContaining(String(maxBytes)) });
      }
      await writing;
    },
  );

  it.each(withJson)("names the fault of a body that is no JSON: %s", async (_, route) => {
    const { url, method, headers } = requestOf(route, route.role === "enrolment" ? "enrolment" : "admin");
    const response = await SELF.fetch(url, { method, headers, body: "{oops" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining("not JSON") });
  });
});

describe("every route with a body of bytes", () => {
  const withBytes = TABLE.flatMap(([name, route]) =>
    route.body?.type === "bytes" ? [[name, route, route.body] as const] : [],
  );

  it.each(withBytes)("refuses one over its limit by the length that it says: %s", async (_, route, { maxBytes }) => {
    const headers = { "content-length": String(maxBytes + 1) };
    const request = requestOf(route, "admin", headers);
    // Handed to the edge itself: the bytes that the header promises need not exist.
    const response = await app.fetch(request, env);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining(String(maxBytes)) });
  });
});
