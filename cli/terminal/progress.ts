/**
 * Shows the progress of an operation: one line that is redrawn on a terminal, and plain lines elsewhere, each only when it
 * says something new.
 */
import type { Operation } from "../../protocol/operation.ts";
import type { TextStream } from "./context.ts";

export interface ProgressView {
  update(operation: Operation): void;
  /** Writes a separate line above the bar. */
  note(line: string): void;
  /** Leaves the terminal clean for what follows. */
  end(): void;
}

const BAR_CELLS = 24;
/** Returns to the start of the line and clears it: ECMA-48 sections 8.3.15 and 8.3.41. */
export const CLEAR_LINE = "\r\u001b[K";
const PLAIN_STEP = 0.25;

/** `[########----------------]  33 %`. */
export function barText(fraction: number, cells: number = BAR_CELLS): string {
  const bounded = Math.min(1, Math.max(0, fraction));
  const filled = Math.round(bounded * cells);
  return `[${"#".repeat(filled)}${"-".repeat(cells - filled)}] ${String(Math.floor(bounded * 100)).padStart(3)} %`;
}

/** Figures of a training run; none of them is a speed. */
const FIGURES: Readonly<Record<string, (value: number) => string>> = {
  epoch: (value) => `epoch ${value}`,
  loss: (value) => `loss ${value.toPrecision(3)}`,
  validationLoss: (value) => `validation loss ${value.toPrecision(3)}`,
  accuracy: (value) => `accuracy ${(100 * value).toFixed(1)} %`,
};

/** `120M bars/s` for `{ barsPerSecond: 1.2e8 }`. */
export function ratesText(rates: Readonly<Record<string, number>>): string {
  return Object.entries(rates)
    .filter(([, value]) => value > 0)
    .map(([name, value]) => FIGURES[name]?.(value) ?? rateText(name, value))
    .join(", ");
}

function rateText(name: string, value: number): string {
  const unit = name.replace(/_?[pP]er_?[sS]econd$/, "");
  return `${compactNumber(value)} ${unit}${/second$/i.test(name) ? "/s" : ""}`;
}

function compactNumber(value: number): string {
  return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

/** Describes in one line an operation that has not ended. */
export function progressText(operation: Operation): string {
  if (operation.status === "queued") {
    const again = operation.attempt > 0 ? ` again after attempt ${operation.attempt}` : "";
    return `queued${again}${operation.waitingReason === null ? "" : `: ${operation.waitingReason}`}`;
  }
  if (operation.status !== "running") return operation.status;
  const attempt = operation.attempt > 1 ? ` (attempt ${operation.attempt})` : "";
  const where = `on ${operation.workerId ?? "a worker"}${attempt}`;
  if (operation.progress === null) return `running ${where}`;
  const rates = ratesText(operation.progress.rates);
  return `${barText(operation.progress.fraction)}  ${operation.progress.phase} ${where}${rates === "" ? "" : `, ${rates}`}`;
}

export function createProgressView(stream: TextStream): ProgressView {
  return stream.isTTY === true ? terminalView(stream) : plainView(stream);
}

function terminalView(stream: TextStream): ProgressView {
  let shown = "";
  const draw = (text: string): void => {
    stream.write(`${CLEAR_LINE}${text}`);
    shown = text;
  };
  return {
    update(operation) {
      const text = progressText(operation).slice(0, Math.max(20, (stream.columns ?? 80) - 1));
      if (text !== shown) draw(text);
    },
    note(line) {
      stream.write(`${CLEAR_LINE}${line}\n${shown}`);
    },
    end() {
      if (shown !== "") draw("");
    },
  };
}

function plainView(stream: TextStream): ProgressView {
  let said = "";
  return {
    update(operation) {
      const key = noveltyOf(operation);
      if (key === said) return;
      said = key;
      stream.write(`${progressText(operation)}\n`);
    },
    note(line) {
      stream.write(`${line}\n`);
    },
    end() {},
  };
}

/** Two states with the same key are printed once: the same attempt, the same phase, the same quarter of it. */
function noveltyOf(operation: Operation): string {
  const { status, attempt, waitingReason, workerId, progress } = operation;
  const quarter = progress === null ? "" : Math.floor(progress.fraction / PLAIN_STEP);
  return JSON.stringify([status, attempt, waitingReason, workerId, progress?.phase, quarter]);
}
