/** Uploads in parts, for results and checkpoints that one request cannot carry. */
import { z } from "zod";
import { LIMITS } from "./limits.ts";

/** `POST /api/v1/artefacts/{sha256}/uploads`: opens the upload, or says how far an open one has come. */
export const openUploadRequest = z.strictObject({
  bytes: z.int().min(1).max(LIMITS.artefactBytes),
  mediaType: z.string().max(100).default("application/octet-stream"),
});

export const openUploadResponse = z.strictObject({
  /** The bytes are there already: nothing to send. */
  stored: z.boolean(),
  /** Every part but the last has this size. */
  partBytes: z.int(),
  /** Numbers of the parts that have arrived, counted from 1. */
  parts: z.array(z.int()),
});
