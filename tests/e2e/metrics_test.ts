/**
 * Every metric tells what it says it tells: the lab is driven so that each takes
 * more than one value, and one that does not fails.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { request } from "node:https";
import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { BROADCAST_MAC, parseMacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { ADMISSION_API_VERSION, webhookNames } from "@/api/mod.ts";
import {
  ADMISSION_SECRET_NAME,
  API_GROUP,
  API_VERSION,
  CLUSTER_NAMESPACE,
  EIP_KIND,
  NAMESPACE_DEFAULT,
  WEBHOOK_PORT_DEFAULT,
  webhookPath,
  WIRE_KEY_SECRET_NAME,
} from "@/api/names.ts";
import { WIRE_KEY_BYTES_MIN } from "@/api/wire_key_secret.ts";
import { assert } from "@/lang/assert.ts";
import { PacketSocket } from "@/io/ffi/mod.ts";
import {
  type CertificatePair,
  makeAuthority,
  makeServerCertificate,
} from "@/io/pki/mod.ts";
import { isObject, type JsonObject } from "@/lab/apiserver/mod.ts";
import {
  type LabCluster,
  LabProcess,
  must,
  portOf,
  setSysctl,
} from "@/lab/mod.ts";
import { gratuitousArpRequest } from "@/layer2/mod.ts";
import { METRICS } from "@/obs/metrics.ts";
import { encodeArp } from "@/wire/arp.ts";
import { encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import { clusterIdOf, FELLOW_GROUP, nodeIdOf } from "@/wire/fellow.ts";
import { addressed, eipPath, WAIT_MS } from "../support/lab_services.ts";
import {
  buildLab,
  programUnderTest,
  testSandboxed,
} from "../support/sandboxed.ts";
import { echoRequest } from "./_ping.ts";
import {
  isReached,
  pass,
  type StepFunction,
  stepsOf,
  until,
} from "./_stage.ts";
import { cutReplies, NFT } from "./_silence.ts";
import { ipOn } from "../support/link_tools.ts";

testSandboxed("every metric changes with what it counts", async (t) => {
  await using lab = await buildLab({ nodes: 2, vips: [VIP4, VIP6] });
  for (const vip of [VIP4, VIP6]) await lab.nobodyAnswers(vip);
  const step = stepsOf(t);
  const series = new Series(lab);
  lab.node("n1").startAgent();
  await lab.node("n1").waitReady();
  await series.look();
  await addresses(lab, series, step);
  await webhook(lab, series, step);
  await frames(lab, series, step);
  await strange(lab, series, step);
  await filters(lab, series, step);
  await agents(lab, series, step);
  await step("no metric is left that has not changed", () => {
    // Those of BGP need a router: bgp_test.ts and bgp_bfd_test.ts have each change.
    const unchanged = Object.keys(METRICS).filter((name) =>
      !series.changed.has(name) && !/^foghorn_(bgp|bfd)_/.test(name)
    );
    deepStrictEqual(unchanged, []);
    return Promise.resolve();
  });
}, [NFT]);

async function addresses(
  lab: LabCluster,
  series: Series,
  step: StepFunction,
): Promise<void> {
  const { api } = lab;
  await step("pools: their size and use, and who waits", async () => {
    await series.reads("n1", "foghorn_build_info", (value) => value === 1);
    await series.reads(
      "n1",
      "foghorn_services_waiting",
      (value) => value === 0,
    );
    lab.createService({ name: "web", eip: "pool4" });
    await series.reads(
      "n1",
      "foghorn_services_waiting",
      (value) => value === 1,
    );
    api.createEip({ name: "pool4", address: "192.168.0.91-192.168.0.94" });
    deepStrictEqual(await addressed(api, "web"), [VIP4]);
    await series.reads(
      "n1",
      "foghorn_services_waiting",
      (value) => value === 0,
    );
    const size = 'foghorn_pool_addresses{eip="pool4"}';
    await series.reads("n1", size, (value) => value === 4);
    await series.reads(
      "n1",
      'foghorn_pool_addresses_used{eip="pool4"}',
      (value) => value === 1,
    );
    api.patch(eipPath("pool4"), { spec: { exclude: ["192.168.0.94"] } });
    await series.reads("n1", size, (value) => value === 3);
  });
  await step("whether frames between agents carry an HMAC", async () => {
    const signed = "foghorn_wire_signed";
    await series.reads("n1", signed, (value) => value === 0);
    const key = new Uint8Array(WIRE_KEY_BYTES_MIN).toBase64();
    api.create(
      `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets`,
      { metadata: { name: WIRE_KEY_SECRET_NAME }, data: { key } },
    );
    await series.reads("n1", signed, (value) => value === 1);
    api.delete(
      `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets/${WIRE_KEY_SECRET_NAME}`,
    );
    await series.reads("n1", signed, (value) => value === 0);
  });
  await step("owned addresses", async () => {
    const owned = 'foghorn_owned_addresses{link="eth0"}';
    await series.reads("n1", owned, (value) => value === 1);
    api.createEip({ name: "pool6", address: VIP6 });
    lab.createService({ name: "six", eip: "pool6", families: ["IPv6"] });
    await series.reads("n1", owned, (value) => value === 2);
    await series.reads(
      "n1",
      'foghorn_pool_addresses_used{eip="pool6"}',
      (value) => value === 1,
    );
  });
}

async function webhook(
  lab: LabCluster,
  series: Series,
  step: StepFunction,
): Promise<void> {
  const { api } = lab;
  await step("the webhook: its certificate, and what it is asked", async () => {
    const expiry = "foghorn_admission_certificate_expiry_timestamp_seconds";
    const secrets = `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets`;
    const certificates = await Certificates.open();
    const first = await certificates.secret(3_600);
    api.create(secrets, first.object);
    await series.reads("n1", expiry, (value) => value === first.notAfter);
    const second = await certificates.secret(7_200);
    api.patch(`${secrets}/${ADMISSION_SECRET_NAME}`, second.object);
    await series.reads("n1", expiry, (value) => value === second.notAfter);
    const address = lab.node("n1").host.managementIp ?? "";
    const denied =
      'foghorn_admission_reviews_total{kind="Eip",verdict="denied"}';
    for (const count of [1, 2]) {
      strictEqual(await certificates.ask(address), 200);
      await series.reads("n1", denied, (value) => value === count);
    }
  });
}

async function frames(
  lab: LabCluster,
  series: Series,
  step: StepFunction,
): Promise<void> {
  for (const [protocol, vip] of [["arp", VIP4], ["ndp", VIP6]] as const) {
    await step(
      `requests, answers and announcements over ${protocol}`,
      async () => {
        const label = `protocol="${protocol}"`;
        await series.reads(
          "n1",
          of("announcements_total", label),
          (value) => value >= 1,
        );
        const before = await series.read("n1", of("answers_total", label)) ?? 0;
        const asked = await series.read("n1", of("requests_total", label)) ?? 0;
        let answers = before;
        // An announcement that comes just then spares the client its question.
        await until(async () => {
          await lab.client.forget(vip);
          await isReached(lab, vip, "n1");
          answers = await series.read("n1", of("answers_total", label)) ?? 0;
          return answers >= before + 3;
        }, {
          timeoutMs: WAIT_MS,
          what: () => `${answers} answers are counted, ${before} were before`,
        });
        await series.reads(
          "n1",
          of("requests_total", label),
          (value) => value >= asked + 3,
        );
      },
    );
  }
}

async function strange(
  lab: LabCluster,
  series: Series,
  step: StepFunction,
): Promise<void> {
  await using port = await Port.open("n1");
  await step("frames that are not answered, by reason", async () => {
    port.send(arpRequest(VIP4, "01:00:5e:00:00:01"), 7);
    await series.reads(
      "n1",
      of("frames_dropped_total", 'reason="invalid-source"'),
      (value) => value === 7,
    );
  });
  await step(
    "ping: answered once, and not again",
    () => pinged(lab, series, port),
  );
  await step("claims of strangers", async () => {
    const [vip, mac] = [parseIpv4Addr(VIP4), parseMacAddr(STRANGER)];
    assert(vip !== undefined && mac !== undefined, "Addresses can be read");
    port.send(gratuitousArpRequest(vip, mac), 5);
    await series.reads(
      "n1",
      'foghorn_address_conflicts_total{link="eth0"}',
      (value) => value === 5,
    );
  });
  await step("frames of agents that cannot be read", async () => {
    const refused = of("fellow_frames_refused_total", 'reason="unsupported"');
    for (const count of [2, 3]) {
      const before = await series.read("n1", refused) ?? 0;
      port.send(strangeFrame(lab), count - before);
      await series.reads("n1", refused, (value) => value === count);
    }
  });
  await step("a pause, and frames lost meanwhile", async () => {
    const n1 = lab.node("n1");
    // A busy machine may have stopped it before.
    const pauses = await series.read("n1", "foghorn_wire_pauses_total") ?? 0;
    n1.pauseAgent();
    const resumeMs = performance.now() + PAUSE_MS;
    while (performance.now() < resumeMs) {
      port.send(arpRequest(VIP4, STRANGER), FLOOD_FRAMES);
    }
    n1.resumeAgent();
    await series.reads(
      "n1",
      "foghorn_wire_pauses_total",
      (value) => value > pauses,
    );
    await series.reads(
      "n1",
      'foghorn_frames_overrun_total{link="eth0"}',
      (value) => value > 0,
    );
    await lab.answeredBy(VIP4, "n1");
  });
}

/** A request that comes three times within a second is answered once. */
async function pinged(
  lab: LabCluster,
  series: Series,
  port: Port,
): Promise<void> {
  await ipOn("n1", "addr", "del", `${VIP4}/32`, "dev", "lo");
  lab.api.patch(eipPath("pool4"), { spec: { answerPing: true } });
  const answered = of("echo_answers_total", 'protocol="icmp"');
  const dropped = of("echo_dropped_total", 'reason="repeated"');
  const to = lab.node("n1").host.mac;
  let sequenceNumber = 0;
  await until(async () => {
    sequenceNumber++;
    const asked = { from: STRANGER, to, sequenceNumber };
    port.send(echoRequest(VIP4, asked), 3);
    return (await series.read("n1", answered) ?? 0) > 0;
  }, { timeoutMs: WAIT_MS, what: () => "No request is answered" });
  await pass(COUNTED_MS);
  const answers = await series.read("n1", answered) ?? 0;
  const drops = await series.read("n1", dropped) ?? 0;
  const last = { from: STRANGER, to, sequenceNumber: 1_000 };
  port.send(echoRequest(VIP4, last), 3);
  await series.reads("n1", answered, (value) => value === answers + 1);
  await series.reads("n1", dropped, (value) => value === drops + 2);
  lab.api.patch(eipPath("pool4"), { spec: { answerPing: false } });
  await ipOn("n1", "addr", "add", `${VIP4}/32`, "dev", "lo");
}

async function filters(
  lab: LabCluster,
  series: Series,
  step: StepFunction,
): Promise<void> {
  const { api } = lab;
  await step("a kernel without room for an exact filter", async () => {
    const exact = 'foghorn_wire_filter_exact{link="eth0"}';
    await series.reads("n1", exact, (value) => value === 1);
    await setSysctl("n1", { "net/core/optmem_max": "1500" });
    api.createEip({ name: "many", address: "10.0.0.0/23" });
    for (let i = 0; i < 60; i++) {
      lab.createService({
        name: `many-${i}`,
        eip: "many",
        // Next to each other they would be one range in the filter.
        spec: { loadBalancerIP: `10.0.0.${i * 4 + 1}` },
      });
    }
    await series.reads("n1", exact, (value) => value === 0);
    await lab.answeredBy(VIP4, "n1");
    for (let i = 0; i < 60; i++) api.deleteService(`many-${i}`);
    await series.reads(
      "n1",
      'foghorn_owned_addresses{link="eth0"}',
      (value) => value === 2,
    );
  });
  await step("a kernel that would answer ARP itself", async () => {
    const off = 'foghorn_strict_arp_off{link="eth0"}';
    await series.reads("n1", off, (value) => value === 0);
    await setSysctl("n1", { "net/ipv4/conf/all/arp_ignore": "0" });
    // The setting is read every 10 s, and whenever an interface changes.
    await ipOn("n1", "addr", "add", "192.0.2.77/32", "dev", "lo");
    await series.reads("n1", off, (value) => value === 1);
    await setSysctl("n1", { "net/ipv4/conf/all/arp_ignore": "1" });
    await ipOn("n1", "addr", "del", "192.0.2.77/32", "dev", "lo");
    await series.reads("n1", off, (value) => value === 0);
  });
}

async function agents(
  lab: LabCluster,
  series: Series,
  step: StepFunction,
): Promise<void> {
  const { api } = lab;
  await step("agents, Leases and planning", async () => {
    await series.reads("n1", "foghorn_agents_live", (value) => value === 1);
    await checks(lab, series);
    await series.reads("n1", "foghorn_agents_live", (value) => value === 2);
    await series.reads("n1", "foghorn_lease_age_seconds", (value) => value > 0);
    const count = "foghorn_reconcile_seconds_count";
    const before = await series.read("n1", count) ?? 0;
    await series.reads("n1", count, (value) => value > before);
  });
  await step("requests to the API server, and its absence", async () => {
    const patches = 'foghorn_api_requests_total{method="PATCH",code="200"}';
    const before = await series.read("n1", patches) ?? 0;
    await series.reads("n1", patches, (value) => value > before);
    const up = 'foghorn_watch_up{kind="service"}';
    await series.reads("n1", up, (value) => value === 1);
    await api.stop();
    await series.reads("n1", up, (value) => value === 0);
    await series.reads(
      "n1",
      'foghorn_api_errors_total{reason="unreachable"}',
      (value) => value >= 1,
    );
    await api.restart();
    await series.reads("n1", up, (value) => value === 1);
  });
  await step("who leads", async () => {
    await series.reads("n1", "foghorn_leader", (value) => value === 1);
    await series.reads("n2", "foghorn_leader", (value) => value === 0);
    strictEqual(await lab.node("n1").stopAgent(), 0);
    await series.reads("n2", "foghorn_leader", (value) => value === 1);
  });
  await step("a kube-proxy that is healthy for a while", async () => {
    const judged = (state: string) => `foghorn_kube_proxy{state="${state}"}`;
    await series.reads("n2", judged("absent"), (value) => value === 1);
    const proxy = new LabProcess("n2", [
      ...programUnderTest().helper,
      ...["lab-backend", "--name", "n2", "--port", "10256"],
    ], { name: "health port of n2" });
    await series.reads("n2", judged("healthy"), (value) => value === 1);
    await series.reads("n2", judged("absent"), (value) => value === 0);
    await proxy.stop("SIGKILL");
    await series.reads("n2", judged("unhealthy"), (value) => value === 1);
  });
}

/** Starts the second agent, which checks that the first one answers, and finds that it does not for a while. */
async function checks(lab: LabCluster, series: Series): Promise<void> {
  const unanswered = 'foghorn_addresses_unanswered{link="eth0"}';
  {
    await using _ = await cutReplies("n1");
    lab.node("n2").startAgent();
    await lab.node("n2").waitReady();
    await series.reads("n2", unanswered, (value) => value === 0);
    await series.reads("n2", unanswered, (value) => value === 1);
  }
  await series.reads("n2", unanswered, (value) => value === 0);
  await series.reads(
    "n2",
    of("address_checks_total", 'result="nobody"'),
    (value) => value >= 3,
  );
}

/** A sample of a link's metric, with one more label. */
function of(name: string, label: string): string {
  return `foghorn_${name}{link="eth0",${label}}`;
}

/** What the metrics of the agents have read so far. */
class Series {
  /** Names of metrics of which some series has had two values. */
  readonly changed: Set<string> = new Set();
  readonly #lab: LabCluster;
  readonly #seen = new Map<string, number | undefined>();
  readonly #looked = new Set<string>();

  constructor(lab: LabCluster) {
    this.#lab = lab;
  }

  /** Waits until a sample of a node reads as wanted. */
  async reads(
    node: string,
    sample: string,
    wanted: (value: number) => boolean,
  ): Promise<void> {
    let read: number | undefined;
    const holds = async (): Promise<boolean> => {
      read = await this.read(node, sample);
      return read !== undefined && wanted(read);
    };
    await until(holds, {
      timeoutMs: WAIT_MS,
      what: () => `${sample} of ${node} is ${read}, not as in ${wanted}`,
    });
  }

  /** A sample of a node; absent where it is not there. */
  async read(node: string, sample: string): Promise<number | undefined> {
    const page = await this.#page(node);
    if (sample === "foghorn_build_info") {
      const [found] = [...page].find(([name]) => name.startsWith(sample)) ?? [];
      return found === undefined ? undefined : page.get(found);
    }
    return page.get(sample);
  }

  /** Looks at every agent once. */
  async look(): Promise<void> {
    for (const { name, agent } of this.#lab.nodes) {
      if (agent?.ended === false) await this.#page(name);
    }
  }

  async #page(node: string): Promise<ReadonlyMap<string, number>> {
    const page = await this.#lab.node(node).metrics();
    for (const [sample, value] of page) {
      const key = `${node} ${sample}`;
      const name = nameOf(sample);
      // A series that was not there before has come to be by what it counts.
      const isNew = this.#looked.has(node) && !this.#seen.has(key);
      const isOther = this.#seen.has(key) && this.#seen.get(key) !== value;
      if (isNew || isOther || CONSTANT.has(name)) this.changed.add(name);
      this.#seen.set(key, value);
    }
    this.#looked.add(node);
    return page;
  }
}

/** Sends frames to a node as if they came by its cable. */
class Port implements AsyncDisposable {
  readonly #socket: PacketSocket;

  private constructor(socket: PacketSocket) {
    this.#socket = socket;
  }

  static async open(node: string): Promise<Port> {
    const name = portOf(node, "eth0");
    const links: readonly { ifindex: number }[] = JSON.parse(
      await must("ip", ["-j", "link", "show", "dev", name]),
    );
    const index = links[0]?.ifindex ?? 0;
    return new Port(new PacketSocket({ link: { index, name }, etherType: 0 }));
  }

  send(frame: Uint8Array, times: number): void {
    const copy = new Uint8Array(frame);
    for (let i = 0; i < times; i++) {
      ok(this.#socket.sendFrame(copy), `frame ${i} was not sent`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    return Promise.resolve();
  }
}

/** Certificates for the webhook, and a client that believes them. */
class Certificates {
  readonly #authority: CertificatePair;

  private constructor(authority: CertificatePair) {
    this.#authority = authority;
  }

  static async open(): Promise<Certificates> {
    return new Certificates(await makeAuthority("lab", validity(86_400)));
  }

  /** The Secret with a new certificate, and until when that is valid. */
  async secret(
    seconds: number,
  ): Promise<{ readonly object: JsonObject; readonly notAfter: number }> {
    const facts = validity(seconds);
    const names = webhookNames(NAMESPACE_DEFAULT);
    const pair = await makeServerCertificate(this.#authority, {
      ...facts,
      names,
    });
    return {
      notAfter: facts.notAfterMs / 1000,
      object: {
        metadata: { name: ADMISSION_SECRET_NAME },
        data: {
          "ca.crt": btoa(this.#authority.cert),
          "tls.crt": btoa(pair.cert),
          "tls.key": btoa(pair.key),
        },
      },
    };
  }

  /** Asks the webhook at an address whether a wrong Eip may be stored; the status of the answer. */
  ask(address: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const question = request({
        host: address,
        port: WEBHOOK_PORT_DEFAULT,
        path: webhookPath(EIP_KIND),
        method: "POST",
        servername: webhookNames(NAMESPACE_DEFAULT)[0] ?? "",
        ca: this.#authority.cert,
        agent: false,
      }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      });
      question.on("error", reject);
      question.end(JSON.stringify({
        apiVersion: ADMISSION_API_VERSION,
        kind: "AdmissionReview",
        request: {
          uid: "1",
          kind: { group: API_GROUP, version: API_VERSION, kind: EIP_KIND },
          operation: "CREATE",
          object: { metadata: { name: "wrong" }, spec: { address: "none" } },
        },
      }));
    });
  }
}

/** From an hour ago, in whole seconds, as certificates have them. */
function validity(
  seconds: number,
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const nowMs = Math.floor(Date.now() / 1000) * 1000;
  return {
    notBeforeMs: nowMs - 3_600_000,
    notAfterMs: nowMs + seconds * 1000,
  };
}

/** A frame of an agent of this cluster, of a type that does not exist. */
function strangeFrame(lab: LabCluster): Uint8Array {
  const source = parseMacAddr(STRANGER);
  const namespace = lab.api.read(`/api/v1/namespaces/${CLUSTER_NAMESPACE}`);
  const uid = isObject(namespace["metadata"])
    ? namespace["metadata"]["uid"]
    : undefined;
  assert(source !== undefined && typeof uid === "string", "They can be read");
  const ids = clusterIdOf(uid) + nodeIdOf("nobody");
  return encodeEthernet({
    destination: FELLOW_GROUP,
    source,
    etherType: ETHER_TYPE.foghorn,
    payload: Uint8Array.fromHex(`464801ff${ids}${"00".repeat(12)}`),
  });
}

function arpRequest(vip: string, from: string): Uint8Array {
  const senderMac = parseMacAddr(from);
  const senderIp = parseIpv4Addr("192.168.0.99");
  const targetIp = parseIpv4Addr(vip);
  assert(
    senderMac !== undefined && senderIp !== undefined && targetIp !== undefined,
    "Addresses can be read",
  );
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: senderMac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac,
      senderIp,
      targetMac: ZERO_MAC,
      targetIp,
    }),
  });
}

/** The metric a sample belongs to: a histogram's is the one it counts for. */
function nameOf(sample: string): string {
  const [name = ""] = sample.split("{");
  return name in METRICS ? name : name.replace(/_(bucket|sum|count)$/, "");
}

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::91";
const STRANGER = "02:00:00:00:00:77";
/** Says what runs: its value never changes. */
const CONSTANT: ReadonlySet<string> = new Set(["foghorn_build_info"]);
/** Longer than from one report of the counters to the next. */
const COUNTED_MS = 1_500;
/** Longer than what passes for a slow turn of the agent. */
const PAUSE_MS = 500;
/** More than the socket of a stopped agent has room for. */
const FLOOD_FRAMES = 30_000;
