/**
 * Sends one frame over and over from a thread of its own, until it is told to
 * stop.
 *
 * @module
 */

import { PacketSocket } from "@/io/ffi/packet_socket.ts";

/** What to send, and by which memory it is told to stop. */
export interface Flood {
  /** The interface. */
  readonly link: { readonly index: number; readonly name: string };
  /** The frame. */
  readonly frame: Uint8Array<ArrayBuffer>;
  /** Two words: frames sent so far; not 0 to stop. */
  readonly control: Int32Array<SharedArrayBuffer>;
}

addEventListener("message", (event) => {
  if (!(event instanceof MessageEvent)) return;
  const { link, frame, control }: Flood = event.data;
  {
    using socket = new PacketSocket({ link, etherType: 0 });
    while (Atomics.load(control, 1) === 0) {
      socket.sendFrame(frame);
      Atomics.add(control, 0, 1);
      Atomics.notify(control, 0);
    }
  }
  self.close();
});
