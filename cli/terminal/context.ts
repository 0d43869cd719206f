/**
 * The context of every command: its folders, its output to the user, and its way to the control plane.
 * This file is loaded at every start, so it imports nothing that is slow to load.
 */
import type { Client } from "../../client/client.ts";
import { type HomePaths, homeFolder, homePaths } from "../../client/home.ts";

/** The options that every command takes. */
export interface GlobalOptions {
  home?: string;
  url?: string;
  token?: string;
  json?: boolean;
  /** False with `--no-color`. */
  color?: boolean;
}

/** Takes text; `process.stdout` fits, and so does a test's collector. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export interface Surroundings {
  environment: NodeJS.ProcessEnv;
  stdout: TextStream;
  stderr: TextStream;
}

export interface Context {
  readonly options: GlobalOptions;
  readonly environment: NodeJS.ProcessEnv;
  readonly home: HomePaths;
  /** `--json`: one JSON document on stdout and nothing else there. */
  readonly json: boolean;
  /** True when stdout takes ANSI colours. */
  readonly color: boolean;
  /** Columns of the terminal, 80 where it is none. */
  readonly width: number;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** The exit code of the process; a command that fails without throwing sets 1. */
  exitCode: number;
  /** A line for people on stdout; silent with `--json`. */
  say(line: string): void;
  /** A line on stderr: progress, notes, warnings. */
  note(line: string): void;
  /** The command's answer: the JSON document with `--json`, the text for people otherwise. */
  answer(json: unknown, text: () => string): void;
  /** The API client; reads the credentials. Throws a `Problem` when there is no URL or token to use. */
  client(): Promise<Client>;
}

export type GetContext = () => Context;

const DEFAULT_WIDTH = 80;

export function createContext(options: GlobalOptions, surroundings: Surroundings): Context {
  const { environment, stdout, stderr } = surroundings;
  const json = options.json === true;
  const home = homePaths(homeFolder(options.home, environment));
  const line = (stream: TextStream, text: string): void => {
    stream.write(text.endsWith("\n") ? text : `${text}\n`);
  };
  return {
    options,
    environment,
    home,
    json,
    color: options.color !== false && stdout.isTTY === true && !environment.NO_COLOR,
    width: stdout.columns ?? DEFAULT_WIDTH,
    stdout,
    stderr,
    exitCode: 0,
    say(text) {
      if (!json) line(stdout, text);
    },
    note(text) {
      line(stderr, text);
    },
    answer(value, text) {
      line(stdout, json ? JSON.stringify(value, null, 2) : text());
    },
    async client() {
      const [{ findConnection }, { createClient }] = await Promise.all([
        import("../../client/credentials.ts"),
        import("../../client/client.ts"),
      ]);
      // OpenTelemetry passes a trace to a child process in this variable.
      return createClient(findConnection(options, environment, home), environment.TRACEPARENT);
    },
  };
}
