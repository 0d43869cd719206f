/**
 * For each pane of the chart, from the top: the pixels of each named colour, and the share of columns that have one.
 * @param {{ properties: Record<string, string>, tolerance: number }} request custom properties by name
 */
export function countPixels({ properties, tolerance }) {
  const root = getComputedStyle(document.documentElement);
  const wanted = Object.entries(properties).map(([name, property]) => {
    return { name, channels: channelsOf(root.getPropertyValue(property).trim()) };
  });
  // A pane is a row of the chart's table, with its canvases on top of one another; the last row is the time axis.
  const rows = [...document.querySelectorAll("#chart-canvas tr")].filter((row) => row.clientHeight > 20).slice(0, -1);
  return rows.map((row) => {
    const canvases = /** @type {HTMLCanvasElement[]} */ ([...row.querySelectorAll("td:nth-child(2) canvas")]);
    return Object.fromEntries(wanted.map(({ name, channels }) => [name, hitsOn(canvases, channels, tolerance)]));
  });

  /** @param {HTMLCanvasElement[]} canvases @param {number[]} channels @param {number} tolerance */
  function hitsOn(canvases, channels, tolerance) {
    /** @type {Set<number>} */
    const columns = new Set();
    let count = 0;
    for (const canvas of canvases) {
      const data = pixelsOf(canvas);
      for (let at = 0; at < data.length; at += 4) {
        const isNear = channels.every((channel, index) => Math.abs(data[at + index] - channel) <= tolerance);
        if (!isNear || data[at + 3] < 200) continue;
        count++;
        columns.add((at / 4) % canvas.width);
      }
    }
    return { count, columns: columns.size / (canvases[0]?.width ?? 1) };
  }

  /** As it looks on the chart's ground: half-transparent colours are mixed with it. @param {string} colour */
  function channelsOf(colour) {
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("the browser draws on no canvas");
    for (const layer of [root.getPropertyValue("--surface").trim(), colour]) {
      context.fillStyle = layer;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
  }

  /** From a copy, since reading the canvas itself makes Chromium warn on the console. @param {HTMLCanvasElement} canvas */
  function pixelsOf(canvas) {
    const context = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    context?.drawImage(canvas, 0, 0);
    return context?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  }
}
