/**
 * Which interfaces an address is answered on, and what becomes of it when they
 * change. VLAN and bond interfaces are not tried: the kernels this runs on are
 * mostly built without them.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import {
  addAddress,
  addLink,
  type LabCluster,
  type LabHost,
  must,
} from "@/lab/mod.ts";
import { MOVE_MS_MAX, pass, type Stage, testOnStage, until } from "./_stage.ts";
import { ARPING, arping, ipOn, NDISC6, ndisc6 } from "../support/link_tools.ts";
import { announcementsOf } from "../support/wire_evidence.ts";

const PLACES = [
  { name: "by-name", vip: "192.168.0.91", interface: "eth0", on: ["eth0"] },
  { name: "other", vip: "192.168.1.91", interface: "eth2", on: ["eth2"] },
  {
    name: "pattern",
    vip: "192.168.0.92",
    interface: "eth[02]",
    on: ["eth0", "eth2"],
  },
  { name: "list", vip: "192.168.1.92", interface: "ens9,eth2", on: ["eth2"] },
  {
    name: "reach",
    vip: "192.168.1.93",
    interface: "can_reach:192.168.1.5",
    on: ["eth2"],
  },
  { name: "empty", vip: "192.168.0.93", interface: "", on: ["eth0"] },
  { name: "empty-other", vip: "192.168.1.94", interface: "", on: ["eth2"] },
  { name: "outside", vip: "10.99.0.1", interface: "eth0", on: ["eth0"] },
  { name: "empty-six", vip: "2001:db8::91", interface: "", on: ["eth0"] },
  { name: "other-six", vip: "2001:db8:1::91", interface: "", on: ["eth2"] },
] as const;

testOnStage(
  "an Eip's interface says on which links its address is answered",
  {
    needs: [ARPING, NDISC6],
    services: PLACES.map(({ name, vip, interface: text }) => ({
      name,
      vips: [vip],
      interface: text,
    })),
    prepare: addSecondSegment,
    plain: false,
  },
  async (stage, step) => {
    for (const { name, vip, interface: text, on } of PLACES) {
      await step(`${name}: ${vip} with "${text}"`, async () => {
        const [link] = on;
        const owner = await ownerOn(stage, vip, link);
        for (const link of ["eth0", "eth2"] as const) {
          const answers = on.some((name) => name === link);
          const expected = answers ? [macOf(owner, link)] : [];
          await untilMacs(vip, { link, expected });
        }
        await stage.isReached(vip, owner.name);
      });
    }
  },
);

testOnStage(
  "an interface that goes, comes or changes is followed",
  {
    needs: [ARPING, NDISC6],
    services: [
      { name: "four", vips: ["192.168.0.91"] },
      { name: "six", vips: ["2001:db8::92"] },
    ],
  },
  async (stage, step) => {
    await step("switched off and on", async () => {
      const { host } = await stage.holder();
      await ipOn(host.name, "link", "set", "eth0", "down");
      const next = await otherAnswers(stage, host);
      await ipOn(host.name, "link", "set", "eth0", "up");
      // The kernel forgets IPv6 addresses of an interface that is switched off.
      await addAddress(host.name, "eth0", `${host.ipv6}/64`);
      await staysWith(stage, next);
    });
    await step("without carrier, and with it again", async () => {
      const node = await stage.holder();
      await node.linkDown("eth0");
      const next = await otherAnswers(stage, node.host);
      await node.linkUp("eth0");
      await staysWith(stage, next);
    });
    await step("with another MAC address", async () => {
      const { host } = await stage.holder();
      await using capture = await stage.capture();
      await ipOn(host.name, "link", "set", "eth0", "address", OTHER_MAC);
      for (const vip of stage.vips) {
        await untilMacs(vip, { link: "eth0", expected: [OTHER_MAC] });
        // The client's kernel has learned it from the announcement, or asks again.
        await stage.isReached(vip, host.name);
        const announced = (): readonly string[] =>
          announcementsOf(capture, vip).map(({ ethernet }) => ethernet.source);
        await until(() => announced().includes(OTHER_MAC), {
          timeoutMs: MOVE_MS_MAX,
          what: () => `${vip} was announced as [${announced()}]`,
        });
      }
      await ipOn(host.name, "link", "set", "eth0", "address", host.mac);
      await staysWith(stage, host);
    });
    await step("gone, and another of the same name in its place", async () => {
      const { host } = await stage.holder();
      await must("ip", ["link", "del", `${host.name}-eth0`]);
      // The switch has no port to watch there: the client asks instead.
      await othersAnswer(stage, host);
      await addLink(host.name, "eth0", { bridge: "data0", mac: host.mac });
      await addAddress(host.name, "eth0", `${host.ipv4}/24`);
      await addAddress(host.name, "eth0", `${host.ipv6}/64`);
      await pass(STAYS_MS);
      await othersAnswer(stage, host);
    });
  },
);

testOnStage(
  "a bridge and a macvlan interface answer with their own MAC address",
  {
    needs: [ARPING, NDISC6],
    nodes: 2,
    services: [
      {
        name: "bridge",
        vips: ["192.168.0.91", "2001:db8::91"],
        interface: "br0",
      },
      {
        name: "macvlan",
        vips: ["192.168.0.92", "2001:db8::92"],
        interface: "mv0",
      },
      { name: "empty", vips: ["192.168.0.93"], interface: "" },
    ],
    prepare: stackInterfaces,
    plain: false,
  },
  async (stage, step) => {
    const answers = (vip: string, node: string, mac: string) => async () => {
      await untilMacs(vip, { link: "eth0", expected: [mac] });
      let found = "";
      await until(async () => {
        const { hosts, backend } = await stage.lab.askTheWire(vip);
        found = `${hosts}, backend ${backend}`;
        return found === `${node}, backend ${node}`;
      }, {
        timeoutMs: MOVE_MS_MAX,
        what: () => `${vip} is answered by ${found}, not ${node}`,
      });
    };
    for (const vip of ["192.168.0.91", "2001:db8::91"]) {
      await step(`${vip} on a bridge`, answers(vip, "n1", BRIDGE_MAC));
    }
    for (const vip of ["192.168.0.92", "2001:db8::92"]) {
      await step(`${vip} on macvlan`, answers(vip, "n2", MACVLAN_MAC));
    }
    // Each node has one interface with that subnet, whatever its kind.
    const owner = stage.owner("192.168.0.93");
    const mac = owner === "n1" ? BRIDGE_MAC : MACVLAN_MAC;
    await step("by its subnet", answers("192.168.0.93", owner, mac));
  },
);

/** Waits until exactly these MAC addresses answer on a link of the client. */
async function untilMacs(
  vip: string,
  asked: { readonly link: string; readonly expected: readonly string[] },
): Promise<void> {
  const { link, expected } = asked;
  let macs: readonly string[] = [];
  await until(async () => {
    macs = await macsOn(vip, link);
    return `${macs}` === `${expected}`;
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `${vip} is answered on ${link} by [${macs}], not [${expected}]`,
  });
}

async function macsOn(vip: string, link: string): Promise<readonly string[]> {
  return vip.includes(":")
    ? await ndisc6(vip, link)
    : (await arping(vip, { link, count: 2 })).macs;
}

/** The node whose interface answers for an address on a link of the client. */
async function ownerOn(
  stage: Stage,
  vip: string,
  link: "eth0" | "eth2",
): Promise<LabHost> {
  let owner: LabHost | undefined;
  await until(async () => {
    const [mac, second] = await macsOn(vip, link);
    owner = stage.lab.nodes.map(({ host }) => host)
      .find((host) => macOf(host, link) === mac);
    return second === undefined && owner !== undefined;
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `${vip} is not answered on ${link} by one node`,
  });
  if (owner === undefined) throw new Error("There is one by now");
  return owner;
}

/** Waits until another node answers for all addresses; which one. */
async function otherAnswers(stage: Stage, host: LabHost): Promise<LabHost> {
  let holder = host;
  await until(async () => {
    holder = (await stage.holder()).host;
    return holder.name !== host.name;
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `${host.name} still answers`,
  });
  return holder;
}

/** Waits until a node answers for no address, by what the client hears. */
async function othersAnswer(stage: Stage, host: LabHost): Promise<void> {
  for (const vip of stage.vips) {
    await until(
      async () => (await ownerOn(stage, vip, "eth0")).name !== host.name,
      {
        timeoutMs: MOVE_MS_MAX,
        what: () => `${host.name} still answers for ${vip}`,
      },
    );
  }
}

/** Checks that nobody takes the addresses back at once. */
async function staysWith(stage: Stage, host: LabHost): Promise<void> {
  await pass(STAYS_MS);
  for (const vip of stage.vips) await stage.isAnsweredBy(vip, host.name);
}

function numberOf({ ipv4 }: LabHost): number {
  return Number(ipv4.split(".").at(-1));
}

function macOf(host: LabHost, link: "eth0" | "eth2"): string {
  const number = numberOf(host).toString(16).padStart(2, "0");
  return link === "eth0" ? host.mac : `02:00:00:00:02:${number}`;
}

async function addSecondSegment(lab: LabCluster): Promise<() => Promise<void>> {
  const bridge = "data1";
  const flags = ["stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"];
  await must("ip", ["link", "add", bridge, "type", "bridge", ...flags]);
  await must("ip", ["link", "set", bridge, "up"]);
  for (const host of [lab.client.host, ...lab.nodes.map(({ host }) => host)]) {
    const { name } = host;
    await addLink(name, "eth2", { bridge, mac: macOf(host, "eth2") });
    await addAddress(name, "eth2", `192.168.1.${numberOf(host)}/24`);
    await addAddress(name, "eth2", `2001:db8:1::${numberOf(host)}/64`);
  }
  await ipOn("client", "route", "add", "10.99.0.0/24", "dev", "eth0");
  return async () => void await must("ip", ["link", "del", bridge]);
}

async function stackInterfaces(lab: LabCluster): Promise<() => Promise<void>> {
  const [n1, n2] = lab.nodes.map(({ host }) => host);
  if (n1 === undefined || n2 === undefined) {
    throw new Error("Two nodes at least");
  }
  const flags = ["type", "bridge", "stp_state", "0", "forward_delay", "0"];
  await ipOn("n1", "link", "add", "br0", "address", BRIDGE_MAC, ...flags);
  await ipOn("n1", "link", "set", "eth0", "master", "br0");
  await moveAddresses(n1, "br0");
  const mode = ["type", "macvlan", "mode", "bridge"];
  const parent = ["link", "eth0", "address", MACVLAN_MAC];
  await ipOn("n2", "link", "add", "mv0", ...parent, ...mode);
  await moveAddresses(n2, "mv0");
  return () => Promise.resolve();
}

async function moveAddresses(host: LabHost, link: string): Promise<void> {
  const { name } = host;
  await ipOn(name, "addr", "flush", "dev", "eth0", "scope", "global");
  await ipOn(name, "link", "set", link, "up");
  await addAddress(name, link, `${host.ipv4}/24`);
  await addAddress(name, link, `${host.ipv6}/64`);
}

/** Long enough for a node that is back to have settled. */
const STAYS_MS = 4_000;
const OTHER_MAC = "02:00:00:00:00:aa";
const BRIDGE_MAC = "02:00:00:00:00:b0";
const MACVLAN_MAC = "02:00:00:00:00:b1";
