/** Describes a submission beside its content. */
export interface Caller {
  /** Null where the caller traces nothing. */
  readonly traceparent: string | null;
  readonly receivedAt: number;
  readonly over: "http" | "socket";
}
