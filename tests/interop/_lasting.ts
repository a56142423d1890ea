/**
 * Cases about sessions that end and begin again.
 *
 * @module
 */

import { match, ok, strictEqual } from "node:assert/strict";
import { LabProcess, must } from "@/lab/mod.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { until } from "../support/waiting.ts";
import { ADDRESS, ROUTER } from "./_network.ts";
import { pathsAt, type Router, routerUntil, type Terms } from "./_router.ts";
import type { Stage } from "./_stage.ts";

/** A router whose process can be ended hard, and begun again as it was. */
export interface Resumable extends Router {
  readonly process: LabProcess;
  resume(): Promise<void>;
}

/**
 * Our process is killed and comes back: the route of the router's kernel never
 * leaves (RFC 4724 §4); once it is stopped as planned, the route goes.
 */
export async function gracefulRestart(stage: Stage): Promise<void> {
  const { speaker, router } = stage;
  const restart = { enabled: true, restartTime: 20 };
  const lines = [`announce ${V4} med 7`, `announce ${V6} med 7`];
  await stage.session({ gracefulRestart: true }, { gracefulRestart: restart });
  // What a process of before has left in the kernel would pass for ours, and go later.
  await notInKernel(V4);
  await notInKernel(V6);
  await speaker.line(lines.join("\n"));
  await inKernel(V4);
  await inKernel(V6);
  await using watch = new KernelWatch();
  await watch.ready();
  await speaker.kill();
  await speaker.begin(lines);
  await speaker.up(ADDRESS.router4);
  // A route that is told after End-of-RIB shows that End-of-RIB was taken.
  await speaker.line("announce 192.0.2.9/32");
  await pathsAt(router, "192.0.2.9/32", 1);
  await pathsAt(router, V4, 1);
  await pathsAt(router, V6, 1);
  await inKernel(V4);
  await inKernel(V6);
  strictEqual(watch.deleted.join("\n"), "");
  await speaker.line("shutdown drained");
  await until(() => watch.deleted.some((line) => line.includes("192.0.2.1")), {
    timeoutMs: 10_000,
    what: () => "The route stays although we shut down",
  });
  strictEqual((await speaker.process.status).code, 0);
}

/**
 * Likewise with a router that gives no kernel its routes: what is stale in its
 * table stays in use until we are back, and goes once we are stopped as planned.
 */
export async function staysStale(
  stage: Stage,
  isStale: () => Promise<boolean>,
): Promise<void> {
  const { speaker, router } = stage;
  await stage.session({ gracefulRestart: true }, {
    gracefulRestart: { enabled: true, restartTime: 20 },
  });
  await speaker.line(`announce ${V4}`);
  await pathsAt(router, V4, 1);
  strictEqual(await isStale(), false);
  await speaker.kill();
  await routerUntil(router, isStale, "a stale route");
  strictEqual((await router.paths(V4)).length, 1);
  await speaker.begin([`announce ${V4}`]);
  await routerUntil(router, async () => {
    strictEqual((await router.paths(V4)).length, 1);
    return !await isStale();
  }, "a fresh route");
  await speaker.line("shutdown drained");
  strictEqual((await speaker.process.status).code, 0);
  await pathsAt(router, V4, 0);
}

/** The router hangs: the session ends by the Hold Time, on our side first, and comes back. */
export async function holdExpiry(stage: Stage): Promise<void> {
  const { speaker, router } = stage;
  const terms = await stage.session({ holdTime: 3 }, {
    timers: { config: { holdTime: "3", connectRetry: "1" } },
  });
  const from = speaker.mark;
  const { process } = router as Resumable;
  // openbgpd is several processes, and its parent speaks no BGP.
  const pids = withChildren(process.pid);
  pids.forEach((pid) => Deno.kill(pid, "SIGSTOP"));
  try {
    const { message } = await speaker.told(
      ({ kind, code }) => kind === "notification-sent" && code === 4,
      { from },
    );
    match(message ?? "", /^Nothing came from the peer/);
  } finally {
    pids.forEach((pid) => Deno.kill(pid, "SIGCONT"));
  }
  await stage.again(terms, from);
}

/**
 * Our process is killed and stays away for longer than the Restart Time: its
 * routes are long-lived stale then, and in use (RFC 9494 §4.2); it comes back,
 * and they are not stale.
 */
export async function longLived(
  stage: Stage,
  { hasKernel }: { readonly hasKernel: boolean },
): Promise<void> {
  const { speaker, router } = stage;
  await stage.session({ gracefulRestart: true, longLived: true }, {
    gracefulRestart: {
      enabled: true,
      restartTime: 1,
      longlivedEnabled: true,
      staleRoutesTime: 60,
    },
  });
  if (hasKernel) await notInKernel(V4);
  await speaker.line(`announce ${V4} med 7`);
  await pathsAt(router, V4, 1);
  if (hasKernel) await inKernel(V4);
  await using watch = new KernelWatch();
  await watch.ready();
  const isStale = async () => {
    const [path, ...more] = await router.paths(V4);
    strictEqual(more.length, 0);
    return path?.communities.includes(LLGR_STALE);
  };
  strictEqual(await isStale(), false);
  await speaker.kill();
  await routerUntil(
    router,
    async () => await isStale() === true,
    "a long-lived stale route",
  );
  if (hasKernel) await inKernel(V4);
  await speaker.begin([`announce ${V4} med 7`]);
  await speaker.up(ADDRESS.router4);
  await routerUntil(
    router,
    async () => await isStale() === false,
    "a fresh route",
  );
  if (hasKernel) {
    await inKernel(V4);
    strictEqual(watch.deleted.join("\n"), "");
  }
  await speaker.line(`withdraw ${V4}`);
  await pathsAt(router, V4, 0);
}

/** The router restarts 20 times: we hold as much as before. */
export async function twentyRestarts(
  stage: Stage,
  more: Partial<Terms> = {},
): Promise<void> {
  const { speaker } = stage;
  const router = stage.router as Resumable;
  const terms = await stage.session(more);
  await speaker.line(`announce ${V4}`);
  let before: readonly string[] = [];
  let beforeMiB = 0;
  for (let round = 0; round < 20; round++) {
    const from = speaker.mark;
    // deno-lint-ignore no-await-in-loop -- one restart after the other
    await router.process.stop("SIGKILL");
    // deno-lint-ignore no-await-in-loop -- one restart after the other
    await router.resume();
    // deno-lint-ignore no-await-in-loop -- one restart after the other
    await stage.again(terms, from);
    // deno-lint-ignore no-await-in-loop -- one restart after the other
    await pathsAt(router, V4, 1);
    if (round > 3) continue;
    before = descriptorsOf(speaker.process.pid);
    // deno-lint-ignore no-await-in-loop -- one restart after the other
    beforeMiB = await speaker.residentMiB();
  }
  await until(
    () => descriptorsOf(speaker.process.pid).length <= before.length,
    {
      timeoutMs: 10_000,
      what: () =>
        `Of ${before.length} descriptors there are now ${
          descriptorsOf(speaker.process.pid).join(", ")
        }`,
    },
  );
  const grownMiB = await speaker.residentMiB() - beforeMiB;
  ok(grownMiB < GROWTH_MIB_MAX, `It has grown by ${grownMiB} MiB`);
}

/** The kernel's established connections to or from port 179 on the router. */
export async function connections(): Promise<number> {
  const filter = ["state", "established", "( sport = :179 or dport = :179 )"];
  const ss = ["ss", "-tnH", ...filter];
  const text = await must("ip", ["netns", "exec", ROUTER, ...ss]);
  return text.split("\n").filter((line) => line !== "").length;
}

/** Waits until the router's kernel has a route. */
export async function inKernel(prefix: string): Promise<void> {
  await until(() => isInKernel(prefix), {
    timeoutMs: 10_000,
    what: () => `The kernel has no route to ${prefix}`,
  });
}

/** Waits until the router's kernel has no route of another process. */
async function notInKernel(prefix: string): Promise<void> {
  await until(async () => !await isInKernel(prefix), {
    timeoutMs: 20_000,
    what: () => `The kernel has a route to ${prefix} of before`,
  });
}

async function isInKernel(prefix: string): Promise<boolean> {
  const family = prefix.includes(":") ? "-6" : "-4";
  const show = ["-n", ROUTER, family, "route", "show", prefix];
  return (await must("ip", show)) !== "";
}

/** Takes down what leaves the router's kernel. */
class KernelWatch implements AsyncDisposable {
  readonly #process = new LabProcess(ROUTER, ["ip", "monitor", "route"], {
    name: "ip monitor",
  });

  /** Waits until it sees: a route is made and taken away again. */
  async ready(): Promise<void> {
    await until(async () => {
      await must("ip", ["-n", ROUTER, "route", "replace", ...MARK]);
      await must("ip", ["-n", ROUTER, "route", "del", ...MARK]);
      return this.#process.lines.some((line) => line.includes(MARK_ADDRESS));
    }, { timeoutMs: 5_000, what: () => "ip monitor sees nothing" });
  }

  /** Routes that left, but the mark. */
  get deleted(): readonly string[] {
    return this.#process.lines.filter((line) =>
      line.startsWith("Deleted") && !line.includes(MARK_ADDRESS)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}

/** A process and all that it has started. */
export function withChildren(pid: number): readonly number[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  const children = text.split(" ").filter((one) => one !== "").map(Number);
  return [pid, ...children.flatMap(withChildren)];
}

function descriptorsOf(pid: number): readonly string[] {
  return [...openDescriptors(pid).values()];
}

/** LLGR_STALE, RFC 9494 §4.6. */
const LLGR_STALE = "65535:6";
const MARK_ADDRESS = "198.51.100.77";
const MARK = ["blackhole", MARK_ADDRESS];
const V4 = "192.0.2.1/32";
const V6 = "2001:db8:a::1/128";
/** What garbage may stand around at the moment. */
const GROWTH_MIB_MAX = 12;
