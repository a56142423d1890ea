/**
 * A TCP proxy that can do to a connection what networks do.
 *
 * @module
 */

import { connect, createServer, type Server, type Socket } from "node:net";

/** Passes bytes both ways until told otherwise. */
export class FaultProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isFrozen = false;
  #accepted = 0;
  readonly #swallowed = Promise.withResolvers<void>();
  /** Where it listens. */
  readonly port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Starts one before a port of this machine. */
  static async start(targetPort: number): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve())
    );
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new Error("The proxy listens on no port");
    }
    const proxy = new FaultProxy(server, address.port);
    server.on("connection", (near) => proxy.#relay(near, targetPort));
    return proxy;
  }

  /** Connections taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resolves when the first bytes vanish. */
  get swallowed(): Promise<void> {
    return this.#swallowed.promise;
  }

  /** From here on every byte of the present connections vanishes, without FIN. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      this.#swallow(socket);
    }
  }

  /** Also lets new connections hang. */
  freezeAll(): void {
    this.#isFrozen = true;
    this.freeze();
  }

  /** Lets new connections through again. */
  thaw(): void {
    this.#isFrozen = false;
  }

  /** Ends every connection with RST. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) =>
      this.#server.close(() => resolve())
    );
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #relay(near: Socket, targetPort: number): void {
    this.#accepted += 1;
    this.#hold(near);
    if (this.#isFrozen) {
      this.#swallow(near);
      return;
    }
    const far = connect(targetPort, "127.0.0.1");
    this.#hold(far);
    near.pipe(far);
    far.pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  }

  #swallow(socket: Socket): void {
    socket.on("data", () => this.#swallowed.resolve());
    socket.resume();
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
