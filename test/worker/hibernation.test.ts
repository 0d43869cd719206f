import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Environment } from "../../durable-objects/index.ts";
import { api, NodeStandIn, REGISTRIES, registry, settled } from "./support.ts";

async function submitFor(worker: string): Promise<string> {
  const request = { spec: { kind: "sleep", duration_ms: 1 }, requirements: { labels: { name: worker } } };
  return (await api("POST", "/operations", request)).body.operation_id as string;
}

const done = { sha256: null, bytes: 0, media_type: "text/plain", summary: {} };

describe("the registry as a Durable Object", () => {
  it("goes on with its sockets after hibernation", async () => {
    const node = await NodeStandIn.connect("sleeper");
    await evictDurableObject(registry());
    const id = await submitFor("sleeper");
    const { attempt } = await node.next("assign");
    await evictDurableObject(registry());
    node.send({ type: "complete", operation_id: id, attempt, result: done });
    await node.next("acknowledge");
    expect((await api("GET", `/operations/${id}`)).body).toMatchObject({ status: "completed", attempt: 1 });
    node.close();
  });

  it("keeps a running operation with its worker when it is evicted in the middle", async () => {
    const node = await NodeStandIn.connect("worker-in-the-middle");
    const id = await submitFor("worker-in-the-middle");
    await node.next("assign");
    await evictDurableObject(registry());
    expect((await api("GET", `/operations/${id}`)).body).toMatchObject({
      status: "running",
      worker_id: "worker-in-the-middle",
    });
    expect((await api("GET", "/workers/worker-in-the-middle")).body).toMatchObject({ status: "busy", slots_used: 1 });
    node.close();
  });

  it("hands the operation of a worker that stayed away to another one when the alarm is due", async () => {
    const first = await NodeStandIn.connect("leaver");
    const id = await submitFor("leaver");
    await first.next("assign");
    first.close();
    await settled(async () => (await api("GET", "/workers/leaver")).body.connected === false);
    await runInDurableObject(registry(), async (_, state) => {
      // The grace period is ten seconds; the test goes on as if they had passed.
      const then = Date.now() - 11_000;
      state.storage.sql.exec("UPDATE workers SET connected = 0, disconnected_at = ? WHERE worker_id = 'leaver'", then);
      state.storage.sql.exec("UPDATE operations SET assigned_at = ? WHERE operation_id = ?", then, id);
    });
    await evictDurableObject(registry());
    expect(await runDurableObjectAlarm(registry())).toBe(true);
    expect((await api("GET", `/operations/${id}`)).body).toMatchObject({ status: "queued", attempt: 1 });
  });

  it("has its alarm set while something is due, and none otherwise", async () => {
    await runInDurableObject(registry(), async (_, state) => {
      const alarmAt = await state.storage.getAlarm();
      expect(alarmAt).not.toBeNull();
      expect(alarmAt!).toBeGreaterThan(Date.now() - 60_000);
    });
  });

  it("answers a heartbeat without being woken", async () => {
    const node = await NodeStandIn.connect("beater");
    await evictDurableObject(registry());
    node.sendText("ping");
    const { body } = await api("GET", "/workers/beater");
    expect(body).toMatchObject({ status: "available", health_check_failures: 0 });
    node.close();
  });

  it("collects artefacts that nothing refers to, and keeps those of finished operations", async () => {
    const node = await NodeStandIn.connect("collector");
    const kept = await submitFor("collector");
    const { attempt } = await node.next("assign");
    const lease = { operation_id: kept, attempt };
    const orphan = await node.upload("nobody wants this", lease);
    const result = await node.upload("the result that counts", lease);
    node.send({ type: "complete", ...lease, result: { ...result.reference, media_type: "text/plain", summary: {} } });
    await node.next("acknowledge");
    await runInDurableObject(registry(), async (_, state) => {
      state.storage.sql.exec("UPDATE artefacts SET touched_at = ?", Date.now() - 2 * 3_600_000);
    });
    // Arms the alarm anew: something is due now.
    await runInDurableObject(registry(), async (instance) => instance.alarm());
    const names = async (sha256: string) =>
      (await (env as unknown as Environment).ARTEFACTS.head(`default/${sha256}`)) !== null;
    expect([await names(orphan.reference.sha256), await names(result.reference.sha256)]).toEqual([false, true]);
    node.close();
  });

  it("brings the storage of the previous version to the present schema, and loses nothing", async () => {
    const old = REGISTRIES.get(REGISTRIES.idFromName("old-storage"));
    const { previousSchema } = await import("./previous-schema.ts");
    await runInDurableObject(old, async (_, state) => {
      const tables = state.storage.sql
        .exec<{ name: string }>(
          "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%'",
        )
        .toArray();
      for (const { name } of tables) state.storage.sql.exec(`DROP TABLE ${name}`);
      for (const statement of previousSchema) state.storage.sql.exec(statement);
    });
    await evictDurableObject(old);
    await runInDurableObject(old, async (_, state) => {
      const one = <T extends Record<string, SqlStorageValue>>(query: string): T =>
        state.storage.sql.exec<T>(query).one();
      expect(one<{ version: number }>("SELECT version FROM schema_version").version).toBeGreaterThan(1);
      expect(one("SELECT status, artefact FROM operations")).toEqual({
        status: "completed",
        artefact: "ab".repeat(32),
      });
      expect(one("SELECT referenced FROM artefacts")).toEqual({ referenced: 1 });
      expect(one("SELECT COUNT(*) AS count FROM events")).toEqual({ count: 0 });
    });
  });

  it("refuses to serve when it is older than its storage, as after a roll-back", async () => {
    const token = `ktrdr.rolled-back.${"test".repeat(11)}`;
    const rolledBack = REGISTRIES.get(REGISTRIES.idFromName("rolled-back"));
    expect((await api("GET", "/workers", undefined, token)).status).toBe(401);
    await runInDurableObject(rolledBack, (_, state) => {
      state.storage.sql.exec("UPDATE schema_version SET version = version + 1");
    });
    await evictDurableObject(rolledBack);
    const refused = await api("GET", "/workers", undefined, token);
    expect(refused).toMatchObject({ status: 500, body: { type: "urn:ktrdr:problem:internal" } });
    expect(refused.body.detail).toMatch(/has schema \d+, and this version of ktrdr knows schemas up to \d+/);
  });
});
