/** Carries a call's value or its problem from the registry to the edge. */
import type { ProblemDetails } from "../protocol/index.ts";

/** Errors lose their fields on the way over RPC, so an answer carries its problem as a value. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: ProblemDetails };
