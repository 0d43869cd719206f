/** The part of `ws` 8 that the project uses; the package ships no types of its own. */
declare module "ws" {
  import type { EventEmitter } from "node:events";
  import type { ClientRequest, IncomingMessage } from "node:http";

  interface SocketOptions {
    headers?: Record<string, string>;
    handshakeTimeout?: number;
    maxPayload?: number;
    perMessageDeflate?: boolean;
    followRedirects?: boolean;
  }

  interface SocketEvents {
    open: [];
    message: [data: Buffer, isBinary: boolean];
    close: [code: number, reason: Buffer];
    error: [error: Error];
    "unexpected-response": [request: ClientRequest, response: IncomingMessage];
  }

  export default class WebSocket extends EventEmitter<SocketEvents> {
    static readonly OPEN: 1;
    constructor(url: string, protocols: string | string[], options?: SocketOptions);
    readonly readyState: number;
    readonly protocol: string;
    send(data: string): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
  }

  interface ServerEvents {
    connection: [socket: WebSocket, request: IncomingMessage];
  }

  interface ServerOptions {
    noServer?: boolean;
    handleProtocols?: (protocols: Set<string>) => string | false;
  }

  export class WebSocketServer extends EventEmitter<ServerEvents> {
    constructor(options: ServerOptions);
    readonly clients: Set<WebSocket>;
    handleUpgrade(
      request: IncomingMessage,
      socket: import("node:stream").Duplex,
      head: Buffer,
      callback: (socket: WebSocket) => void,
    ): void;
    close(callback?: () => void): void;
  }
}
