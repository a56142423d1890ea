/**
 * Stands between our speaker and a router: it passes messages on both ways.
 * After a line `hold` on stdin it takes nothing of ours any more and sends the
 * router KEEPALIVEs in our place, so that the router's go on coming. `go` ends
 * that, for connections to come.
 *
 * ```text
 * deno run -A tests/interop/relay.ts LISTEN-ADDRESS ROUTER-ADDRESS
 * ```
 *
 * @module
 */

import { encodeKeepalive } from "@/wire/bgp/mod.ts";

const [listen = "", router = ""] = Deno.args;
let holds = false;

async function serve(): Promise<void> {
  const listener = Deno.listen({ hostname: listen, port: PORT });
  tell("ready");
  for await (const us of listener) {
    await relay(us).catch(tell);
  }
}

async function relay(us: Deno.TcpConn): Promise<void> {
  using _us = closing(us);
  const far = await Deno.connect({ hostname: router, port: PORT });
  using _far = closing(far);
  // Whichever way ends first ends both.
  const ways = [passOn(us, far), far.readable.pipeTo(us.writable)];
  await Promise.race(ways).finally(() =>
    ways.forEach((way) => way.catch(tell))
  );
}

/** Closes a connection that may be closed already. */
function closing(end: Deno.TcpConn): Disposable {
  return {
    [Symbol.dispose]() {
      try {
        end.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    },
  };
}

/** Passes whole messages on, until it is to hold them back. */
async function passOn(us: Deno.TcpConn, far: Deno.TcpConn): Promise<void> {
  const writer = far.writable.getWriter();
  let rest = new Uint8Array(0);
  const chunk = new Uint8Array(65_536);
  for (;;) {
    if (holds) {
      // deno-lint-ignore no-await-in-loop -- until a side closes
      await writer.write(encodeKeepalive());
      // deno-lint-ignore no-await-in-loop -- until a side closes
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    // deno-lint-ignore no-await-in-loop -- until a side closes
    const length = await us.read(chunk);
    if (length === null) return;
    const bytes = new Uint8Array([...rest, ...chunk.subarray(0, length)]);
    const whole = wholeOf(bytes);
    // deno-lint-ignore no-await-in-loop -- until a side closes
    await writer.write(bytes.slice(0, whole));
    rest = bytes.slice(whole);
  }
}

/** Bytes of the whole messages at the front. */
function wholeOf(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    const length = (bytes[at + 16] ?? 0) << 8 | (bytes[at + 17] ?? 0);
    if (length === 0 || at + length > bytes.length) return at;
    at += length;
  }
}

async function obey(): Promise<void> {
  for await (
    const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  ) {
    holds = text.trimEnd().endsWith("hold");
    tell(holds ? "holds" : "goes");
  }
}

function tell(what: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${what}\n`));
}

const PORT = 179;
await Promise.all([serve(), obey()]);
