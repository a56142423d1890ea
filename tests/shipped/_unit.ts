/**
 * A systemd unit, and what it comes to for a process: systemd itself does not
 * run in a sandbox, so crun stands for it, with what the unit says.
 *
 * @module
 */

import { output } from "../../tools/platforms.ts";
import {
  ARCHITECTURES,
  type RuntimeSpec,
  type SyscallRule,
} from "./_oci_runtime.ts";

/** The settings of a section, each with all its values in order. */
export type Section = ReadonlyMap<string, readonly string[]>;

/** What a service is started with besides its unit. */
export interface ServiceOptions {
  /** The name of the host, `%H`. */
  readonly hostname: string;
  /** The folder of its credentials. */
  readonly credentials: string;
  /** Variables of its `EnvironmentFile`. */
  readonly environment: Readonly<Record<string, string>>;
  /** The root file system: all that the host has. */
  readonly root: string;
  /** Groups of system calls by their name. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads the section `[Service]` of a unit.
 *
 * @param text The unit.
 */
export function parseService(text: string): Section {
  const settings = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n")) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    section = name ?? section;
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (section !== "Service" || key === undefined) continue;
    settings.set(key, [...settings.get(key) ?? [], value ?? ""]);
  }
  return settings;
}

/**
 * The words of `ExecStart`, as systemd.service(5) has it: `${X}` stands for the
 * value of a variable, `$X` as a word of its own for all words of it.
 *
 * @param line The line.
 * @param environment The variables.
 */
export function commandWords(
  line: string,
  environment: Readonly<Record<string, string>>,
): readonly string[] {
  return line.split(" ").flatMap((word) => {
    const [, whole] = /^\$(\w+)$/.exec(word) ?? [];
    if (whole !== undefined) {
      return (environment[whole] ?? "").split(" ").filter((part) =>
        part !== ""
      );
    }
    return [
      word.replaceAll(/\$\{(\w+)\}/g, (_, name) => environment[name] ?? ""),
    ];
  });
}

/**
 * What a runtime is told so that a process may do what the unit allows, and no
 * more: user, capabilities, file system, system calls, families of sockets.
 *
 * @param service The section of the unit.
 * @param options What it is started with.
 */
export function serviceSpec(
  service: Section,
  options: ServiceOptions,
): RuntimeSpec {
  const one = (key: string): string => service.get(key)?.at(-1) ?? "";
  const variables = (service.get("Environment") ?? []).map((setting) => {
    const at = setting.indexOf("=");
    const value = setting.slice(at + 1).replaceAll("%H", options.hostname);
    return [setting.slice(0, at), value] as const;
  });
  const environment: Readonly<Record<string, string>> = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    ...Object.fromEntries(variables),
    ...options.environment,
    CREDENTIALS_DIRECTORY: options.credentials,
  };
  const bounding = one("CapabilityBoundingSet").split(" ");
  const ambient = one("AmbientCapabilities").split(" ");
  return {
    ociVersion: "1.0.2",
    process: {
      args: commandWords(one("ExecStart"), environment),
      env: Object.entries(environment).map(([name, value]) =>
        `${name}=${value}`
      ),
      cwd: "/",
      user: userOf(one("DynamicUser")),
      capabilities: {
        bounding,
        ambient,
        effective: ambient,
        permitted: ambient,
        inheritable: ambient,
      },
      noNewPrivileges: one("NoNewPrivileges") === "yes",
    },
    root: { path: options.root, readonly: one("ProtectSystem") === "strict" },
    mounts: [],
    linux: {
      namespaces: [{ type: "mount" }],
      maskedPaths: [],
      readonlyPaths: [],
      seccomp: {
        defaultAction: "SCMP_ACT_ERRNO",
        defaultErrnoRet: ERRNO[one("SystemCallErrorNumber")] ?? 0,
        architectures: ARCHITECTURES,
        syscalls: rulesOf(
          [one("SystemCallFilter"), "@default"],
          one("RestrictAddressFamilies").split(" "),
          options.groups,
        ),
      },
    },
  };
}

/**
 * Asks systemd which system calls its groups are.
 *
 * @returns Names of calls and of further groups, by the name of the group.
 */
export async function syscallGroups(): Promise<
  ReadonlyMap<string, readonly string[]>
> {
  const groups = new Map<string, string[]>();
  let calls: string[] = [];
  const text = await output("systemd-analyze", ["syscall-filter"]);
  for (const line of text.split("\n")) {
    if (line.startsWith("@")) groups.set(line.trim(), calls = []);
    const [, name] = /^ {4}(@?[\w-]+)$/.exec(line) ?? [];
    if (name !== undefined) calls.push(name);
  }
  return groups;
}

/** A user that the host does not have, as systemd makes one. */
function userOf(
  dynamic: string,
): { readonly uid: number; readonly gid: number } {
  return dynamic === "yes"
    ? { uid: DYNAMIC_ID, gid: DYNAMIC_ID }
    : { uid: 0, gid: 0 };
}

function rulesOf(
  names: readonly string[],
  families: readonly string[],
  groups: ReadonlyMap<string, readonly string[]>,
): readonly SyscallRule[] {
  const calls = new Set<string>();
  const add = (name: string): void => {
    if (!name.startsWith("@")) calls.add(name);
    else (groups.get(name) ?? missing(name)).forEach(add);
  };
  names.forEach(add);
  calls.delete("socket");
  const allow = "SCMP_ACT_ALLOW" as const;
  return [
    { names: [...calls], action: allow },
    ...families.map((family) => ({
      names: ["socket"],
      action: allow,
      args: [{
        index: 0,
        value: FAMILIES[family] ?? missing(family),
        op: "SCMP_CMP_EQ",
      }],
    })),
  ];
}

function missing(name: string): never {
  throw new Error(`There is no ${name}`);
}

/** Of those that systemd gives out for the time a service runs. */
export const DYNAMIC_ID = 61_234;

// linux/socket.h
const FAMILIES: Readonly<Record<string, number>> = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  AF_PACKET: 17,
};

const ERRNO: Readonly<Record<string, number>> = { EPERM: 1 };
