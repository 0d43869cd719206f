import type { NodeMessage, RegistryMessage } from "../../protocol/index.ts";

/** A message in the words of a trace. */
export function describeMessage(message: NodeMessage | RegistryMessage): string {
  if ("operationId" in message) return `${message.type} ${message.operationId.slice(-5)}#${message.attempt}`;
  if (message.type === "hello") return `hello epoch ${message.epoch} with ${message.leases.length} leases`;
  return message.type;
}
