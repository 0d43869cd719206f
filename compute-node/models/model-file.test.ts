import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { decodeModel, encodeModel, type Model, requireFeatures } from "./index.ts";
import { readSafetensors, type TensorFile, writeSafetensors } from "./safetensors.ts";
import { anyNetwork, modelOf } from "./testing/models.ts";

const MLP = {
  kind: "mlp",
  inputs: 3,
  hidden: [4],
  outputs: 3,
  activation: "relu",
  dropout: 0,
  batchNorm: true,
} as const;

describe("a safetensors file", () => {
  const tensor = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) =>
    fc
      .array(fc.float(), {
        minLength: shape.reduce((a, b) => a * b, 1),
        maxLength: shape.reduce((a, b) => a * b, 1),
      })
      .map((values) => ({ shape, values: Float32Array.from(values) })),
  );
  const file: fc.Arbitrary<TensorFile> = fc.record({
    tensors: fc
      .array(fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), tensor), { maxLength: 5 })
      .map((entries) => new Map(entries.map(([name, value]) => [`t.${name}`, value]))),
    metadata: fc.constantFrom<Record<string, string>>({}, { format: "pt" }, { ktrdr: '{"é": 1}' }),
  });

  it("reads back as it was written", () => {
    fc.assert(
      fc.property(file, (given) => {
        const read = readSafetensors(writeSafetensors(given));
        expect(read.metadata).toEqual(given.metadata);
        expect([...read.tensors]).toEqual([...given.tensors]);
      }),
    );
  });

  it("has its data at a multiple of 8 and its header as the format says", () => {
    const bytes = writeSafetensors({
      tensors: new Map([["a", { shape: [2], values: Float32Array.of(1, 2) }]]),
      metadata: {},
    });
    const headerBytes = new DataView(bytes.buffer).getUint32(0, true);
    expect(headerBytes % 8).toBe(0);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)).trimEnd()).toBe(
      '{"__metadata__":{},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    );
    expect([...bytes.subarray(8 + headerBytes)]).toEqual([0, 0, 128, 63, 0, 0, 0, 64]);
  });

  it("with half or double precision is read as single", () => {
    const header = JSON.stringify({
      half: { dtype: "F16", shape: [1], data_offsets: [0, 2] },
      brain: { dtype: "BF16", shape: [1], data_offsets: [2, 4] },
      double: { dtype: "F64", shape: [1], data_offsets: [4, 12] },
    });
    const bytes = new Uint8Array(8 + header.length + 12);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(header.length), true);
    bytes.set(new TextEncoder().encode(header), 8);
    view.setUint16(8 + header.length, 0x3e00, true);
    view.setUint16(10 + header.length, 0xbfc0, true);
    view.setFloat64(12 + header.length, 0.1, true);
    const { tensors } = readSafetensors(bytes);
    expect([...tensors.values()].map(({ values }) => values[0])).toEqual([1.5, -1.5, Math.fround(0.1)]);
  });
});

describe("a model's file", () => {
  it("reads back as it was written, and the same model gives the same bytes", () => {
    fc.assert(
      fc.property(anyNetwork, (network) => {
        const model = modelOf(network);
        const { bytes, sha256 } = encodeModel(model);
        expect(decodeModel(bytes)).toEqual(model);
        expect(encodeModel(decodeModel(bytes)).sha256).toBe(sha256);
      }),
    );
  });

  it("keeps the order of the strategy's keys, which is the order of the features", () => {
    const model = modelOf(MLP);
    Object.assign(model.manifest.strategy.fuzzy_sets, {
      level: { indicator: "roc_0", zeta: [0, 1, 2], alpha: [1, 2, 3] },
    });
    const { strategy } = decodeModel(encodeModel(model).bytes).manifest;
    expect(Object.keys(strategy.fuzzy_sets.level)).toEqual(["indicator", "zeta", "alpha"]);
  });

  it("that is cut off, or has a byte too many, is refused with a cure", () => {
    const { bytes } = encodeModel(modelOf(MLP));
    const refusal = (part: Uint8Array) => {
      try {
        decodeModel(part);
      } catch (error) {
        return error;
      }
      return null;
    };
    for (let length = 0; length < bytes.length; length += 13) {
      const error = refusal(bytes.subarray(0, length));
      expect(error).toBeInstanceOf(Problem);
      expect((error as Problem).cure).toBeTruthy();
    }
    expect(refusal(Uint8Array.from([...bytes, 0]))).toBeInstanceOf(Problem);
  });

  it("with any byte changed is read or refused, and never anything else", () => {
    const { bytes } = encodeModel(modelOf(MLP));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        try {
          decodeModel(bytes.with(at, value));
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("in another version is refused", () => {
    const { bytes } = encodeModel(modelOf(MLP));
    const text = Buffer.from(bytes).toString("latin1").replace("ktrdr.model.v1", "ktrdr.model.v9");
    expect(() => decodeModel(Buffer.from(text, "latin1"))).toThrow(/format ktrdr\.model\.v9; this version reads/);
    const plain = writeSafetensors({ tensors: new Map(), metadata: {} });
    expect(() => decodeModel(plain)).toThrow(/has no manifest/);
  });

  it.each<[string, (model: Model) => Model, RegExp]>([
    [
      "fewer features",
      (m) => ({ ...m, manifest: { ...m.manifest, features: m.manifest.features.slice(1) } }),
      /lists 2 features/,
    ],
    [
      "another number of classes",
      (m) => ({ ...m, manifest: { ...m.manifest, classNames: ["up", "down"] } }),
      /needs 2 outputs/,
    ],
    ["fewer weights", (m) => ({ ...m, parameters: m.parameters.slice(1) }), /weights, and the network/],
    ["a weight that is no number", (m) => ({ ...m, parameters: m.parameters.with(5, Number.NaN) }), /weight 5 is NaN/],
  ])("with %s is not written", (_, change, message) => {
    expect(() => encodeModel(change(modelOf(MLP)))).toThrow(message);
  });
});

describe("a model's features", () => {
  it("must be there in its order", () => {
    const { manifest } = modelOf({ ...MLP, inputs: 3 });
    const names = manifest.features.map(({ name }) => name);
    expect(() => requireFeatures(manifest, names)).not.toThrow();
    fc.assert(
      fc.property(fc.shuffledSubarray(names), (other) => {
        fc.pre(other.join() !== names.join());
        expect(() => requireFeatures(manifest, other)).toThrow(Problem);
      }),
    );
    expect(() => requireFeatures(manifest, names.toReversed())).toThrow(
      /Input 1 of the model is 1h_roc_0_raw, and the features have 1h_roc_2_raw there/,
    );
  });
});
