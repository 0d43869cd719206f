/** `/api/v1/artefacts`: bytes by content hash, streamed to and from the store. */
import { Hono } from "hono";
import { z } from "zod";
import { LIMITS, lease, Problem, sha256, wire } from "../../protocol/index.ts";
import { opened } from "../answers.ts";
import { artefactKey } from "../artefact-key.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

const hashWire = wire(sha256);
const claimWire = wire(lease.extend({ attempt: z.coerce.number().int().min(1) }));

export const artefacts = new Hono<Edge>();
artefacts.use(authenticate);

/** A node stores a result. Only the worker that holds the lease may; the store checks the hash against the bytes. */
artefacts.put("/:sha256", async (context) => {
  const hash = hashWire.parse(context.req.param("sha256"), "artefact name");
  const claim = claimWire.parse(
    {
      operation_id: context.req.header("x-ktrdr-operation"),
      attempt: context.req.header("x-ktrdr-attempt"),
    },
    "set of upload headers",
  );
  const { registry, tokenHash, workspace } = context.var;
  const { stored } = await opened(registry.authorizeUpload(tokenHash, claim, hash));
  if (stored) return context.body(null, 200);
  const bytes = Number(context.req.header("content-length"));
  if (!Number.isInteger(bytes) || bytes < 0) {
    throw new Problem("invalid-request", "An upload needs a content-length.");
  }
  if (bytes > LIMITS.artefactPartBytes) {
    throw new Problem(
      "too-large",
      `The artefact has ${bytes} bytes; one request may carry ${LIMITS.artefactPartBytes}.`,
    );
  }
  const mediaType = context.req.header("content-type") ?? "application/octet-stream";
  try {
    await context.env.ARTEFACTS.put(artefactKey(workspace, hash), context.req.raw.body, {
      sha256: hash,
      httpMetadata: { contentType: mediaType },
    });
  } catch (error) {
    throw new Problem("invalid-request", `The bytes are not those that ${hash} names: ${(error as Error).message}`, {
      cure: "Send them again.",
    });
  }
  await registry.recordArtefact({ sha256: hash, bytes, mediaType });
  return context.body(null, 201);
});

artefacts.get("/:sha256", async (context) => {
  const hash = hashWire.parse(context.req.param("sha256"), "artefact name");
  await opened(context.var.registry.requireViewer(context.var.tokenHash));
  const object = await context.env.ARTEFACTS.get(artefactKey(context.var.workspace, hash));
  if (object === null) throw new Problem("not-found", `There is no artefact ${hash}.`);
  return new Response(object.body, {
    headers: {
      "content-type": object.httpMetadata?.contentType ?? "application/octet-stream",
      "content-length": String(object.size),
      etag: `"${hash}"`,
    },
  });
});
