/** `ktrdr strategy`: writes a first file, checks files, lists a network's inputs, and brings old files up to date. */
import type { SchemaKind } from "../../../compute-node/strategy/index.ts";
import type { Problem, ProblemIssue, ProblemKind } from "../../../protocol/problem.ts";
import type { TemplateKind } from "../../strategy/strategy-template.ts";
import { type Context, EXIT } from "../../terminal/context.ts";
import { type DeclaredGroup, defineCommand } from "../declare.ts";

interface FileReport {
  file: string;
  valid: boolean;
  name: string | null;
  errors: readonly ProblemIssue[];
  warnings: readonly ProblemIssue[];
}

export const strategyCommands: DeclaredGroup = {
  name: "strategy",
  description: "strategy files",
  commands: [
    defineCommand<[file: string], { kind?: TemplateKind }>({
      name: "new",
      description: "write a strategy to begin with: commented, and ready to run",
      arguments: [{ name: "<file>", description: "ending in .ts (code) or .yaml (rules)" }],
      options: [{ flags: "--kind <kind>", description: "the kind of a .yaml file", choices: ["rules", "neural"] }],
      examples: [
        "ktrdr strategy new my-strategy.ts",
        "ktrdr strategy new my-rules.yaml",
        "ktrdr strategy new my-network.yaml --kind neural",
      ],
      handle: (context, [file], { kind }) => create(context, file, kind),
    }),
    defineCommand<[files: string[]], { strict?: boolean }>({
      name: "validate",
      description: "check strategy files without running them; exit code 1 when one has a fault",
      arguments: [{ name: "<files...>" }],
      options: [{ flags: "--strict", description: "take warnings as faults, such as keys that do nothing" }],
      examples: [
        "ktrdr strategy validate examples/strategies/*.yaml",
        "ktrdr strategy validate mine.ts",
        "ktrdr strategy validate mine.yaml --strict --json",
      ],
      handle: (context, [files], { strict }) => validate(context, files, strict === true),
    }),
    defineCommand<[file: string], object>({
      name: "features",
      description: "list the inputs of a fuzzy-neural strategy's network, in their order",
      arguments: [{ name: "<file>" }],
      examples: ["ktrdr strategy features examples/strategies/neural-rsi-macd.yaml"],
      handle: (context, [file]) => features(context, file),
    }),
    defineCommand<[file: string], { output?: string }>({
      name: "migrate",
      description: "bring a fuzzy-neural strategy of version 1 or 2 to version 3",
      arguments: [{ name: "<file>" }],
      options: [
        {
          flags: "-o, --output <file>",
          description: "the file to write; without it the text goes to stdout",
        },
      ],
      examples: ["ktrdr strategy migrate old.yaml --output new.yaml"],
      handle: (context, [file], { output }) => migrate(context, file, output),
    }),
    defineCommand<[kind: string], object>({
      name: "schema",
      description: "print the JSON Schema of strategy files, for editors",
      arguments: [{ name: "[kind]", description: "rules or v3", default: "rules" }],
      examples: ["ktrdr strategy schema v3 > strategy-v3.schema.json"],
      handle: (context, [kind]) => schema(context, kind),
    }),
  ],
};

async function create(context: Context, file: string, kind: TemplateKind | undefined): Promise<void> {
  const { writeTemplate } = await import("../../strategy/strategy-template.ts");
  const written = await writeTemplate(file, kind);
  context.answer({ files: written }, () => {
    const next = kind === "neural" ? `ktrdr train ${file}` : `ktrdr backtest ${file} --symbol SP500`;
    return `${written.map((path) => `${path}: written`).join("\n")}\n  next: ${next}`;
  });
}

async function validate(context: Context, files: readonly string[], strict: boolean): Promise<void> {
  const { issueText } = await import("../../terminal/problem-text.ts");
  const reports: FileReport[] = [];
  for (const file of files) reports.push(await validateFile(file, strict));
  const failed = reports.filter((report) => !report.valid);
  if (failed.length > 0) context.exitCode = EXIT.failed;
  for (const report of context.json ? [] : reports) {
    for (const issue of report.errors) context.note(`error: ${issueText({ file: report.file, ...issue })}`);
    for (const issue of report.warnings) context.note(`warning: ${issueText({ file: report.file, ...issue })}`);
  }
  context.answer({ valid: failed.length === 0, files: reports }, () =>
    reports
      .map((report) => (report.valid ? `${report.file}: ${report.name} is valid` : `${report.file}: not valid`))
      .join("\n"),
  );
}

async function features(context: Context, file: string): Promise<void> {
  const [{ resolveNeural }, { loadAnyStrategy }, { tableText }] = await Promise.all([
    import("../../../compute-node/strategy/index.ts"),
    import("../../strategy/strategy-source.ts"),
    import("../../terminal/table.ts"),
  ]);
  const { strategy } = await loadAnyStrategy(file);
  if (strategy.kind !== "neural")
    throw await problem(
      "invalid-request",
      `${file} has no features: it holds ${strategy.kind === "script" ? "code" : "rules"}.`,
      "Give a fuzzy-neural strategy, such as examples/strategies/neural-rsi-macd.yaml.",
    );
  const rows = resolveNeural(strategy).features.map((feature) => ({
    feature_id: feature.name,
    timeframe: feature.timeframe,
    fuzzy_set: feature.fuzzySet,
    membership: feature.membership,
    indicator_id: feature.indicator.id,
    indicator_output: feature.indicator.declaration.outputs[feature.output]?.name ?? "",
  }));
  const column = (key: keyof (typeof rows)[number], heading: string) => ({
    heading,
    text: (row: (typeof rows)[number]) => row[key],
  });
  const columns = [
    column("feature_id", "FEATURE"),
    column("timeframe", "TIMEFRAME"),
    column("fuzzy_set", "FUZZY SET"),
    column("membership", "MEMBERSHIP"),
    column("indicator_id", "INDICATOR"),
    column("indicator_output", "OUTPUT"),
  ];
  context.answer({ strategy_name: strategy.name, count: rows.length, features: rows }, () => tableText(columns, rows));
}

async function migrate(context: Context, file: string, output: string | undefined): Promise<void> {
  const [{ migrateStrategy }, { readStrategyText }, { isScriptFile }] = await Promise.all([
    import("../../../compute-node/strategy/index.ts"),
    import("../../strategy/strategy-source.ts"),
    import("../../strategy/strategy-bundle.ts"),
  ]);
  if (isScriptFile(file)) {
    throw await problem(
      "invalid-request",
      `${file} is code, which has no versions.`,
      "Give a fuzzy-neural strategy in YAML.",
    );
  }
  const { text, warnings } = migrateStrategy(await readStrategyText(file), file);
  for (const warning of context.json ? [] : warnings) context.note(`warning: ${warning}`);
  if (output !== undefined) await writeNew(output, text);
  context.answer({ file, output: output ?? null, warnings, ...(output === undefined ? { text } : {}) }, () =>
    output === undefined ? text : `${output}: written`,
  );
}

/** Never overwrites a file. */
async function writeNew(file: string, text: string): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === "EEXIST" ? "it is there already" : (code ?? String(error));
    throw await problem("conflict", `${file} cannot be written: ${why}`, "Give another --output.");
  }
}

async function schema(context: Context, kind: string): Promise<void> {
  const { SCHEMA_KINDS, strategySchema } = await import("../../../compute-node/strategy/index.ts");
  if (!SCHEMA_KINDS.some((known) => known === kind))
    throw await problem(
      "invalid-request",
      `There is no schema of "${kind}".`,
      `Give one of ${SCHEMA_KINDS.join(", ")}.`,
    );
  const text = strategySchema(kind as SchemaKind);
  context.answer(JSON.parse(text), () => text.trimEnd());
}

/** Loaded only when needed: its schemas would slow every start. */
async function problem(kind: ProblemKind, message: string, cure: string): Promise<Problem> {
  const { Problem } = await import("../../../protocol/problem.ts");
  return new Problem(kind, message, { cure });
}

async function validateFile(file: string, strict: boolean): Promise<FileReport> {
  const { loadAnyStrategy } = await import("../../strategy/strategy-source.ts");
  const { Problem } = await import("../../../protocol/problem.ts");
  try {
    const { strategy, warnings } = await loadAnyStrategy(file, strict);
    const types = strategy.kind === "script" ? await typeFindings(file) : { errors: [], warnings: [] };
    const valid = types.errors.length === 0;
    return { file, valid, name: strategy.name, errors: types.errors, warnings: [...warnings, ...types.warnings] };
  } catch (error) {
    if (!(error instanceof Problem) || error.kind === "internal") throw error;
    return { file, valid: false, name: null, errors: faultsOf(error), warnings: [] };
  }
}

async function typeFindings(file: string): Promise<{ errors: ProblemIssue[]; warnings: ProblemIssue[] }> {
  const { typeFaults } = await import("../../strategy/strategy-types.ts");
  const faults = await typeFaults(file);
  if (faults !== null) return { errors: faults, warnings: [] };
  return {
    errors: [],
    warnings: [{ message: "types are not checked: TypeScript is not installed (npm install typescript)" }],
  };
}

/** Lists the issues of a problem, or the problem itself when it has none. The cure is kept either way. */
function faultsOf(problem: Problem): ProblemIssue[] {
  if (problem.issues.length > 0) return [...problem.issues];
  return [{ message: problem.cure === undefined ? problem.message : `${problem.message} (${problem.cure})` }];
}
