/** Converses with nodes: reads a frame, hands it to the scheduler as one step, or refuses it with a reason. */
import { CLOSE_CODES, type NodeMessage, Problem, type Refusal } from "../protocol/index.ts";
import { nodeAttachmentOf, setAttachment } from "./attachment.ts";
import { type Connections, closeQuietly, sendFrames } from "./connections.ts";
import { parseFrame, versionOf } from "./node-frame.ts";
import type { Outcome, Scheduler } from "./scheduler/index.ts";

/** The number of messages that are not understood after which a connection is closed. */
const FAULTS_ALLOWED = 20;

export class NodeConversation {
  readonly #scheduler: Scheduler;
  readonly #connections: Connections;
  readonly #commit: <T>(outcome: Outcome<T>) => T;

  constructor(scheduler: Scheduler, connections: Connections, commit: <T>(outcome: Outcome<T>) => T) {
    this.#scheduler = scheduler;
    this.#connections = connections;
    this.#commit = commit;
  }

  receive(socket: WebSocket, frame: string | ArrayBuffer): void {
    try {
      const messages = parseFrame(frame);
      const [first, ...rest] = messages;
      if (first?.type === "hello") {
        this.#hello(socket, first);
        this.#receiveAll(socket, rest);
      } else this.#receiveAll(socket, messages);
    } catch (error) {
      if (!this.#isOfOtherVersion(socket, frame)) this.#refuse(socket, Problem.from(error));
    }
  }

  /** Ends the conversation of a socket that has closed. */
  end(socket: WebSocket): void {
    const { workerId, epoch } = nodeAttachmentOf(socket);
    this.#connections.forget(socket);
    if (epoch !== null) this.#commit(this.#scheduler.sessions.disconnect(workerId, epoch, Date.now()));
  }

  /** Tells a first frame of a version that is not spoken here from a faulty one; its connection is then closed. */
  #isOfOtherVersion(socket: WebSocket, frame: string | ArrayBuffer): boolean {
    const attachment = nodeAttachmentOf(socket);
    if (attachment.epoch !== null) return false;
    let claim: ReturnType<typeof versionOf>;
    try {
      claim = versionOf(frame);
    } catch {
      return false; // It is no JSON, which the caller has found out as well.
    }
    if (claim === null) return false;
    const { version, epoch } = claim;
    const outcome = this.#scheduler.sessions.helloOfOtherVersion(attachment.workerId, version, epoch, Date.now());
    const refusal = this.#commit(outcome);
    if (refusal !== null) this.#turnAway(socket, refusal);
    return refusal !== null;
  }

  #turnAway(socket: WebSocket, { code, reason }: Refusal): void {
    if (code === CLOSE_CODES.unsupported)
      console.warn(`worker ${nodeAttachmentOf(socket).workerId} was refused: ${reason}`);
    closeQuietly(socket, code, reason);
  }

  #hello(socket: WebSocket, message: Extract<NodeMessage, { type: "hello" }>): void {
    const { workerId, epoch } = nodeAttachmentOf(socket);
    if (epoch !== null && epoch !== message.epoch) {
      throw new Problem("invalid-request", "A connection keeps the epoch of its first hello.");
    }
    this.#connections.identify(socket, message.epoch);
    const refusal = this.#commit(this.#scheduler.sessions.hello(workerId, message, Date.now()));
    if (refusal === null) this.#connections.adopt(socket);
    else this.#turnAway(socket, refusal);
  }

  /** Hands on the messages after `hello`: one step for all of a frame, so that it is one write and one answer. */
  #receiveAll(socket: WebSocket, messages: readonly NodeMessage[]): void {
    const later = messages.filter((message) => message.type !== "hello");
    if (later.length < messages.length) throw new Problem("invalid-request", "hello is the first message of a frame.");
    if (later.length === 0) return;
    const { workerId, epoch } = nodeAttachmentOf(socket);
    if (epoch === null) throw new Problem("invalid-request", `The first message must be hello, not ${later[0]!.type}.`);
    this.#commit(this.#scheduler.sessions.receiveAll(workerId, epoch, later, Date.now()));
  }

  /** Answers with the reason, counts, and gives up on a connection that keeps sending messages that are not understood. */
  #refuse(socket: WebSocket, problem: Problem): void {
    const attachment = nodeAttachmentOf(socket);
    if (problem.kind === "internal") console.error("message handler failed", attachment.workerId, problem.cause);
    this.#scheduler.metrics.count("messages_refused");
    sendFrames(socket, [{ type: "refused", reason: problem.message }]);
    const faults = attachment.faults + 1;
    setAttachment(socket, { ...attachment, faults });
    if (faults > FAULTS_ALLOWED) closeQuietly(socket, CLOSE_CODES.misbehaving, "too many messages that were refused");
  }
}
