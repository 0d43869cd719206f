// biome-ignore-all lint/style/noExcessiveLinesPerFile: every method of the object; goes when they are by resource
/**
 * The registry of one workspace: a thin shell of sockets, alarm, storage and RPC around the pure scheduler.
 * Every method loads nothing and decides nothing: it checks who calls, runs one step, and carries out its effects.
 */
import { DurableObject } from "cloudflare:workers";
import {
  CLOSE_CODES,
  type CreatedToken,
  DEFAULT_WORKSPACE,
  HEARTBEAT_REQUEST,
  HEARTBEAT_RESPONSE,
  type Lease,
  type ModelVersion,
  makeToken,
  type Operation,
  type OperationDetail,
  type OperationEvent,
  Problem,
  type ProblemDetails,
  type PublishDatasetRequest,
  type PublishModelRequest,
  type RegisterRequest,
  type RegisterResponse,
  type Role,
  type StoredDataset,
  SUBPROTOCOL,
  type SubmitRequest,
  sha256Hex,
  type Worker,
  type WorkerHistoryEntry,
} from "../protocol/index.ts";
import { ArtefactCollection } from "./artefact-collection.ts";
import { attachmentOf, isFollower, isNode, isSubmitter } from "./attachment.ts";
import { Authorization } from "./authorization.ts";
import { Connections, closeQuietly } from "./connections.ts";
import { durableSql } from "./durable-sql.ts";
import type { Environment } from "./environment.ts";
import { Followers } from "./followers.ts";
import { NodeConversation } from "./node-conversation.ts";
import { problemResponse } from "./problem-response.ts";
import { type RegistryTracer, registryTracer } from "./registry-tracer.ts";
import {
  abandonUpload,
  openUpload,
  recordArtefact,
  recordPart,
  type StoredPart,
  touchArtefact,
  type Upload,
  uploadOf,
} from "./scheduler/artefact-index.ts";
import { parseRegistryConfig } from "./scheduler/config.ts";
import type { OperationFilter } from "./scheduler/operation-store.ts";
import type { RegistryMetrics } from "./scheduler/registry-metrics.ts";
import { type AcceptedOperation, type Outcome, Scheduler } from "./scheduler/scheduler.ts";
import type { Sql } from "./scheduler/sql.ts";
import type { Idempotency } from "./submission.ts";
import { type Caller, Submissions } from "./submissions.ts";
import { SubmitterConversation } from "./submitter-conversation.ts";
import { type TokenRecord, TokenStore } from "./tokens.ts";

const STORED_BYTES_MS = 60_000;

/** How long sockets have to close before their server ends. */
const GOODBYE_MS = 1000;
const GOODBYE_POLL_MS = 10;

/** Errors lose their fields on the way over RPC, so an answer carries its problem as a value. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: ProblemDetails };

export class WorkerRegistry extends DurableObject<Environment> {
  readonly #scheduler: Scheduler;
  readonly #tokens: TokenStore;
  readonly #authorization: Authorization;
  readonly #connections: Connections;
  readonly #conversation: NodeConversation;
  readonly #submissions: Submissions;
  readonly #submitters: SubmitterConversation;
  readonly #followers: Followers;
  readonly #collection: ArtefactCollection;
  readonly #tracer: RegistryTracer | null;
  readonly #sql: Sql;
  readonly #workspace: string;
  #alarmAt: number | null = null;
  #checkedAt = 0;
  /** The server that it runs in is about to end. */
  #isLeaving = false;
  #storedBytesSeen = { bytes: 0, at: Number.NEGATIVE_INFINITY };

  constructor(context: DurableObjectState, environment: Environment) {
    super(context, environment);
    this.#workspace = context.id.name ?? DEFAULT_WORKSPACE;
    const sql = durableSql(context.storage);
    this.#sql = sql;
    this.#followers = new Followers(context);
    this.#collection = new ArtefactCollection(sql, environment.ARTEFACTS, this.#workspace);
    const config = parseRegistryConfig(environment.REGISTRY_CONFIG);
    this.#scheduler = new Scheduler(sql, config);
    const onDropped = (count: number): void => this.#scheduler.tally("spans_dropped", count);
    this.#tracer = registryTracer(environment, sql, this.#workspace, onDropped);
    this.#tokens = new TokenStore(sql);
    const adminHash = this.#workspace === DEFAULT_WORKSPACE ? environment.ADMIN_TOKEN_SHA256 : undefined;
    this.#authorization = new Authorization(this.#tokens, this.#scheduler, adminHash);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT_REQUEST, HEARTBEAT_RESPONSE));
    this.#connections = new Connections(context, this.#scheduler.epochs());
    const commit = <T>(outcome: Outcome<T>): T => this.#commit(outcome);
    this.#conversation = new NodeConversation(this.#scheduler, this.#connections, commit);
    this.#submissions = new Submissions(this.#scheduler, this.#tracer, commit);
    this.#submitters = new SubmitterConversation(context, {
      submit: (...submission) => this.#submit(...submission),
      countRefused: () => this.#scheduler.count("messages_refused"),
    });
    this.#commit(this.#scheduler.wake(this.#connections.epochs(), Date.now()));
    context.blockConcurrencyWhile(async () => {
      this.#alarmAt = await context.storage.getAlarm();
      this.#setAlarm();
    });
  }

  // Operations

  async submit(
    tokenHash: string,
    requests: readonly SubmitRequest[],
    idempotency: Idempotency | null,
    caller: Caller,
  ): Promise<Answer<AcceptedOperation[]>> {
    return this.#catching(async () => this.#submit(tokenHash, requests, idempotency, caller));
  }

  #submit(
    tokenHash: string,
    requests: readonly SubmitRequest[],
    idempotency: Idempotency | null,
    caller: Caller,
  ): AcceptedOperation[] {
    const now = Date.now();
    this.#authorization.requireRole(tokenHash, "researcher", now);
    this.#lookAtHeartbeats(now);
    return this.#submissions.submit(requests, idempotency, caller, now);
  }

  async listOperations(
    tokenHash: string,
    filter: OperationFilter,
    cursor: number | null,
    limit: number,
  ): Promise<Answer<{ total: number; operations: Operation[]; nextCursor: number | null }>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.operations(filter, cursor, limit));
  }

  async showOperation(tokenHash: string, operationId: string): Promise<Answer<OperationDetail>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.operation(operationId));
  }

  async cancelOperation(tokenHash: string, operationId: string): Promise<Answer<Operation>> {
    return this.#answer(tokenHash, "researcher", (now) => this.#commit(this.#scheduler.cancel(operationId, now)));
  }

  async retryOperation(tokenHash: string, operationId: string): Promise<Answer<Operation>> {
    return this.#answer(tokenHash, "researcher", (now) => this.#commit(this.#scheduler.retry(operationId, now)));
  }

  async operationEvents(tokenHash: string, operationId: string, after: number): Promise<Answer<OperationEvent[]>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.events(operationId, after));
  }

  async operationLogs(
    tokenHash: string,
    operationId: string,
    after: number,
  ): Promise<Answer<ReturnType<Scheduler["logs"]>>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.logs(operationId, after));
  }

  // Workers

  /** An enrolment token, or the worker's own credential, registers the worker. */
  async registerWorker(tokenHash: string, request: RegisterRequest): Promise<Answer<RegisterResponse>> {
    return this.#catching(async (now) => {
      const enrolment = this.#authorization.requireEnrolment(tokenHash, request.workerId, now);
      const credential = enrolment === null ? undefined : makeToken(this.#workspace, fillRandom);
      const credentialHash = credential === undefined ? tokenHash : await sha256Hex(credential);
      if (enrolment !== null) this.#tokens.use(enrolment.tokenId);
      const worker = this.#commit(this.#scheduler.register(request, credentialHash, now));
      return {
        workerId: worker.workerId,
        workerType: worker.workerType,
        status: worker.status,
        message: `Worker ${worker.workerId} is registered`,
        socketPath: `/api/v1/workers/${worker.workerId}/socket`,
        epoch: worker.epoch,
        ...(credential === undefined ? {} : { credential }),
      };
    });
  }

  async listWorkers(tokenHash: string): Promise<Answer<Worker[]>> {
    return this.#answer(tokenHash, "viewer", (now) => {
      this.#lookAtHeartbeats(now);
      return this.#scheduler.workers();
    });
  }

  async showWorker(tokenHash: string, workerId: string): Promise<Answer<Worker>> {
    return this.#answer(tokenHash, "viewer", (now) => {
      this.#lookAtHeartbeats(now);
      return this.#scheduler.worker(workerId);
    });
  }

  async removeWorker(tokenHash: string, workerId: string): Promise<Answer<void>> {
    return this.#answer(tokenHash, "admin", (now) => this.#commit(this.#scheduler.deregister(workerId, now)));
  }

  async drainWorker(tokenHash: string, workerId: string, draining: boolean): Promise<Answer<Worker>> {
    return this.#answer(tokenHash, "admin", (now) => this.#commit(this.#scheduler.drain(workerId, draining, now)));
  }

  async workerHistory(tokenHash: string, workerId: string): Promise<Answer<WorkerHistoryEntry[]>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.workerHistory(workerId));
  }

  async metrics(tokenHash: string): Promise<Answer<RegistryMetrics>> {
    return this.#answer(tokenHash, "viewer", (now) => {
      this.#lookAtHeartbeats(now);
      return {
        workers: this.#scheduler.workers(),
        operations: this.#scheduler.operationCounts(),
        ...this.#scheduler.counters(),
        queue: this.#scheduler.queue(now),
        storedBytes: this.#storedBytes(now),
      };
    });
  }

  /** At most every minute: it reads a row for each artefact, and rows read are what a scrape costs. */
  #storedBytes(now: number): number {
    if (Math.abs(now - this.#storedBytesSeen.at) >= STORED_BYTES_MS) {
      this.#storedBytesSeen = { bytes: this.#scheduler.storedBytes(), at: now };
    }
    return this.#storedBytesSeen.bytes;
  }

  // Workspaces

  /** An admin of the default workspace opens another one, whose first admin token the caller made. */
  async createWorkspace(tokenHash: string, name: string): Promise<Answer<void>> {
    return this.#answer(tokenHash, "admin", (now) => {
      if (this.#workspace !== DEFAULT_WORKSPACE) {
        throw new Problem("forbidden", `Workspaces are made by an admin of the workspace ${DEFAULT_WORKSPACE}.`);
      }
      this.#sql.run("INSERT INTO workspaces (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, now);
    });
  }

  async listWorkspaces(tokenHash: string): Promise<Answer<string[]>> {
    return this.#answer(tokenHash, "admin", () => [
      ...(this.#workspace === DEFAULT_WORKSPACE ? [DEFAULT_WORKSPACE] : []),
      ...this.#sql.all<{ name: string }>("SELECT name FROM workspaces ORDER BY name").map((row) => row.name),
    ]);
  }

  /** Called by the edge alone, after the default workspace has agreed. */
  async addAdmin(adminTokenHash: string, name: string): Promise<string> {
    const tokenId = makeTokenId();
    const token = { tokenId, role: "admin" as const, name, createdAt: Date.now(), expiresAtMs: null, usesLeft: null };
    this.#tokens.insert(token, adminTokenHash);
    return tokenId;
  }

  // Tokens

  async createToken(
    tokenHash: string,
    request: { role: TokenRecord["role"]; name: string; expiresAtMs: number | null; usesLeft: number | null },
  ): Promise<Answer<CreatedToken>> {
    return this.#catching(async (now) => {
      this.#authorization.requireRole(tokenHash, "admin", now);
      const token = makeToken(this.#workspace, fillRandom);
      const tokenId = makeTokenId();
      this.#tokens.insert({ tokenId, createdAt: now, ...request }, await sha256Hex(token));
      return {
        tokenId,
        token,
        name: request.name,
        role: request.role,
        workspace: this.#workspace,
        expiresAtMs: request.expiresAtMs,
      };
    });
  }

  async listTokens(tokenHash: string): Promise<Answer<{ workspace: string; tokens: TokenRecord[] }>> {
    return this.#answer(tokenHash, "admin", () => ({ workspace: this.#workspace, tokens: this.#tokens.list() }));
  }

  async revokeToken(tokenHash: string, tokenId: string): Promise<Answer<void>> {
    return this.#answer(tokenHash, "admin", () => this.#tokens.revoke(tokenId));
  }

  // Artefacts

  /** Whether the caller may upload now (see `#requireUploader`), and whether the bytes are stored already. */
  async authorizeUpload(tokenHash: string, claim: Lease | null, sha256: string): Promise<Answer<{ stored: boolean }>> {
    return this.#catching(async (now) => {
      this.#requireUploader(tokenHash, claim, now);
      this.#collection.requireSettled(sha256, now);
      return { stored: touchArtefact(this.#sql, sha256, now) };
    });
  }

  async recordArtefact(artefact: { sha256: string; bytes: number; mediaType: string }): Promise<void> {
    recordArtefact(this.#sql, artefact, Date.now());
    this.#setAlarm();
  }

  /** The open upload in parts, or null when it has to be opened. */
  async findUpload(
    tokenHash: string,
    claim: Lease | null,
    sha256: string,
  ): Promise<Answer<{ stored: boolean; upload: Upload | null }>> {
    return this.#catching(async (now) => {
      this.#requireUploader(tokenHash, claim, now);
      this.#collection.requireSettled(sha256, now);
      return { stored: touchArtefact(this.#sql, sha256, now), upload: uploadOf(this.#sql, sha256) ?? null };
    });
  }

  async openUpload(tokenHash: string, claim: Lease | null, upload: Omit<Upload, "parts">): Promise<Answer<void>> {
    return this.#catching(async (now) => {
      openUpload(this.#sql, upload, this.#requireUploader(tokenHash, claim, now), now);
      this.#setAlarm();
    });
  }

  async recordPart(sha256: string, part: StoredPart): Promise<Answer<void>> {
    return this.#catching(async (now) => recordPart(this.#sql, sha256, part, now));
  }

  async abandonUpload(sha256: string): Promise<void> {
    abandonUpload(this.#sql, sha256);
  }

  /**
   * Who uploads: a worker with a lease that it holds now, or (without a claim) a person who may publish datasets. What
   * they upload is collected after an hour if nothing has referred to it by then.
   */
  #requireUploader(tokenHash: string, claim: Lease | null, now: number): string {
    if (claim === null) {
      if (this.#scheduler.workerWithCredential(tokenHash) !== null) {
        throw new Problem("invalid-request", "A node's upload needs x-ktrdr-operation and x-ktrdr-attempt.", {
          cure: "Name the lease that the upload belongs to.",
        });
      }
      this.#authorization.requireRole(tokenHash, "researcher", now);
      return `token ${tokenHash.slice(0, 16)}`;
    }
    const workerId = this.#authorization.requireSomeWorker(tokenHash);
    if (!this.#scheduler.holdsLease(workerId, claim)) {
      throw new Problem(
        "conflict",
        `Attempt ${claim.attempt} of ${claim.operationId} is not a lease of ${workerId} now.`,
        {
          cure: "Drop the result: the operation was handed to another worker, or has ended.",
        },
      );
    }
    return workerId;
  }

  /** People with any role, and the workspace's own nodes (checkpoints, datasets), may read artefacts. */
  async requireReader(tokenHash: string): Promise<Answer<void>> {
    return this.#catching(async (now) => {
      if (this.#scheduler.workerWithCredential(tokenHash) === null)
        this.#authorization.requireRole(tokenHash, "viewer", now);
    });
  }

  // Datasets

  async listDatasets(tokenHash: string): Promise<Answer<StoredDataset[]>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.datasets());
  }

  async publishDataset(
    tokenHash: string,
    sha256: string,
    details: PublishDatasetRequest,
  ): Promise<Answer<StoredDataset>> {
    return this.#answer(tokenHash, "researcher", (now) => {
      this.#collection.requireSettled(sha256, now);
      return this.#commit(this.#scheduler.publishDataset(sha256, details, now));
    });
  }

  async withdrawDataset(tokenHash: string, sha256: string): Promise<Answer<void>> {
    return this.#answer(tokenHash, "researcher", (now) => this.#commit(this.#scheduler.withdrawDataset(sha256, now)));
  }

  // Models

  async listModels(tokenHash: string, name: string | null): Promise<Answer<ModelVersion[]>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.models(name));
  }

  async showModel(tokenHash: string, name: string, version: number | null): Promise<Answer<ModelVersion>> {
    return this.#answer(tokenHash, "viewer", () => this.#scheduler.model(name, version));
  }

  async publishModel(
    tokenHash: string,
    name: string,
    { sha256, summary }: PublishModelRequest,
  ): Promise<Answer<ModelVersion>> {
    return this.#answer(tokenHash, "researcher", (now) => {
      this.#collection.requireSettled(sha256, now);
      return this.#commit(this.#scheduler.publishModel({ name, sha256, operationId: null, summary }, now));
    });
  }

  async removeModel(tokenHash: string, name: string, version: number | null): Promise<Answer<void>> {
    return this.#answer(tokenHash, "researcher", (now) =>
      this.#commit(this.#scheduler.removeModel(name, version, now)),
    );
  }

  // Sockets

  /** What the edge forwards, with the token's hash in a header: connections of nodes and submitters, and followers. */
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
      this.#authorization.requireRole(tokenHash, "researcher", Date.now());
      return this.#submitters.accept(tokenHash);
    } catch (error) {
      return problemResponse(error);
    }
  }

  /** Events of one operation, or of all, as SSE or over a WebSocket. */
  async #follow(request: Request, url: URL): Promise<Response> {
    const tokenHash = request.headers.get("x-ktrdr-token-hash") ?? "";
    const operationId = url.searchParams.get("operation");
    const after = Number(url.searchParams.get("after") ?? 0);
    const answer = await this.#answer(tokenHash, "viewer", () => this.#scheduler.events(operationId, after));
    if (!answer.ok) return problemResponse(Problem.fromDetails(answer.problem));
    const isSocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    return isSocket
      ? this.#followers.socket(operationId, answer.value)
      : this.#followers.stream(operationId, answer.value);
  }

  /** The upgrade of a node's connection; the edge forwards the worker and the token's hash in headers. */
  #acceptNode(request: Request): Response {
    const workerId = request.headers.get("x-ktrdr-worker") ?? "";
    const tokenHash = request.headers.get("x-ktrdr-token-hash") ?? "";
    if (!this.#authorization.isWorker(tokenHash, workerId)) {
      const problem = new Problem("unauthenticated", `The credential is not that of worker ${workerId}.`, {
        cure: "Enrol the node again with a new enrolment token (`ktrdr enrol`).",
      });
      return problemResponse(problem);
    }
    const pair = new WebSocketPair();
    this.#connections.accept(pair[1], workerId);
    return new Response(null, { status: 101, webSocket: pair[0], headers: { "sec-websocket-protocol": SUBPROTOCOL } });
  }

  /**
   * Closes every socket, and answers when the other ends have closed theirs, or after a second; called by the self-hosted
   * server alone, before it ends. Storage goes on to say that the workers are connected: the next start then sees an outage,
   * and gives them the time of one to return.
   */
  async goAway(): Promise<void> {
    this.#isLeaving = true;
    const sockets = this.ctx.getWebSockets();
    for (const socket of sockets) closeQuietly(socket, CLOSE_CODES.goingAway, "the control plane stops");
    const traced = this.#tracer?.close(GOODBYE_MS);
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
    else if (isFollower(attachment)) this.#followers.forget(socket);
  }

  // Time

  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    const now = Date.now();
    this.#tick(now);
    await this.#collection.run(now);
    this.#setAlarm();
  }

  #tick(now: number): void {
    this.#checkedAt = now;
    this.#commit(this.#scheduler.tick((workerId) => this.#connections.lastHeartbeatAt(workerId), now));
  }

  /** Between alarms the statuses may be old; whoever reads or submits gets them fresh, at most every second. */
  #lookAtHeartbeats(now: number): void {
    if (now - this.#checkedAt >= 1000) this.#tick(now);
  }

  #setAlarm(): void {
    const dueAt = this.#scheduler.nextDueAt(Date.now());
    if (dueAt === null || (this.#alarmAt !== null && this.#alarmAt <= dueAt)) return;
    this.#alarmAt = dueAt;
    void this.ctx.storage.setAlarm(dueAt);
  }

  // Within

  #commit<T>(outcome: Outcome<T>): T {
    this.#connections.carryOut(outcome.effects);
    this.#followers.tell(outcome.effects);
    this.#tracer?.tell(outcome.effects);
    this.#setAlarm();
    return outcome.value;
  }

  async #answer<T>(tokenHash: string, role: Role, work: (now: number) => T): Promise<Answer<T>> {
    return this.#catching(async (now) => {
      this.#authorization.requireRole(tokenHash, role, now);
      return work(now);
    });
  }

  async #catching<T>(work: (now: number) => Promise<T>): Promise<Answer<T>> {
    try {
      return { ok: true, value: await work(Date.now()) };
    } catch (error) {
      const problem = Problem.from(error);
      if (problem.kind === "internal") console.error("registry call failed", error);
      return { ok: false, problem: problem.toDetails() };
    }
  }
}

function makeTokenId(): string {
  return `tok_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
}

function fillRandom(bytes: Uint8Array): void {
  crypto.getRandomValues(bytes);
}
