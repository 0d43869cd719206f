/** Bodies of the HTTPS API that are neither workers nor operations. */
import { z } from "zod";
import { DAY_MS } from "./durations.ts";
import { timestampMs, workspace } from "./identifiers.ts";

export const API_PREFIX = "/api/v1";

/** `admin`: everything, tokens and workers included. `researcher`: operations and artefacts. `viewer`: reads. */
const role = z.enum(["admin", "researcher", "viewer"]);
export type Role = z.infer<typeof role>;

/** Not strict, since clients of other versions look at it first. */
export const health = z.object({
  status: z.literal("ok"),
  version: z.string(),
  protocolVersion: z.int(),
  /** The first for a control plane that does not say it. */
  oldestProtocolVersion: z.int().default(1),
});

export const createTokenRequest = z.strictObject({
  role,
  name: z.string().min(1).max(100),
  expiresAtMs: timestampMs.optional(),
});

export const createWorkspaceRequest = z.strictObject({ name: workspace });
export const workspaceList = z.strictObject({ workspaces: z.array(workspace) });

export const createEnrolmentRequest = z.strictObject({
  name: z.string().min(1).max(100).default("enrolment"),
  /** The number of workers that may enrol with it. */
  maxUses: z.int().min(1).max(10_000).default(1),
  /** The time for which it is valid. */
  ttlMs: z
    .int()
    .min(1000)
    .max(30 * DAY_MS)
    .default(DAY_MS),
});

/** A new token, whose text is shown this once. */
export const createdToken = z.strictObject({
  tokenId: z.string(),
  token: z.string(),
  name: z.string(),
  role: z.enum(["admin", "researcher", "viewer", "enrolment"]),
  workspace,
  expiresAtMs: timestampMs.nullable(),
});
export type CreatedToken = z.infer<typeof createdToken>;

export const tokenList = z.strictObject({
  tokens: z.array(createdToken.omit({ token: true }).extend({ createdAt: timestampMs, usesLeft: z.int().nullable() })),
});
