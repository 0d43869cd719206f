/** The losses of four rows and their derivatives by the outputs, as WGSL; the definitions are those of `LossSpec`. */
import type { Plan } from "./plan.ts";
import { ofFour } from "./rows-parts.ts";

/**
 * `lossOfRows(member, quad, label, used)` replaces the outputs in the cells by the derivatives of the rows' losses,
 * not yet divided by the sum of `weight`, and answers loss, weight and correctness; all of them 0 where `used` is 0.
 */
export function lossFunction(plan: Plan): string {
  const classes = plan.lossKind === "cross_entropy" || plan.lossKind === "focal";
  return `struct RowLosses { loss: vec4f, weight: vec4f, correct: vec4f }
fn lossOfRows(member: u32, quad: u32, label: vec4u, used: vec4f) -> RowLosses {
  let first = ${plan.outputCell}u;
${classes ? classification(plan) : regression(plan)}
}`;
}

function classification({ network: { outputs }, lossKind }: Plan): string {
  return `  var largest = cells[first * QUADS + quad];
  var answer = vec4u(0);
  for (var option = 1u; option < ${outputs}u; option++) {
    let output = cells[(first + option) * QUADS + quad];
    answer = select(answer, vec4u(option), output > largest);
    largest = max(largest, output);
  }
  var sum = vec4f(0);
  var others = vec4f(0);
  var chosen = vec4f(0);
  for (var option = 0u; option < ${outputs}u; option++) {
    let output = cells[(first + option) * QUADS + quad] - largest;
    let power = exp(output);
    let right = label == vec4u(option);
    sum += power;
    others += select(power, vec4f(0), right);
    chosen = select(chosen, output, right);
  }
  let classWeight = vec4f(
${ofFour((component) => `    members[member].classWeights[label.${component}],`)}
  );
  let weight = used * classWeight;
  let logProbability = chosen - log(sum);
${lossKind === "focal" ? FOCAL : CROSS_ENTROPY}
  for (var option = 0u; option < ${outputs}u; option++) {
    let cell = (first + option) * QUADS + quad;
    let probability = exp(cells[cell] - largest) / sum;
    cells[cell] = slope * (probability - select(vec4f(0), vec4f(1), label == vec4u(option)));
  }
  let correct = used * select(vec4f(0), vec4f(1), answer == label);
  return RowLosses(loss, divisor, correct);`;
}

const CROSS_ENTROPY = `  let loss = -weight * logProbability;
  let slope = weight;
  let divisor = weight;`;

/**
 * With p the probability of the right class and q = 1 - p, summed over the other classes for its digits:
 * -d loss / d log p = w (q^gamma - gamma p q^(gamma-1) log p).
 */
const FOCAL = `  let gamma = members[member].lossParameter;
  let wrong = max(others / sum, vec4f(1e-30));
  let focus = pow(wrong, vec4f(gamma));
  let loss = -weight * focus * logProbability;
  let slope = weight * (focus - gamma * (1.0 - wrong) * (focus / wrong) * logProbability);
  let divisor = used;`;

function regression({ lossKind }: Plan): string {
  const huber = `  let delta = vec4f(members[member].lossParameter);
  let size = abs(error);
  let loss = used * select(0.5 * error * error, delta * (size - 0.5 * delta), size > delta);
  let derivative = select(error, sign(error) * delta, size > delta);`;
  const mse = `  let loss = used * error * error;
  let derivative = 2.0 * error;`;
  return `  let value = bitcast<vec4f>(label);
  let output = cells[first * QUADS + quad];
  let error = output - value;
${lossKind === "huber" ? huber : mse}
  cells[first * QUADS + quad] = used * derivative;
  let correct = used * select(vec4f(0), vec4f(1), (output > vec4f(0)) == (value > vec4f(0)));
  return RowLosses(loss, used, correct);`;
}
