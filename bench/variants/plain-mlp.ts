/** An mlp trained by plain loops over typed arrays: relu, cross entropy, Adam; the simplest way in JavaScript. */

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float32Array;
  readonly biases: Float32Array;
  readonly weightSlopes: Float32Array;
  readonly biasSlopes: Float32Array;
  readonly moments: readonly Float32Array[];
}

export class PlainMlp {
  readonly #layers: readonly Layer[];
  readonly #values: readonly Float32Array[];
  readonly #slopes: readonly Float32Array[];
  #steps = 0;

  constructor(widths: readonly number[], parameters: Float32Array) {
    let at = 0;
    const take = (length: number) => {
      at += length;
      return parameters.slice(at - length, at);
    };
    this.#layers = widths.slice(1).map((outputs, index) => {
      const inputs = widths[index];
      const weights = take(inputs * outputs);
      const biases = take(outputs);
      const moments = [weights, weights, biases, biases].map(({ length }) => new Float32Array(length));
      const [weightSlopes, biasSlopes] = [new Float32Array(weights.length), new Float32Array(outputs)];
      return { inputs, outputs, weights, biases, weightSlopes, biasSlopes, moments };
    });
    this.#values = widths.map((width) => new Float32Array(width));
    this.#slopes = widths.map((width) => new Float32Array(width));
  }

  trainBatch(features: Float32Array, classes: Uint8Array, first: number, count: number, learningRate: number): void {
    for (const { weightSlopes, biasSlopes } of this.#layers) {
      weightSlopes.fill(0);
      biasSlopes.fill(0);
    }
    const inputs = this.#values[0].length;
    for (let row = first; row < first + count; row++) {
      this.#values[0].set(features.subarray(row * inputs, (row + 1) * inputs));
      this.#forward();
      this.#backward(classes[row], count);
    }
    this.#update(learningRate);
  }

  meanLoss(features: Float32Array, classes: Uint8Array, count: number): number {
    const inputs = this.#values[0].length;
    let loss = 0;
    for (let row = 0; row < count; row++) {
      this.#values[0].set(features.subarray(row * inputs, (row + 1) * inputs));
      this.#forward();
      const scores = [...this.#values[this.#values.length - 1]];
      const largest = Math.max(...scores);
      const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
      loss += Math.log(sum) - (scores[classes[row]] - largest);
    }
    return loss / count;
  }

  #forward(): void {
    for (const [index, { inputs, outputs, weights, biases }] of this.#layers.entries()) {
      const [from, to] = [this.#values[index], this.#values[index + 1]];
      const isLast = index === this.#layers.length - 1;
      for (let output = 0; output < outputs; output++) {
        let sum = biases[output];
        for (let input = 0; input < inputs; input++) sum += weights[output * inputs + input] * from[input];
        to[output] = isLast || sum > 0 ? sum : 0;
      }
    }
  }

  #backward(label: number, count: number): void {
    const scores = this.#values[this.#values.length - 1];
    const largest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    this.#slopes[this.#slopes.length - 1].set(
      powers.map((power, index) => (power / sum - (index === label ? 1 : 0)) / count),
    );
    for (let index = this.#layers.length - 1; index >= 0; index--) {
      const { inputs, outputs, weights, weightSlopes, biasSlopes } = this.#layers[index];
      const [from, above, below] = [this.#values[index], this.#slopes[index + 1], this.#slopes[index]];
      below.fill(0);
      for (let output = 0; output < outputs; output++) {
        const slope = above[output];
        biasSlopes[output] += slope;
        for (let input = 0; input < inputs; input++) {
          weightSlopes[output * inputs + input] += slope * from[input];
          below[input] += slope * weights[output * inputs + input];
        }
      }
      if (index === 0) return;
      for (let input = 0; input < inputs; input++) if (from[input] <= 0) below[input] = 0;
    }
  }

  #update(learningRate: number): void {
    this.#steps += 1;
    for (const { weights, weightSlopes, biases, biasSlopes, moments } of this.#layers) {
      this.#adam(weights, weightSlopes, moments[0], moments[1], learningRate);
      this.#adam(biases, biasSlopes, moments[2], moments[3], learningRate);
    }
  }

  #adam(values: Float32Array, slopes: Float32Array, first: Float32Array, second: Float32Array, rate: number): void {
    const [share1, share2] = [1 - 0.9 ** this.#steps, 1 - 0.999 ** this.#steps];
    for (let at = 0; at < values.length; at++) {
      first[at] = 0.9 * first[at] + 0.1 * slopes[at];
      second[at] = 0.999 * second[at] + 0.001 * slopes[at] ** 2;
      values[at] -= (rate * (first[at] / share1)) / (Math.sqrt(second[at] / share2) + 1e-8);
    }
  }
}
