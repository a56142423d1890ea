/**
 * What the Open Container Initiative's runtimes are told (runtime-spec 1.0), as
 * far as a container of ours needs it: made from a Pod as a kubelet and its
 * container runtime make it, or from a systemd unit.
 *
 * @module
 */

import type { Container } from "@/manifests/mod.ts";

/** `config.json` of a runtime, as far as it is used. */
export interface RuntimeSpec {
  /** Version of the specification. */
  readonly ociVersion: "1.0.2";
  /** The first process. */
  readonly process: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
    readonly user: { readonly uid: number; readonly gid: number };
    readonly capabilities: Readonly<Record<CapabilitySet, readonly string[]>>;
    readonly noNewPrivileges: boolean;
  };
  /** Its file system. */
  readonly root: { readonly path: string; readonly readonly: boolean };
  /** What is mounted over it. */
  readonly mounts: readonly Mount[];
  /** What only Linux has. */
  readonly linux: {
    readonly namespaces: readonly { readonly type: string }[];
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
    readonly seccomp: Seccomp;
  };
}

/** A set of capabilities of a process. */
export type CapabilitySet =
  | "bounding"
  | "effective"
  | "permitted"
  | "inheritable"
  | "ambient";

/** A mount. */
export interface Mount {
  /** Where. */
  readonly destination: string;
  /** Kind of file system; `bind` for a file or folder that is there. */
  readonly type: string;
  /** What. */
  readonly source: string;
  /** How. */
  readonly options: readonly string[];
}

/** A filter of system calls. */
export interface Seccomp {
  /** What becomes of a call that no rule names. */
  readonly defaultAction: string;
  /** The error it gets. */
  readonly defaultErrnoRet: number;
  /** Which instruction sets. */
  readonly architectures: readonly string[];
  /** The rules. */
  readonly syscalls: readonly SyscallRule[];
}

/** A rule of a filter. */
export interface SyscallRule {
  /** The calls. */
  readonly names: readonly string[];
  /** What becomes of them. */
  readonly action: string;
  /** The error they get. */
  readonly errnoRet?: number;
  /** Which arguments it is about. */
  readonly args?: readonly {
    readonly index: number;
    readonly value: number;
    readonly valueTwo?: number;
    readonly op: string;
  }[];
}

/** A rule of a profile, which stands for containers of all kinds. */
interface ProfileRule extends Omit<SyscallRule, "args"> {
  readonly args?: SyscallRule["args"] | null;
  readonly includes?: ProfileCondition;
  readonly excludes?: ProfileCondition;
}

interface ProfileCondition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
}

/** A profile for `RuntimeDefault`, as container engines keep it. */
export interface SeccompProfile {
  /** What becomes of a call that no rule names. */
  readonly defaultAction: string;
  /** The error it gets. */
  readonly defaultErrnoRet: number;
  /** Its rules. */
  readonly syscalls: readonly ProfileRule[];
}

/** What a container is started with, besides its Pod. */
export interface ContainerOptions {
  /** The entrypoint and environment of its image. */
  readonly image: {
    readonly entrypoint: readonly string[];
    readonly env: readonly string[];
  };
  /** The root file system. */
  readonly root: string;
  /** Fields of the Pod that its environment refers to, by their path. */
  readonly fields: Readonly<Record<string, string>>;
  /** The profile of the runtime. */
  readonly profile: SeccompProfile;
  /** Further arguments. */
  readonly args: readonly string[];
  /** Further mounts. */
  readonly mounts: readonly Mount[];
}

/**
 * What a runtime is told to run a container of a Pod in the network of its host.
 *
 * @param container The container.
 * @param options What it is started with.
 */
export function containerSpec(
  container: Container,
  options: ContainerOptions,
): RuntimeSpec {
  const { securityContext: context } = container;
  // All are dropped, then some are added.
  const capabilities = context.capabilities.add.map((name) => `CAP_${name}`);
  const env = container.env.map((variable) => {
    if ("value" in variable) return `${variable.name}=${variable.value}`;
    const { fieldPath } = variable.valueFrom.fieldRef;
    const value = options.fields[fieldPath];
    if (value === undefined) throw new Error(`There is no ${fieldPath}`);
    return `${variable.name}=${value}`;
  });
  return {
    ociVersion: "1.0.2",
    process: {
      args: [...options.image.entrypoint, ...container.args, ...options.args],
      env: [...options.image.env, ...env],
      cwd: "/",
      user: { uid: context.runAsUser, gid: context.runAsGroup },
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: !context.allowPrivilegeEscalation,
    },
    root: { path: options.root, readonly: context.readOnlyRootFilesystem },
    mounts: [...DEFAULT_MOUNTS, ...options.mounts],
    linux: {
      // None of its own for the network: that of its host.
      namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: seccompOf(options.profile, capabilities),
    },
  };
}

/**
 * The filter a profile comes to for a container.
 *
 * @param profile The profile.
 * @param capabilities The container's.
 */
export function seccompOf(
  profile: SeccompProfile,
  capabilities: readonly string[],
): Seccomp {
  const arch = Deno.build.arch === "x86_64" ? "amd64" : "arm64";
  const includes = ({ caps, arches }: ProfileCondition): boolean =>
    (caps ?? []).every((cap) => capabilities.includes(cap)) &&
    (arches === undefined || arches.length === 0 || arches.includes(arch));
  const excludes = ({ caps, arches }: ProfileCondition): boolean =>
    (caps ?? []).some((cap) => capabilities.includes(cap)) ||
    (arches ?? []).includes(arch);
  return {
    defaultAction: profile.defaultAction,
    defaultErrnoRet: profile.defaultErrnoRet,
    architectures: ARCHITECTURES,
    syscalls: profile.syscalls.filter((rule) =>
      includes(rule.includes ?? {}) && !excludes(rule.excludes ?? {})
    ).map(({ names, action, errnoRet, args }) => ({
      names,
      action,
      ...(errnoRet === undefined ? {} : { errnoRet }),
      ...(args === undefined || args === null || args.length === 0
        ? {}
        : { args }),
    })),
  };
}

/** A file or folder that is there, to be read only. */
export function readOnlyBind(source: string, destination: string): Mount {
  const options = ["rbind", "ro", "nosuid", "nodev"];
  return { type: "bind", source, destination, options };
}

/** The instruction sets of this machine, for a filter. */
export const ARCHITECTURES: readonly string[] = [
  Deno.build.arch === "x86_64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64",
];

// What containerd and CRI-O mount, but for control groups.
const DEFAULT_MOUNTS: readonly Mount[] = [
  mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
  mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
  mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "mode=0620"]),
  mount("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "size=65536k"]),
  mount("/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
  mount("/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
];

function mount(
  destination: string,
  type: string,
  options: readonly string[],
): Mount {
  return { destination, type, source: type, options };
}

const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
];

const READONLY_PATHS = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];
