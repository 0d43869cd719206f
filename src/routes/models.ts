/** `/api/v1/models`: what training runs left and people imported, by name and version. The bytes are artefacts. */
import { Hono } from "hono";
import { z } from "zod";
import { modelList, modelName, modelVersion, publishModelRequest, wire } from "../../protocol/index.ts";
import { body, opened } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

const nameWire = wire(modelName);
const publishWire = wire(publishModelRequest);
const versionWire = wire(modelVersion);
const listWire = wire(modelList);
const listQuery = wire(z.strictObject({ name: modelName.optional() }));
const versionQuery = wire(z.strictObject({ version: z.coerce.number().int().min(1).optional() }));

export const models = new Hono<Edge>();
models.use(authenticate);

models.get("/", async (context) => {
  const { name } = listQuery.parse(context.req.query(), "query");
  const all = await opened(context.var.registry.listModels(context.var.tokenHash, name ?? null));
  return context.json(listWire.encode({ models: all }) as object);
});

/** The newest version, or the one of `?version=`. */
models.get("/:name", async (context) => {
  const name = nameWire.parse(context.req.param("name"), "model name");
  const { version } = versionQuery.parse(context.req.query(), "query");
  const found = await opened(context.var.registry.showModel(context.var.tokenHash, name, version ?? null));
  return context.json(versionWire.encode(found) as object);
});

/** Gives stored bytes this name, as its next version. */
models.put("/:name", async (context) => {
  const name = nameWire.parse(context.req.param("name"), "model name");
  const request = await body(context, publishWire);
  const published = await opened(context.var.registry.publishModel(context.var.tokenHash, name, request));
  return context.json(versionWire.encode(published) as object, 201);
});

/** All versions of the name, or the one of `?version=`. */
models.delete("/:name", async (context) => {
  const name = nameWire.parse(context.req.param("name"), "model name");
  const { version } = versionQuery.parse(context.req.query(), "query");
  await opened(context.var.registry.removeModel(context.var.tokenHash, name, version ?? null));
  return context.body(null, 204);
});
