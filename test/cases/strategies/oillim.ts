import { defineStrategy } from "ktrdr/strategy";
export default defineStrategy({
  onBar({ bar, buy }) {
    if (bar === 1) buy({ units: 10, limit: -10 });
  },
});
