/** The worth of a portfolio at each moment's end, as columns. */
export class PortfolioMarks {
  readonly equity: Float64Array;
  /** Σ |value| of the positions / equity. */
  readonly exposure: Float64Array;
  readonly positions: Uint16Array;

  constructor(moments: number) {
    this.equity = new Float64Array(moments);
    this.exposure = new Float64Array(moments);
    this.positions = new Uint16Array(moments);
  }

  /** Nothing is held over [from, to). */
  flat(from: number, to: number, cash: number): void {
    this.equity.fill(cash, from, to);
  }

  /** `gross` is Σ |value| of the positions. */
  held(moment: number, equity: number, gross: number, positions: number): void {
    this.equity[moment] = equity;
    this.exposure[moment] = positions === 0 ? 0 : gross / equity;
    this.positions[moment] = positions;
  }

  /** Nothing is left from `moment` to the end. */
  ruin(moment: number): void {
    this.equity.fill(0, moment);
    this.exposure.fill(0, moment);
    this.positions.fill(0, moment);
  }
}
