/**
 * `foghorn announce`, as an operator would try it: no cluster, one interface.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { match, strictEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { Capture, type LabCluster, LabProcess } from "@/lab/mod.ts";
import {
  buildLab,
  programUnderTest,
  testSandboxed,
} from "../support/sandboxed.ts";
import { descriptorsOf, stepsOf, until } from "./_stage.ts";
import {
  allAnswered,
  ARPING,
  arping,
  ipOn,
  NDISC6,
  ndisc6,
  startArping,
} from "../support/link_tools.ts";
import { announcementsOf } from "../support/wire_evidence.ts";

const VIPS = ["192.168.0.91", "2001:db8::91"] as const;

testSandboxed("announce answers until Ctrl-C", async (t) => {
  await using lab = await buildLab({ vips: VIPS, nodes: 1 });
  const step = stepsOf(t);
  for (const vip of VIPS) await lab.nobodyAnswers(vip);
  await using capture = await Capture.start([lab.node("n1").host]);
  const announce = new LabProcess("n1", announceCommand("eth0", ...VIPS), {
    name: "announce",
  });
  const ready = await announce.line(() => true, { timeoutMs: 30_000 });
  strictEqual(ready, "ready");
  const before = descriptorsOf(announce.pid);
  await step("every address, with its own MAC address", async () => {
    for (const vip of VIPS) await lab.answeredBy(vip, "n1");
    await answers(lab);
  });
  await step("each was announced on the link", async () => {
    for (const vip of VIPS) {
      await until(() => announcementsOf(capture, vip).length > 0, {
        timeoutMs: 10_000,
        what: () => `${vip} was not announced`,
      });
    }
  });
  await step("a claim of another host is told", async () => {
    const claim = { args: ["-U", "-S", VIPS[0]] };
    await startArping(VIPS[0], claim).status;
    const { mac } = lab.client.host;
    const told = `conflict: ${mac} claims ${VIPS[0]} on eth0`;
    await announce.line((line) => line === told, { timeoutMs: 10_000 });
  });
  await step("the link may go and come", async () => {
    await ipOn("n1", "link", "set", "eth0", "down");
    strictEqual((await arping(VIPS[0])).answered, 0);
    await ipOn("n1", "link", "set", "eth0", "up");
    await until(async () => (await arping(VIPS[0])).answered > 0, {
      timeoutMs: 10_000,
      what: () => "Nothing is answered after the link came back",
    });
    await answers(lab);
  });
  const now = (): ReadonlyMap<string, number> => descriptorsOf(announce.pid);
  // What it closes last it may not have closed yet.
  await until(() => isDeepStrictEqual(now(), before), {
    timeoutMs: 10_000,
    what: () => `It holds ${[...now()]}, not ${[...before]}`,
  });
  await step("Ctrl-C ends it well, and the addresses are silent", async () => {
    strictEqual(await announce.stop("SIGINT"), 0);
    for (const vip of VIPS) await lab.nobodyAnswers(vip);
  });
}, [ARPING, NDISC6]);

testSandboxed("announce says in one sentence what is wrong", async (t) => {
  await using lab = await buildLab({ vips: VIPS, nodes: 1 });
  const step = stepsOf(t);
  await lab.nobodyAnswers(VIPS[0]);
  await step("an address that is none", async () => {
    const { code, stderr } = await end(announceCommand("eth0", "192.168.0"));
    match(stderr, /^foghorn: Cannot answer for "192\.168\.0": write .*\n$/);
    strictEqual(code, 2);
  });
  await step("no address at all", async () => {
    const { code, stderr } = await end(announceCommand("eth0"));
    match(
      stderr,
      /^foghorn: Missing required argument 'address', see --help\n$/,
    );
    strictEqual(code, 2);
  });
  await step("an interface that is not there", async () => {
    const { code, stderr } = await end(announceCommand("eth9", VIPS[0]));
    match(stderr, /^foghorn: Cannot find the interface "eth9": .*eth0.*\n$/);
    strictEqual(code, 1);
  });
  await step("an interface that is not Ethernet", async () => {
    const { code, stderr } = await end(announceCommand("lo", VIPS[0]));
    match(stderr, /^foghorn: Cannot answer on "lo": .* Ethernet .*\n$/);
    strictEqual(code, 1);
  });
  await step("without the capability", async () => {
    const without = ["setpriv", "--bounding-set", "-net_raw"];
    const command = [...without, ...announceCommand("eth0", VIPS[0])];
    const { code, stderr } = await end(command);
    match(
      stderr,
      /^foghorn: Cannot open packet socket on "eth0": EPERM, CAP_NET_RAW is missing\n$/,
    );
    strictEqual(code, 1);
  });
});

async function answers(lab: LabCluster): Promise<void> {
  const { mac } = lab.node("n1").host;
  for (const args of [[], ["-t", mac], ["-0"]]) {
    await allAnswered(VIPS[0], mac, { args });
  }
  let macs: readonly string[] = [];
  await until(async () => `${macs = await ndisc6(VIPS[1])}` === mac, {
    timeoutMs: 10_000,
    what: () => `${VIPS[1]} is answered by [${macs}], not ${mac}`,
  });
}

function announceCommand(
  link: string,
  ...vips: readonly string[]
): readonly string[] {
  const { agent } = programUnderTest();
  return [...agent, "announce", "--interface", link, ...vips];
}

/** Runs a command on the node to its end. */
async function end(
  command: readonly string[],
): Promise<{ readonly code: number; readonly stderr: string }> {
  const { code, stderr, stdout } = await new Deno.Command("ip", {
    args: ["netns", "exec", "n1", ...command],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  strictEqual(new TextDecoder().decode(stdout), "");
  return { code, stderr: new TextDecoder().decode(stderr) };
}
