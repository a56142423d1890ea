/**
 * Composition root of the wire isolate: the blocking loop around the wire core.
 *
 * @module
 */

import type { MessagePort as NodeMessagePort } from "node:worker_threads";
import { WireHost } from "@/host/wire_host.ts";
import { EventFd } from "@/io/ffi/mod.ts";
import { KernelWirePort } from "@/io/wire_port.ts";
// Not by the title page: that would load the schemas of Kubernetes here, too.
import { WireCore } from "@/node/wire.ts";
import type { WireCommand, WireReport } from "@/node/wire_messages.ts";
import type { WireEnd, WireStart } from "./wire_isolate.ts";

/** The scope of a Worker, as far as it is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WireStart>) => void) | null;
  postMessage(message: WireReport | WireEnd): void;
  close(): void;
}

const scope = globalThis as typeof globalThis & WorkerScope;

scope.onmessage = ({ data }) => {
  scope.onmessage = null;
  const wake = new EventFd(data.wakeFd);
  using port = new KernelWirePort<WireCommand, WireReport>(
    wake,
    data.commands as MessagePort & NodeMessagePort,
    (report) => scope.postMessage(report),
  );
  new WireHost(new WireCore(data.config), port).run();
  scope.postMessage({ kind: "ended" });
  scope.close();
};
