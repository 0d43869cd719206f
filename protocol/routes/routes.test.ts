import { describe, expect, it } from "vitest";
import { LIMITS } from "../limits.ts";
import { toSnakeCase, wire } from "../wire.ts";
import { parameterNames, pathOf, ROUTES, type Route } from "./index.ts";

const TABLE = Object.entries<Route>(ROUTES);

describe("the table of routes", () => {
  it.each(TABLE)("has a role, a summary and a path under one place for %s", (name, route) => {
    expect(name).toMatch(/^[a-z][A-Za-z]+$/);
    expect(route.summary, "one or two sentences").toMatch(/^[A-Z].*\.$/);
    expect(route.path).toMatch(/^(\/health|\/api\/v1\/[a-z:]+(\/([a-z]+|\{[a-z0-9]+\}))*)$/);
    expect(route.role === "none", "open to everyone").toBe(name === "health");
  });

  it.each(TABLE)("has a schema and an example that it accepts for each part of the path of %s", (_, route) => {
    const { parameters = {} } = route;
    expect(Object.keys(parameters).sort()).toEqual(parameterNames(route.path).sort());
    for (const { schema, example, subject } of Object.values(parameters)) {
      expect(wire(schema).parse(example, subject)).toBeDefined();
    }
  });

  it.each(TABLE)("has examples of %s that its schemas accept", (_, route) => {
    const { query, body, answer, example } = route;
    expect(Object.hasOwn(example ?? {}, "query")).toBe(query !== undefined);
    expect(Object.hasOwn(example ?? {}, "body")).toBe(body?.type === "json");
    expect(Object.hasOwn(example ?? {}, "answer")).toBe(answer.type === "json");
    if (query !== undefined) wire(query).parse(example?.query, "query");
    if (body?.type === "json") wire(body.schema).parse(example?.body);
    if (answer.type === "json") {
      const form = wire(answer.schema);
      expect(form.encode(form.parse(example?.answer, "answer")), "says all that an answer has").toEqual(
        example?.answer,
      );
    }
  });

  it("limits every body, and lets none of them be larger than an artefact's part", () => {
    for (const [name, { method, body }] of TABLE) {
      if (body === undefined) continue;
      expect([name, method], "a body").not.toEqual([name, "GET"]);
      expect(body.maxBytes, name).toBeGreaterThan(0);
      expect(body.maxBytes, name).toBeLessThanOrEqual(LIMITS.artefactPartBytes);
    }
  });

  it("has one route for each method and path, unless the one above asks for another kind of answer", () => {
    const seen = new Map<string, Route>();
    for (const [name, route] of TABLE) {
      const place = `${route.method} ${route.path}`;
      const above = seen.get(place);
      if (above !== undefined) expect(above, name).toHaveProperty("accept");
      expect(route.accept === undefined || above === undefined, `${name} can be reached`).toBe(true);
      seen.set(place, route);
    }
  });

  it("names the keys of queries so that parts of paths and keys cannot be mixed up", () => {
    for (const [name, { query, path }] of TABLE) {
      const keys = Object.keys(query?.shape ?? {});
      expect(
        keys.filter((key) => parameterNames(path).includes(key)),
        name,
      ).toEqual([]);
      expect(
        keys.map(toSnakeCase).every((key) => /^[a-z_]+$/.test(key)),
        name,
      ).toBe(true);
    }
  });
});

describe("a route's path", () => {
  it("has its parts filled in", () => {
    expect(pathOf(ROUTES.health)).toBe("/health");
    expect(pathOf(ROUTES.uploadPart, { sha256: "ab", part: 2 })).toBe("/api/v1/artefacts/ab/uploads/2");
  });

  it("cannot be left by a part", () => {
    expect(pathOf(ROUTES.showWorker, { id: "../tokens/x?y#z" })).toBe("/api/v1/workers/..%2Ftokens%2Fx%3Fy%23z");
  });
});
