/**
 * The flags of OpenELB's binaries: all are accepted, so that the arguments of
 * its manifests start an agent; what was meant by them is told, not done.
 *
 * @module
 */

import type { Command } from "commander";

/** A flag of OpenELB that was given. */
export interface OpenelbFlag {
  /** As it was written, without its value: `--bind-port`. */
  readonly flag: string;
  /** What happens instead, one sentence. */
  readonly instead: string;
}

/**
 * Lets a command accept the flags.
 *
 * @param command The command; its help does not name them.
 */
export function addOpenelbFlags(command: Command): void {
  for (const [flag, argument] of FLAGS) {
    command.addOption(
      command.createOption(`--${flag} ${argument}`, "accepted for OpenELB")
        .hideHelp(),
    );
  }
}

/**
 * The flags that were given.
 *
 * @param command The command, after it was parsed.
 */
export function givenOpenelbFlags(command: Command): readonly OpenelbFlag[] {
  return FLAGS.filter(([flag]) =>
    command.getOptionValueSource(camelCase(flag)) === "cli"
  ).map(([flag, , instead]) => ({ flag: `--${flag}`, instead }));
}

/** The name under which an option's value is kept. */
function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const LOGS = "Logs go to stderr: --log-level and --log-format choose how";
const GOSSIP =
  "Agents do not gossip: they hear each other on the link, and by Leases";

const FLAGS: readonly (readonly [string, string, string])[] = [
  ["api-hosts", "<address>", "No control port is opened"],
  [
    "metrics-addr",
    "<address>",
    "Metrics are served where --http-address says",
  ],
  [
    "readiness-addr",
    "<address>",
    "Readiness is served where --http-address says",
  ],
  [
    "webhook-cert-dir",
    "<folder>",
    "The certificate is made by the agents themselves",
  ],
  [
    "enable-layer2",
    "[boolean]",
    "Layer 2 is always on: what an Eip of protocol layer2 gives is answered",
  ],
  [
    "enable-keepalived-vip",
    "[boolean]",
    "VRRP is not done by this version, and nothing else is switched by this",
  ],
  ["keepalived-args", "<args>", "No keepalived is run"],
  ["log-path", "<file>", LOGS],
  ["bind-addr", "<address>", GOSSIP],
  ["bind-port", "<port>", GOSSIP],
  [
    "secret",
    "<text>",
    "The key of the agents' frames is in the Secret foghorn-wire-key",
  ],
  [
    "leader-elect",
    "[boolean]",
    "The agent that gives addresses out is always elected",
  ],
  // Of klog, which both binaries of OpenELB have.
  ["v", "<level>", LOGS],
  ["vmodule", "<pattern>", LOGS],
  ["logtostderr", "[boolean]", LOGS],
  ["alsologtostderr", "[boolean]", LOGS],
  ["stderrthreshold", "<level>", LOGS],
  ["log-dir", "<folder>", LOGS],
  ["log-file", "<file>", LOGS],
];
