/** Models that training runs left and people imported, by name and version. The bytes are artefacts. */
import { z } from "zod";
import { API_PREFIX } from "../api.ts";
import { modelList, modelName, modelVersion, publishModelRequest } from "../training.ts";
import { EXAMPLE_SHA256, EXAMPLE_TIME_MS, modelParameter, queryNumber } from "./parameters.ts";
import { jsonAnswer, jsonBody, NO_CONTENT, type Routes } from "./route.ts";

const nameQuery = z.strictObject({ name: modelName.optional() });
const versionQuery = z.strictObject({ version: queryNumber().int().min(1).optional() });

const MODEL = {
  name: "momentum",
  version: 3,
  sha256: EXAMPLE_SHA256,
  bytes: 48_120,
  operation_id: null,
  created_at: EXAMPLE_TIME_MS,
  summary: { symbols: ["AAPL"] },
};

export const modelRoutes = {
  listModels: {
    method: "GET",
    path: `${API_PREFIX}/models`,
    role: "viewer",
    summary: "Lists the versions of every model, or of one name.",
    query: nameQuery,
    answer: jsonAnswer(modelList),
    example: { query: { name: "momentum" }, answer: { models: [MODEL] } },
  },
  showModel: {
    method: "GET",
    path: `${API_PREFIX}/models/{name}`,
    parameters: modelParameter,
    role: "viewer",
    summary: "Shows the newest version of a model, or the one that the query names.",
    query: versionQuery,
    answer: jsonAnswer(modelVersion),
    example: { query: { version: "3" }, answer: MODEL },
  },
  publishModel: {
    method: "PUT",
    path: `${API_PREFIX}/models/{name}`,
    parameters: modelParameter,
    role: "researcher",
    summary: "Gives stored bytes a name, as its next version. The same bytes keep their version.",
    body: jsonBody(publishModelRequest),
    answer: jsonAnswer(modelVersion, 201),
    example: { body: { sha256: EXAMPLE_SHA256, summary: { symbols: ["AAPL"] } }, answer: MODEL },
  },
  removeModel: {
    method: "DELETE",
    path: `${API_PREFIX}/models/{name}`,
    parameters: modelParameter,
    role: "researcher",
    summary: "Removes every version of a model, or the one that the query names.",
    query: versionQuery,
    answer: NO_CONTENT,
    example: { query: { version: "3" } },
  },
} as const satisfies Routes;
