/**
 * The program that stands for a Pod: an HTTP server that says on which node it
 * runs, and under {@linkcode CLIENT_PATH} by which address it was asked. One for
 * each node, in the node's namespace.
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
    const body = new URL(url).pathname === CLIENT_PATH ? client : name;
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
