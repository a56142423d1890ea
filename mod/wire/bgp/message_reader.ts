/**
 * Whole messages from a stream of bytes, however TCP cut it.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { u16At } from "./_bytes.ts";
import type { BgpError } from "./bgp_error.ts";
import { checkHeader, type HeaderLimits } from "./header.ts";
import { BGP_HEADER_BYTES, BGP_MESSAGE_BYTES_MAX } from "./iana.ts";

/**
 * Cuts a stream into messages. It holds at most one message that is not whole.
 *
 * A header is judged as soon as it is there. After an error there are no more
 * messages: the stream has lost its rhythm, and the session ends.
 *
 * @example Usage
 * ```ts
 * import { encodeKeepalive } from "@/wire/bgp/header.ts";
 * import { BgpMessageReader } from "@/wire/bgp/message_reader.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const reader = new BgpMessageReader();
 * reader.push(encodeKeepalive().subarray(0, 7));
 * strictEqual(reader.next(), undefined);
 * reader.push(encodeKeepalive().subarray(7));
 * const message = reader.next();
 * strictEqual(message?.ok && message.value.length, 19);
 * ```
 */
export class BgpMessageReader {
  /** What headers may say; set when OPENs were exchanged. */
  limits: HeaderLimits = {
    extendedMessage: false,
    enhancedRouteRefresh: false,
  };
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  #held: Uint8Array = NOTHING;
  #heldBytes = 0;
  #error: BgpError | undefined;

  /** How many bytes of a message that is not whole are held. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Takes what came from TCP, after {@linkcode BgpMessageReader.next} gave all
   * of what came before.
   *
   * @param chunk Any number of bytes; it is not kept once `next` gave `undefined`.
   */
  push(chunk: Uint8Array): void {
    if (this.#error !== undefined) return;
    assert(
      this.#at === this.#chunk.length,
      "A chunk is read to its end before the next one",
    );
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next message.
   *
   * @returns The whole message, its header judged, as a view that is valid
   * until the next call; the error that ended the stream; or `undefined` until
   * more was pushed.
   */
  next(): Result<Uint8Array, BgpError> | undefined {
    if (this.#error !== undefined) return err(this.#error);
    if (this.#heldBytes > 0) return this.#nextHeld();
    const left = this.#chunk.length - this.#at;
    if (left >= BGP_HEADER_BYTES) {
      const error = checkHeader(this.#chunk, this.#at, this.limits);
      if (error !== undefined) return this.#fail(error);
      const length = u16At(this.#chunk, this.#at + 16);
      if (left >= length) {
        const begin = this.#at;
        this.#at += length;
        return ok(this.#chunk.subarray(begin, this.#at));
      }
    }
    if (left > 0) this.#hold(left);
    return this.#wait();
  }

  #nextHeld(): Result<Uint8Array, BgpError> | undefined {
    if (this.#heldBytes < BGP_HEADER_BYTES) {
      this.#hold(BGP_HEADER_BYTES - this.#heldBytes);
      if (this.#heldBytes < BGP_HEADER_BYTES) return this.#wait();
      const error = checkHeader(this.#held, 0, this.limits);
      if (error !== undefined) return this.#fail(error);
    }
    const length = u16At(this.#held, 16);
    this.#hold(length - this.#heldBytes);
    if (this.#heldBytes < length) return this.#wait();
    this.#heldBytes = 0;
    return ok(this.#held.subarray(0, length));
  }

  /** The chunk is at its end; it is the caller's again. */
  #wait(): undefined {
    this.#chunk = NOTHING;
    this.#at = 0;
    return undefined;
  }

  /** Moves up to so many bytes from the chunk to what is held; there is room for all of them then. */
  #hold(wanted: number): void {
    const count = Math.min(wanted, this.#chunk.length - this.#at);
    const needed = this.#heldBytes + wanted;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.max(needed, BGP_MESSAGE_BYTES_MAX));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(
      this.#chunk.subarray(this.#at, this.#at + count),
      this.#heldBytes,
    );
    this.#heldBytes += count;
    this.#at += count;
  }

  #fail(error: BgpError): Result<never, BgpError> {
    this.#error = error;
    this.#chunk = NOTHING;
    this.#held = NOTHING;
    this.#at = 0;
    this.#heldBytes = 0;
    return err(error);
  }
}

const NOTHING = new Uint8Array(0);
