/** Files that went wrong at random: each is read, or refused with a cure, and nothing else. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { decodeModel, encodeModel, exportOnnx, importOnnx, importSafetensors } from "./index.ts";
import { tensorsOf } from "./model-file.ts";
import { writeSafetensors } from "./safetensors.ts";
import { anyNetwork, modelOf } from "./testing/models.ts";

const change = fc.record({ place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), value: fc.nat(255) });
const changes = fc.array(change, { minLength: 1, maxLength: 4 });
const HINTS = { activation: "relu", sequenceLength: 4 } as const;

const READERS = {
  "a model": [(model) => encodeModel(model).bytes, decodeModel],
  "an ONNX file": [exportOnnx, importOnnx],
  "a state dict": [
    ({ manifest, parameters }) =>
      writeSafetensors({ tensors: tensorsOf(manifest.network, parameters), metadata: { format: "pt" } }),
    (bytes) => importSafetensors(bytes, HINTS),
  ],
} as const satisfies Record<
  string,
  readonly [(model: ReturnType<typeof modelOf>) => Uint8Array, (bytes: Uint8Array) => unknown]
>;

describe.each(Object.entries(READERS))("%s", (_, [write, read]) => {
  function expectAnswer(bytes: Uint8Array): void {
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      expect(error.cure).toBeTruthy();
    }
  }

  it("with some bytes changed is read or refused", () => {
    fc.assert(
      fc.property(anyNetwork, changes, (network, given) => {
        const bytes = write(modelOf(network)).slice();
        for (const { place, value } of given) bytes[Math.floor(place * bytes.length)] = value;
        expectAnswer(bytes);
      }),
      { numRuns: 150 },
    );
  });

  it("that is noise is refused", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectAnswer), { numRuns: 300 });
  });
});
