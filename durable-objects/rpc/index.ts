/**
 * Every call that the edge may make to a registry, a file for each resource. The first argument of a call is the token's hash;
 * each checks that the caller has the role of its route, runs one step and answers.
 */
import type { Registry } from "../registry.ts";
import { artefactCalls } from "./artefacts.ts";
import { datasetCalls } from "./datasets.ts";
import { joinCalls } from "./join-calls.ts";
import { metricsCalls } from "./metrics.ts";
import { modelCalls } from "./models.ts";
import { operationCalls } from "./operations.ts";
import { tokenCalls } from "./tokens.ts";
import { workerCalls } from "./workers.ts";
import { workspaceCalls } from "./workspaces.ts";

export const REGISTRY_CALLS = joinCalls(
  operationCalls,
  workerCalls,
  metricsCalls,
  workspaceCalls,
  tokenCalls,
  artefactCalls,
  datasetCalls,
  modelCalls,
);

/** A call as its resource's file writes it. */
export type RegistryCall = (registry: Registry, ...values: never[]) => unknown;

type CallsOf<Table> = {
  [Name in keyof Table]: Table[Name] extends (registry: Registry, ...values: infer Values) => infer Value
    ? (...values: Values) => Value
    : never;
};

/**
 * The registry's calls as the edge makes them. The platform's own stub type maps every value through "serializable",
 * which gives up on `unknown` (labels, metadata); everything passed here is plain JSON data.
 */
export type RegistryClient = CallsOf<typeof REGISTRY_CALLS> & { fetch(request: Request): Promise<Response> };
