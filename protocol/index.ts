/** Every type that crosses a wire. Both ends parse with these schemas; nothing else describes the protocol. */
export * from "./api.ts";
export * from "./artefacts.ts";
export * from "./backtest-result.ts";
export * from "./datasets.ts";
export * from "./events.ts";
export * from "./identifiers.ts";
export * from "./limits.ts";
export * from "./operations.ts";
export * from "./portfolio-rules.ts";
export * from "./problem.ts";
export * from "./socket.ts";
export * from "./strategy-rules.ts";
export * from "./strategy-script.ts";
export * from "./strategy-v3.ts";
export * from "./token.ts";
export * from "./wire.ts";
export * from "./workers.ts";
