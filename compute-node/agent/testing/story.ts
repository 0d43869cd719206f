/** A node's state machine in a test: a clock that the test moves, and chance from a list. */
import {
  type BacktestSpec,
  backtestSettings,
  type Capabilities,
  type Lease,
  type NodeMessage,
  type RegistryMessage,
  type SleepSpec,
} from "../../../protocol/index.ts";
import {
  type AgentConfig,
  type AgentEffect,
  type AgentEvent,
  type AgentState,
  createAgentState,
  step,
} from "../state.ts";

export const SLEEP: SleepSpec = { kind: "sleep", durationMs: 1_000, busy: false };
export const HEARTBEAT_MS = 5_000;

/** `op_` and 20 digits. */
function operation(number: number): string {
  return `op_${String(number).padStart(20, "0")}`;
}

export function leaseFor(number: number, attempt = 1): Lease {
  return { operationId: operation(number), attempt };
}

function capabilitiesFor(slots: number): Capabilities {
  return { slots, kinds: ["backtest", "sleep"], labels: {}, datasets: [] };
}

/** A backtest of a strategy that trades now and then on daily bars; `long` is its entry. */
export function backtestOf(symbol: string, long = "fast crosses above slow"): BacktestSpec {
  return {
    kind: "backtest",
    strategy: {
      kind: "rules",
      name: "sma cross",
      parameters: {},
      indicators: { fast: { type: "sma", period: 10 }, slow: { type: "sma", period: 20 } },
      entries: { long },
      exits: { long: "fast crosses below slow" },
      reverse: false,
      size: 1,
    },
    parameters: {},
    data: { symbol, timeframe: "1d" },
    settings: backtestSettings.parse({}),
  };
}

export class Story {
  readonly state: AgentState;
  now = 0;
  /** Every effect so far. */
  readonly effects: AgentEffect[] = [];
  readonly random: () => number;

  constructor(slots = 1, config: Partial<AgentConfig> = {}, random: () => number = () => 0.5) {
    const identity = { workerId: "node-1", softwareVersion: "test", canEnrolAgain: true };
    this.state = createAgentState({ ...identity, ...config }, capabilitiesFor(slots));
    this.random = random;
  }

  do(event: AgentEvent): AgentEffect[] {
    const effects = step(this.state, event, this.now, this.random);
    this.effects.push(...effects);
    return effects;
  }

  /** Lets time pass, then a tick. */
  after(ms: number): AgentEffect[] {
    this.now += ms;
    return this.do({ type: "tick" });
  }

  hear(message: RegistryMessage): AgentEffect[] {
    return this.do({ type: "message", epoch: this.state.epoch, message });
  }

  /** From nothing to welcomed; `leases` are those that the registry lets live. */
  connect(leases: Lease[] = []): AgentEffect[] {
    const { phase } = this.state.connection;
    if (phase === "idle") this.do({ type: "start" });
    if (this.state.connection.phase === "resting") this.after(60_000);
    if (this.state.connection.phase === "enrolling") this.do({ type: "enrolled", epoch: 0 });
    this.do({ type: "opened", epoch: this.state.epoch });
    return this.welcome(leases);
  }

  welcome(leases: Lease[]): AgentEffect[] {
    return this.hear({ type: "welcome", epoch: this.state.epoch, leases, heartbeatIntervalMs: HEARTBEAT_MS });
  }

  assign(lease: Lease): AgentEffect[] {
    return this.hear({ type: "assign", ...lease, spec: SLEEP, checkpoint: null });
  }

  drop(code = 1006, reason = ""): AgentEffect[] {
    return this.do({ type: "closed", epoch: this.state.epoch, code, reason });
  }
}

/** The messages that a turn sends. */
export function said(effects: readonly AgentEffect[]): NodeMessage[] {
  return effects.flatMap((effect) => (effect.type === "send" ? effect.messages : []));
}

export function effectTypes(effects: readonly AgentEffect[]): string[] {
  return effects.map(({ type }) => type).filter((type) => type !== "note");
}
