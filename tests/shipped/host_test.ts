/**
 * An agent on a host with a kubeconfig, started by the line of the systemd unit,
 * out of the archive, with the rights that the unit leaves it.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CAPABILITIES } from "@/manifests/mod.ts";
import { LabCluster, must, programOf } from "@/lab/mod.ts";
import { allAnswered, ARPING } from "../support/link_tools.ts";
import { addressed } from "../support/lab_services.ts";
import { command, type Need, testNeeding } from "../support/needs.ts";
import { MAIN, testSandboxed } from "../support/sandboxed.ts";
import { archiveNeed, FOLDER, unpackArchive } from "./_archive.ts";
import {
  confinement,
  containerCommand,
  containerEnd,
  CRUN,
} from "./_container.ts";
import { readOnlyBind } from "./_oci_runtime.ts";
import {
  commandWords,
  DYNAMIC_ID,
  parseService,
  serviceSpec,
  syscallGroups,
} from "./_unit.ts";

const ROOT = new URL("../../", import.meta.url);
const UNIT = new URL("deploy/systemd/foghorn.service", ROOT);
const SYSTEMD_ANALYZE = command("systemd-analyze");
const VIP = "192.168.0.91";
const CREDENTIALS = "/run/credentials";

testNeeding(
  [SYSTEMD_ANALYZE],
  "systemd reads the unit without a complaint",
  async () => {
    // It looks for the program, too, so that is named where one is.
    const folder = await Deno.makeTempDir();
    try {
      const text = (await Deno.readTextFile(UNIT))
        .replace(`ExecStart=${FOLDER}/foghorn`, "ExecStart=/bin/true");
      ok(text.includes("ExecStart=/bin/true agent"));
      const copy = `${folder}/foghorn.service`;
      await Deno.writeTextFile(copy, text);
      strictEqual(await complaints(copy), "");
      // It does complain.
      await Deno.writeTextFile(copy, text.replace("AF_PACKET", "AF_PAKET"));
      ok((await complaints(copy)).includes("AF_PAKET"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("commandWords() splits a variable that is a word, and no other", () => {
  const environment = { A: "one two", B: "" };
  deepStrictEqual(
    commandWords("/x --flag=${A}/y $A $B $C", environment),
    ["/x", "--flag=one two/y", "one", "two"],
  );
});

testSandboxed(
  "the line of the unit answers, as a user of its own with two capabilities",
  async () => {
    await unpackArchive();
    await using lab = await labOfUnit({ FOGHORN_FLAGS: "--log-level=warning" });
    await using _end = containerEnd();
    await lab.nobodyAnswers(VIP);
    await lab.startAgents();
    const { ids, ...rest } = await confinement();
    ok(ids.every((id) => id !== 0), "it runs as root");
    deepStrictEqual(rest, {
      bounding: CAPABILITIES.toSorted(),
      effective: CAPABILITIES.toSorted(),
      noNewPrivileges: true,
      isFiltered: true,
      isRootReadOnly: true,
    });
    lab.api.createEip({ name: "pool", address: VIP });
    lab.createService({ name: "web", eip: "pool" });
    deepStrictEqual(await addressed(lab.api, "web"), [VIP]);
    await lab.answeredBy(VIP, "n1");
    await allAnswered(VIP, lab.node("n1").host.mac);
    strictEqual(await lab.node("n1").stopAgent(), 0);
    const lines = lab.node("n1").agent?.lines ?? [];
    deepStrictEqual(lines.filter((line) => line.includes('"INFO"')), []);
    deepStrictEqual(
      lines.filter((line) => /"level":"ERROR"|PermissionDenied/.test(line)),
      [],
    );
  },
  [ARPING, CRUN, SYSTEMD_ANALYZE, archiveNeed(), secondUser()],
);

/** The need of a user besides the one this runs as, whom an ordinary user's sandbox does not have. */
function secondUser(): Need {
  const map = Deno.readTextFileSync("/proc/self/uid_map").trim();
  const has = map.split("\n").some((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return first <= DYNAMIC_ID && DYNAMIC_ID < first + count;
  });
  const lack = "the sandbox has no second user: run as root";
  return { kind: "told", lack: has ? undefined : lack };
}

/** A lab whose one node runs what the unit says. */
async function labOfUnit(
  environment: Readonly<Record<string, string>>,
): Promise<LabCluster> {
  // What the host has, and what the sandbox adds, at a place of its own.
  const root = "/run/host";
  await Deno.mkdir(root);
  await must("mount", ["--rbind", "/", root]);
  const service = parseService(await Deno.readTextFile(UNIT));
  deepStrictEqual(service.get("LoadCredential"), [
    "kubeconfig:/etc/foghorn/kubeconfig",
  ]);
  const spec = serviceSpec(service, {
    hostname: "n1",
    credentials: CREDENTIALS,
    environment,
    root,
    groups: await syscallGroups(),
  });
  await Deno.mkdir(CREDENTIALS);
  await Deno.writeTextFile(`${CREDENTIALS}/kubeconfig`, "");
  const kubeconfig = `${CREDENTIALS}/kubeconfig`;
  const mounts = [readOnlyBind("/run/foghorn/n1.kubeconfig", kubeconfig)];
  const agent = await containerCommand("/run/unit", { ...spec, mounts });
  return await LabCluster.build({
    program: { ...programOf(MAIN), agent },
    nodes: 1,
    vips: [VIP],
  });
}

async function complaints(unit: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("systemd-analyze", {
    args: ["verify", "--man=no", unit],
    env: { LC_ALL: "C" },
  }).output();
  const decoder = new TextDecoder();
  return `${decoder.decode(stdout)}${decoder.decode(stderr)}`
    .split("\n").filter((line) => line.includes("foghorn")).join("\n");
}
