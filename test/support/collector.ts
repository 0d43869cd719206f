/** A collector of traces on loopback: takes OTLP/HTTP, and keeps it for the test to read. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as OTLP's JSON has it, with its attributes as a plain object. */
export interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Record<string, unknown>;
  readonly resource: Record<string, unknown>;
  readonly events: readonly { readonly name: string; readonly attributes: Record<string, unknown> }[];
  readonly status?: { readonly code: number; readonly message: string };
}

interface WireAttribute {
  readonly key: string;
  readonly value: Record<string, unknown>;
}
type WireSpan = Omit<ReceivedSpan, "attributes" | "events" | "service" | "resource"> & {
  readonly attributes: readonly WireAttribute[];
  readonly events: readonly { readonly name: string; readonly attributes: readonly WireAttribute[] }[];
};
interface WireRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

export class Collector {
  readonly spans: ReceivedSpan[] = [];
  /** The headers of each request. */
  readonly headers: Record<string, string | string[] | undefined>[] = [];
  /** The status that requests are answered with; from 300 on it takes no span. */
  status = 200;
  answer = "{}";
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Collector> {
    const server = createServer();
    const collector = new Collector(server);
    server.on("request", async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      collector.headers.push({ ...request.headers, path: request.url });
      if (collector.status < 300) collector.#take(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(collector.status, { "content-type": "application/json" }).end(collector.answer);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  ofTrace(traceId: string | null): ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #take({ resourceSpans }: WireRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const of = plain(resource.attributes);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const events = span.events.map((event) => ({ ...event, attributes: plain(event.attributes) }));
        const attributes = plain(span.attributes);
        this.spans.push({ ...span, attributes, events, resource: of, service: String(of["service.name"]) });
      }
    }
  }
}

function plain(attributes: readonly WireAttribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, "intValue" in value ? Number(value.intValue) : Object.values(value)[0]]),
  );
}
