/**
 * Errors as problem details (RFC 9457). One class, thrown anywhere, turned into a response by one handler
 * in the edge API and into two lines on stderr by the CLI.
 */
import { z } from "zod";

/** Each kind of problem with its HTTP status; `retryable` where the same request may succeed later without a change. */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request is not valid", retryable: false },
  "damaged-bytes": { status: 400, title: "The bytes were damaged on the way", retryable: true },
  unauthenticated: { status: 401, title: "No valid token", retryable: false },
  forbidden: { status: 403, title: "The token does not allow this", retryable: false },
  "not-found": { status: 404, title: "There is no such thing", retryable: false },
  conflict: { status: 409, title: "It conflicts with what is there", retryable: false },
  "too-large": { status: 413, title: "It is too large", retryable: false },
  "invalid-strategy": { status: 422, title: "The strategy is not valid", retryable: false },
  "invalid-data": { status: 422, title: "The market data is not valid", retryable: false },
  "program-failed": { status: 422, title: "The program failed", retryable: false },
  "data-not-found": { status: 404, title: "There is no such market data", retryable: false },
  "too-many-requests": { status: 429, title: "Too many requests", retryable: true },
  internal: { status: 500, title: "Something in ktrdr is wrong", retryable: true },
  unavailable: { status: 503, title: "It is not reachable now", retryable: true },
} as const;

export type ProblemKind = keyof typeof PROBLEMS;

/** One fault among several, with its place. */
export const problemIssue = z.object({
  message: z.string(),
  /** A JSON path, such as `indicators.sma_fast.period`. */
  path: z.string().optional(),
  file: z.string().optional(),
  /** Counted from 1. */
  line: z.int().optional(),
  column: z.int().optional(),
});
export type ProblemIssue = z.infer<typeof problemIssue>;

export const problemDetails = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  /** The cure, as an imperative sentence. */
  cure: z.string().optional(),
  retryable: z.boolean().optional(),
  issues: z.array(problemIssue).optional(),
});
export type ProblemDetails = z.infer<typeof problemDetails>;

export interface ProblemOptions {
  /** The cure, as an imperative sentence. */
  cure?: string;
  issues?: readonly ProblemIssue[];
  cause?: unknown;
}

/** An error that a user can act upon: `message` says what happened, `cure` what to do. */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly cure: string | undefined;
  readonly issues: readonly ProblemIssue[];

  constructor(kind: ProblemKind, message: string, options: ProblemOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "Problem";
    this.kind = kind;
    this.cure = options.cure;
    this.issues = options.issues ?? [];
  }

  get status(): number {
    return PROBLEMS[this.kind].status;
  }

  get retryable(): boolean {
    return PROBLEMS[this.kind].retryable;
  }

  /** The RFC 9457 document; also what a node sends in `fail`. */
  toDetails(): ProblemDetails {
    return {
      type: `urn:ktrdr:problem:${this.kind}`,
      title: PROBLEMS[this.kind].title,
      status: this.status,
      detail: this.message,
      ...(this.cure === undefined ? {} : { cure: this.cure }),
      retryable: this.retryable,
      ...(this.issues.length === 0 ? {} : { issues: [...this.issues] }),
    };
  }

  /** Turns any thrown value into a problem. Other errors become `internal`, with the cause kept. */
  static from(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new Problem("internal", message, { cause: thrown });
  }

  /** Makes the problem that a document describes, for clients and for a node's `fail`. */
  static fromDetails(details: ProblemDetails): Problem {
    const name = details.type.replace("urn:ktrdr:problem:", "");
    const kind: ProblemKind = name in PROBLEMS ? (name as ProblemKind) : "internal";
    return new Problem(kind, details.detail, {
      ...(details.cure === undefined ? {} : { cure: details.cure }),
      ...(details.issues === undefined ? {} : { issues: details.issues }),
    });
  }
}

/** The issues of a zod error, with JSON paths. */
export function issuesOf(error: z.ZodError): ProblemIssue[] {
  return error.issues.map((issue) => ({ message: issue.message, path: issue.path.map(String).join(".") }));
}
