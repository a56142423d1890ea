/**
 * The program that stands for a Pod: an HTTP server that says on which node it
 * runs, under {@linkcode CLIENT_PATH} by which address it was asked, and under
 * {@linkcode SLOW_PATH} takes its time. One for each node, in the node's
 * namespace.
 *
 * @module
 */

/**
 * Serves until the process ends; its first line on stdout is `ready`.
 *
 * @param name The node's name, which is the body of every answer.
 * @param port TCP port, on every address of the host, IPv4 and IPv6.
 */
export async function runBackend(name: string, port: number): Promise<void> {
  const server = Deno.serve({
    // On Linux this takes IPv4, too.
    hostname: "::",
    port,
    onListen: () => {
      Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
    },
  }, ({ url }, { remoteAddr }) => {
    const client = "hostname" in remoteAddr ? remoteAddr.hostname : "";
    const { pathname } = new URL(url);
    if (pathname === SLOW_PATH) return slowAnswer();
    const body = pathname === CLIENT_PATH ? client : name;
    return new Response(`${body}\n`, {
      headers: {
        "content-type": "text/plain",
        "x-node": name,
        "x-client": client,
      },
    });
  });
  await server.finished;
}

/** Path under which a backend says by which address it was asked. */
export const CLIENT_PATH = "/client";

/** Path under which a backend answers byte by byte, for {@linkcode SLOW_BYTES} times {@linkcode SLOW_INTERVAL_MS}. */
export const SLOW_PATH = "/slow";
/** Bytes of a slow answer. */
export const SLOW_BYTES = 30;
/** Time between two of them. */
export const SLOW_INTERVAL_MS = 100;

function slowAnswer(): Response {
  let left = SLOW_BYTES;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, SLOW_INTERVAL_MS));
      controller.enqueue(new TextEncoder().encode("."));
      if (--left === 0) controller.close();
    },
  });
  return new Response(body, { headers: { "content-length": `${SLOW_BYTES}` } });
}
