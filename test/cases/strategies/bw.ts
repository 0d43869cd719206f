import { defineStrategy } from "ktrdr/strategy";

export default defineStrategy({
  indicators: () => ({
    bw: ["bandwidth", { period: 5 }],
    dist: ["distance_from_ma", { period: 5 }],
    dist2: ["distance_from_ma", { period: 5, ma_type: 1 }],
    vr: ["volume_ratio", { period: 5 }],
  }),
  onBar() {},
});
