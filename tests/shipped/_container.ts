/**
 * Containers that crun runs on a host of the lab.
 *
 * @module
 */

import { deepStrictEqual, ok } from "node:assert/strict";
import { must, succeeds } from "@/lab/mod.ts";
import { command, type Need } from "../support/needs.ts";
import type { RuntimeSpec } from "./_oci_runtime.ts";

/** Runs containers. */
export const CRUN: Need = command("crun");

/**
 * Writes what a runtime is told.
 *
 * @param folder A folder for it.
 * @param spec What it is told.
 * @returns The command that runs the container; what is appended to it is ignored.
 */
export async function containerCommand(
  folder: string,
  spec: RuntimeSpec,
): Promise<readonly string[]> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(spec));
  // Control groups are the machine's, not the sandbox's; crun looks at this folder all the same.
  const run = `mount -t tmpfs tmpfs /sys/fs/cgroup && exec crun ${
    CRUN_FLAGS.join(" ")
  } run --bundle="$0" ${ID}`;
  return ["sh", "-c", run, folder];
}

/**
 * Ends the container, if there is one: it outlives a crun that is killed, so
 * this is disposed of before the lab is.
 */
export function containerEnd(): AsyncDisposable {
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      if (await succeeds("crun", [...CRUN_FLAGS, "state", ID])) {
        // crun looks for processes in a control group, which there is none of.
        const pid = await firstProcess();
        // Zero, which would mean us all, for one that has ended.
        if (pid > 0) Deno.kill(pid, "SIGKILL");
      }
    },
  };
}

/** What the kernel allows the first process of the container. */
export interface Confinement {
  /** User and group. */
  readonly ids: readonly [number, number];
  /** Capabilities: those it may ever have, those it has, those that programs it starts get. */
  readonly bounding: readonly string[];
  /** Those it has. */
  readonly effective: readonly string[];
  /** Whether no program gives it more. */
  readonly noNewPrivileges: boolean;
  /** Whether its system calls are filtered. */
  readonly isFiltered: boolean;
  /** Whether its root file system can only be read. */
  readonly isRootReadOnly: boolean;
}

/** Reads what the kernel allows the container's first process. */
export async function confinement(): Promise<Confinement> {
  const pid = await firstProcess();
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
  const id = (name: string): number => {
    // Real, effective, saved, of the file system.
    const ids = [...new Set(field(name).split(/\s+/).map(Number))];
    deepStrictEqual(ids.length, 1);
    return ids[0] ?? -1;
  };
  const mounts = await Deno.readTextFile(`/proc/${pid}/mountinfo`);
  const root = mounts.split("\n").map((line) => line.split(" "))
    .findLast(([, , , , point]) => point === "/");
  ok(root !== undefined);
  return {
    ids: [id("Uid"), id("Gid")],
    bounding: capabilityNames(field("CapBnd")),
    effective: capabilityNames(field("CapEff")),
    noNewPrivileges: field("NoNewPrivs") === "1",
    isFiltered: field("Seccomp") === "2",
    isRootReadOnly: root[5]?.split(",").includes("ro") === true,
  };
}

async function firstProcess(): Promise<number> {
  const state = await must("crun", [...CRUN_FLAGS, "state", ID]);
  return JSON.parse(state).pid;
}

/** Names of capabilities; those that no container of ours has by their number. */
function capabilityNames(mask: string): readonly string[] {
  const bits = BigInt(`0x${mask}`);
  const found: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((bits >> BigInt(bit) & 1n) === 0n) continue;
    found.push(CAPABILITY_NAMES.get(bit) ?? `${bit}`);
  }
  return found;
}

// linux/capability.h
const CAPABILITY_NAMES: ReadonlyMap<number, string> = new Map([
  [10, "NET_BIND_SERVICE"],
  [13, "NET_RAW"],
]);

const CRUN_FLAGS = ["--root=/run/crun", "--cgroup-manager=disabled"] as const;
const ID = "agent";
