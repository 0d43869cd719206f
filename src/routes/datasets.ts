/** `/api/v1/datasets`: market data that every node of the workspace can have. The bytes are artefacts. */
import { Hono } from "hono";
import { publishDatasetRequest, sha256, storedDataset, storedDatasetList, wire } from "../../protocol/index.ts";
import { body, opened } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

const hashWire = wire(sha256);
const publishWire = wire(publishDatasetRequest);
const datasetWire = wire(storedDataset);
const listWire = wire(storedDatasetList);

export const datasets = new Hono<Edge>();
datasets.use(authenticate);

datasets.get("/", async (context) => {
  const all = await opened(context.var.registry.listDatasets(context.var.tokenHash));
  return context.json(listWire.encode({ total: all.length, datasets: all }) as object);
});

/** Says what uploaded bytes are. Publishing a version again makes it the newest. */
datasets.put("/:sha256", async (context) => {
  const hash = hashWire.parse(context.req.param("sha256"), "dataset name");
  const details = await body(context, publishWire);
  const published = await opened(context.var.registry.publishDataset(context.var.tokenHash, hash, details));
  return context.json(datasetWire.encode(published) as object, 201);
});

datasets.delete("/:sha256", async (context) => {
  const hash = hashWire.parse(context.req.param("sha256"), "dataset name");
  await opened(context.var.registry.withdrawDataset(context.var.tokenHash, hash));
  return context.body(null, 204);
});
