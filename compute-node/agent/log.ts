/** The node's log on stderr: one short line an event on a terminal, JSON lines otherwise. */
type Write = (detailsOrMessage: object | string, message?: string) => void;

/** The part of a pino logger that the agent uses. */
export interface Log {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
}

/** pino is loaded here, not with the module: the CLI's other commands do without it. */
export async function createLog(level: string, workerId: string): Promise<Log> {
  const { pino } = await import("pino");
  if (!process.stderr.isTTY) {
    const jsonLog: Log = pino({ level, base: { worker_id: workerId } }, pino.destination({ dest: 2, sync: true }));
    return jsonLog;
  }
  const terminal = { write: (line: string) => void process.stderr.write(lineForPeople(line)) };
  const log: Log = pino({ level, base: null }, terminal);
  return log;
}

const LEVEL_NAMES: Readonly<Record<number, string>> = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error" };

/** `14:03:59 warn  message name=value`. */
function lineForPeople(jsonLine: string): string {
  const { level, time, msg, ...fields } = JSON.parse(jsonLine) as Record<string, unknown>;
  const clock = new Date(Number(time)).toTimeString().slice(0, 8);
  const rest = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${clock} ${(LEVEL_NAMES[Number(level)] ?? "fatal").padEnd(5)} ${msg}${rest.join("")}\n`;
}
