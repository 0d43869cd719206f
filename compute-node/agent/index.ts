/** The compute node's agent: settings in, a node that serves until it is told to leave. */
export { Agent, type AgentEnd, type AgentOptions } from "./agent.ts";
export { storedCredential } from "./enrolment.ts";
export { EXIT_TOO_OLD } from "./exit-codes.ts";
export { createLog, type Log } from "./log.ts";
export { type ResolvedSettings, resolveSettings, type SettingsInput } from "./settings.ts";
export { type NodeSettings, SETTINGS, type Setting, type SettingName, settingText } from "./settings-table.ts";
