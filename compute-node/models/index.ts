/** Models as files: content-addressed, complete, and open to other tools. */
export { auditModel } from "./audit-model.ts";
export { modelOfImport } from "./imported-network.ts";
export { MODEL_FORMAT, type ModelManifest, modelManifest } from "./manifest.ts";
export { executeModelBacktest } from "./model-backtest.ts";
export { decodeModel, encodeModel, type Model, requireFeatures } from "./model-file.ts";
export { modelOutputs, modelSignals } from "./model-signals.ts";
export { exportOnnx } from "./onnx-export.ts";
export { importOnnx } from "./onnx-import.ts";
export { runModelBacktest } from "./run-model-backtest.ts";
export { networkOutputs } from "./run-network.ts";
export { importHints, importSafetensors } from "./safetensors-import.ts";
export { measureParts, trainedModel } from "./trained-model.ts";
