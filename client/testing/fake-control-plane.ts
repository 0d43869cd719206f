/** A small HTTP server that stands in for the control plane and answers as a test tells it to. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReceivedRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** `drop` closes the connection without an answer. */
export type FakeAnswer = { status?: number; json?: unknown; text?: string } | "drop";

export interface FakeControlPlane {
  url: string;
  requests: ReceivedRequest[];
  [Symbol.asyncDispose](): Promise<void>;
}

export async function fakeControlPlane(
  answer: (request: ReceivedRequest, count: number) => FakeAnswer,
): Promise<FakeControlPlane> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk: string) => {
      body += chunk;
    });
    incoming.on("end", () => {
      const { method = "", url: path = "", headers } = incoming;
      const request = { method, path, headers, body };
      requests.push(request);
      const reply = answer(request, requests.length);
      if (reply === "drop") {
        incoming.socket.destroy();
        return;
      }
      outgoing.writeHead(reply.status ?? 200, { "content-type": "application/json" });
      outgoing.end(reply.text ?? JSON.stringify(reply.json ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
