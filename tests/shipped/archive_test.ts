/**
 * The archive, as a host without a way to a registry runs it: Deno and bundles
 * out of one folder, no sources, no cache, no home.
 *
 * The whole end-to-end suites run against it by `FOGHORN_PROGRAM`, see
 * `tests/support/sandboxed.ts`; this is what of them tells most in least time.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { VERSION } from "@/cli/version.ts";
import { AGENT_PERMISSIONS, LabCluster, must } from "@/lab/mod.ts";
import { allAnswered, ARPING, NDISC6, ndisc6 } from "../support/link_tools.ts";
import { addressed } from "../support/lab_services.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { until } from "../support/waiting.ts";
import { archiveNeed, FOLDER, unpackArchive } from "./_archive.ts";

const VIPS = ["192.168.0.91", "2001:db8::91"];

testSandboxed(
  "agents out of the archive answer, hand over, and need nothing else",
  async () => {
    await unpackArchive();
    const program = [...BARE, `${FOLDER}/foghorn`];
    const [tool = "", ...args] = program;
    const version = await must(tool, [...args, "version"]);
    ok(version.startsWith(`foghorn ${VERSION} `), version);
    await using lab = await LabCluster.build({
      program: { agent: program, helper: program, builder: program },
      nodes: 2,
      vips: VIPS,
    });
    await Promise.all(VIPS.map((vip) => lab.nobodyAnswers(vip)));
    await lab.startAgents();
    VIPS.forEach((address, i) =>
      lab.api.createEip({ name: `pool${i}`, address })
    );
    lab.createService({
      name: "web",
      eip: "pool0,pool1",
      families: ["IPv4", "IPv6"],
    });
    const got = await addressed(lab.api, "web", 2);
    deepStrictEqual(got.toSorted(), VIPS);
    const [four = "", six = ""] = VIPS;
    const owner = await ownerOf(lab, four);
    const { agent, host } = lab.node(owner);
    await lab.answeredBy(four, owner);
    await allAnswered(four, host.mac);
    const owner6 = await ownerOf(lab, six);
    deepStrictEqual(await ndisc6(six), [lab.node(owner6).host.mac]);
    const words = (await Deno.readTextFile(`/proc/${agent?.pid}/cmdline`))
      .split("\0");
    strictEqual(words[0], `${await Deno.realPath(FOLDER)}/deno`);
    deepStrictEqual(
      words.filter((word) => word.startsWith("--allow")),
      [...AGENT_PERMISSIONS],
    );
    // It is asked to end, and leaves when the other one answers.
    strictEqual(await lab.node(owner).stopAgent(), 0);
    const other = owner === "n1" ? "n2" : "n1";
    await Promise.all(VIPS.map((vip) =>
      until(
        async () => await lab.ownerOf(vip) === other,
        {
          timeoutMs: 15_000,
          what: () => `${other} does not answer for ${vip}`,
        },
      )
    ));
    const lines = lab.nodes.flatMap((node) => node.agent?.lines ?? []);
    deepStrictEqual(
      lines.filter((line) => /"level":"ERROR"|PermissionDenied/.test(line)),
      [],
    );
  },
  [ARPING, NDISC6, archiveNeed()],
);

async function ownerOf(lab: LabCluster, vip: string): Promise<string> {
  let owner: string | undefined;
  await until(async () => (owner = await lab.ownerOf(vip)) !== undefined, {
    timeoutMs: 15_000,
    what: () => `Nobody answers for ${vip}`,
  });
  return owner ?? "";
}

/** Without a home, a cache, and a Deno of the machine's. */
const BARE = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR=1"];
