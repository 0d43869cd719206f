/**
 * Stands in for Cloudflare's API, as far as the real Wrangler uses it here: buckets, secrets, deployments and previews of one
 * account. Keeps its requests, so that a test can read their effect.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const ACCOUNT = "0123456789abcdef0123456789abcdef";
/** An address that nobody has: requests to it get no answer. */
const SUBDOMAIN = "ktrdr-stand-in-of-a-test";

/** The part of an upload beside the code: bindings, migrations, annotations. */
export interface UploadedMetadata {
  readonly bindings?: readonly { readonly type: string; readonly name: string; readonly [key: string]: unknown }[];
  readonly env?: Readonly<Record<string, { readonly type: string; readonly [key: string]: unknown }>>;
  readonly migrations?: unknown;
  readonly [key: string]: unknown;
}

export interface FakeCloudflare {
  /** Environment variables for Wrangler. */
  readonly environment: Readonly<Record<string, string>>;
  readonly buckets: Set<string>;
  /** Days after which a bucket removes its objects. */
  readonly expiryDays: Map<string, number>;
  /** Newest last; empty until the first deployment. */
  readonly deployments: UploadedMetadata[];
  readonly secrets: Set<string>;
  readonly previews: Map<string, UploadedMetadata>;
  /** A deployment from before the test, with what it binds. */
  addDeployment(metadata: UploadedMetadata): void;
  /** True when roll-backs are refused, as over a migration of classes. */
  isRollbackRefused: boolean;
  /** Index of the deployment that serves. */
  serving: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `previewUrl` is the address given for previews; a test runs a plane there. */
export async function fakeCloudflare(previewUrl = "https://preview.invalid"): Promise<FakeCloudflare> {
  const server = createServer((request, response) => {
    answer(state, request, response, previewUrl).catch((error: unknown) => fail(response, 500, 10000, String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const state: FakeCloudflare = {
    environment: {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}`,
      CLOUDFLARE_API_TOKEN: "a-token",
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_SEND_METRICS: "false",
    },
    buckets: new Set(),
    expiryDays: new Map(),
    deployments: [],
    secrets: new Set(),
    previews: new Map(),
    isRollbackRefused: false,
    serving: -1,
    addDeployment(metadata) {
      for (const { type, name } of metadata.bindings ?? []) if (type === "secret_text") state.secrets.add(name);
      state.serving = state.deployments.push(metadata) - 1;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return state;
}

/** The request of an endpoint. */
interface Call {
  readonly state: FakeCloudflare;
  /** The parts of the path that match a `*` of the pattern. */
  readonly parts: readonly string[];
  readonly body: string;
  readonly previewUrl: string;
}

class NotFound extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const NO_WORKER = 10007;
const NO_SERVICE = 10090;
const NO_BUCKET = 10006;
const NO_PREVIEW = 10025;
const ROLLBACK_REFUSED = 10220;

/** Endpoints by method and path, the account left out; `*` is one part of the path. */
const ENDPOINTS: Readonly<Record<string, (call: Call) => unknown>> = {
  "GET /user/tokens/verify": () => ({ id: "token", status: "active" }),
  "GET /user": () => ({ email: "operator@example.com" }),
  "GET /accounts": () => [{ id: ACCOUNT, name: "an account" }],
  "GET /memberships": () => [{ account: { id: ACCOUNT, name: "an account" } }],
  "GET /workers/subdomain": () => ({ subdomain: SUBDOMAIN }),
  "GET /r2/buckets/*": ({ state, parts: [name = ""] }) => {
    if (!state.buckets.has(name)) throw new NotFound(NO_BUCKET, "The specified bucket does not exist.");
    return { name, creation_date: "2026-01-01T00:00:00Z", location: "WEUR", storage_class: "Standard" };
  },
  "POST /r2/buckets": ({ state, body }) => {
    state.buckets.add((JSON.parse(body) as { name: string }).name);
    return {};
  },
  "POST /graphql": () => ({}),
  "GET /r2/buckets/*/lifecycle": () => ({ rules: [] }),
  "PUT /r2/buckets/*/lifecycle": ({ state, parts: [name = ""], body }) => {
    const { rules } = JSON.parse(body) as {
      rules: { deleteObjectsTransition: { condition: { maxAge: number } } }[];
    };
    state.expiryDays.set(name, (rules[0]?.deleteObjectsTransition.condition.maxAge ?? 0) / 86_400);
    return {};
  },
  "GET /workers/services/*": ({ state }) => {
    requireWorker(state, NO_SERVICE);
    return { default_environment: { script: { last_deployed_from: "wrangler" } } };
  },
  "GET /workers/workers/*": ({ state, parts: [name] }) => {
    requireWorker(state);
    return { id: name, name, subdomain: { enabled: true, previews_enabled: true } };
  },
  "GET /workers/scripts/*/settings": ({ state }) => {
    requireWorker(state);
    return { bindings: state.deployments.at(-1)?.bindings ?? [] };
  },
  "GET /workers/scripts": ({ state }) => (state.deployments.length > 0 ? [{ id: "ktrdr", migration_tag: "v1" }] : []),
  "GET /workers/scripts/*/subdomain": () => ({ enabled: true, previews_enabled: true }),
  "POST /workers/scripts/*/subdomain": () => ({ enabled: true, previews_enabled: true }),
  "GET /workers/scripts/*/secrets": ({ state }) => {
    requireWorker(state);
    return [...state.secrets].map((name) => ({ name, type: "secret_text" }));
  },
  "PUT /workers/scripts/*": ({ state, parts: [name], body }) => {
    state.addDeployment(metadataIn(body));
    return { id: name, deployment_id: versionId(state.serving), startup_time_ms: 3 };
  },
  "GET /workers/scripts/*/deployments": ({ state }) => ({
    deployments: state.deployments.map((_, index) => deploymentOf(index)).toReversed(),
  }),
  "GET /workers/scripts/*/versions/*": ({ parts: [, id] }) => ({
    ...{ id, number: 1, metadata: { created_on: "2026-01-01T00:00:00Z", source: "wrangler", author_email: "" } },
    resources: { bindings: [], script: { etag: "", handlers: ["fetch"] }, script_runtime: {} },
  }),
  "POST /workers/scripts/*/deployments": ({ state, body }) => {
    if (state.isRollbackRefused) throw new NotFound(ROLLBACK_REFUSED, "A Durable Object migration lies in between.");
    const { versions } = JSON.parse(body) as { versions: { version_id: string }[] };
    state.serving = state.deployments.findIndex((_, index) => versionId(index) === versions[0]?.version_id);
    return { id: "rolled-back" };
  },
  "GET /workers/workers/*/previews/*": ({ state, parts: [, name = ""] }) => {
    if (!state.previews.has(name)) throw new NotFound(NO_PREVIEW, "Preview not found.");
    return { id: name, name };
  },
  "POST /workers/workers/*/previews": ({ state, body, previewUrl }) => {
    requireWorker(state);
    const { name } = JSON.parse(body) as { name: string };
    state.previews.set(name, {});
    return { id: name, name, urls: [previewUrl] };
  },
  "PATCH /workers/workers/*/previews/*": ({ parts: [, name], previewUrl }) => ({ id: name, name, urls: [previewUrl] }),
  "GET /workers/workers/*/previews/*/deployments/*": ({ state, parts: [, name = ""] }) => {
    if (state.previews.get(name)?.env === undefined) throw new NotFound(NO_PREVIEW, "No deployment.");
    return { id: "deployment", migration_tag: "v1", env: {} };
  },
  "POST /workers/workers/*/previews/*/deployments": ({ state, parts: [, name = ""], body }) => {
    state.previews.set(name, metadataIn(body));
    return { id: "deployment", urls: [] };
  },
  "DELETE /workers/workers/*/previews/*": ({ state, parts: [, name = ""] }) => {
    if (!state.previews.delete(name)) throw new NotFound(NO_PREVIEW, "Preview not found.");
    return {};
  },
};

async function answer(
  state: FakeCloudflare,
  request: IncomingMessage,
  response: ServerResponse,
  previewUrl: string,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString("latin1");
  const path = new URL(request.url ?? "", "http://api").pathname.replace(`/accounts/${ACCOUNT}`, "") || "/";
  const asked = `${request.method} ${path}`;
  for (const [pattern, endpoint] of Object.entries(ENDPOINTS)) {
    const parts = new RegExp(`^${pattern.replaceAll("*", "([^/]+)")}$`).exec(asked)?.slice(1);
    if (parts === undefined) continue;
    try {
      const result = endpoint({ state, parts, body, previewUrl });
      return send(response, 200, { success: true, errors: [], messages: [], result });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      return fail(response, 404, error.code, error.message);
    }
  }
  fail(response, 501, 10000, `${asked} is not known to the stand-in`);
}

function requireWorker(state: FakeCloudflare, code = NO_WORKER): void {
  if (state.deployments.length === 0) throw new NotFound(code, "This Worker does not exist on your account.");
}

function deploymentOf(index: number): object {
  return {
    ...{ id: `deployment-${index}`, created_on: `2026-01-0${index + 1}T00:00:00Z`, source: "wrangler" },
    ...{ strategy: "percentage", author_email: "", annotations: {} },
    versions: [{ version_id: versionId(index), percentage: 100 }],
  };
}

function versionId(index: number): string {
  return `00000000-0000-0000-0000-${String(index + 1).padStart(12, "0")}`;
}

/** The part `metadata` of a multipart upload. */
function metadataIn(body: string): UploadedMetadata {
  const part = /name="metadata"\r?\n\r?\n([^\r\n]+)/.exec(body)?.[1];
  if (part === undefined) throw new Error("the upload has no metadata");
  return JSON.parse(part) as UploadedMetadata;
}

function fail(response: ServerResponse, status: number, code: number, message: string): void {
  send(response, status, { success: false, errors: [{ code, message }], messages: [], result: null });
}

function send(response: ServerResponse, status: number, document: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(document));
}
