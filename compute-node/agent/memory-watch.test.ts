import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { watchMemory } from "./memory-watch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A thread that answers each look with the next of these; a text is a refusal. */
function threadThatAnswers(answers: (number | string)[]): Worker {
  const getHeapStatistics = () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (typeof answer === "number") return Promise.resolve({ external_memory: answer });
    return Promise.reject(new Error(answer));
  };
  return { getHeapStatistics } as unknown as Worker;
}

it("a thread that has not started yet is watched when it has", async () => {
  const onTooMuch = vi.fn();
  const unwatch = watchMemory(threadThatAnswers(["not running", "not running", 10, 101]), 100, onTooMuch);
  await vi.advanceTimersByTimeAsync(350);
  expect(onTooMuch).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(100);
  expect(onTooMuch).toHaveBeenCalledOnce();
  unwatch();
});

it("a thread above its limit is told of once, and one whose job has ended never", async () => {
  const onTooMuch = vi.fn();
  const unwatch = watchMemory(threadThatAnswers([101]), 100, onTooMuch);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(onTooMuch).toHaveBeenCalledOnce();
  unwatch();
  watchMemory(threadThatAnswers([101]), 100, onTooMuch)();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(onTooMuch).toHaveBeenCalledOnce();
});
