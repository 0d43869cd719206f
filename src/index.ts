/**
 * The edge API: authenticate, validate, route. It keeps no state and moves artefacts as streams; decisions are the
 * registry's.
 */
import { Hono } from "hono";
import { problemResponse } from "../durable-objects/index.ts";
import { API_PREFIX, Problem, ROUTES } from "../protocol/index.ts";
import type { Edge } from "./edge.ts";
import { mount } from "./mount.ts";
import { artefactHandlers } from "./routes/artefacts.ts";
import { datasetHandlers } from "./routes/datasets.ts";
import { healthHandlers } from "./routes/health.ts";
import { metricsHandlers } from "./routes/metrics.ts";
import { modelHandlers } from "./routes/models.ts";
import { operationHandlers } from "./routes/operations.ts";
import { submissionHandlers } from "./routes/submissions.ts";
import { tokenHandlers } from "./routes/tokens.ts";
import { workerHandlers } from "./routes/workers.ts";

export { WorkerRegistry } from "../durable-objects/index.ts";

const app = new Hono<Edge>();

mount(app, ROUTES, {
  ...healthHandlers,
  ...operationHandlers,
  ...submissionHandlers,
  ...workerHandlers,
  ...artefactHandlers,
  ...datasetHandlers,
  ...modelHandlers,
  ...metricsHandlers,
  ...tokenHandlers,
});

app.notFound((context) => {
  throw new Problem("not-found", `There is no ${context.req.method} ${context.req.path}.`, {
    cure: `The API's paths begin with ${API_PREFIX}.`,
  });
});
app.onError((error) => problemResponse(error));

export default app;
