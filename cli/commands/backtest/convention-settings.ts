/** Reads the conventions of a command line: `--convention lastBar=replay`. */
import { suggestion } from "../../../compute-node/strategy/closest-name.ts";
import { answersOf, CONVENTION_NAMES, type ConventionName, type Conventions } from "../../../protocol/conventions.ts";
import { Problem } from "../../../protocol/problem.ts";

/**
 * The settings of conventions and their answers, as text.
 *
 * @throws Problem `invalid-request` for a name or an answer that is not there, with the valid ones and the closest
 */
export function conventionSettings(given: Readonly<Record<string, string>>): Partial<Conventions> {
  for (const [name, answer] of Object.entries(given)) {
    if (!isConvention(name)) {
      throw new Problem("invalid-request", `--convention ${name}=${answer}: there is no convention of that name`, {
        cure: suggestion(name, CONVENTION_NAMES, "names"),
      });
    }
    const answers: readonly string[] = answersOf(name);
    if (answers.includes(answer)) continue;
    throw new Problem("invalid-request", `--convention ${name}=${answer}: ${name} has no such answer`, {
      cure: suggestion(answer, answers, "answers"),
    });
  }
  return given as Partial<Conventions>;
}

function isConvention(name: string): name is ConventionName {
  return (CONVENTION_NAMES as readonly string[]).includes(name);
}
