/**
 * As much of gobgpd's API as loads it: gRPC over HTTP/2 on a Unix socket, its
 * messages written by hand.
 *
 * The numbers are those of `api/gobgp.proto` and `api/attribute.proto` of GoBGP 3.
 *
 * @module
 */

/** A route as gobgpd is given it. */
export interface GobgpRoute {
  /** Its address; a host's route. */
  readonly address: string;
  /** Its next hop. */
  readonly nextHop: string;
  /** Its communities. */
  readonly communities: readonly number[];
}

/** Speaks to one gobgpd. */
export class GobgpApi implements Disposable {
  readonly #client: Deno.HttpClient;

  /** @param socket Path of its socket. */
  constructor(socket: string) {
    this.#client = Deno.createHttpClient({
      proxy: { transport: "unix", path: socket },
      http1: false,
      http2: true,
    });
  }

  /** Announces many, some hundred in each message. */
  async announceAll(routes: Iterable<GobgpRoute>): Promise<void> {
    const messages = function* (): Generator<Uint8Array<ArrayBuffer>> {
      let paths: Uint8Array[] = [];
      for (const route of routes) {
        paths.push(bytesField(3, pathOf(route)));
        if (paths.length < PATHS_MAX) continue;
        yield framed(concat(paths));
        paths = [];
      }
      if (paths.length > 0) yield framed(concat(paths));
    };
    await this.#call("AddPathStream", ReadableStream.from(messages()));
  }

  /** Announces one. */
  async announce(route: GobgpRoute): Promise<void> {
    await this.#call("AddPath", framed(bytesField(3, pathOf(route))));
  }

  /** Withdraws one. */
  async withdraw(route: GobgpRoute): Promise<void> {
    await this.#call(
      "DeletePath",
      framed(concat([
        bytesField(3, IPV4_UNICAST),
        bytesField(4, pathOf(route)),
      ])),
    );
  }

  /** Whether it answers. */
  async isThere(): Promise<boolean> {
    try {
      await this.#call("GetTable", framed(bytesField(2, IPV4_UNICAST)));
      return true;
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #call(
    method: string,
    body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>,
  ): Promise<void> {
    const response = await fetch(`http://gobgpd/apipb.GobgpApi/${method}`, {
      method: "POST",
      headers: { "content-type": "application/grpc", te: "trailers" },
      body,
      client: this.#client,
    });
    const answer = await response.arrayBuffer();
    // A call that failed has no message; its reason may be in a trailer, which fetch hides.
    if (response.status === 200 && answer.byteLength >= FRAME_BYTES) return;
    throw new Error(
      `gobgpd refused ${method}: ${
        response.headers.get("grpc-message") ?? response.status
      }`,
    );
  }
}

function pathOf({ address, nextHop, communities }: GobgpRoute): Uint8Array {
  return concat([
    bytesField(
      1,
      anyOf(
        "IPAddressPrefix",
        concat([numberField(1, 32), bytesField(2, utf8(address))]),
      ),
    ),
    // IGP, the value that is not written.
    bytesField(2, anyOf("OriginAttribute", new Uint8Array())),
    bytesField(2, anyOf("NextHopAttribute", bytesField(1, utf8(nextHop)))),
    ...(communities.length === 0 ? [] : [
      bytesField(
        2,
        anyOf(
          "CommunitiesAttribute",
          bytesField(1, concat(communities.map(varint))),
        ),
      ),
    ]),
    bytesField(9, IPV4_UNICAST),
  ]);
}

/** `google.protobuf.Any`. */
function anyOf(type: string, message: Uint8Array): Uint8Array {
  return concat([
    bytesField(1, utf8(`type.googleapis.com/apipb.${type}`)),
    bytesField(2, message),
  ]);
}

/** A message as gRPC sends it: not compressed, its length, itself. */
function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, FRAME_BYTES);
  return frame;
}

function bytesField(number: number, value: Uint8Array): Uint8Array {
  return concat([varint(number << 3 | 2), varint(value.length), value]);
}

function numberField(number: number, value: number): Uint8Array {
  return concat([varint(number << 3), varint(value)]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push(rest % 0x80 | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.from([...bytes, rest]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const FRAME_BYTES = 5;
const PATHS_MAX = 200;
const IPV4_UNICAST = concat([numberField(1, 1), numberField(2, 1)]);
