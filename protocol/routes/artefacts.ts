/** Artefacts: bytes by their content hash, in one request or in parts. */
import { API_PREFIX } from "../api.ts";
import { openUploadRequest, openUploadResponse } from "../artefacts.ts";
import { LIMITS } from "../limits.ts";
import { artefactParameter, queryNumber } from "./parameters.ts";
import { jsonAnswer, jsonBody, type Routes } from "./route.ts";

const LEASE_HEADERS = {
  "x-ktrdr-operation": "The operation that a node uploads for. A person leaves it out.",
  "x-ktrdr-attempt": "The attempt of that operation that the node holds.",
} as const;

export const artefactRoutes = {
  uploadArtefact: {
    method: "PUT",
    path: `${API_PREFIX}/artefacts/{sha256}`,
    parameters: artefactParameter,
    role: "researcher or node",
    summary:
      "Stores bytes under their hash. The status is 200 where they are stored already, and nothing is read then.",
    headers: { ...LEASE_HEADERS, "content-length": "The size; it has to be there.", "content-type": "The media type." },
    body: { type: "bytes", maxBytes: LIMITS.artefactPartBytes, isStreamed: true },
    answer: { type: "empty", status: 201, otherStatus: 200 },
  },
  openUpload: {
    method: "POST",
    path: `${API_PREFIX}/artefacts/{sha256}/uploads`,
    parameters: artefactParameter,
    role: "researcher or node",
    summary:
      "Opens an upload in parts, or says which parts of an open one have arrived. The status is 200 where the bytes are stored already.",
    headers: LEASE_HEADERS,
    body: jsonBody(openUploadRequest),
    answer: { ...jsonAnswer(openUploadResponse, 201), otherStatus: 200 },
    example: {
      body: { bytes: 40_000_000, media_type: "application/octet-stream" },
      answer: { stored: false, part_bytes: LIMITS.uploadPartBytes, parts: [1] },
    },
  },
  uploadPart: {
    method: "PUT",
    path: `${API_PREFIX}/artefacts/{sha256}/uploads/{part}`,
    parameters: {
      ...artefactParameter,
      part: { schema: queryNumber().int().min(1).max(10_000), subject: "part number", example: "1" },
    },
    role: "researcher or node",
    summary: "Stores one part of an open upload, counted from 1. Every part but the last is full.",
    headers: { ...LEASE_HEADERS, "x-ktrdr-part-sha256": "The hash of this part's bytes." },
    body: { type: "bytes", maxBytes: LIMITS.uploadPartBytes, isStreamed: false },
    answer: { type: "empty", status: 201 },
  },
  completeUpload: {
    method: "POST",
    path: `${API_PREFIX}/artefacts/{sha256}/uploads/complete`,
    parameters: artefactParameter,
    role: "researcher or node",
    summary: "Joins the parts, and reads the whole once to see that it is what its name says.",
    headers: LEASE_HEADERS,
    answer: { type: "empty", status: 201 },
  },
  downloadArtefact: {
    method: "GET",
    path: `${API_PREFIX}/artefacts/{sha256}`,
    parameters: artefactParameter,
    role: "viewer or node",
    summary: "Sends an artefact's bytes, or the range that is asked for.",
    headers: { range: "The range of bytes to send (RFC 9110, section 14)." },
    answer: { type: "bytes", status: 200 },
  },
} as const satisfies Routes;
