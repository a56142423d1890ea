/**
 * The command line: commands, flags, exit codes.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage. Errors go to stderr as one
 * sentence that says what to do.
 *
 * @module
 */

import {
  Command,
  CommanderError,
  InvalidArgumentError,
  Option,
} from "commander";
import {
  FOGHORN_NAME,
  LOAD_BALANCER_CLASS_DEFAULT,
  METRICS_SECURE_PORT,
  NAMESPACE_DEFAULT,
  WEBHOOK_PORT_DEFAULT,
} from "@/api/names.ts";
import type { AgentOptions } from "./agent.ts";
import type { DemoOptions } from "./demo.ts";
import type { ReportOptions } from "./report.ts";
import type { ManifestOptions } from "./manifests.ts";
import { addOpenelbFlags, givenOpenelbFlags } from "./openelb_flags.ts";
import type { SpeakerOptions } from "./speaker.ts";
import type { UninstallOptions } from "./uninstall.ts";
import { UsageError } from "./usage_error.ts";
import { VERSION } from "./version.ts";

/**
 * Runs one command and ends the process with its exit code.
 *
 * @param args The arguments after the program's name.
 */
export async function run(args: readonly string[]): Promise<void> {
  const program = commands();
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    Deno.exit(exitCodeOf(error));
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) {
    // commander has printed its sentence; help and version are no mistake.
    return error.exitCode === 0 ? 0 : 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  write(Deno.stderr, `foghorn: ${message}\n`);
  return error instanceof UsageError ? 2 : 1;
}

function commands(): Command {
  const program = new Command("foghorn")
    .description("A load balancer for Kubernetes on bare metal")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => write(Deno.stdout, text),
      writeErr: (text) => write(Deno.stderr, text),
      outputError: (text) => write(Deno.stderr, usageText(text)),
    });
  addAgent(program);
  addAnnounce(program);
  addSpeaker(program);
  addReports(program);
  addDemo(program);
  addLabHelpers(program);
  program.command("crds")
    .description("print the CustomResourceDefinitions as YAML")
    .action(async () => {
      const { printCrds } = await import("./crds.ts");
      write(Deno.stdout, printCrds());
    });
  addManifests(program);
  addUninstall(program);
  program.command("version")
    .description("print the version")
    .action(() => {
      write(
        Deno.stdout,
        `foghorn ${VERSION} (deno ${Deno.version.deno}, ${Deno.build.target})\n`,
      );
    });
  return program;
}

function addAgent(program: Command): void {
  const agent = program.command("agent")
    .description("run the agent of one node")
    .option("--kubeconfig <file>", "configuration of the Kubernetes client")
    .option("--node-name <name>", "the Node this runs on (or NODE_NAME)")
    .option(
      "--namespace <name>",
      "namespace of our own objects (or OPENELB_NAMESPACE, POD_NAMESPACE)",
    )
    .addOption(
      new Option(
        "--role <role>",
        "answer on the link (node), give addresses out (controller), or both",
      ).choices(["node", "controller", "both"]).default("both"),
    )
    .option(
      "--installation <name>",
      "the ClusterRoleBinding this was installed with: when it is deleted, finalizers and labels of ours are taken off first",
    )
    .option(
      "--load-balancer-class <class>",
      "the spec.loadBalancerClass that is ours",
      LOAD_BALANCER_CLASS_DEFAULT,
    )
    .option(
      "--claim-unclassed",
      "also take Services with neither class nor annotation",
      false,
    )
    .option(
      "--http-address <address>",
      "where /healthz, /readyz and /metrics are served, on every address without one; /api/v1 is for this machine only",
      ":7473",
    )
    .option(
      "--webhook-port <port>",
      "where the admission webhook listens once there is a certificate; 0 for no webhook",
      String(WEBHOOK_PORT_DEFAULT),
    )
    .option(
      "--kube-proxy-health <address>",
      "where kube-proxy says whether it is healthy: a node where it is not hands its addresses over; off to ignore it",
      "127.0.0.1:10256",
    )
    .option(
      "--kube-proxy-metrics <address>",
      "where kube-proxy says how it forwards, asked while a Service wants NodeProxy: not possible with IPVS; off to go by interfaces alone",
      "127.0.0.1:10249",
    )
    .option(
      "--record <file>",
      "record every event and its effects to a file, one JSON a line",
    )
    .option(
      "--failover-patience <ms>",
      "how much longer than 300 ms an agent that is not heard is verified before its addresses are taken over",
      "0",
    )
    .option("--log-level <level>", "debug, info, warning or error", "info")
    .option("--log-format <format>", "json, text or auto", "auto");
  addMetricOptions(agent);
  addOpenelbFlags(agent);
  agent.action(async (options: AgentOptions) => {
    const { runAgent } = await import("./agent.ts");
    const ignored = givenOpenelbFlags(agent);
    Deno.exit(await runAgent({ ...options, ignored }));
  });
}

function addMetricOptions(agent: Command): void {
  agent
    .option(
      "--metrics-secure-port <port>",
      "where /metrics is served over TLS instead, to tokens that may GET it (TokenReview, SubjectAccessReview); 0 for plain metrics beside /healthz",
      "0",
    )
    .option(
      "--openelb-metrics",
      "show metrics under OpenELB's names, too",
      false,
    );
}

function addManifests(program: Command): void {
  program.command("manifests")
    .description("print everything an installation consists of as YAML")
    .option("--image <image>", "the image, with its tag or digest")
    .option("--namespace <name>", "namespace of our objects", NAMESPACE_DEFAULT)
    .option("--sys-nice", "let the thread that answers have a priority", false)
    .option("--pod-monitor", "with a PodMonitor of the Prometheus operator")
    .option("--network-policy", "with a NetworkPolicy")
    .option(
      "--secure-metrics",
      `metrics over TLS on port ${METRICS_SECURE_PORT}, for tokens that may read them`,
      false,
    )
    .action(async (options: ManifestOptions) => {
      const { printManifests } = await import("./manifests.ts");
      write(Deno.stdout, printManifests(options));
    });
}

function addUninstall(program: Command): void {
  program.command("uninstall")
    .description(
      "end the agents of a cluster and leave no finalizer, label, webhook or Lease behind",
    )
    .option("--kubeconfig <file>", "configuration of the Kubernetes client")
    .option(
      "--namespace <name>",
      `namespace of our own objects, ${NAMESPACE_DEFAULT} unless told otherwise`,
    )
    .option(
      "--installation <name>",
      "name of the DaemonSet, the ServiceAccount and the roles",
      FOGHORN_NAME,
    )
    .option("--with-crds", "delete the pools and their kinds too", false)
    .action(async (options: UninstallOptions) => {
      const { runUninstall } = await import("./uninstall.ts");
      await runUninstall(options, (line) => write(Deno.stdout, `${line}\n`));
    });
}

function addAnnounce(program: Command): void {
  program.command("announce")
    .description(
      "answer ARP and NDP for addresses on an interface, without Kubernetes, until Ctrl-C",
    )
    .requiredOption("--interface <name>", "the interface to answer on")
    .argument("<address...>", "IPv4 and IPv6 addresses")
    .action(async (addresses: string[], options: { interface: string }) => {
      const { runAnnounce } = await import("./announce.ts");
      Deno.exit(await runAnnounce(addresses, options.interface));
    });
}

function addSpeaker(program: Command): void {
  program.command("speaker")
    .description(
      "speak BGP without Kubernetes: obeys lines on stdin, tells in JSON lines",
    )
    .requiredOption(
      "--config <file>",
      "YAML with the BgpConf, the BgpPeers and the policy that a cluster would get",
    )
    .option("--check", "say whether the file is right, and end")
    .action(async (options: SpeakerOptions) => {
      const { runSpeaker } = await import("./speaker.ts");
      Deno.exit(await runSpeaker(options));
    });
}

function addReports(program: Command): void {
  const print = (text: string): void => write(Deno.stdout, text);
  const status = program.command("status")
    .description(
      "show what is wrong, then nodes, Eips and Services; from the API server, or on a node without a kubeconfig from its agent",
    );
  addReportOptions(status).action(async (options: ReportOptions) => {
    const { printStatus } = await import("./report.ts");
    await printStatus(options, print);
  });
  const why = program.command("why")
    .description(
      "show why something is as it is, from the request to the wire",
    );
  const service = why.command("service")
    .description(
      "show why a Service is answered for as it is, or why it is not",
    )
    .argument("<service>", "NAMESPACE/NAME");
  addReportOptions(service).action(
    async (name: string, options: ReportOptions) => {
      const { printWhy } = await import("./report.ts");
      await printWhy(name, options, print);
    },
  );
}

function addReportOptions(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "configuration of the Kubernetes client")
    .option(
      "--namespace <name>",
      "namespace of the agents' own objects (or OPENELB_NAMESPACE, POD_NAMESPACE)",
    )
    .option(
      "--load-balancer-class <class>",
      "the spec.loadBalancerClass that the agents serve",
      LOAD_BALANCER_CLASS_DEFAULT,
    )
    .option(
      "--claim-unclassed",
      "the agents also take Services with neither class nor annotation",
      false,
    )
    .option(
      "--agent <address>",
      "where the agent of this machine is asked",
      "127.0.0.1:7473",
    )
    .option("-o, --output <format>", "json for scripts");
}

function addDemo(program: Command): void {
  program.command("demo")
    .description(
      "show Services reached and failing over on a virtual network of this machine",
    )
    .option("--keep", "leave it running afterwards and say how to look around")
    .option("--json", "print one JSON object a line")
    .option("--nodes <number>", "nodes, 2 to 9", wholeNumber(2, 9), 3)
    .addOption(
      new Option(
        "--router <speaker>",
        "who speaks BGP on the router: bird where it is installed, unless told otherwise, else Foghorn's own receiver",
      ).choices(["bird", "own"]),
    )
    .action(async (options: DemoOptions) => {
      const { runDemo } = await import("./demo.ts");
      Deno.exit(await runDemo(options));
    });
}

/** Programs the demo starts on its hosts; not for people. */
function addLabHelpers(program: Command): void {
  program.command("lab-backend", { hidden: true })
    .requiredOption("--name <name>")
    .requiredOption("--port <number>", "", wholeNumber(1, 65_535))
    .action(async (options: { name: string; port: number }) => {
      const { runBackend } = await import("@/lab/backend.ts");
      await runBackend(options.name, options.port);
    });
  program.command("lab-receiver", { hidden: true })
    .requiredOption("--address <address>")
    .requiredOption("--as <number>", "", wholeNumber(1, 2 ** 32 - 1))
    .requiredOption("--peer-as <number>", "", wholeNumber(1, 2 ** 32 - 1))
    .requiredOption("--hold-time <seconds>", "", wholeNumber(3, 65_535))
    .action(
      async (
        { address, as, peerAs, holdTime }: {
          address: string;
          as: number;
          peerAs: number;
          holdTime: number;
        },
      ) => {
        const { runReceiver } = await import("@/lab/receiver.ts");
        const holdTimeSeconds = holdTime;
        await runReceiver({ address, as, peerAs, holdTimeSeconds });
      },
    );
  program.command("lab-probe", { hidden: true }).action(async () => {
    const { runProbe } = await import("@/lab/probe.ts");
    await runProbe();
  });
}

/** commander's complaint as one sentence of ours, that says where to read on. */
function usageText(text: string): string {
  const [what = "", ...hints] = text.trim().split("\n");
  const sentence = what.replace(
    /^error: (.)(.*?)\.?$/,
    (_, first: string, rest: string) => first.toUpperCase() + rest,
  );
  return `foghorn: ${[sentence, ...hints].join(" ")}, see --help\n`;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`Write a number from ${min} to ${max}.`);
    }
    return value;
  };
}

function write(
  to: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
