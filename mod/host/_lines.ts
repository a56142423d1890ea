/**
 * The connections of a host, by peer: with hundreds of peers, what concerns one
 * of them is not to cost a look at all.
 *
 * @module
 */

/** What a connection is found by. */
export interface LineName {
  /** Whose it is. */
  readonly peer: string;
  /** Which of the peer's. */
  readonly id: number;
}

/** Connections, and dials that may become some. */
export class Lines<T extends LineName> {
  readonly #byPeer = new Map<string, Map<number, T>>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Takes one in, in place of another with its name. */
  add(line: T): void {
    const { peer, id } = line;
    const lines = this.#byPeer.get(peer);
    if (lines === undefined) this.#byPeer.set(peer, new Map([[id, line]]));
    else if (lines.has(id)) this.#size--;
    lines?.set(id, line);
    this.#size++;
  }

  /** The one with a name. */
  get(peer: string, id: number): T | undefined {
    return this.#byPeer.get(peer)?.get(id);
  }

  /** Takes the one with a name out. */
  delete({ peer, id }: LineName): void {
    const lines = this.#byPeer.get(peer);
    if (lines?.delete(id) !== true) return;
    this.#size--;
    if (lines.size === 0) this.#byPeer.delete(peer);
  }

  /** Those of a peer. */
  of(peer: string): Iterable<T> {
    return this.#byPeer.get(peer)?.values() ?? NONE;
  }

  /** All. */
  *all(): Iterable<T> {
    for (const lines of this.#byPeer.values()) yield* lines.values();
  }
}

const NONE: readonly never[] = [];
