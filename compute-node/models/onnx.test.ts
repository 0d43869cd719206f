import fc from "fast-check";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import type { NetworkSpec } from "../training/network.ts";
import { referenceBackend } from "../training/reference/backend.ts";
import {
  exportOnnx,
  importHints,
  importOnnx,
  importSafetensors,
  type Model,
  modelOfImport,
  networkOutputs,
} from "./index.ts";
import { tensorsOf } from "./model-file.ts";
import { type OnnxGraph, type OnnxNode, readOnnx, writeOnnx } from "./onnx-graph.ts";
import { writeSafetensors } from "./safetensors.ts";
import { anyNetwork, examplesFor, modelOf, strategyOf } from "./testing/models.ts";

/** ONNX Runtime's answers for raw features. */
async function runtimeOutputs(file: Uint8Array, network: NetworkSpec, examples: Float32Array, count: number) {
  const session = await InferenceSession.create(file);
  const rows = network.kind === "mlp" ? [] : [network.sequenceLength];
  const features = new Tensor("float32", examples, [count, ...rows, network.inputs]);
  const { outputs } = await session.run({ features });
  await session.release();
  expect(outputs.dims).toEqual([count, network.outputs]);
  return outputs.data as Float32Array;
}

/** By the definition of the network, in double precision. */
function reference({ manifest: { network }, parameters }: Model, examples: Float32Array): Promise<Float32Array> {
  const length = network.kind === "mlp" ? 1 : network.sequenceLength;
  const count = examples.length / network.inputs / length;
  const rows = Uint32Array.from({ length: count }, (_, index) => (index + 1) * length - 1);
  return networkOutputs(referenceBackend, network, parameters, { features: examples, rows });
}

function scaled({ manifest }: Model, examples: Float32Array): Float32Array {
  const { features } = manifest;
  return examples.map((value, index) => {
    const { offset, factor } = features[index % features.length];
    return (value - offset) * factor;
  });
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (let k = 0; k < actual.length; k++) expect(Math.abs(actual[k] - expected[k])).toBeLessThan(1e-5);
}

describe("an exported ONNX file", () => {
  it("gives the same answers in ONNX Runtime as the network by its definition", async () => {
    const scale = fc.constantFrom(null, { kind: "zscore", offset: 0.25, factor: 1.5 } as const);
    await fc.assert(
      fc.asyncProperty(anyNetwork, scale, fc.integer({ min: 1, max: 5 }), async (network, chosen, count) => {
        const model = modelOf(network, chosen);
        const examples = examplesFor(network, count);
        const outputs = await runtimeOutputs(exportOnnx(model), network, examples, count);
        expectClose(outputs, await reference(model, scaled(model, examples)));
      }),
      { numRuns: 60 },
    );
  });

  it("does so for the sizes that people train", async () => {
    const networks: NetworkSpec[] = [
      { kind: "mlp", inputs: 30, hidden: [64, 32], outputs: 3, activation: "relu", dropout: 0.2, batchNorm: true },
      { kind: "lstm", inputs: 8, hidden: 32, layers: 2, outputs: 3, dropout: 0.2, sequenceLength: 20 },
      { kind: "gru", inputs: 8, hidden: 32, layers: 2, outputs: 3, dropout: 0.2, sequenceLength: 20 },
    ];
    for (const network of networks) {
      const model = modelOf(network);
      const examples = examplesFor(network, 50);
      const outputs = await runtimeOutputs(exportOnnx(model), network, examples, 50);
      expectClose(outputs, await reference(model, examples));
    }
  });

  it("is the same bytes for the same model", () => {
    fc.assert(
      fc.property(anyNetwork, (network) => {
        expect(exportOnnx(modelOf(network))).toEqual(exportOnnx(modelOf(network)));
      }),
    );
  });

  it("imports as the same network, with its scaling and the names of its features", () => {
    const scale = fc.constantFrom(null, { kind: "zscore", offset: 0.25, factor: 1.5 } as const);
    fc.assert(
      fc.property(anyNetwork, scale, (network, chosen) => {
        const model = modelOf(network, chosen);
        const imported = importOnnx(exportOnnx(model));
        // A file of ONNX has no dropout, and no activation or batch norm where no hidden layer is.
        const bare =
          network.kind === "mlp" && network.hidden.length === 0 ? { activation: "relu", batchNorm: false } : {};
        expect(imported.network).toEqual({ ...network, dropout: 0, ...bare });
        expect(imported.parameters).toEqual(model.parameters);
        expect(imported.scales).toEqual(
          chosen === null ? null : model.manifest.features.map(({ offset, factor }) => ({ offset, factor })),
        );
        expect(imported.featureNames).toEqual(model.manifest.features.map(({ name }) => name));
      }),
    );
  });

  it("that is cut off within the graph is refused, and never anything else", () => {
    const model = modelOf({ kind: "gru", inputs: 2, hidden: 3, layers: 1, outputs: 3, dropout: 0, sequenceLength: 4 });
    const bytes = exportOnnx(model);
    // Only texts about it follow the graph and the opset.
    const texts = Buffer.from(bytes).lastIndexOf("1h_roc_0_raw") - 20;
    for (let length = 0; length < texts; length += 7)
      expect(() => importOnnx(bytes.subarray(0, length))).toThrow(Problem);
  });
});

describe("an ONNX file of another exporter", () => {
  const weight = { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const graph = (change: Partial<OnnxGraph>): Uint8Array =>
    writeOnnx(
      {
        name: "other",
        opset: 17,
        nodes: [
          { operator: "MatMul", inputs: ["x", "w"], outputs: ["a"], attributes: {} },
          { operator: "Add", inputs: ["a", "b"], outputs: ["y"], attributes: {} },
        ],
        tensors: new Map([
          ["w", weight],
          ["b", { shape: [3], values: Float32Array.of(7, 8, 9) }],
        ]),
        integers: new Map(),
        inputs: [{ name: "x", shape: ["n", 2] }],
        outputs: [{ name: "y", shape: ["n", 3] }],
        metadata: {},
        ...change,
      },
      { name: "test", version: "1" },
    );

  it("may multiply and add instead", () => {
    const { network, parameters } = importOnnx(graph({}));
    expect(network).toMatchObject({ kind: "mlp", inputs: 2, hidden: [], outputs: 3 });
    expect([...parameters]).toEqual([1, 4, 2, 5, 3, 6, 7, 8, 9]);
  });

  it.each<[string, Partial<OnnxGraph>, RegExp]>([
    [
      "an unknown operator",
      { nodes: [{ operator: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: {} }] },
      /Conv where a linear layer/,
    ],
    ["no nodes", { nodes: [] }, /nothing leads from its input to "y"/],
    ["a weight that is not there", { tensors: new Map() }, /its graph branches/],
  ])("with %s is refused", (_, change, message) => {
    expect(() => importOnnx(graph(change))).toThrow(message);
  });
});

describe("an ONNX file of a recurrent network", () => {
  const GRU = { kind: "gru", inputs: 2, hidden: 3, layers: 2, outputs: 3, dropout: 0, sequenceLength: 4 } as const;
  const exported = readOnnx(exportOnnx(modelOf(GRU)));
  const withNodes = (change: (node: OnnxNode) => OnnxNode, rest: Partial<OnnxGraph> = {}) =>
    writeOnnx({ ...exported, ...rest, nodes: exported.nodes.map(change) }, { name: "test", version: "1" });
  const onCells = (change: (node: OnnxNode) => Partial<OnnxNode>) => (node: OnnxNode) =>
    node.operator === "GRU" ? { ...node, ...change(node) } : node;
  const attribute = (attributes: OnnxNode["attributes"]) =>
    onCells((node) => ({ attributes: { ...node.attributes, ...attributes } }));

  it.each<[string, Uint8Array, RegExp]>([
    [
      "the other order of the reset gate",
      withNodes(attribute({ linear_before_reset: 0 })),
      /not PyTorch's one-way cell/,
    ],
    ["both directions", withNodes(attribute({ direction: "bidirectional" })), /not PyTorch's one-way cell/],
    ["other activations", withNodes(attribute({ activations: "Relu" })), /not PyTorch's one-way cell/],
    [
      "a beginning other than zero",
      withNodes(
        onCells((node) => ({ inputs: [...node.inputs, "", "start"] })),
        { tensors: new Map([...exported.tensors, ["start", { shape: [1], values: Float32Array.of(1) }]]) },
      ),
      /does not begin at zero/,
    ],
    [
      "every row at its head",
      withNodes(onCells(({ outputs }) => ({ outputs: outputs.toReversed() }))),
      /gives other rows than the next layer needs/,
    ],
    [
      "windows of any length",
      withNodes((node) => node, { inputs: [{ name: "features", shape: ["batch", "rows", 2] }] }),
      /does not say how many rows a window has/,
    ],
    [
      "another row than the last",
      withNodes(
        (node) =>
          node.outputs.includes("rnn.last") ? { ...node, operator: "Gather", inputs: [node.inputs[0], "zero"] } : node,
        { integers: new Map([...exported.integers, ["zero", [0]]]) },
      ),
      /picks other rows than the last one/,
    ],
  ])("with %s is refused", (_, file, message) => {
    expect(() => importOnnx(file)).toThrow(message);
  });
});

describe("a PyTorch state dict in safetensors", () => {
  const MLP = {
    kind: "mlp",
    inputs: 3,
    hidden: [4, 4],
    outputs: 3,
    activation: "tanh",
    dropout: 0,
    batchNorm: true,
  } as const;
  const LSTM = { kind: "lstm", inputs: 3, hidden: 4, layers: 2, outputs: 3, dropout: 0, sequenceLength: 5 } as const;

  /** As torch.nn.Sequential names them, in the order of their letters. */
  function sequentialNames(model: Model): Uint8Array {
    const tensors = [...tensorsOf(model.manifest.network, model.parameters)].map(([name, tensor]) => {
      const [kind, layer, rest] = name.split(".");
      const index = Number(layer) * 5 + (kind === "norms" ? 1 : 0);
      return [`net.${index}.${rest}`, tensor] as const;
    });
    const counted = ["net.1.num_batches_tracked", { shape: [], values: Float32Array.of(12) }] as const;
    const sorted = [...tensors, counted].sort(([left], [right]) => (left < right ? -1 : 1));
    return writeSafetensors({ tensors: new Map(sorted), metadata: { format: "pt" } });
  }

  it("is told by its shapes and numbers, whatever the layers are called", () => {
    const model = modelOf(MLP);
    const imported = importSafetensors(sequentialNames(model), { activation: "tanh", sequenceLength: 1 });
    expect(imported.network).toEqual(MLP);
    expect(imported.parameters).toEqual(model.parameters);
  });

  it("may be recurrent", () => {
    const model = modelOf(LSTM);
    const tensors = [...tensorsOf(LSTM, model.parameters)].map(
      ([name, tensor]) => [name.replace("rnn.", "lstm.").replace("head.", "fc."), tensor] as const,
    );
    const sorted = new Map(tensors.sort(([left], [right]) => (left < right ? -1 : 1)));
    const imported = importSafetensors(writeSafetensors({ tensors: sorted, metadata: {} }), {
      activation: "relu",
      sequenceLength: 5,
    });
    expect(imported.network).toEqual(LSTM);
    expect(imported.parameters).toEqual(model.parameters);
  });

  it("becomes a model with a strategy that fits, and is refused with one that does not", () => {
    const imported = importSafetensors(sequentialNames(modelOf(MLP)), importHints(strategyOf(3)));
    const model = modelOfImport(imported, strategyOf(3), "mine");
    expect(model.manifest.classNames).toEqual(["buy", "hold", "sell"]);
    expect(model.manifest.features.map(({ name }) => name)).toEqual(["1h_roc_0_raw", "1h_roc_1_raw", "1h_roc_2_raw"]);
    expect(() => modelOfImport(imported, strategyOf(4), "mine")).toThrow(
      /takes 3 inputs, and the strategy has 4 features/,
    );
    expect(() => modelOfImport(imported, strategyOf(3, "zscore"), "mine")).toThrow(/does not say by how much/);
    const other = { ...imported, featureNames: ["1h_roc_1_raw", "1h_roc_0_raw", "1h_roc_2_raw"] };
    expect(() => modelOfImport(other, strategyOf(3), "mine")).toThrow(/has 1h_roc_1_raw as input 1/);
    const regression = { ...imported, network: { ...imported.network, outputs: 1 } };
    expect(() => modelOfImport(regression, strategyOf(3), "mine")).toThrow(/has 1 outputs, and zigzag labels need 3/);
  });

  it("with layers that do not follow each other is refused", () => {
    const tensor = (shape: number[]) => ({ shape, values: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
    const file = (entries: Record<string, number[]>) =>
      writeSafetensors({
        tensors: new Map(Object.entries(entries).map(([k, shape]) => [k, tensor(shape)])),
        metadata: {},
      });
    const hints = { activation: "relu", sequenceLength: 3 } as const;
    expect(() => importSafetensors(file({ "0.weight": [4, 3], "1.weight": [3, 5] }), hints)).toThrow(
      /4 outputs, and the next one 5/,
    );
    expect(() => importSafetensors(file({ bias: [4] }), hints)).toThrow(/no linear layer/);
    expect(() =>
      importSafetensors(file({ "rnn.weight_ih_l0": [8, 3], "rnn.weight_hh_l0": [8, 4], "fc.weight": [3, 4] }), hints),
    ).toThrow(/2 gates/);
  });
});
