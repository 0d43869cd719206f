/** Streams and surroundings for tests, which collect a command's output as text. */
import type { Surroundings, TextStream } from "../terminal/context.ts";

interface Collector extends TextStream {
  text(): string;
  lines(): string[];
}

export function collector(shape: { isTTY?: boolean; columns?: number } = {}): Collector {
  let written = "";
  return {
    ...shape,
    write(text) {
      written += text;
    },
    text: () => written,
    lines: () => written.split("\n").slice(0, -1),
  };
}

export interface TestSurroundings extends Surroundings {
  stdout: Collector;
  stderr: Collector;
}

export function testSurroundings(environment: NodeJS.ProcessEnv = {}): TestSurroundings {
  return { environment, stdout: collector(), stderr: collector() };
}
