/** Market data that the workspace's store holds for every node. The bytes are artefacts. */
import { API_PREFIX } from "../api.ts";
import { publishDatasetRequest, storedDataset, storedDatasetList } from "../datasets.ts";
import { datasetParameter, EXAMPLE_SHA256, EXAMPLE_TIME_MS } from "./parameters.ts";
import { jsonAnswer, jsonBody, NO_CONTENT, type Routes } from "./route.ts";

const DETAILS = {
  symbol: "AAPL",
  timeframe: "1d",
  rows: 1260,
  first_ms: 1_368_403_200_000,
  last_ms: 1_525_910_400_000,
  source: "aapl.csv",
};
const DATASET = { ...DETAILS, sha256: EXAMPLE_SHA256, is_newest: true, published_at: EXAMPLE_TIME_MS };

export const datasetRoutes = {
  listDatasets: {
    method: "GET",
    path: `${API_PREFIX}/datasets`,
    role: "viewer",
    summary: "Lists the datasets of the store by symbol and timeframe, the newest version first.",
    answer: jsonAnswer(storedDatasetList),
    example: { answer: { total: 1, datasets: [DATASET] } },
  },
  publishDataset: {
    method: "PUT",
    path: `${API_PREFIX}/datasets/{sha256}`,
    parameters: datasetParameter,
    role: "researcher",
    summary: "Says what uploaded bytes are. A version that is published again becomes the newest.",
    body: jsonBody(publishDatasetRequest),
    answer: jsonAnswer(storedDataset, 201),
    example: { body: DETAILS, answer: DATASET },
  },
  withdrawDataset: {
    method: "DELETE",
    path: `${API_PREFIX}/datasets/{sha256}`,
    parameters: datasetParameter,
    role: "researcher",
    summary: "Withdraws a version of a dataset.",
    answer: NO_CONTENT,
  },
} as const satisfies Routes;
