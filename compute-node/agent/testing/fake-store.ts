/** The control plane's artefacts in tests: whole, in parts, and in ranges; each request can be made to fail. */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { LIMITS, openUploadRequest, openUploadResponse, Problem, wire } from "../../../protocol/index.ts";

/** `cut`: the connection breaks after the request was read, or in the middle of the answer's bytes. */
type Fault = number | Problem | "cut";

export class FakeStore {
  readonly artefacts = new Map<string, Buffer>();
  /** Open uploads: parts by number. */
  readonly uploads = new Map<string, { bytes: number; parts: Map<number, Buffer> }>();
  /** `METHOD path after /artefacts`, hashes shortened to 4 digits, in the order of arrival. */
  readonly requests: string[] = [];
  readonly headers: IncomingMessage["headers"][] = [];
  /** Asked before each request is carried out; null lets it pass. */
  fault: (request: string) => Fault | null = () => null;

  /** Answers requests under `/api/v1/artefacts/`; false for any other. */
  handle(request: IncomingMessage, body: Buffer, response: ServerResponse): boolean {
    const match = /^\/api\/v1\/artefacts\/([0-9a-f]{64})(\/uploads(?:\/(?:\d+|complete))?)?$/.exec(request.url ?? "");
    if (match === null) return false;
    const [, sha256 = "", path = ""] = match;
    const text = `${request.method} ${sha256.slice(0, 4)}${path}`;
    this.requests.push(text);
    this.headers.push(request.headers);
    const fault = this.fault(text);
    if (fault === "cut" && request.method !== "GET") request.socket.destroy();
    else if (typeof fault === "number") response.writeHead(fault).end("{}");
    else if (fault instanceof Problem) response.writeHead(fault.status).end(JSON.stringify(fault.toDetails()));
    else if (request.method === "GET") this.#read(sha256, request, response, fault === "cut");
    else if (path === "") response.writeHead(this.#keep(sha256, body)).end("{}");
    else if (path === "/uploads") this.#open(sha256, body, response);
    else if (path === "/uploads/complete") response.writeHead(this.#join(sha256)).end("{}");
    else response.writeHead(this.#keepPart(sha256, Number(path.split("/").at(-1)), body, request)).end("{}");
    return true;
  }

  #keep(sha256: string, bytes: Buffer): number {
    if (hashOf(bytes) !== sha256) return 400;
    this.artefacts.set(sha256, bytes);
    return 201;
  }

  #open(sha256: string, body: Buffer, response: ServerResponse): void {
    const { bytes } = wire(openUploadRequest).parse(JSON.parse(body.toString()));
    const upload = this.uploads.get(sha256) ?? { bytes, parts: new Map<number, Buffer>() };
    this.uploads.set(sha256, upload);
    const stored = this.artefacts.has(sha256);
    const answer = { stored, partBytes: LIMITS.uploadPartBytes, parts: [...upload.parts.keys()] };
    response.writeHead(201).end(JSON.stringify(wire(openUploadResponse).encode(answer)));
  }

  #keepPart(sha256: string, partNumber: number, body: Buffer, request: IncomingMessage): number {
    const upload = this.uploads.get(sha256);
    if (upload === undefined) return 404;
    if (hashOf(body) !== request.headers["x-ktrdr-part-sha256"]) return 400;
    upload.parts.set(partNumber, body);
    return 201;
  }

  #join(sha256: string): number {
    const upload = this.uploads.get(sha256);
    if (upload === undefined) return 404;
    const parts = [...upload.parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
    const whole = Buffer.concat(parts);
    if (whole.length !== upload.bytes) return 409;
    this.uploads.delete(sha256);
    return this.#keep(sha256, whole);
  }

  #read(sha256: string, request: IncomingMessage, response: ServerResponse, cut: boolean): void {
    const bytes = this.artefacts.get(sha256);
    if (bytes === undefined) {
      response.writeHead(404).end("{}");
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const rest = bytes.subarray(from);
    const range = from === 0 ? {} : { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(from === 0 ? 200 : 206, { "content-length": rest.length, ...range });
    if (!cut) response.end(rest);
    else response.write(rest.subarray(0, rest.length >> 1), () => setTimeout(() => response.destroy(), 20));
  }
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
