/** Frames between nodes and the registry. A few go through JSON and the schemas, as all do in production. */
import {
  type NodeMessage,
  nodeMessage,
  type RegistryMessage,
  registryMessage,
  type Wire,
  wire,
} from "../../protocol/index.ts";

/** One frame in this many goes through JSON and the schemas; the rest are handed over as they are. */
const ENCODED_FRAMES = 16;
const nodeWire = wire(nodeMessage);
const registryWire = wire(registryMessage);

export class Frames {
  #count = 0;

  fromNode(messages: readonly NodeMessage[]): readonly NodeMessage[] {
    return this.#passed(nodeWire, messages);
  }

  fromRegistry(messages: readonly RegistryMessage[]): readonly RegistryMessage[] {
    return this.#passed(registryWire, messages);
  }

  #passed<T>(schema: Wire<T>, messages: readonly T[]): readonly T[] {
    if (this.#count++ % ENCODED_FRAMES !== 0) return messages;
    return messages.map((message) => schema.parse(JSON.parse(JSON.stringify(schema.encode(message)))));
  }
}

/** Names a message in the trace. */
export function describeMessage(message: NodeMessage | RegistryMessage): string {
  if ("operationId" in message) return `${message.type} ${message.operationId.slice(-5)}#${message.attempt}`;
  if (message.type === "hello") return `hello epoch ${message.epoch} with ${message.leases.length} leases`;
  return message.type;
}
