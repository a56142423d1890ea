/**
 * One HTTP request with a deadline of its own, on a connection of its own.
 *
 * @module
 */

/** Where to ask. */
export interface HttpTarget {
  /** IPv4 or IPv6 address. */
  readonly address: string;
  /** TCP port. */
  readonly port: number;
  /** Path; `/` when absent. */
  readonly path?: string;
  /** Time until the whole answer is there. */
  readonly timeoutMs: number;
}

/** What came back. */
export type HttpAnswer =
  | {
    readonly ok: true;
    /** HTTP status. */
    readonly status: number;
    /** The body, as text. */
    readonly body: string;
  }
  | {
    readonly ok: false;
    /** What went wrong, in the system's words. */
    readonly error: string;
  };

/**
 * Asks once: connects, sends `GET`, reads until the server closes.
 *
 * @param target Where to ask.
 * @returns The answer; never rejects.
 */
export async function httpGet(target: HttpTarget): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(target.timeoutMs);
  let connection: Deno.TcpConn | undefined;
  const cut = (): void => {
    try {
      connection?.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
      // The server's answer was complete in this very moment.
    }
    connection = undefined;
  };
  signal.addEventListener("abort", cut);
  try {
    connection = await Deno.connect({
      hostname: target.address,
      port: target.port,
      signal,
    });
    await write(connection, request(target));
    return parse(await readAll(connection));
  } catch (error) {
    return { ok: false, error: signal.aborted ? "timeout" : words(error) };
  } finally {
    signal.removeEventListener("abort", cut);
    cut();
  }
}

function request({ address, port, path = "/" }: HttpTarget): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`;
}

async function write(connection: Deno.TcpConn, text: string): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) {
    // deno-lint-ignore no-await-in-loop -- the parts go one after the other
    bytes = bytes.subarray(await connection.write(bytes));
  }
}

async function readAll(connection: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  let text = "";
  while (text.length < ANSWER_CHARACTERS_MAX) {
    // deno-lint-ignore no-await-in-loop -- the parts come one after the other
    const count = await connection.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}

function parse(text: string): HttpAnswer {
  const head = text.indexOf("\r\n\r\n");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  if (head < 0 || status === undefined) {
    return { ok: false, error: "the answer is no HTTP" };
  }
  if (/\r\ntransfer-encoding:/i.test(text.slice(0, head))) {
    return { ok: false, error: "the answer comes in chunks" };
  }
  return { ok: true, status: Number(status), body: text.slice(head + 4) };
}

function words(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\)$/, "").toLowerCase();
}

// A page of metrics is some hundred kilobytes.
const ANSWER_CHARACTERS_MAX = 8_000_000;
