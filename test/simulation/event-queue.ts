/** The queue of events in a simulated world: a binary heap ordered by (time, sequence). */
interface Entry {
  readonly at: number;
  readonly sequence: number;
  readonly work: () => void;
}

export class EventQueue {
  /** True time in milliseconds since the world began; no clock in the world shows it. */
  now = 0;
  #sequence = 0;
  readonly #heap: Entry[] = [];

  after(delayMs: number, work: () => void): void {
    this.#push({ at: this.now + delayMs, sequence: this.#sequence++, work });
  }

  /** Moves time on to the next event and runs it. Answers false when there is none. */
  step(): boolean {
    const entry = this.#pop();
    if (entry === undefined) return false;
    this.now = entry.at;
    entry.work();
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above] as Entry;
      if (precedes(parent, entry)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && precedes(heap[below + 1] as Entry, heap[below] as Entry)) below++;
      if (precedes(last, heap[below] as Entry)) break;
      heap[index] = heap[below] as Entry;
      index = below;
    }
    heap[index] = last;
    return top;
  }
}

function precedes(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
