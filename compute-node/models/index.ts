/** Models as files: content-addressed, complete, and open to other tools. */
export { auditModel } from "./audit-model.ts";
export { type ImportedNetwork, modelOfImport } from "./imported-network.ts";
export { MODEL_FORMAT, MODEL_MEDIA_TYPE, type ModelManifest, modelManifest } from "./manifest.ts";
export { executeModelBacktest, type ModelBacktestRequest } from "./model-backtest.ts";
export { decodeModel, type EncodedModel, encodeModel, type Model, requireFeatures } from "./model-file.ts";
export { type ModelOutputs, type ModelRunOptions, modelOutputs, modelSignals } from "./model-signals.ts";
export { exportOnnx, ONNX_OPSET } from "./onnx-export.ts";
export { importOnnx } from "./onnx-import.ts";
export { type ModelBacktestInput, runModelBacktest } from "./run-model-backtest.ts";
export { networkOutputs } from "./run-network.ts";
export { importHints, importSafetensors } from "./safetensors-import.ts";
export { measureParts, type TrainedMetrics, type TrainingOutcome, trainedModel } from "./trained-model.ts";
