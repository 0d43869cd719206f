/** Turns Ctrl-C, SIGTERM and a closed terminal into an abort signal instead of a sudden end. */
import { type Context, EXIT } from "./context.ts";

export interface Interrupts {
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
  /** Resolves with the first interrupt. */
  readonly happened: Promise<void>;
  /** Stops listening: from then on an interrupt ends the process at once, as it does by default. */
  release(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function listenForInterrupts(): Interrupts {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const onSignal = (): void => {
    controller.abort(new Error("interrupted"));
    resolve();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  const release = (): void => {
    for (const name of SIGNALS) process.off(name, onSignal);
  };
  return { signal: controller.signal, happened: promise, release };
}

/**
 * Runs `follow` with a signal that the first interrupt aborts. Then says how to watch or cancel the operation, which goes
 * on, sets exit code 130 and resolves with null. A second Ctrl-C ends the process at once.
 */
export async function watchInterrupts<T>(
  context: Context,
  operationId: string,
  follow: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const interrupts = listenForInterrupts();
  void interrupts.happened.then(interrupts.release);
  try {
    return await follow(interrupts.signal);
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    context.note(`${operationId} goes on without you; nothing is lost.`);
    context.note(`  watch it:  ktrdr ops watch ${operationId}`);
    context.note(`  cancel it: ktrdr ops cancel ${operationId}`);
    if (context.json) context.answer({ operation_id: operationId, interrupted: true }, () => "");
    context.exitCode = EXIT.interrupted;
    return null;
  } finally {
    interrupts.release();
  }
}
