/**
 * Reaches a server under another name than its certificate's: `tls-server-name`.
 *
 * Deno's client always verifies the host of the URL. The URL therefore carries
 * the certificate's name, and a CONNECT proxy (RFC 9110 §9.3.6) of our own on
 * the loopback leads to the real address. TLS runs through it from end to end.
 *
 * @module
 */

/** A tunnel that is open. */
export interface ConnectTunnel {
  /** Its address as an HTTP proxy. */
  readonly url: string;
  /** Closes it and everything that runs through. */
  close(): Promise<void>;
}

/**
 * Opens a tunnel.
 *
 * @param target Where everything goes that is sent through it.
 * @returns The tunnel.
 */
export function openConnectTunnel(
  target: { readonly hostname: string; readonly port: number },
): Promise<ConnectTunnel> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const conns = new Set<Deno.TcpConn>();
  const relays = new Set<Promise<void>>();
  const serve = async (): Promise<void> => {
    for await (const near of listener) {
      const done = relay(near, target, conns)
        .finally(() => relays.delete(done));
      relays.add(done);
    }
  };
  const served = serve();
  return Promise.resolve({
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      listener.close();
      await served;
      for (const conn of conns) closeQuietly(conn);
      await Promise.all(relays);
    },
  });
}

async function relay(
  near: Deno.TcpConn,
  target: Deno.ConnectOptions,
  conns: Set<Deno.TcpConn>,
): Promise<void> {
  conns.add(near);
  let far: Deno.TcpConn | undefined;
  try {
    if (!await readHead(near)) return;
    far = await Deno.connect({
      ...target,
      signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
    });
    conns.add(far);
    await near.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    await Promise.all([
      near.readable.pipeTo(far.writable),
      far.readable.pipeTo(near.writable),
    ]);
  } catch {
    // Whoever uses the tunnel sees the connection end, and says so.
  } finally {
    for (const conn of [near, far]) {
      if (conn === undefined) continue;
      conns.delete(conn);
      closeQuietly(conn);
    }
  }
}

/** Reads up to the empty line; the client sends no more before our answer. */
async function readHead(conn: Deno.TcpConn, head = ""): Promise<boolean> {
  const buffer = new Uint8Array(1_024);
  const lengthBytes = await conn.read(buffer);
  if (lengthBytes === null) return false;
  const text = head + new TextDecoder().decode(buffer.subarray(0, lengthBytes));
  if (text.endsWith("\r\n\r\n")) return text.startsWith("CONNECT ");
  return text.length < HEAD_BYTES_MAX && await readHead(conn, text);
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It was closed by its streams.
  }
}

const HEAD_BYTES_MAX = 8_192;
const CONNECT_TIMEOUT_MS = 10_000;
