/**
 * `answerPing`: agents answer the real `ping` for addresses that nothing on
 * their nodes holds, and what its user sees of the nodes' kernels besides.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { setSysctl } from "@/lab/mod.ts";
import { command } from "../support/needs.ts";
import { PING, ping, type PingOptions, type PingResult } from "./_ping.ts";
import { MOVE_MS_MAX, pass, type Stage, testOnStage, until } from "./_stage.ts";
import { ipOn, onHost } from "../support/link_tools.ts";

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::91";
const BOTH = [VIP4, VIP6];

testOnStage(
  "ping is answered by the owner's agent where a pool asks for it",
  {
    nodes: 2,
    needs: [PING, command("nft")],
    services: [{ name: "web", vips: BOTH }],
  },
  async (stage, step) => {
    await step(
      "a node that holds the address leaves it to its kernel",
      async () => {
        answerPing(stage, true);
        for (const vip of BOTH) await isClean(vip);
        strictEqual(await answers(stage), 0);
        answerPing(stage, false);
      },
    );
    await forEachNode(stage, release);
    await step("nobody answers where no pool asks for it", async () => {
      for (const vip of BOTH) await isSilent(vip);
    });
    await step("every request has one answer, and nothing else", async () => {
      answerPing(stage, true);
      for (const vip of BOTH) {
        await answersSoon(vip);
        await isClean(vip);
        await isClean(vip, { count: 3, dataBytes: 1_400 });
      }
      ok(await answers(stage) >= 16);
    });
    await step("a request in fragments is not answered", async () => {
      for (const vip of BOTH) {
        const { received } = await ping(vip, { count: 3, dataBytes: 3_000 });
        strictEqual(received, 0);
      }
    });
    await step(
      "a node that forwards adds errors of its own, and no answer",
      () => forwards(stage),
    );
    await step("with the rule of the guide it adds nothing", async () => {
      await forEachNode(stage, (node) => onHost(node, "nft", RULE));
      for (const vip of BOTH) await isClean(vip, { count: NOTICED });
    });
    await step(
      "who has lost the address answers no more, whoever asks",
      () => moves(stage),
    );
    await step("a pool that asks no more is silent again", async () => {
      answerPing(stage, false);
      for (const vip of BOTH) {
        await until(
          async () => (await ping(vip, { count: 1 })).received === 0,
          {
            timeoutMs: MOVE_MS_MAX,
            what: () => `ping of ${vip} is still answered`,
          },
        );
      }
    });
  },
);

/** Every request is answered once; what the kernel says besides is its own. */
async function forwards(stage: Stage): Promise<void> {
  await forEachNode(stage, (node) =>
    setSysctl(node, {
      "net/ipv4/ip_forward": "1",
      "net/ipv6/conf/all/forwarding": "1",
      "net/ipv4/conf/all/send_redirects": "1",
    }));
  for (const vip of BOTH) {
    let said = "";
    await until(async () => {
      // Errors come after as long as the kernel asks for the address.
      const { received, duplicates, other } = await ping(vip, {
        count: NOTICED,
      });
      said = other.join("\n");
      strictEqual(duplicates, 0);
      ok(received > 0, said);
      return /[Uu]nreachable/.test(said);
    }, {
      timeoutMs: MOVE_MS_MAX,
      what: () => `The kernel of the owner of ${vip} only says: ${said}`,
    });
  }
}

/** The client goes on asking the node that had the address. */
async function moves(stage: Stage): Promise<void> {
  for (const vip of BOTH) {
    const { name, host } = await stage.holder([vip]);
    stage.lab.api.patch(`/api/v1/nodes/${name}`, {
      metadata: { labels: { [EXCLUDED]: "" } },
    });
    const next = stage.lab.nodes.find((node) => node.name !== name);
    await until(
      async () => (await stage.holder([vip])).name === next?.name,
      { timeoutMs: MOVE_MS_MAX, what: () => `${vip} stays on ${name}` },
    );
    await isClean(vip);
    const entry = [vip, "lladdr", host.mac, "dev", "eth0", "nud", "permanent"];
    await ipOn("client", "neigh", "replace", ...entry);
    const { received, duplicates } = await ping(vip);
    await ipOn("client", "neigh", "del", vip, "dev", "eth0");
    deepStrictEqual({ received, duplicates }, { received: 0, duplicates: 0 });
    stage.lab.api.patch(`/api/v1/nodes/${name}`, {
      metadata: { labels: { [EXCLUDED]: null } },
    });
  }
}

/**
 * Every request is answered once, and nobody says anything else. A busy machine
 * may stop an agent, or the client has not heard of a move yet: it asks again
 * where an answer is missing.
 */
async function isClean(vip: string, options: PingOptions = {}): Promise<void> {
  let last: PingResult | undefined;
  await until(async () => {
    last = await ping(vip, options);
    const { duplicates, other } = last;
    deepStrictEqual({ duplicates, other }, { duplicates: 0, other: [] });
    return last.received === last.sent && last.sent === (options.count ?? 5);
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () =>
      `${last?.received} of ${last?.sent} requests to ${vip} are answered`,
  });
}

async function isSilent(vip: string): Promise<void> {
  strictEqual((await ping(vip, { count: 3 })).received, 0);
}

/** Agents have heard of the change. */
async function answersSoon(vip: string): Promise<void> {
  await until(async () => (await ping(vip, { count: 1 })).received === 1, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `ping of ${vip} is not answered`,
  });
}

/** How many requests agents have answered, as their metrics tell within a second. */
async function answers(stage: Stage): Promise<number> {
  await pass(COUNTED_MS);
  let sum = 0;
  for (const { name } of stage.lab.nodes) {
    for (const protocol of ["icmp", "icmpv6"]) {
      const sample =
        `foghorn_echo_answers_total{link="eth0",protocol="${protocol}"}`;
      sum += await stage.metric(name, sample);
    }
  }
  return sum;
}

function answerPing(stage: Stage, value: boolean): void {
  for (const name of ["web-v4", "web-v6"]) {
    const path = `/apis/network.kubesphere.io/v1alpha2/eips/${name}`;
    stage.lab.api.patch(path, { spec: { answerPing: value } });
  }
}

/** Nothing on a node holds the addresses any more, and it does not forward. */
async function release(node: string): Promise<void> {
  await setSysctl(node, {
    "net/ipv4/ip_forward": "0",
    "net/ipv6/conf/all/forwarding": "0",
  });
  await ipOn(node, "addr", "del", `${VIP4}/32`, "dev", "lo");
  await ipOn(node, "addr", "del", `${VIP6}/128`, "dev", "lo");
}

async function forEachNode(
  stage: Stage,
  run: (node: string) => Promise<unknown>,
): Promise<void> {
  for (const { name } of stage.lab.nodes) await run(name);
}

/** Requests that take longer than a kernel asks for an address before it complains. */
const NOTICED = 25;
const EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers";
/** Counters are handed over once a second. */
const COUNTED_MS = 1_500;
/** As in `docs/layer2.md`. */
const RULE = `table inet ping_of_services {
  chain prerouting {
    type filter hook prerouting priority raw
    ip daddr ${VIP4} icmp type echo-request drop
    ip6 daddr ${VIP6} icmpv6 type echo-request drop
  }
}`;
