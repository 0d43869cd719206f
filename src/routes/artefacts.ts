/** Bytes by content hash, streamed to and from the store. */
import type { Context } from "hono";
import { z } from "zod";
import { artefactKey, type Upload } from "../../durable-objects/index.ts";
import {
  type artefactRoutes,
  type Lease,
  LIMITS,
  lease,
  Problem,
  pathOf,
  ROUTES,
  sha256Hex,
  wire,
} from "../../protocol/index.ts";
import { opened } from "../answers.ts";
import { artefactResponse } from "../artefact-response.ts";
import type { Edge } from "../edge.ts";
import type { Handlers } from "../handler.ts";

const claimWire = wire(lease.extend({ attempt: z.coerce.number().int().min(1) }));

/** R2's error codes, which its errors carry at the end of the message: a multipart upload that does not exist... */
const NO_SUCH_UPLOAD = "(10024)";
/** ... and bytes whose hash is not the one that was announced. */
const BAD_DIGEST = "(10037)";

export const artefactHandlers: Handlers<typeof artefactRoutes> = {
  /** A node stores a result of the lease that it holds, or a person a dataset; the store checks the hash against the bytes. */
  async uploadArtefact(context, { parameters: { sha256: hash } }) {
    const claim = claimOf(context);
    const { registry, tokenHash, workspace } = context.var;
    const { stored } = await opened(registry.authorizeUpload(tokenHash, claim, hash));
    if (stored) {
      context.status(200);
      return;
    }
    const bytes = Number(context.req.header("content-length"));
    if (!Number.isInteger(bytes) || bytes < 0) {
      throw new Problem("invalid-request", "An upload needs a content-length.");
    }
    const { maxBytes } = ROUTES.uploadArtefact.body;
    if (bytes > maxBytes) {
      throw new Problem("too-large", `The artefact has ${bytes} bytes; one request may carry ${maxBytes}.`);
    }
    const mediaType = context.req.header("content-type") ?? "application/octet-stream";
    try {
      await context.env.ARTEFACTS.put(artefactKey(workspace, hash), context.req.raw.body, {
        sha256: hash,
        httpMetadata: { contentType: mediaType },
      });
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(BAD_DIGEST))) throw error;
      throw new Problem("damaged-bytes", `The bytes that arrived are not those that ${hash} names.`, {
        cure: "Send them again.",
        cause: error,
      });
    }
    await registry.recordArtefact({ sha256: hash, bytes, mediaType });
  },

  /** Opens an upload in parts, or says which parts of an open one have arrived. */
  async openUpload(context, { parameters: { sha256: hash }, body: { bytes, mediaType } }) {
    const claim = claimOf(context);
    const { registry, tokenHash, workspace } = context.var;
    const found = await opened(registry.findUpload(tokenHash, claim, hash));
    let parts = found.upload?.parts ?? [];
    if (!found.stored && (found.upload === null || found.upload.bytes !== bytes)) {
      const created = await context.env.ARTEFACTS.createMultipartUpload(artefactKey(workspace, hash), {
        httpMetadata: { contentType: mediaType },
      });
      await opened(
        registry.openUpload(tokenHash, claim, { sha256: hash, uploadId: created.uploadId, bytes, mediaType }),
      );
      parts = [];
    }
    if (found.stored) context.status(200);
    return {
      stored: found.stored,
      partBytes: LIMITS.uploadPartBytes,
      parts: parts.map((part) => part.partNumber),
    };
  },

  /** One part, whose own hash travels with it: a part that was damaged on the way is sent again, not the whole. */
  async uploadPart(context, { parameters: { sha256: hash, part: partNumber } }) {
    const upload = await openUploadOf(context, hash);
    const expected = partSize(upload.bytes, partNumber);
    const bytes = new Uint8Array(await context.req.arrayBuffer());
    if (bytes.byteLength !== expected) {
      throw new Problem("invalid-request", `Part ${partNumber} has ${bytes.byteLength} bytes, not ${expected}.`);
    }
    if ((await sha256Hex(bytes)) !== context.req.header("x-ktrdr-part-sha256")) {
      throw new Problem("damaged-bytes", `Part ${partNumber} is not what its x-ktrdr-part-sha256 says.`, {
        cure: "Send it again.",
      });
    }
    const { registry, workspace } = context.var;
    const multipart = context.env.ARTEFACTS.resumeMultipartUpload(artefactKey(workspace, hash), upload.uploadId);
    const etag = await multipart.uploadPart(partNumber, bytes).then(
      (part) => part.etag,
      (error: unknown) => giveUp(context, hash, error),
    );
    await opened(registry.recordPart(hash, { partNumber, etag }));
  },

  /** Joins the parts, and reads the whole once to compare its hash with its name. */
  async completeUpload(context, { parameters: { sha256: hash } }) {
    const upload = await openUploadOf(context, hash);
    const count = Math.ceil(upload.bytes / LIMITS.uploadPartBytes);
    const missing = Array.from({ length: count }, (_, index) => index + 1).filter(
      (partNumber) => !upload.parts.some((part) => part.partNumber === partNumber),
    );
    if (missing.length > 0) {
      throw new Problem("conflict", `Parts ${missing.slice(0, 10).join(", ")} of ${count} have not arrived.`, {
        cure: "Send them.",
      });
    }
    const { registry, workspace } = context.var;
    const key = artefactKey(workspace, hash);
    const joining = context.env.ARTEFACTS.resumeMultipartUpload(key, upload.uploadId).complete([...upload.parts]);
    // An earlier request joined it and died before it recorded that: then the bytes are there.
    await joining.catch(async (error: unknown) => {
      if ((await context.env.ARTEFACTS.head(key)) === null) return giveUp(context, hash, error);
    });
    const stored = await context.env.ARTEFACTS.get(key);
    const actual = stored === null ? null : await hashOf(stored.body);
    if (actual !== hash) {
      await context.env.ARTEFACTS.delete(key);
      await registry.abandonUpload(hash);
      throw new Problem("damaged-bytes", `The bytes are not those that ${hash} names, but ${actual ?? "nothing"}.`, {
        cure: "Upload it again from the start.",
      });
    }
    await registry.recordArtefact({ sha256: hash, bytes: upload.bytes, mediaType: upload.mediaType });
  },

  /** The bytes, or the range of them that is asked for, so that a broken download goes on where it was. */
  async downloadArtefact(context, { parameters: { sha256: hash } }) {
    await opened(context.var.registry.requireReader(context.var.tokenHash));
    return artefactResponse(context, hash);
  },
};

/** The lease that a node names; null where a person uploads. */
function claimOf(context: Context<Edge>): Lease | null {
  const headers = {
    operation_id: context.req.header("x-ktrdr-operation"),
    attempt: context.req.header("x-ktrdr-attempt"),
  };
  if (headers.operation_id === undefined && headers.attempt === undefined) return null;
  return claimWire.parse(headers, "set of upload headers");
}

async function openUploadOf(context: Context<Edge>, hash: string): Promise<Upload> {
  const { registry, tokenHash } = context.var;
  const { upload } = await opened(registry.findUpload(tokenHash, claimOf(context), hash));
  if (upload === null) {
    throw new Problem("not-found", `There is no open upload of ${hash}.`, {
      cure: `POST ${pathOf(ROUTES.openUpload, { sha256: hash })} first.`,
    });
  }
  return upload;
}

/** Forgets an upload that the store itself no longer has, so that it can be opened anew; any other fault stays one. */
async function giveUp(context: Context<Edge>, hash: string, error: unknown): Promise<never> {
  if (!(error instanceof Error && error.message.includes(NO_SUCH_UPLOAD))) throw error;
  await context.var.registry.abandonUpload(hash);
  throw new Problem("not-found", `The store has no open upload of ${hash} any more.`, {
    cure: `POST ${pathOf(ROUTES.openUpload, { sha256: hash })}, and send the parts again.`,
    cause: error,
  });
}

/** Bytes of a part, counted from 1; every part but the last is full. */
function partSize(bytes: number, partNumber: number): number {
  return Math.max(0, Math.min(LIMITS.uploadPartBytes, bytes - (partNumber - 1) * LIMITS.uploadPartBytes));
}

async function hashOf(stream: ReadableStream): Promise<string> {
  const digest = new crypto.DigestStream("SHA-256");
  await stream.pipeTo(digest);
  return Array.from(new Uint8Array(await digest.digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
