/** Files that PyTorch exported, with PyTorch's answers. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../training/reference/backend.ts";
import { importOnnx, networkOutputs } from "./index.ts";

interface Golden {
  readonly networks: Readonly<Record<string, { shape: number[]; x: number[]; y: number[]; onnx: string }>>;
}

const golden: Golden = JSON.parse(readFileSync(new URL("golden/torch-onnx.json", import.meta.url), "utf8"));

describe("an ONNX file of PyTorch", () => {
  it.each(Object.entries(golden.networks))("imports: %s", async (name, { shape, x, y, onnx }) => {
    const { network, parameters, scales } = importOnnx(Buffer.from(onnx, "base64"));
    expect(network.kind).toBe(name.split("_")[0]);
    expect(scales).toBeNull();
    const [batch, length] = shape.length === 3 ? shape : [shape[0], 1];
    if (network.kind !== "mlp") expect(network.sequenceLength).toBe(length);
    const rows = Uint32Array.from({ length: batch }, (_, index) => (index + 1) * length - 1);
    const features = Float32Array.from(x);
    const outputs = await networkOutputs(referenceBackend, network, parameters, { features, rows });
    expect(outputs.length).toBe(y.length);
    for (const [index, value] of outputs.entries()) expect(Math.abs(value - y[index])).toBeLessThan(1e-6);
  });
});
