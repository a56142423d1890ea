/**
 * A router's side of BGP, for machines without a BGP daemon: it lets the
 * speakers of the nodes connect, takes IPv4 and IPv6 routes, and puts them into
 * the kernel's table with all their next hops (ECMP). It announces nothing and
 * dials nobody. The messages are read and written by `mod/wire/bgp`.
 *
 * @module
 */

import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { formatPrefix, type Prefix } from "@/addr/prefix.ts";
import {
  BGP_MESSAGE_TYPE,
  BgpMessageReader,
  bgpMessageType,
  CEASE,
  cease,
  decodeOpen,
  decodeUpdate,
  encodeKeepalive,
  encodeNotification,
  encodeOpen,
  myAsField,
  type NegotiatedSession,
  negotiateSession,
  type OpenMessage,
  type UpdateMessage,
} from "@/wire/bgp/mod.ts";
import { ipBatch } from "./command.ts";

/** What a receiver is. */
export interface ReceiverOptions {
  /** Its own address, which is also its BGP Identifier. */
  readonly address: string;
  /** Its AS number. */
  readonly as: number;
  /** The AS number of those who connect. */
  readonly peerAs: number;
  /** The Hold Time it proposes. */
  readonly holdTimeSeconds: number;
}

/**
 * Receives until the process ends; its first line on stdout is `ready`, and each
 * change of a route is a line.
 *
 * @param options What it is.
 */
export async function runReceiver(options: ReceiverOptions): Promise<void> {
  const table = new RouteTable();
  const listener = Deno.listen({ hostname: options.address, port: BGP_PORT });
  say("ready");
  for await (const connection of listener) {
    void receive(connection, options, table);
  }
}

/** One session, from its OPEN to its end; its routes go with it. */
async function receive(
  connection: Deno.TcpConn,
  options: ReceiverOptions,
  table: RouteTable,
): Promise<void> {
  const { hostname: peer } = connection.remoteAddr;
  // Its routes are its own: a node that comes back may do so before its old
  // session has ended.
  const session = new ReceivingSession(connection, options, {
    table,
    id: ++sessionsBegun,
  });
  try {
    await session.run();
  } catch (error) {
    say(`${peer}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    session.end();
    await table.forget(session.id);
  }
}

class ReceivingSession {
  readonly id: number;
  readonly #connection: Deno.TcpConn;
  readonly #options: ReceiverOptions;
  readonly #table: RouteTable;
  readonly #reader = new BgpMessageReader();
  readonly #open: OpenMessage;
  #agreed: NegotiatedSession | undefined;
  #holdTimer: ReturnType<typeof setTimeout> | undefined;
  #keepaliveTimer: ReturnType<typeof setInterval> | undefined;
  #isOver = false;

  constructor(
    connection: Deno.TcpConn,
    options: ReceiverOptions,
    { table, id }: { readonly table: RouteTable; readonly id: number },
  ) {
    this.id = id;
    this.#connection = connection;
    this.#options = options;
    this.#table = table;
    const bgpIdentifier = parseIpv4Addr(options.address);
    if (bgpIdentifier === undefined) {
      throw new Error(`"${options.address}" is no IPv4 address`);
    }
    this.#open = {
      kind: "open",
      myAs: myAsField(options.as),
      holdTimeSeconds: options.holdTimeSeconds,
      bgpIdentifier,
      capabilities: [
        { kind: "multiprotocol", family: "ipv4-unicast" },
        { kind: "multiprotocol", family: "ipv6-unicast" },
        { kind: "four-octet-as", as: options.as },
      ],
    };
  }

  async run(): Promise<void> {
    await this.#send(encodeOpen(this.#open));
    this.#hold(OPEN_SECONDS_MAX);
    const chunk = new Uint8Array(65_536);
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- one chunk after the other
      const length = await this.#connection.read(chunk);
      if (length === null) throw new Error("The connection was closed");
      this.#reader.push(chunk.subarray(0, length));
      for (;;) {
        const message = this.#reader.next();
        if (message === undefined) break;
        if (!message.ok) throw new Error("A header is malformed");
        // deno-lint-ignore no-await-in-loop -- in their order
        await this.#take(message.value);
      }
    }
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#holdTimer);
    clearInterval(this.#keepaliveTimer);
    this.#connection.close();
  }

  async #take(message: Uint8Array): Promise<void> {
    const type = bgpMessageType(message);
    if (type === BGP_MESSAGE_TYPE.open) return await this.#takeOpen(message);
    if (type === BGP_MESSAGE_TYPE.notification) {
      throw new Error("The peer has ended the session");
    }
    const agreed = this.#agreed;
    if (agreed === undefined) throw new Error("The first message is no OPEN");
    this.#hold(agreed.holdTimeSeconds);
    if (type !== BGP_MESSAGE_TYPE.update) return;
    const reading = decodeUpdate(message, agreed);
    if (!reading.ok) throw new Error("An UPDATE is malformed");
    await this.#table.take(this.id, reading.value.update);
  }

  async #takeOpen(message: Uint8Array): Promise<void> {
    const open = decodeOpen(message);
    const agreed = open.ok
      ? negotiateSession(this.#open, open.value, {
        peerAs: this.#options.peerAs,
      })
      : open;
    if (!agreed.ok) {
      const { notification } = agreed.error;
      await this.#send(encodeNotification(notification));
      throw new Error(`Its OPEN is refused: ${agreed.error.field}`);
    }
    if (this.#agreed !== undefined) {
      await this.#send(encodeNotification(cease(CEASE.connectionRejected)));
      throw new Error("A second OPEN");
    }
    this.#agreed = agreed.value;
    const { holdTimeSeconds } = agreed.value;
    await this.#send(encodeKeepalive());
    this.#hold(holdTimeSeconds);
    if (holdTimeSeconds === 0) return;
    this.#keepaliveTimer = setInterval(() => {
      this.#send(encodeKeepalive()).catch(() => this.end());
    }, holdTimeSeconds * 1_000 / 3);
  }

  /** Ends the session when nothing comes for so long. */
  #hold(seconds: number): void {
    clearTimeout(this.#holdTimer);
    if (seconds === 0) return;
    this.#holdTimer = setTimeout(() => this.end(), seconds * 1_000);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      // deno-lint-ignore no-await-in-loop -- what was not taken is left
      at += await this.#connection.write(bytes.subarray(at));
    }
  }
}

/** The next hops of each prefix, in the kernel as here. */
class RouteTable {
  /** By prefix, then by the session that told it. */
  readonly #hops = new Map<string, Map<number, string>>();
  /** Writes to the kernel, one after the other. */
  #written: Promise<void> = Promise.resolve();

  async take(session: number, update: UpdateMessage): Promise<void> {
    const changed = new Set<string>();
    const withdrawn = [...update.withdrawn];
    const announced: [Prefix, IpAddr][] = [];
    for (const attribute of update.attributes) {
      switch (attribute.kind) {
        case "next-hop":
          for (const prefix of update.nlri) {
            announced.push([prefix, attribute.nextHop]);
          }
          break;
        case "mp-reach":
          for (const prefix of attribute.nlri) {
            announced.push([prefix, attribute.nextHop]);
          }
          break;
        case "mp-unreach":
          withdrawn.push(...attribute.withdrawn);
          break;
        default:
      }
    }
    for (const prefix of withdrawn) {
      const key = formatPrefix(prefix);
      if (this.#hops.get(key)?.delete(session) === true) changed.add(key);
    }
    for (const [prefix, nextHop] of announced) {
      const key = formatPrefix(prefix);
      const hops = this.#hops.get(key) ?? new Map();
      this.#hops.set(key, hops.set(session, nextHop));
      changed.add(key);
    }
    await this.#write(changed);
  }

  /** All that was told in a session. */
  async forget(session: number): Promise<void> {
    const changed = new Set<string>();
    for (const [key, hops] of this.#hops) {
      if (hops.delete(session)) changed.add(key);
    }
    await this.#write(changed);
  }

  async #write(changed: ReadonlySet<string>): Promise<void> {
    if (changed.size === 0) return;
    const lines = [...changed].map((key) => this.#line(key));
    this.#written = this.#written.then(() => ipBatch("", lines)).catch(
      (error: Error) => say(error.message),
    );
    await this.#written;
    for (const line of lines) say(line);
  }

  #line(key: string): string {
    const hops = [...new Set(this.#hops.get(key)?.values() ?? [])].sort();
    if (hops.length === 0) {
      this.#hops.delete(key);
      return `route del ${key} proto bgp`;
    }
    const ways = hops.map((hop) => `nexthop via ${hop}`).join(" ");
    return `route replace ${key} proto bgp ${ways}`;
  }
}

function say(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

let sessionsBegun = 0;

const BGP_PORT = 179;
/** RFC 4271 §8.2.2 suggests four minutes; nodes of a lab are quicker. */
const OPEN_SECONDS_MAX = 30;
