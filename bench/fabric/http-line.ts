/** A kept-alive HTTP connection that posts JSON; leaner than `fetch`, so that the submitter measures the control plane. */
import { Agent, request } from "node:http";

export class HttpLine {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Rejects for any answer but 202. */
  post(path: string, body: unknown): Promise<void> {
    const text = JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${this.#token}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const sent = request(this.#url + path, { method: "POST", agent: this.#agent, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 202) resolve();
          else reject(new Error(`${path} was answered with ${response.statusCode}: ${Buffer.concat(parts)}`));
        });
      });
      sent.on("error", reject);
      sent.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
