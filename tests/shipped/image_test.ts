/**
 * The image that `deno task image` has made, as a node would run it: unpacked by
 * another program, with the DaemonSet's own security context, arguments and
 * environment, and nothing else.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import { VERSION } from "@/cli/version.ts";
import { LabCluster, must, programOf } from "@/lab/mod.ts";
import { type Container, daemonSet, imageOf } from "@/manifests/mod.ts";
import { allAnswered, ARPING } from "../support/link_tools.ts";
import {
  IMAGE_FOLDER,
  imageName,
  SECCOMP_PROFILE,
} from "../../tools/image/build.ts";
import {
  elfMachineOf,
  ownPlatform,
  PLATFORMS,
  readStart,
} from "../../tools/platforms.ts";
import { PROGRAM_FOLDER } from "../../tools/image/image_config.ts";
import { addressed } from "../support/lab_services.ts";
import { command, type Need } from "../support/needs.ts";
import { MAIN, testSandboxed } from "../support/sandboxed.ts";
import { until } from "../support/waiting.ts";
import {
  confinement,
  containerCommand,
  containerEnd,
  CRUN,
} from "./_container.ts";
import {
  containerSpec,
  readOnlyBind,
  type SeccompProfile,
} from "./_oci_runtime.ts";

const ARCHIVE_NAME = `${imageName(ownPlatform())}.oci.tar`;
const ARCHIVE = new URL(ARCHIVE_NAME, IMAGE_FOLDER);
const KUBECONFIG = "/etc/foghorn/kubeconfig";
const VIP = "192.168.0.91";

testSandboxed(
  "the image answers with the security context of the DaemonSet",
  async () => {
    await using image = await Image.unpack();
    await using lab = await image.lab(container());
    await using _end = containerEnd();
    await lab.nobodyAnswers(VIP);
    await lab.startAgents();
    const { securityContext: context } = container();
    deepStrictEqual(await confinement(), {
      ids: [context.runAsUser, context.runAsGroup],
      bounding: context.capabilities.add.toSorted(),
      effective: context.capabilities.add.toSorted(),
      noNewPrivileges: true,
      isFiltered: true,
      isRootReadOnly: true,
    });
    lab.api.createEip({ name: "pool", address: VIP });
    lab.createService({ name: "web", eip: "pool" });
    deepStrictEqual(await addressed(lab.api, "web"), [VIP]);
    await lab.answeredBy(VIP, "n1");
    await allAnswered(VIP, lab.node("n1").host.mac);
    for (const { httpGet } of probesOf(container())) {
      // deno-lint-ignore no-await-in-loop -- three of them
      const answer = await lab.node("n1").ask(httpGet.path);
      ok(answer.ok && answer.status === 200, httpGet.path);
    }
    strictEqual(await lab.node("n1").stopAgent(), 0);
    const complaints = (lab.node("n1").agent?.lines ?? []).filter((line) =>
      /"level":"ERROR"|read-only|denied|EPERM|ENOSYS/i.test(line)
    );
    deepStrictEqual(complaints, []);
  },
  needs(),
);

testSandboxed(
  "without NET_RAW the image says so and answers nobody",
  async () => {
    await using image = await Image.unpack();
    const { securityContext, ...rest } = container();
    const lacking: Container = {
      ...rest,
      securityContext: {
        ...securityContext,
        capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] },
      },
    };
    await using lab = await image.lab(lacking);
    await using _end = containerEnd();
    lab.api.createEip({ name: "pool", address: VIP });
    lab.createService({ name: "web", eip: "pool" });
    const node = lab.node("n1");
    node.startAgent();
    let said = "";
    await until(async () => {
      const answer = await node.ask("/readyz");
      if (answer.ok) said = answer.body;
      return said.includes("CAP_NET_RAW is missing");
    }, { timeoutMs: 30_000, what: () => `It does not say so: ${said}` });
    await lab.nobodyAnswers(VIP);
  },
  needs(),
);

for (const platform of PLATFORMS) {
  const folder = new URL(`${platform.arch}/`, IMAGE_FOLDER);
  if (!exists(folder) && platform !== ownPlatform()) continue;
  testSandboxed(
    `the image for ${platform.arch} holds programs for it`,
    async () => {
      const { pathname } = folder;
      const files = [
        `${pathname}deno${PROGRAM_FOLDER}/deno`,
        `${pathname}debian/usr/lib/${platform.libraries}/libc.so.6`,
      ];
      const machines = await Promise.all(
        files.map(async (file) => elfMachineOf(await readStart(file))),
      );
      deepStrictEqual(machines, files.map(() => platform.elfMachine));
      const bill = await Deno.readTextFile(
        new URL(`${imageName(platform)}.spdx.json`, IMAGE_FOLDER),
      );
      const { packages }: { packages: readonly { readonly name: string }[] } =
        JSON.parse(bill);
      const names = packages.map(({ name }) => name);
      for (const name of ["deno", "libc6", "zod", "tdigest"]) {
        ok(names.includes(name), `${name} is not on the bill`);
      }
      ok(!names.includes("fast-check"), "tests are no part of it");
    },
    needs(),
  );
}

/** The image, unpacked. */
class Image implements AsyncDisposable {
  readonly #folder: string;
  readonly #image: {
    readonly entrypoint: readonly string[];
    readonly env: readonly string[];
  };

  private constructor(
    folder: string,
    image: {
      readonly entrypoint: readonly string[];
      readonly env: readonly string[];
    },
  ) {
    this.#folder = folder;
    this.#image = image;
  }

  /** Unpacks it by umoci, which also says what it runs. */
  static async unpack(): Promise<Image> {
    const folder = await Deno.makeTempDir();
    const layout = `${folder}/layout`;
    await Deno.mkdir(layout);
    await must("tar", ["-xf", ARCHIVE.pathname, "-C", layout]);
    const image = `${layout}:v${VERSION}`;
    await must("umoci", ["unpack", `--image=${image}`, `${folder}/bundle`]);
    await Deno.remove(layout, { recursive: true });
    const { process }: {
      readonly process: {
        readonly args: readonly string[];
        readonly env: readonly string[];
      };
    } = JSON.parse(await Deno.readTextFile(`${folder}/bundle/config.json`));
    // umoci adds a terminal.
    const env = process.env.filter((variable) =>
      !/^(TERM|HOME)=/.test(variable)
    );
    return new Image(folder, { entrypoint: process.args, env });
  }

  /** A lab whose one node runs it. */
  async lab(container: Container): Promise<LabCluster> {
    const profile: SeccompProfile = JSON.parse(
      await Deno.readTextFile(SECCOMP_PROFILE),
    );
    const spec = containerSpec(container, {
      image: this.#image,
      root: `${this.#folder}/bundle/rootfs`,
      fields: {
        "spec.nodeName": "n1",
        "metadata.namespace": NAMESPACE_DEFAULT,
      },
      profile,
      // A Pod finds its token in a file; the lab's API server wants none.
      args: [`--kubeconfig=${KUBECONFIG}`],
      mounts: [readOnlyBind("/run/foghorn/n1.kubeconfig", KUBECONFIG)],
    });
    const agent = await containerCommand(`${this.#folder}/run`, spec);
    return await LabCluster.build({
      program: { ...programOf(MAIN), agent },
      nodes: 1,
      vips: [VIP],
    });
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function container(): Container {
  const options = {
    namespace: NAMESPACE_DEFAULT,
    image: imageOf(VERSION),
    sysNice: false,
  };
  return daemonSet(options).spec.template.spec.containers[0];
}

function probesOf(
  { startupProbe, livenessProbe, readinessProbe }: Container,
): readonly Container["readinessProbe"][] {
  return [startupProbe, livenessProbe, readinessProbe];
}

function needs(): readonly Need[] {
  const lack = exists(ARCHIVE)
    ? undefined
    : `there is no ${ARCHIVE_NAME}: run deno task image`;
  return [ARPING, CRUN, command("umoci"), { kind: "told", lack }];
}

function exists(path: URL): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
