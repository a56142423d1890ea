/**
 * Router Discovery on an interface (RFC 4861 §6), as frames: how BGP peers
 * without configured addresses find each other.
 *
 * @module
 */

/** An interface on which routers are heard. */
export interface RouterDiscoveryLink {
  /** Sends a frame; whether the kernel took it. */
  send(frame: Uint8Array<ArrayBuffer>): boolean;
  /** Ceases to hear. */
  close(): void;
}

/** Opens interfaces for Router Discovery. */
export interface RouterDiscoveryPort {
  /**
   * Opens an interface.
   *
   * @param link Which.
   * @param filter A packed array of `sock_filter`: what passes is told.
   * @param onFrame Takes each frame.
   * @throws {Error} When the system refuses it.
   */
  open(
    link: { readonly index: number; readonly name: string },
    filter: Uint8Array,
    onFrame: (frame: Uint8Array) => void,
  ): RouterDiscoveryLink;
}
