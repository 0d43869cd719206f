/** Effects that a step asks of the shell. */
import type { OperationEvent, RegistryMessage } from "../../protocol/index.ts";

/** The shell carries it out after the commit of a step's writes. A crash before that loses messages; the protocol survives it. */
export type Effect =
  | { readonly type: "send"; readonly workerId: string; readonly epoch: number; readonly message: RegistryMessage }
  /** Closes the worker's connection of exactly this epoch. */
  | {
      readonly type: "close";
      readonly workerId: string;
      readonly epoch: number;
      readonly code: number;
      readonly reason: string;
    }
  /** Tells an operation's followers that something happened to it. */
  | { readonly type: "event"; readonly event: OperationEvent };
