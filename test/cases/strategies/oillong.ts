import { defineStrategy } from "ktrdr/strategy";
export default defineStrategy({
  parameters: { at: 1, out: 3, units: 10 },
  onBar({ bar, parameters, buy, close }) {
    if (bar === parameters.at) buy({ units: parameters.units });
    if (bar === parameters.out) close();
  },
});
