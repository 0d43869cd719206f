/**
 * Sends spans to a collector in batches, apart from the work that they describe. The queue and the number of tries are bounded:
 * spans beyond them are dropped, counted and reported.
 */
import { type Attributes, encodeSpans, rejectedSpans, type Span } from "./otlp.ts";
import type { TraceSettings } from "./trace-settings.ts";

interface SpanExporterOptions {
  readonly settings: Pick<TraceSettings, "url" | "headers" | "timeoutMs">;
  /** The attributes of the process that did the work. */
  readonly resource: Attributes;
  /** The time that spans wait for others, so that they share a request. */
  readonly delayMs?: number;
  /** Before the second try; twice as long before each later one. */
  readonly retryMs?: number;
  readonly onDropped: (count: number) => void;
  /** Says why the collector takes nothing, at most once a minute. */
  readonly onTrouble: (message: string) => void;
}

const QUEUE_SPANS = 4_096;
const BATCH_SPANS = 512;
const DELAY_MS = 1_000;
const TRIES = 4;
const RETRY_MS = 1_000;
const TROUBLE_INTERVAL_MS = 60_000;
/** Answers after which the same request may succeed (https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes). */
const PASSING_STATUSES: readonly number[] = [429, 502, 503, 504];

type Outcome = { readonly type: "taken" } | { readonly type: "refused" | "unreachable"; readonly reason: string };

export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #queue: Span[] = [];
  readonly #closing = new AbortController();
  /** Counts the failed tries of the batch at the head of the queue. */
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
  }

  add(span: Span): void {
    if (this.#queue.length >= QUEUE_SPANS || this.#closing.signal.aborted) {
      this.#drop(1, `more than ${QUEUE_SPANS} spans wait for ${this.#options.settings.url}`);
      return;
    }
    this.#queue.push(span);
    this.#schedule(this.#options.delayMs ?? DELAY_MS);
  }

  /** Sends everything queued within `withinMs`. Drops the rest, and every span added later. */
  async close(withinMs: number): Promise<void> {
    this.#stopTimer();
    const deadline = setTimeout(() => this.#closing.abort(new Error("the process ends")), withinMs);
    await (this.#sending ?? this.#send());
    if (this.#queue.length > 0 && !this.#closing.signal.aborted) await this.#send();
    clearTimeout(deadline);
    this.#stopTimer();
    this.#closing.abort();
    if (this.#queue.length > 0) this.#drop(this.#queue.length, "the process ends");
    this.#queue.length = 0;
  }

  #schedule(afterMs: number): void {
    if (this.#timer !== undefined || this.#sending !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#send();
    }, afterMs);
    // Where timers keep a process alive (Node), this one does not.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #send(): Promise<void> {
    this.#sending = this.#sendBatches().finally(() => {
      this.#sending = null;
      const retryMs = (this.#options.retryMs ?? RETRY_MS) * 2 ** (this.#failures - 1);
      if (this.#queue.length > 0 && !this.#closing.signal.aborted) this.#schedule(this.#failures > 0 ? retryMs : 0);
    });
    return this.#sending;
  }

  /** Sends until nothing waits, or until a try fails that may be repeated. Never rejects. */
  async #sendBatches(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH_SPANS);
      const outcome = await this.#post(batch);
      if (outcome.type === "unreachable" && ++this.#failures < TRIES) return;
      this.#failures = 0;
      this.#queue.splice(0, batch.length);
      if (outcome.type !== "taken") this.#drop(batch.length, outcome.reason);
    }
  }

  async #post(batch: readonly Span[]): Promise<Outcome> {
    const { settings, resource } = this.#options;
    try {
      const response = await fetch(settings.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...settings.headers },
        body: encodeSpans(resource, batch),
        signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(settings.timeoutMs)]),
      });
      const answer = await response.text();
      if (PASSING_STATUSES.includes(response.status)) {
        return { type: "unreachable", reason: `${settings.url} answered with status ${response.status}` };
      }
      if (!response.ok) return { type: "refused", reason: `${settings.url} answered with status ${response.status}` };
      const rejected = rejectedSpans(answer);
      if (rejected.count > 0) this.#drop(rejected.count, `${settings.url} rejected spans: ${rejected.reason}`);
      return { type: "taken" };
    } catch (error) {
      return { type: "unreachable", reason: `${settings.url} cannot be reached: ${(error as Error).message}` };
    }
  }

  #drop(count: number, reason: string): void {
    this.#options.onDropped(count);
    const now = Date.now();
    if (now - this.#toldAt < TROUBLE_INTERVAL_MS) return;
    this.#toldAt = now;
    this.#options.onTrouble(`spans of traces are dropped: ${reason}`);
  }
}
