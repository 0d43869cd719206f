/** Makes every registry say goodbye to its nodes and followers, before the server ends. */
import type { Miniflare } from "miniflare";
import { DEFAULT_WORKSPACE } from "../protocol/token.ts";

/** A stop must not hang on a registry that does not answer; systemd would kill the server instead. */
const PATIENCE_MS = 3000;

/** Names the calls of a registry (durable-objects/worker-registry.ts and its rpc/) that are made here. */
interface Registry {
  listWorkspaces(tokenHash: string): Promise<{ ok: true; value: string[] } | { ok: false }>;
  goAway(): Promise<void>;
}

interface Registries {
  idFromName(name: string): unknown;
  get(id: unknown): Registry;
}

/** Rejects when it takes longer than three seconds. */
export async function closeSockets(plane: Miniflare, worker: string, adminTokenHash: string): Promise<void> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new Error(`no answer in ${PATIENCE_MS} ms`)), PATIENCE_MS);
  try {
    await Promise.race([closeAll(plane, worker, adminTokenHash), timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function closeAll(plane: Miniflare, worker: string, adminTokenHash: string): Promise<void> {
  const registries = (await plane.getDurableObjectNamespace("REGISTRY", worker)) as unknown as Registries;
  const registryOf = (name: string): Registry => registries.get(registries.idFromName(name));
  const workspaces = await registryOf(DEFAULT_WORKSPACE).listWorkspaces(adminTokenHash);
  const names = workspaces.ok ? workspaces.value : [DEFAULT_WORKSPACE];
  await Promise.all(names.map((name) => registryOf(name).goAway()));
}
