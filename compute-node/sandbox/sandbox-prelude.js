// Runs first in the fresh context of each strategy: takes away the parts that differ between machines, each with a reason,
// and gives it a console. Plain JavaScript, evaluated as text by sandbox.ts; its value is a function.
(log) => {
  const refuse = (owner, name, what, cure) => {
    const refusal = () => {
      throw new Error(`${what} is not available to a strategy: ${cure}`);
    };
    Object.defineProperty(owner, name, { value: refusal, writable: false, configurable: false, enumerable: false });
  };

  refuse(Math, "random", "Math.random", "the same run must give the same result; draw from a generator with a seed");

  const clock = "a backtest has no present; `timeMs` is the start of the bar";
  const zone = "it depends on the machine's time zone; use the UTC methods or toISOString()";
  const UtcDate = new Proxy(Date, {
    construct(target, words, newTarget) {
      if (words.length === 0) throw new Error(`new Date() is not available to a strategy: ${clock}`);
      const isLocalText = typeof words[0] === "string" && !/^\d{4}(-\d\d){0,2}$|(Z|[+-]\d\d:?\d\d)$/.test(words[0]);
      if (words.length > 1 || isLocalText) {
        throw new Error("This date is not available to a strategy: without a time zone it depends on the machine's");
      }
      return Reflect.construct(target, words, newTarget);
    },
    apply() {
      throw new Error(`Date() is not available to a strategy: ${clock}`);
    },
  });
  refuse(Date, "now", "Date.now", clock);
  refuse(Date, "parse", "Date.parse", "write new Date(text).getTime()");
  const local = /^(get|set)(?!UTC|Time$)|^to(String|DateString|TimeString|Locale.*)$/;
  for (const name of Object.getOwnPropertyNames(Date.prototype)) {
    if (local.test(name)) refuse(Date.prototype, name, `Date.prototype.${name}`, zone);
  }
  Date.prototype.constructor = UtcDate;
  globalThis.Date = UtcDate;

  const locale = "it depends on the machine's language; use toFixed or a plain comparison";
  for (const { prototype } of [Number, BigInt, Array, Object.getPrototypeOf(Int8Array)]) {
    refuse(prototype, "toLocaleString", "toLocaleString", locale);
  }
  for (const name of ["localeCompare", "toLocaleLowerCase", "toLocaleUpperCase"]) {
    refuse(String.prototype, name, name, locale);
  }
  // Removes everything else that differs with the clock, the language, the garbage collector or other threads.
  for (const name of [
    "Temporal",
    "Intl",
    "WeakRef",
    "FinalizationRegistry",
    "SharedArrayBuffer",
    "Atomics",
    "WebAssembly",
  ]) {
    delete globalThis[name];
  }
  const say = (...words) => log(words);
  globalThis.console = Object.freeze({ log: say, info: say, debug: say, warn: say, error: say });
};
