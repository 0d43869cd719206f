import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { probePort } from "./free-port.ts";

let server: Server | undefined;
afterEach(() => server?.close());

function listen(port: number): Promise<void> {
  server = createServer();
  return new Promise((resolve, reject) => server?.once("error", reject).listen(port, "127.0.0.1", resolve));
}

describe("a probed port", () => {
  it("is free, and none that the system gives to outgoing connections", async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => probePort(0)));
    expect(Math.max(...ports)).toBeLessThan(32_768);
    expect(Math.min(...ports)).toBeGreaterThan(1023);
    expect(new Set(ports).size).toBeGreaterThan(40);
    await listen(ports[0]);
  });

  it("is the one that was asked for, or a problem that names another", async () => {
    const port = await probePort(0);
    expect(await probePort(port)).toBe(port);
    await listen(port);
    await expect(probePort(port)).rejects.toMatchObject({ kind: "conflict", message: `Port ${port} is taken` });
  });
});
