/** An artefact's bytes as a response: whole, or the one range that was asked for (RFC 9110, section 14). */
import type { Context } from "hono";
import { artefactKey } from "../durable-objects/index.ts";
import { Problem } from "../protocol/index.ts";
import type { Edge } from "./edge.ts";

export async function artefactResponse(context: Context<Edge>, sha256: string): Promise<Response> {
  const key = artefactKey(context.var.workspace, sha256);
  const range = context.req.header("range");
  const object = await context.env.ARTEFACTS.get(key, range === undefined ? {} : { range: context.req.raw.headers });
  if (object === null) {
    throw new Problem("not-found", `There is no artefact ${sha256}.`, {
      cure: "It may have been removed by retention.",
    });
  }
  const headers = new Headers({
    "content-type": object.httpMetadata?.contentType ?? "application/octet-stream",
    etag: `"${sha256}"`,
    "accept-ranges": "bytes",
    "cache-control": "private, immutable, max-age=31536000",
  });
  const part = range === undefined ? undefined : rangeOf(object);
  if (part === undefined) {
    headers.set("content-length", String(object.size));
    return new Response(object.body, { headers });
  }
  headers.set("content-length", String(part.length));
  headers.set("content-range", `bytes ${part.offset}-${part.offset + part.length - 1}/${object.size}`);
  return new Response(object.body, { status: 206, headers });
}

/** Reads the range that the store served; undefined when it served the whole. */
function rangeOf(object: R2ObjectBody): { offset: number; length: number } | undefined {
  const { range, size } = object;
  if (range === undefined) return undefined;
  // The runtime fills the absent fields with undefined, so `in` does not tell the forms apart.
  const { suffix, offset = 0, length } = range as { suffix?: number; offset?: number; length?: number };
  if (suffix !== undefined) return { offset: size - suffix, length: suffix };
  return { offset, length: length ?? size - offset };
}
