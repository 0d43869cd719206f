/** docs/reference/api.md, made from the table; reference-page.test.ts holds the page to it, and writes it. */
import { z } from "zod";
import { toSnakeCase } from "../wire.ts";
import { pathOf, ROUTES, type Route, type RouteRole } from "./index.ts";

const SECTIONS: readonly (readonly [title: string, isIn: (path: string) => boolean])[] = [
  ["Health", (path) => path === "/health"],
  ["Operations", (path) => /\/(operations|events|submissions)\b/.test(path)],
  ["Workers", (path) => path.includes("/workers") && !path.includes("/metrics")],
  ["Artefacts", (path) => path.includes("/artefacts")],
  ["Datasets", (path) => path.includes("/datasets")],
  ["Models", (path) => path.includes("/models")],
  ["Metrics", (path) => path.includes("/metrics")],
  ["Tokens and workspaces", (path) => /\/(tokens|enrolments|workspaces)\b/.test(path)],
];

const WHO: Readonly<Record<RouteRole, string>> = {
  none: "everyone, without a token",
  viewer: "viewers and above",
  researcher: "researchers and admins",
  admin: "admins",
  enrolment: "an enrolment token, or the credential of the worker that registers",
  node: "the credential of this worker",
  "viewer or node": "viewers and above, and the workspace's nodes",
  "researcher or node": "researchers and admins, and nodes for a lease that they hold",
};

/** The whole page. Throws for a route that no section has. */
export function referencePage(): string {
  const table = Object.entries<Route>(ROUTES);
  const sections = SECTIONS.map(([title, isIn]) => [title, table.filter(([, { path }]) => isIn(path))] as const);
  const listed = sections.flatMap(([, routes]) => routes.map(([name]) => name));
  const [without] = table.filter(([name]) => !listed.includes(name));
  if (without !== undefined) throw new Error(`No section of the page has the route ${without[0]}.`);
  return `${[
    "# The HTTPS API",
    "",
    "Made from the table in `protocol/routes` by `vitest run --project unit protocol/routes --update`.",
    "",
    "Every request but `GET /health` has the header `authorization: Bearer ktrdr.<workspace>.<secret>`; the token says which",
    "workspace it is about. Bodies and answers are JSON in snake_case; times are whole milliseconds since 1970, in UTC. What is",
    "refused is answered with problem details (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `detail`, and",
    "`cure`, `retryable` and `issues` where they help. A missing or unknown token is 401, a role that does not suffice 403, a body",
    "over its limit 413, and a query or a body with an unknown key 400.",
    "",
    "A name in `code` before a path is the route's: the client's call and the edge's handler have the same.",
    "",
    ...sections.flatMap(([title, routes]) => [
      `## ${title}`,
      "",
      ...routes.flatMap(([name, route]) => routeText(name, route)),
    ]),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function routeText(name: string, route: Route): string[] {
  const { method, path, role, summary, accept, query, headers = {}, body, example = {} } = route;
  return [
    `### \`${name}\`: ${method} ${path}`,
    "",
    summary,
    "",
    `- for ${WHO[role]}`,
    ...(accept === undefined ? [] : [`- where \`accept\` is \`${accept}\``]),
    ...Object.entries(query?.shape ?? {}).map(([key, schema]) => `- query \`${toSnakeCase(key)}\`${typeText(schema)}`),
    ...Object.entries(headers).map(([header, meaning]) => `- header \`${header}\`: ${meaning}`),
    ...(body === undefined
      ? []
      : [`- body: ${body.type === "json" ? "JSON" : "bytes"}, at most ${sizeText(body.maxBytes)}`]),
    `- answers ${answerText(route)}`,
    "",
    ...exampleText(route, example),
  ];
}

/** Describes the values of a query's key. */
function typeText(schema: z.ZodType): string {
  const { type, enum: choices, minimum, maximum, default: standard } = z.toJSONSchema(schema, { io: "output" });
  const range = [
    ...(minimum === undefined ? [] : [`from ${minimum}`]),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? [] : [`to ${maximum}`]),
  ].join(" ");
  const kind =
    choices === undefined ? (type === "integer" ? "a whole number" : "a text") : `one of ${choices.join(", ")}`;
  return `: ${kind}${range === "" ? "" : ` ${range}`}${standard === undefined ? "" : `; ${JSON.stringify(standard)} without it`}`;
}

function answerText({ answer }: Route): string {
  const status = "otherStatus" in answer ? `${answer.status} (or ${answer.otherStatus})` : String(answer.status);
  const content: Readonly<Record<Route["answer"]["type"], string>> = {
    json: "JSON",
    empty: "nothing",
    bytes: "the bytes, or 206 and the range of them that was asked for",
    text: `\`${answer.type === "text" ? answer.mediaType : ""}\``,
    events: "server-sent events, or a WebSocket with the same events where the request upgrades",
    socket: "a WebSocket",
  };
  return `${status} with ${content[answer.type]}`;
}

function exampleText(route: Route, { query = {}, body, answer }: NonNullable<Route["example"]>): string[] {
  const parts = Object.fromEntries(
    Object.entries(route.parameters ?? {}).map(([name, { example }]) => [name, example]),
  );
  const search = new URLSearchParams(query).toString();
  return [
    "```http",
    `${route.method} ${pathOf(route, parts)}${search === "" ? "" : `?${search}`}`,
    ...(body === undefined ? [] : ["", JSON.stringify(body, null, 2)]),
    "```",
    "",
    ...(answer === undefined ? [] : ["```json", JSON.stringify(answer, null, 2), "```", ""]),
  ];
}

function sizeText(bytes: number): string {
  return `${bytes / (1024 * 1024)} MiB`;
}
