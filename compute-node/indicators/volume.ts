import type { IndicatorKernel } from "./declaration.ts";

export const onBalanceVolume: IndicatorKernel = ([close, volume], _parameters, [output]) => {
  let balance = 0;
  for (let index = 0; index < close.length; index++) {
    const last = index === 0 ? Number.NEGATIVE_INFINITY : close[index - 1];
    if (close[index] > last) balance += volume[index];
    else if (close[index] < last) balance -= volume[index];
    output[index] = balance;
  }
};
