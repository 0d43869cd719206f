/** The compute node's agent: settings in, a node that serves until it is told to leave. */
export { Agent } from "./agent.ts";
export { storedCredential } from "./enrolment.ts";
export { EXIT_TOO_OLD } from "./exit-codes.ts";
export { createLog } from "./log.ts";
export { type ResolvedSettings, resolveSettings } from "./settings.ts";
export { type NodeSettings, SETTINGS, type Setting, type SettingName, settingText } from "./settings-table.ts";
