/** Tells whose a socket is, from the attachment that the runtime keeps through hibernation. */

/** `epoch` is null until `hello`. */
interface NodeAttachment {
  readonly workerId: string;
  readonly epoch: number | null;
  /** Messages of this connection that could not be understood. */
  readonly faults: number;
}

/** Null follows every operation. */
export interface FollowerAttachment {
  readonly follows: string | null;
}

export interface SubmitterAttachment {
  /** The hash of the token that it submits with. */
  readonly submitsWith: string;
  /** Frames of this connection that could not be understood. */
  readonly faults: number;
}

type Attachment = NodeAttachment | FollowerAttachment | SubmitterAttachment;

/** Lives while this object is awake. Every message needs the attachment, and asking the runtime takes time. */
const attachments = new WeakMap<WebSocket, Attachment>();

export function attachmentOf(socket: WebSocket): Attachment {
  const known = attachments.get(socket);
  if (known !== undefined) return known;
  const kept = socket.deserializeAttachment() as Attachment;
  attachments.set(socket, kept);
  return kept;
}

/** Reads the attachment of a socket that is known to be a node's. */
export function nodeAttachmentOf(socket: WebSocket): NodeAttachment {
  return attachmentOf(socket) as NodeAttachment;
}

export function setAttachment(socket: WebSocket, attachment: Attachment): void {
  socket.serializeAttachment(attachment);
  attachments.set(socket, attachment);
}

export function isNode(attachment: Attachment): attachment is NodeAttachment {
  return "workerId" in attachment;
}

export function isFollower(attachment: Attachment): attachment is FollowerAttachment {
  return "follows" in attachment;
}

export function isSubmitter(attachment: Attachment): attachment is SubmitterAttachment {
  return "submitsWith" in attachment;
}
