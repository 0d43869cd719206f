/**
 * The Durable Object of one workspace: sockets, alarm, and the edge's calls, handed to the registry's parts.
 * It decides nothing; `registry.ts` has the parts, `rpc/` the calls.
 */
import { DurableObject } from "cloudflare:workers";
import { CLOSE_CODES, HEARTBEAT_REQUEST, HEARTBEAT_RESPONSE, Problem, ROUTES, SUBPROTOCOL } from "../protocol/index.ts";
import { attachmentOf, isFollower, isNode, isSubmitter } from "./attachment.ts";
import { closeQuietly } from "./connections.ts";
import type { Environment } from "./environment.ts";
import { NodeConversation } from "./node-conversation.ts";
import { problemResponse } from "./problem-response.ts";
import { Registry } from "./registry.ts";
import { REGISTRY_CALLS, type RegistryCall } from "./rpc/index.ts";
import { assert } from "./scheduler/index.ts";
import { SubmitterConversation } from "./submitter-conversation.ts";

/** The time that sockets have to close before their server ends. */
const GOODBYE_MS = 1000;
const GOODBYE_POLL_MS = 10;

export class WorkerRegistry extends DurableObject<Environment> {
  // The runtime offers the methods of a class's prototype over RPC: each call is one hop, by its own name.
  static {
    for (const [name, method] of Object.entries(REGISTRY_CALLS)) {
      const call: RegistryCall = method;
      assert(!Object.hasOwn(WorkerRegistry.prototype, name), `no call has the name of a method of the class: ${name}`);
      Object.defineProperty(WorkerRegistry.prototype, name, {
        value(this: WorkerRegistry, ...values: never[]) {
          return call(this.#registry, ...values);
        },
      });
    }
  }

  readonly #registry: Registry;
  readonly #conversation: NodeConversation;
  readonly #submitters: SubmitterConversation;
  /** True when the server that it runs in is about to end. */
  #isLeaving = false;

  constructor(context: DurableObjectState, environment: Environment) {
    super(context, environment);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT_REQUEST, HEARTBEAT_RESPONSE));
    const registry = new Registry(context, environment);
    this.#registry = registry;
    const { scheduler, connections } = registry;
    this.#conversation = new NodeConversation(scheduler, connections, (outcome) => registry.commit(outcome));
    this.#submitters = new SubmitterConversation(context, {
      submit: (...submission) => registry.submit(...submission),
      countRefused: () => scheduler.metrics.count("messages_refused"),
    });
    context.blockConcurrencyWhile(() => registry.loadAlarm());
  }

  /** Takes the connections that the edge forwards, with the token's hash in a header: nodes, submitters and followers. */
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname.endsWith("/events")) return this.#follow(request, url);
    if (this.#isLeaving) {
      const problem = new Problem("unavailable", "The control plane stops.", { cure: "Connect again in a moment." });
      return problemResponse(problem);
    }
    return url.pathname.endsWith("/submissions") ? this.#acceptSubmitter(request) : this.#acceptNode(request);
  }

  #acceptSubmitter(request: Request): Response {
    const tokenHash = request.headers.get("x-ktrdr-token-hash") ?? "";
    try {
      this.#registry.authorization.requireRole(tokenHash, ROUTES.openSubmissionLine.role, Date.now());
      return this.#submitters.accept(tokenHash);
    } catch (error) {
      return problemResponse(error);
    }
  }

  /** Streams the events of one operation, or of all, as SSE or over a WebSocket. */
  async #follow(request: Request, url: URL): Promise<Response> {
    const tokenHash = request.headers.get("x-ktrdr-token-hash") ?? "";
    const operationId = url.searchParams.get("operation");
    const after = Number(url.searchParams.get("after") ?? 0);
    const answer = await this.#registry.answer(tokenHash, ROUTES.followOperation.role, () =>
      this.#registry.scheduler.operations.events(operationId, after),
    );
    if (!answer.ok) return problemResponse(Problem.fromDetails(answer.problem));
    const isSocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    return isSocket
      ? this.#registry.followers.socket(operationId, answer.value)
      : this.#registry.followers.stream(operationId, answer.value);
  }

  /** Upgrades a node's connection; the edge forwards the worker and the token's hash in headers. */
  #acceptNode(request: Request): Response {
    const workerId = request.headers.get("x-ktrdr-worker") ?? "";
    const tokenHash = request.headers.get("x-ktrdr-token-hash") ?? "";
    if (!this.#registry.authorization.isWorker(tokenHash, workerId)) {
      const problem = new Problem("unauthenticated", `The credential is not that of worker ${workerId}.`, {
        cure: "Enrol the node again with a new enrolment token (`ktrdr enrol`).",
      });
      return problemResponse(problem);
    }
    const pair = new WebSocketPair();
    this.#registry.connections.accept(pair[1], workerId);
    return new Response(null, { status: 101, webSocket: pair[0], headers: { "sec-websocket-protocol": SUBPROTOCOL } });
  }

  /**
   * Closes every socket, and answers when the other ends have closed theirs, or after a second; called by the self-hosted
   * server alone, before it ends. Storage still has the workers as connected: the next start then sees an outage, and gives them
   * the longer time to return.
   */
  async goAway(): Promise<void> {
    this.#isLeaving = true;
    const sockets = this.ctx.getWebSockets();
    for (const socket of sockets) closeQuietly(socket, CLOSE_CODES.goingAway, "the control plane stops");
    const traced = this.#registry.tracer?.close(GOODBYE_MS);
    const isOpen = (socket: WebSocket): boolean => socket.readyState !== WebSocket.CLOSED;
    for (let waitedMs = 0; waitedMs < GOODBYE_MS && sockets.some(isOpen); waitedMs += GOODBYE_POLL_MS) {
      await new Promise((resolve) => setTimeout(resolve, GOODBYE_POLL_MS));
    }
    await traced;
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void | Promise<void> {
    const attachment = attachmentOf(socket);
    if (isNode(attachment)) this.#conversation.receive(socket, frame);
    else if (isSubmitter(attachment)) return this.#submitters.receive(socket, attachment, frame);
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#gone(socket);
    // 1005, 1006 and 1015 only report; sending them back is an error.
    if (code !== 1005 && code !== 1006 && code !== 1015) closeQuietly(socket, code, reason);
    else closeQuietly(socket, 1000, "");
  }

  override webSocketError(socket: WebSocket): void {
    this.#gone(socket);
  }

  #gone(socket: WebSocket): void {
    if (this.#isLeaving) return;
    const attachment = attachmentOf(socket);
    if (isNode(attachment)) this.#conversation.end(socket);
    else if (isFollower(attachment)) this.#registry.followers.forget(socket);
  }

  override alarm(): Promise<void> {
    return this.#registry.alarm();
  }
}
