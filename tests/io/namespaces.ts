/**
 * Further network namespaces for a script that runs in a private one: hosts that
 * are cabled to it. A namespace lives as long as a process in it; sockets belong
 * to the namespace their thread was in when they were made, so one process can
 * play all hosts.
 *
 * @module
 */

import { strictEqual as equal } from "node:assert/strict";
import { closeFd, cString, libc } from "@/io/ffi/libc.ts";
import { shell } from "./private_network.ts";

/** A host. */
export class Host implements AsyncDisposable {
  readonly #pid: number;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, pid: number) {
    this.#child = child;
    this.#pid = pid;
  }

  /** Makes a host with nothing but `lo`. */
  static async make(): Promise<Host> {
    const child = new Deno.Command("sh", {
      args: ["-c", "exec unshare --net sh -c 'echo $$; exec sleep 300'"],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    await child.stdout.cancel();
    const host = new Host(child, Number(new TextDecoder().decode(value)));
    host.run("ip link set lo up");
    host.run(QUICK_IPV6);
    return host;
  }

  /** The process that `ip link set … netns` takes for it. */
  get pid(): number {
    return this.#pid;
  }

  /** Runs a shell script on it. */
  run(script: string): string {
    return shell(
      `nsenter --net=/proc/${this.#pid}/ns/net sh -c '${script}'`,
    );
  }

  /** Runs something on it: sockets that are made in there are its own. */
  on<T>(make: () => T): T {
    const there = libc().open(cString(`/proc/${this.#pid}/ns/net`), CLOEXEC);
    enter(there);
    closeFd(there);
    try {
      return make();
    } finally {
      enter(HOME);
    }
  }

  /** Ends it, and with it its interfaces. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}

/** Addresses are usable at once: nobody else is there to have them. */
export const QUICK_IPV6: string =
  "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done; " +
  "for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 0 > $f; done";

function enter(namespace: number): void {
  equal(setns.symbols.setns(namespace, CLONE_NEWNET), 0);
}

const CLONE_NEWNET = 0x4000_0000;
const setns = Deno.dlopen("libc.so.6", {
  setns: { parameters: ["i32", "i32"], result: "i32" },
});
const CLOEXEC = 0o2000000;
const HOME = libc().open(cString("/proc/self/ns/net"), CLOEXEC);
