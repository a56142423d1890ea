/**
 * What breaks under an address, and how it is mended.
 *
 * @module
 */

import { must } from "@/lab/command.ts";
import { portOf, setPortForwarding } from "@/lab/network.ts";
import { pass } from "../support/waiting.ts";
import type { Fault, Owners } from "./outage_stage.ts";
import type { KubeNode } from "./node.ts";

/**
 * Stops everything on a node in one moment: its processes, and its ports, which
 * keep their carrier. So a machine stands still whose processor does.
 */
export async function freeze(node: KubeNode): Promise<void> {
  const pids = await must("ip", ["netns", "pids", node.name]);
  await shell([
    ...LINKS.map((link) =>
      `bridge link set dev ${portOf(node.name, link)} state 0`
    ),
    `kill -STOP ${pids.split("\n").join(" ")}`,
  ]);
}

/** Lets it go on. */
export async function thaw(node: KubeNode): Promise<void> {
  const pids = await must("ip", ["netns", "pids", node.name]);
  await shell([
    `kill -CONT ${pids.split("\n").join(" ")}`,
    ...LINKS.map((link) =>
      `bridge link set dev ${portOf(node.name, link)} state 3`
    ),
  ]);
}

/** What breaks while the API server runs. */
export const FAULTS: readonly Fault[] = [
  {
    name: "node frozen",
    breaks: ({ owner }) => freeze(owner),
    mends: ({ owner }) => thaw(owner),
  },
  {
    name: "data link cut, carrier lost",
    breaks: ({ owner }) => owner.linkDown("eth0"),
    mends: ({ owner }) => owner.linkUp("eth0"),
  },
  {
    name: "data link dead, carrier kept",
    answersOn: true,
    breaks: ({ owner }) => setPortForwarding(owner.name, "eth0", false),
    mends: ({ owner }) => setPortForwarding(owner.name, "eth0", true),
  },
  {
    name: "agent killed",
    forwards: true,
    breaks: ({ owner }) => owner.killAgent(),
    mends: restartAgent,
  },
  {
    name: "agent stopped",
    forwards: true,
    breaks: ({ owner }) => Promise.resolve(owner.pauseAgent()),
    mends: ({ owner }) => Promise.resolve(owner.resumeAgent()),
  },
  {
    name: "owner and next in line frozen together",
    both: true,
    breaks: async ({ owner, next }) => {
      await Promise.all([freeze(owner), freeze(next)]);
    },
    mends: async ({ owner, next }) => {
      await Promise.all([thaw(owner), thaw(next)]);
    },
  },
];

/** The same while the API server is away. */
export const FAULTS_WITHOUT_API: readonly Fault[] = FAULTS
  .filter(({ both }) => both !== true)
  .map((fault) => ({
    ...fault,
    name: `${fault.name}, API server away`,
    // An agent that starts needs the API server: it is back for that.
    ...(fault.mends === restartAgent
      ? {
        prepares: ({ lab }: Owners) => lab.plane.killApiserver(),
        mends: async (owners: Owners) => {
          await owners.lab.plane.startApiserver();
          await restartAgent(owners);
        },
      }
      : {}),
  }));

/** What breaks while frames get lost. */
export const FAULTS_WITH_LOSS: readonly Fault[] = FAULTS.filter(
  ({ both, mends }) => both !== true && mends !== restartAgent,
);

async function restartAgent({ owner }: Owners): Promise<void> {
  owner.startAgent();
  await owner.waitReady();
  // It listens for a second before it may claim anything.
  await pass(1_000);
}

async function shell(commands: readonly string[]): Promise<void> {
  await must("sh", ["-c", commands.join(" && ")]);
}

const LINKS = ["eth0", "eth1"] as const;
