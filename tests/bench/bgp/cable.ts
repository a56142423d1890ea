/**
 * Two namespaces joined by one cable: the speaker that is measured at one end,
 * BIRD as the receiver at the other.
 *
 * @module
 */

/** Name and addresses of an end. */
export interface End {
  /** Its namespace. */
  readonly namespace: string;
  /** Its address. */
  readonly address: string;
  /** Its AS number. */
  readonly as: number;
}

/** The end that announces. */
export const ANNOUNCER: End = {
  namespace: "bench-a",
  address: "10.0.0.1",
  as: 65_001,
};

/** The end that receives. */
export const RECEIVER: End = {
  namespace: "bench-b",
  address: "10.0.0.2",
  as: 65_002,
};

/** Builds both; disposing it takes them away. */
export async function buildCable(): Promise<AsyncDisposable> {
  await ip(`netns add ${ANNOUNCER.namespace}`);
  await ip(`netns add ${RECEIVER.namespace}`);
  await ip(
    `link add e0 netns ${ANNOUNCER.namespace} type veth peer name e0 netns ${RECEIVER.namespace}`,
  );
  for (const { namespace, address } of [ANNOUNCER, RECEIVER]) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await ip(`-n ${namespace} addr add ${address}/16 dev e0`);
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await ip(`-n ${namespace} link set lo up`);
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await ip(`-n ${namespace} link set e0 up`);
  }
  return {
    async [Symbol.asyncDispose]() {
      await ip(`netns del ${ANNOUNCER.namespace}`);
      await ip(`netns del ${RECEIVER.namespace}`);
    },
  };
}

/** Adds an address to an end. */
export async function addAddress(end: End, address: string): Promise<void> {
  await ip(`-n ${end.namespace} addr add ${address}/16 dev e0`);
}

/** Starts a program at an end. */
export function spawnAt(
  end: End,
  command: readonly string[],
  options: {
    readonly stdin?: "piped" | "null";
    readonly stdout?: "piped" | "null";
    readonly env?: Record<string, string>;
  } = {},
): Deno.ChildProcess {
  return new Deno.Command("ip", {
    args: ["netns", "exec", end.namespace, ...command],
    stdin: options.stdin ?? "null",
    stdout: options.stdout ?? "null",
    stderr: "null",
    env: options.env ?? {},
  }).spawn();
}

/** The most memory a process ever held, in MB. */
export async function peakMemory(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1_024 / 1e6;
}

async function ip(args: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", {
    args: args.split(" "),
  }).output();
  if (!success) {
    throw new Error(
      `Cannot run ip ${args}: ${new TextDecoder().decode(stderr)}`,
    );
  }
}
