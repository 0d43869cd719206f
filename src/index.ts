/**
 * The edge API: authenticate, validate, route. It keeps no state and moves artefacts as streams; decisions are the
 * registry's.
 */
import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { problemResponse } from "../durable-objects/index.ts";
import { API_PREFIX, LIMITS, Problem } from "../protocol/index.ts";
import type { Edge } from "./edge.ts";
import { artefacts } from "./routes/artefacts.ts";
import { datasets } from "./routes/datasets.ts";
import { events } from "./routes/events.ts";
import { health } from "./routes/health.ts";
import { metrics } from "./routes/metrics.ts";
import { models } from "./routes/models.ts";
import { operationBatches, operations } from "./routes/operations.ts";
import { submissions } from "./routes/submissions.ts";
import { enrolments, tokens } from "./routes/tokens.ts";
import { workers } from "./routes/workers.ts";
import { workspaces } from "./routes/workspaces.ts";

export { WorkerRegistry } from "../durable-objects/index.ts";

const countingLimit = bodyLimit({ maxSize: LIMITS.requestBodyBytes, onError: refuseLargeBody });

/** A body that says its length need not be counted; the runtime holds it to what it says. */
const jsonLimit: MiddlewareHandler<Edge> = (context, next) => {
  const length = Number(context.req.header("content-length") ?? Number.NaN);
  if (Number.isNaN(length)) return countingLimit(context, next);
  return length > LIMITS.requestBodyBytes ? refuseLargeBody() : next();
};

function refuseLargeBody(): never {
  throw new Problem("too-large", `The request body is over the limit of ${LIMITS.requestBodyBytes} bytes.`, {
    cure: "Split it into several requests.",
  });
}

const app = new Hono<Edge>();

app.route("/health", health);
app.route(`${API_PREFIX}/artefacts`, artefacts);
app.use(`${API_PREFIX}/*`, jsonLimit);
app.route(`${API_PREFIX}/workers`, workers);
app.route(`${API_PREFIX}/operations:batch`, operationBatches);
app.route(`${API_PREFIX}/operations`, operations);
app.route(`${API_PREFIX}/submissions`, submissions);
app.route(`${API_PREFIX}/datasets`, datasets);
app.route(`${API_PREFIX}/models`, models);
app.route(`${API_PREFIX}/events`, events);
app.route(`${API_PREFIX}/metrics`, metrics);
app.route(`${API_PREFIX}/workspaces`, workspaces);
app.route(`${API_PREFIX}/tokens`, tokens);
app.route(`${API_PREFIX}/enrolments`, enrolments);

app.notFound((context) => {
  throw new Problem("not-found", `There is no ${context.req.method} ${context.req.path}.`, {
    cure: `The API's paths begin with ${API_PREFIX}.`,
  });
});
app.onError((error) => problemResponse(error));

export default app;
