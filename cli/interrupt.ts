/** Ctrl-C while watching: the operation goes on, and the user is told how to come back to it. */
import { type Context, EXIT } from "./context.ts";

/**
 * Runs `follow` with a signal that the first SIGINT or SIGTERM aborts. Then says how to watch or cancel the operation, sets
 * exit code 130 and resolves with null. A second Ctrl-C ends the process at once, since no handler is left by then.
 */
export async function watchInterrupts<T>(
  context: Context,
  operationId: string,
  follow: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const controller = new AbortController();
  const stop = (): void => {
    stopListening();
    controller.abort(new Error("interrupted"));
  };
  const stopListening = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    return await follow(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    context.note(`${operationId} goes on without you; nothing is lost.`);
    context.note(`  watch it:  ktrdr ops watch ${operationId}`);
    context.note(`  cancel it: ktrdr ops cancel ${operationId}`);
    if (context.json) context.answer({ operation_id: operationId, interrupted: true }, () => "");
    context.exitCode = EXIT.interrupted;
    return null;
  } finally {
    stopListening();
  }
}
