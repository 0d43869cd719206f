/** Output of several programs at once, shown one program after the other: the first that has not ended as it comes, the others when it has. */
export class OrderedOutput<Name extends string> {
  readonly #order: readonly Name[];
  readonly #show: (text: string) => void;
  readonly #kept = new Map<Name, string[]>();
  readonly #ended = new Set<Name>();
  /** Count of the parts, in their order, that were shown whole. */
  #shown = 0;

  constructor(order: readonly Name[], show: (text: string) => void) {
    this.#order = order;
    this.#show = show;
  }

  write(name: Name, text: string): void {
    if (name === this.#order[this.#shown]) this.#show(text);
    else this.#kept.set(name, [...(this.#kept.get(name) ?? []), text]);
  }

  /** `lastLine` is shown at once, so that one sees how far the others are, and again below the program's own output. */
  end(name: Name, lastLine: string): void {
    this.#ended.add(name);
    if (name !== this.#order[this.#shown]) this.#show(lastLine);
    this.write(name, lastLine);
    this.#advance();
  }

  #advance(): void {
    while (this.#shown < this.#order.length && this.#ended.has(this.#order[this.#shown]!)) {
      this.#shown += 1;
      const next = this.#order[this.#shown];
      if (next === undefined) return;
      for (const text of this.#kept.get(next) ?? []) this.#show(text);
      this.#kept.delete(next);
    }
  }
}
