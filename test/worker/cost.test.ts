/** Measures the cost of an operation in the units that the platform bills; docs/guides/cost.md uses these figures. */
import { evictDurableObject, runInDurableObject, SELF } from "cloudflare:test";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ADMIN_TOKEN, api, NodeStandIn, registry, settled } from "./support.ts";

/** Counts the rows that the registry reads and writes, index entries too, as the platform does. */
async function countRows(work: () => Promise<void>): Promise<{ read: number; written: number; statements: number }> {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  let restore = (): void => {};
  await runInDurableObject(registry(), (_, state) => {
    const { sql } = state.storage;
    const exec = sql.exec.bind(sql);
    Object.defineProperty(sql, "exec", {
      configurable: true,
      value: (query: string, ...values: unknown[]) => {
        const cursor = exec(query, ...values);
        cursors.push(cursor);
        return cursor;
      },
    });
    restore = () => Reflect.deleteProperty(sql, "exec");
  });
  await work();
  return runInDurableObject(registry(), () => {
    restore();
    const sum = (value: (cursor: (typeof cursors)[number]) => number): number =>
      cursors.reduce((total, cursor) => total + value(cursor), 0);
    return {
      read: sum((cursor) => cursor.rowsRead),
      written: sum((cursor) => cursor.rowsWritten),
      statements: cursors.length,
    };
  });
}

/** Follows the operation's events; answers when a text has come. */
async function follower(operationId: string): Promise<(text: string) => Promise<void>> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const response = await SELF.fetch(`http://plane/api/v1/operations/${operationId}/events`, { headers });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  return async (text) => {
    for (let seen = ""; !seen.includes(text); ) seen += (await reader.read()).value ?? "";
    await reader.cancel();
  };
}

/** One operation on `node`, with a result that is uploaded. */
async function runOne(node: NodeStandIn, headers: Record<string, string> = {}): Promise<string> {
  const request = { spec: { kind: "sleep", duration_ms: 1 } };
  const submitted = await api("POST", "/operations", request, undefined, headers);
  const { operation_id, attempt } = await node.next("assign");
  node.send({ type: "accept", operation_id, attempt });
  const { reference } = await node.upload(`result of ${String(operation_id)}`, { operation_id, attempt });
  node.send({
    type: "complete",
    operation_id,
    attempt,
    result: { ...reference, media_type: "text/plain", summary: {} },
  });
  await node.next("acknowledge");
  return submitted.body.operation_id as string;
}

describe("the rows that the registry writes", () => {
  it("are 28 for an operation from its submission to its stored result", async () => {
    const node = await NodeStandIn.connect("node-1");
    await runOne(node);
    const { read, written } = await countRows(async () => void (await runOne(node)));
    expect(written).toBe(28);
    expect(read).toBeLessThanOrEqual(40);
    node.close();
  });

  it("are no more for an operation that its caller traces", async () => {
    const node = await NodeStandIn.connect("node-1");
    await runOne(node);
    const untraced = await countRows(async () => void (await runOne(node)));
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const traced = await countRows(async () => void (await runOne(node, { traceparent })));
    expect(traced).toEqual(untraced);
    node.close();
  });

  it("are none for a progress message, and one for the newest when it is shown", async () => {
    const node = await NodeStandIn.connect("node-1");
    const submitted = await api("POST", "/operations", { spec: { kind: "sleep", duration_ms: 1 } });
    const { operation_id, attempt } = await node.next("assign");
    node.send({ type: "accept", operation_id, attempt });
    const operationId = submitted.body.operation_id as string;
    const shown = async (): Promise<{ fraction: number } | null> =>
      (await api("GET", `/operations/${operationId}`)).body.progress as { fraction: number } | null;
    const say = (fraction: number): void => {
      const progress = { phase: "run", fraction, rates: { bars_per_second: 1000 } };
      node.send({ type: "progress", operation_id, attempt, progress });
    };
    say(0.1);
    await settled(async () => (await shown()) !== null);
    const heard = await follower(operationId);
    const { written } = await countRows(async () => {
      for (const fraction of [0.2, 0.3, 0.4]) say(fraction);
      await heard('"fraction":0.4');
    });
    expect(written).toBe(0);
    const looked = await countRows(async () => void (await shown()));
    expect(looked.written).toBe(1);
    expect((await shown())?.fraction).toBe(0.4);
    node.close();
  });

  it("are none while nodes wait: heartbeats are answered by the runtime", async () => {
    const node = await NodeStandIn.connect("node-1");
    const { written, statements } = await countRows(async () => {
      for (let i = 0; i < 10; i++) node.sendText("ping");
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
    expect({ written, statements }).toEqual({ written: 0, statements: 0 });
    node.close();
  });

  it("are none for a look at the nodes while they work, also when the registry slept between two looks", async () => {
    // Once an hour a look does write: these are all in the middle of one.
    const hour = 3_600_000;
    const clock = vi.spyOn(Date, "now").mockReturnValue(Math.ceil(Date.now() / hour) * hour + hour / 2);
    onTestFinished(() => clock.mockRestore());
    const nodes = [await NodeStandIn.connect("node-1"), await NodeStandIn.connect("node-2")];
    for (const node of nodes) {
      await api("POST", "/operations", {
        spec: { kind: "sleep", duration_ms: 1 },
        requirements: { labels: { name: node.workerId } },
      });
      const { operation_id, attempt } = await node.next("assign");
      node.send({ type: "progress", operation_id, attempt, progress: { phase: "run", fraction: 0.5, rates: {} } });
      await settled(async () => (await api("GET", `/operations/${operation_id}`)).body.progress !== null);
    }
    const look = (): Promise<void> => runInDurableObject(registry(), async (instance) => instance.alarm());
    await look();
    clock.mockReturnValue(Date.now() + 12_000);
    const awake = await countRows(look);
    await evictDurableObject(registry());
    const woken = await countRows(look);
    expect({ awake: awake.written, woken: woken.written }).toEqual({ awake: 0, woken: 0 });
    for (const node of nodes) node.close();
  });
});
