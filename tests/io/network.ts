/**
 * Links, addresses, routes and groups of a private network; run by
 * `mod/io/ffi/netlink_test.ts`.
 *
 * @module
 */

import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type Ipv6Addr, ipv6Addr } from "@/addr/ipv6_addr.ts";
import { formatPrefix } from "@/addr/prefix.ts";
import { KernelLinkTable } from "@/io/ffi/link_table.ts";
import { linkInfos, LinkWatcher } from "@/io/ffi/link_watcher.ts";
import {
  GROUPS_PER_SOCKET_MAX,
  MulticastGroups,
} from "@/io/ffi/multicast_groups.ts";
import { Netlink } from "@/io/ffi/netlink.ts";
import { NetlinkEvents } from "@/io/ffi/netlink_events.ts";
import { Reactor } from "@/io/ffi/reactor.ts";
import { requestRealtime } from "@/io/ffi/scheduler.ts";
import { readSysctl } from "@/io/ffi/sysctl.ts";
import type { LinkInfo } from "@/port/link.ts";
import { ip, ownDescriptors, runCase, shell } from "./private_network.ts";

/** Makes `va` and `vb`, the two ends of one cable, both down. */
function cable(): void {
  ip(
    "link add va address 02:00:00:00:00:0a type veth peer name vb address 02:00:00:00:00:0b",
  );
}

function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

function group(number: number): Ipv6Addr {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]);
  new DataView(bytes.buffer).setUint16(14, number);
  return ipv6Addr(bytes);
}

function prefixesOf(link: LinkInfo | undefined): readonly string[] {
  return (link?.prefixes ?? []).map(formatPrefix)
    .filter((prefix) => !prefix.startsWith("fe80"));
}

/** A watcher whose next list that fits can be waited for. */
class Watched implements AsyncDisposable {
  readonly reactor = new Reactor();
  readonly watcher: LinkWatcher;
  calls = 0;
  #check: () => void = () => {};

  constructor(options: { routes?: boolean; receiveBufferBytes?: number } = {}) {
    this.watcher = new LinkWatcher(this.reactor, (links) => {
      this.calls++;
      deepEqual(links, this.watcher.links);
      this.#check();
    }, options);
  }

  link(name: string): LinkInfo | undefined {
    return this.watcher.links.find((link) => link.name === name);
  }

  /** Resolves with the call after which something holds. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve) => {
      this.#check = () => {
        if (holds()) resolve();
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watcher.close();
    this.watcher.close();
    await this.reactor.close();
  }
}

const QUIET = { links: false, routes: false, gateways: false };

await runCase({
  async "follows links and addresses"() {
    const before = ownDescriptors();
    {
      await using watched = new Watched();
      equal(watched.calls, 0);
      await watched.until(() => watched.calls === 1);
      deepEqual(watched.watcher.links.map(({ name }) => name), ["lo"]);
      equal(watched.link("lo")?.mac, undefined);
      equal(watched.link("lo")?.running, true);

      cable();
      await watched.until(() => watched.link("vb") !== undefined);
      const found = watched.link("va");
      deepEqual({ ...found, index: 0 }, {
        index: 0,
        name: "va",
        kind: "veth",
        mac: "02:00:00:00:00:0a",
        up: false,
        running: false,
        mtu: 1500,
        masterIndex: undefined,
        prefixes: [],
        gateways: [],
      });

      ip("link set va up");
      await watched.until(() => watched.link("va")?.up === true);
      equal(watched.link("va")?.running, false);
      ip("link set vb up");
      await watched.until(() => watched.link("va")?.running === true);

      ip("address add 192.0.2.7/24 dev va");
      await watched.until(() => prefixesOf(watched.link("va")).length === 1);
      ip(`address add 192.0.2.8/24 dev va
          address add 2001:db8::7/64 dev va nodad`);
      await watched.until(() => prefixesOf(watched.link("va")).length === 3);
      deepEqual(prefixesOf(watched.link("va")), [
        "192.0.2.7/24",
        "192.0.2.8/24",
        "2001:db8::7/64",
      ]);
      ip("address del 192.0.2.7/24 dev va");
      await watched.until(() => prefixesOf(watched.link("va")).length < 3);
    }
    deepEqual(ownDescriptors(), before);
    // The process ends by itself: nothing of the reactor is left.
  },

  async "follows what becomes of a link"() {
    const before = ownDescriptors();
    cable();
    {
      await using watched = new Watched();
      const found = watched.link("va");
      ip(`link set va up
          link set vb up`);
      await watched.until(() => watched.link("va")?.running === true);

      ip("link set va address 02:00:00:00:00:aa");
      await watched.until(() => watched.link("va")?.mac !== found?.mac);
      equal(watched.link("va")?.mac, "02:00:00:00:00:aa");
      ip("link set va mtu 1400");
      await watched.until(() => watched.link("va")?.mtu === 1400);

      ip(`link add br0 type bridge
          link set va master br0`);
      await watched.until(() => watched.link("va")?.masterIndex !== undefined);
      equal(watched.link("br0")?.kind, "bridge");
      equal(watched.link("va")?.masterIndex, watched.link("br0")?.index);
      ip("link set va nomaster");
      await watched.until(() => watched.link("va")?.masterIndex === undefined);

      ip("link set vb down");
      await watched.until(() => watched.link("va")?.running === false);
      equal(watched.link("va")?.up, true);
      ip("link set va down");
      await watched.until(() => watched.link("va")?.up === false);
      ip("link set va name renamed");
      await watched.until(() =>
        watched.link("renamed")?.index === found?.index
      );
      ip("link del renamed");
      await watched.until(() => watched.link("renamed") === undefined);
      await watched.until(() => watched.link("vb") === undefined);
    }
    deepEqual(ownDescriptors(), before);
  },

  async "is quiet about what it does not tell"() {
    cable();
    ip("link set va up");
    await using watched = new Watched();
    await watched.until(() => watched.calls === 1);
    // A change of an alias is announced, but is no part of the list.
    using events = new NetlinkEvents();
    const { promise, resolve } = Promise.withResolvers<void>();
    watched.reactor.add(events.fd, () => {
      events.drain();
      resolve();
    });
    ip("link set va alias something");
    await promise;
    ip("link set va mtu 1400");
    await watched.until(() => watched.link("va")?.mtu === 1400);
    equal(watched.calls, 2);
  },

  async "keeps the list right when announcements are lost"() {
    cable();
    ip("link set va up");
    await using watched = new Watched({ receiveBufferBytes: 2_048 });
    await watched.until(() => watched.calls === 1);
    const count = 200;
    const add = Array.from(
      { length: count },
      (_, i) => `address add 10.0.${i}.1/24 dev va`,
    ).join("\n");
    // The isolate reads nothing meanwhile.
    shell(`ip -batch - <<END\n${add}\nEND`);
    await watched.until(() => prefixesOf(watched.link("va")).length === count);
    ok(watched.watcher.overflows > 0);
    ip("link set va down");
    await watched.until(() => watched.link("va")?.up === false);
  },

  "hears of an overflow"() {
    cable();
    ip("link set va up");
    using events = new NetlinkEvents({
      routes: true,
      receiveBufferBytes: 2_048,
    });
    deepEqual(events.drain(), QUIET);
    ip("address add 192.0.2.7/24 dev va");
    equal(events.drain().links, true);
    ip("route add 198.51.100.0/24 dev va");
    deepEqual(events.drain(), { ...QUIET, routes: true });
    ip("route add default via 192.0.2.1");
    deepEqual(events.drain(), { ...QUIET, routes: true, gateways: true });
    const routes = Array.from(
      { length: 200 },
      (_, i) => `route add 10.0.${i}.0/24 dev va`,
    ).join("\n");
    // Routes fill the buffer, and the news of the address is lost.
    shell(`ip -batch - <<END\n${routes}\naddress add 192.0.2.8/24 dev va\nEND`);
    equal(events.overflows, 0);
    deepEqual(events.drain(), { links: true, routes: true, gateways: true });
    equal(events.overflows, 1);
    deepEqual(events.drain(), QUIET);
  },

  async "leaves out addresses in doubt"() {
    cable();
    shell("echo 1 > /proc/sys/net/ipv6/neigh/va/retrans_time_ms");
    await using watched = new Watched();
    await watched.until(() => watched.calls === 1);
    // Without a carrier nothing can be found out: the doubt lasts.
    ip(`link set va up
        address add 2001:db8::8/64 dev vb nodad
        address add 2001:db8::7/64 dev va`);
    using netlink = new Netlink();
    const own = () =>
      netlink.addresses().find(({ address }) => address === "2001:db8::7");
    equal(own()?.tentative, true);
    equal(own()?.scope, "global");
    const now = linkInfos(netlink.links(), netlink.addresses());
    deepEqual(prefixesOf(now.find(({ name }) => name === "va")), []);
    ip("link set vb up");
    await watched.until(() => prefixesOf(watched.link("va")).length === 1);
    equal(own()?.tentative, false);
    // An address that the other end has already: the list does not change.
    using events = new NetlinkEvents();
    const { promise, resolve } = Promise.withResolvers<void>();
    const index = watched.link("va")?.index;
    const other = () =>
      netlink.addresses().find(({ linkIndex, address }) =>
        linkIndex === index && address === "2001:db8::8"
      );
    watched.reactor.add(events.fd, () => {
      events.drain();
      if (other()?.dadFailed === true) resolve();
    });
    ip("address add 2001:db8::8/64 dev va");
    equal(other()?.tentative, true);
    await promise;
    deepEqual(prefixesOf(watched.link("va")), ["2001:db8::7/64"]);
  },

  "tells addresses apart"() {
    cable();
    ip(`link set va up
        address add 192.0.2.7/24 dev va
        address add 192.0.2.8/24 dev va
        address add 10.0.0.1 peer 10.0.0.2/30 dev va
        address add 169.254.1.1/16 dev va scope link
        address add 2001:db8::7/64 dev va nodad preferred_lft 0`);
    using netlink = new Netlink();
    const told = netlink.addresses().filter(({ address }) =>
      !address.startsWith("fe80") && address !== "127.0.0.1" &&
      address !== "::1"
    ).map((each) => [
      each.address,
      each.prefixLengthBits,
      each.peer,
      each.scope,
      each.secondary,
      each.deprecated,
    ]);
    deepEqual(told.toSorted(), [
      ["10.0.0.1", 30, "10.0.0.2", "global", false, false],
      ["169.254.1.1", 16, undefined, "link", false, false],
      ["192.0.2.7", 24, undefined, "global", false, false],
      ["192.0.2.8", 24, undefined, "global", true, false],
      ["2001:db8::7", 64, undefined, "global", false, true],
    ]);
    const infos = linkInfos(netlink.links(), netlink.addresses());
    deepEqual(prefixesOf(infos.find(({ name }) => name === "va")).toSorted(), [
      "10.0.0.1/32",
      "169.254.1.1/16",
      "192.0.2.7/24",
      "192.0.2.8/24",
      "2001:db8::7/64",
    ]);
  },

  "tells what a link stands on"() {
    cable();
    ip(`link add link va name mv0 type macvlan
        link add br0 type bridge`);
    using netlink = new Netlink();
    const links = new Map(netlink.links().map((link) => [link.name, link]));
    equal(links.get("mv0")?.kind, "macvlan");
    equal(links.get("mv0")?.parentIndex, links.get("va")?.index);
    equal(links.get("mv0")?.parentNamespace, undefined);
    equal(links.get("br0")?.parentIndex, undefined);
    equal(links.get("va")?.parentIndex, links.get("vb")?.index);
    shell(`mount -t tmpfs tmpfs /run
      ip netns add other
      ip link set vb netns other`);
    const va = netlink.links().find(({ name }) => name === "va");
    equal(typeof va?.parentNamespace, "number");
  },

  async "asks for routes"() {
    const before = ownDescriptors();
    cable();
    {
      await using reactor = new Reactor();
      using table = new KernelLinkTable(reactor);
      using netlink = new Netlink();
      const routeTo = (text: string) => netlink.routeTo(addr(text));
      equal(routeTo("192.0.2.9"), undefined);
      equal(routeTo("2001:db8::9"), undefined);
      equal(table.routeTo(addr("192.0.2.9")), undefined);
      ip(`link set va up
          link set vb up
          address add 192.0.2.7/24 dev va
          address add 2001:db8::7/64 dev va nodad
          route add 198.51.100.0/24 via 192.0.2.1
          route add blackhole 203.0.113.0/26
          route add prohibit 203.0.113.64/26
          route add unreachable 203.0.113.128/26
          route add blackhole 2001:db8:1::/64
          route add prohibit 2001:db8:2::/64`);
      const index = netlink.links().find(({ name }) => name === "va")?.index;
      for (const far of ["192.0.2.9", "198.51.100.1", "2001:db8::9"]) {
        deepEqual(routeTo(far), { linkIndex: index, local: false }, far);
        equal(table.routeTo(addr(far)), "va");
      }
      for (const own of ["192.0.2.7", "127.0.0.1", "2001:db8::7", "::1"]) {
        equal(routeTo(own)?.local, true, own);
        equal(table.routeTo(addr(own)), undefined, own);
      }
      for (
        const refused of [
          "203.0.113.1",
          "203.0.113.65",
          "203.0.113.129",
          "2001:db8:1::1",
          "2001:db8:2::1",
        ]
      ) equal(routeTo(refused), undefined, refused);
    }
    deepEqual(ownDescriptors(), before);
  },

  async "calls back when a route changes"() {
    cable();
    ip(`link set va up
        link set vb up
        address add 192.0.2.7/24 dev va`);
    await using reactor = new Reactor();
    using table = new KernelLinkTable(reactor);
    const far = addr("198.51.100.1");
    const steps: (string | undefined)[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    table.watch((links) => {
      ok(links.some(({ name }) => name === "va"));
      const now = table.routeTo(far);
      if (steps.length === 0) ip("route add 198.51.100.0/24 via 192.0.2.1");
      if (steps.at(-1) === now && steps.length > 0) return;
      steps.push(now);
      if (now === "va") resolve();
    });
    deepEqual(steps, []);
    await promise;
    deepEqual(steps, [undefined, "va"]);
  },

  "reads arp_ignore"() {
    cable();
    using table = new KernelLinkTable(new Reactor());
    const write = (link: string, value: number) =>
      shell(`echo ${value} > /proc/sys/net/ipv4/conf/${link}/arp_ignore`);
    write("all", 0);
    equal(table.arpIgnore("va"), 0);
    write("va", 1);
    equal(table.arpIgnore("va"), 1);
    equal(table.arpIgnore("vb"), 0);
    write("all", 2);
    equal(table.arpIgnore("va"), 2);
    write("va", 8);
    equal(table.arpIgnore("va"), 8);
  },

  "finds the next hops of default routes"() {
    cable();
    ip(`link set va up
        link set vb up
        address add 192.0.2.7/24 dev va
        address add 198.51.100.7/24 dev vb
        address add 2001:db8::7/64 dev va nodad`);
    using netlink = new Netlink();
    deepEqual(netlink.gateways(), []);
    ip(
      `route add default metric 9 nexthop via 192.0.2.1 nexthop via 198.51.100.1
        route add default metric 7 via 192.0.2.2
        -4 route add default table 7 via inet6 fe80::7 dev vb
        route add default metric 5 dev va
        route add unreachable default metric 99
        route add 203.0.113.0/24 via 192.0.2.3
        route add default via 2001:db8::1
        route add default metric 9 via fe80::1 dev vb`,
    );
    const names = new Map(
      netlink.links().map(({ index, name }) => [index, name] as const),
    );
    const told = netlink.gateways().map(({ linkIndex, address }) =>
      `${names.get(linkIndex)} ${address}`
    );
    deepEqual(told.toSorted(), [
      "va 192.0.2.1",
      "va 192.0.2.2",
      "va 2001:db8::1",
      "vb 198.51.100.1",
      "vb fe80::1",
      "vb fe80::7",
    ]);
  },

  async "follows gateways"() {
    cable();
    ip(`link set va up
        link set vb up
        address add 192.0.2.7/24 dev va`);
    await using reactor = new Reactor();
    using table = new KernelLinkTable(reactor);
    let now: string | undefined;
    let check = (): void => {};
    const until = async (wanted: string): Promise<void> => {
      if (now === wanted) return;
      await new Promise<void>((resolve) => {
        check = () => now === wanted ? resolve() : undefined;
      });
    };
    table.watch((links) => {
      const va = links.find(({ name }) => name === "va");
      now = va?.gateways.join(" ");
      check();
    });
    await until("");
    ip("route add default via 192.0.2.1");
    await until("192.0.2.1");
    ip("route replace default via 192.0.2.2");
    await until("192.0.2.2");
    ip("route del default");
    await until("");
    ip("route add default via 192.0.2.3");
    await until("192.0.2.3");
    // The kernel says nothing of the routes that go with the link.
    ip("link set va down");
    await until("");
  },

  "knows neighbors"() {
    cable();
    ip(`link set va up
        link set vb up
        neighbor add 192.0.2.9 lladdr 02:00:00:00:00:09 dev va nud permanent
        neighbor add 2001:db8::9 lladdr 02:00:00:00:00:09 dev va nud stale router
        neighbor add 192.0.2.10 dev va nud failed`);
    using netlink = new Netlink();
    const index = netlink.links().find(({ name }) => name === "va")?.index;
    const told = netlink.neighbors().filter(({ address }) =>
      address.startsWith("192.0.2") || address === "2001:db8::9"
    ).map((each) => [
      each.linkIndex,
      each.address,
      each.mac,
      each.state,
      each.router,
    ]);
    deepEqual(told.toSorted(), [
      [index, "192.0.2.10", undefined, "failed", false],
      [index, "192.0.2.9", "02:00:00:00:00:09", "permanent", false],
      [index, "2001:db8::9", "02:00:00:00:00:09", "stale", true],
    ]);
  },

  "joins groups, over several sockets"() {
    cable();
    ip(`link set va up
        link set vb up`);
    using netlink = new Netlink();
    const link = netlink.links().find(({ name }) => name === "va");
    if (link === undefined) throw new Error("A cable has two ends");
    const joined = () =>
      shell("ip -6 maddress show dev va").match(/ff02::1:ff00:[0-9a-f]+/g)
        ?.filter((text) => text !== "ff02::1:ff00:a") ?? [];
    const before = ownDescriptors();
    const groups = new MulticastGroups(link);
    deepEqual(ownDescriptors(), before);
    const count = 2 * GROUPS_PER_SOCKET_MAX;
    const first = 0x1000;
    for (let i = 0; i < count; i++) {
      deepEqual(groups.join(group(first + i)), { kind: "joined" });
    }
    equal(ownDescriptors().length, before.length + 2);
    equal(joined().length, count);
    equal(groups.size, count);
    // Two users: it stays until both have left.
    groups.join(group(first));
    groups.leave(group(first));
    equal(joined().includes(group(first)), true);
    groups.leave(group(first));
    equal(joined().includes(group(first)), false);
    groups.leave(group(first));
    // Its place is taken by the next one: no third socket.
    groups.join(group(0x5000));
    equal(ownDescriptors().length, before.length + 2);
    equal(joined().length, count);
    equal(groups.allGroups, false);
    groups.close();
    groups.close();
    equal(joined().length, 0);
    deepEqual(ownDescriptors(), before);
  },

  "receives all groups where it cannot join"() {
    cable();
    ip(`link set va up
        link set vb up`);
    using netlink = new Netlink();
    const link = netlink.links().find(({ name }) => name === "va");
    if (link === undefined) throw new Error("A cable has two ends");
    const allMulti = () =>
      /allmulti (\d)/.exec(shell("ip -d link show va"))?.[1];
    // Below the least MTU of IPv6 (RFC 8200 §5) the interface has none.
    ip("link set va mtu 1000");
    {
      using groups = new MulticastGroups(link);
      const join = groups.join(group(1));
      equal(join.kind, "all-groups");
      ok(join.kind === "all-groups" && /^E[A-Z]+$/.test(join.reason));
      deepEqual(groups.join(group(1)), join);
      equal(groups.join(group(2)).kind, "all-groups");
      equal(groups.allGroups, true);
      equal(allMulti(), "1");
      groups.leave(group(1));
      groups.leave(group(2));
      equal(allMulti(), "1");
      groups.leave(group(1));
      equal(groups.allGroups, false);
      equal(allMulti(), "0");
      groups.join(group(3));
      equal(allMulti(), "1");
    }
    equal(allMulti(), "0");
    ip("link set va mtu 1500");
    // Older kernels have this setting for the whole machine: hands off there.
    if (readSysctl("net/core/optmem_max") === undefined) return;
    using groups = new MulticastGroups(link);
    deepEqual(groups.join(group(1)), { kind: "joined" });
    shell("echo 1 > /proc/sys/net/core/optmem_max");
    deepEqual(groups.join(group(2)), { kind: "all-groups", reason: "ENOMEM" });
    equal(allMulti(), "1");
    ip("link del va");
    deepEqual(groups.join(group(4)), { kind: "gone" });
    equal(groups.size, 2);
    groups.leave(group(1));
    groups.leave(group(2));
  },

  "asks for a place before all others"() {
    const policy = () => shell('cut -d" " -f 41 /proc/$PPID/stat').trim();
    equal(policy(), "0");
    const scheduling = requestRealtime(7);
    if (scheduling.kind === "realtime") {
      equal(scheduling.priority, 7);
      equal(policy(), "1");
      equal(shell('cut -d" " -f 40 /proc/$PPID/stat').trim(), "7");
    } else {
      equal(scheduling.reason, "EPERM, CAP_SYS_NICE is missing");
      equal(policy(), "0");
    }
  },

  "is refused a place before all others"() {
    deepEqual(requestRealtime(), {
      kind: "ordinary",
      reason: "EPERM, CAP_SYS_NICE is missing",
    });
  },
});
