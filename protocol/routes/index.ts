/**
 * Every route of the API, by name: the single source for the edge (src/), the client (client/), the nodes' requests, the tests
 * over the table and docs/reference/api.md.
 */
import { artefactRoutes } from "./artefacts.ts";
import { datasetRoutes } from "./datasets.ts";
import { healthRoutes } from "./health.ts";
import { metricsRoutes } from "./metrics.ts";
import { modelRoutes } from "./models.ts";
import { operationRoutes } from "./operations.ts";
import { submissionRoutes } from "./submissions.ts";
import { tokenRoutes } from "./tokens.ts";
import { workerRoutes } from "./workers.ts";

export { type ParameterName, parameterNames, pathOf } from "./path.ts";
export type { Route, RouteRole, Routes } from "./route.ts";
export {
  artefactRoutes,
  datasetRoutes,
  healthRoutes,
  metricsRoutes,
  modelRoutes,
  operationRoutes,
  submissionRoutes,
  tokenRoutes,
  workerRoutes,
};

export const ROUTES = {
  ...healthRoutes,
  ...operationRoutes,
  ...submissionRoutes,
  ...workerRoutes,
  ...artefactRoutes,
  ...datasetRoutes,
  ...modelRoutes,
  ...metricsRoutes,
  ...tokenRoutes,
};
export type RouteName = keyof typeof ROUTES;
