/**
 * The machine that figures were measured on, without its name.
 *
 * @module
 */

/**
 * Describes this machine.
 *
 * @returns Phrases: processor, memory, system, load, day.
 */
export async function describeMachine(): Promise<readonly string[]> {
  const cpus = await Deno.readTextFile("/proc/cpuinfo");
  const model = /^model name\s*:\s*(.+)$/m.exec(cpus)?.[1] ?? Deno.build.arch;
  const hypervisor = /^flags\s*:.*\bhypervisor\b/m.test(cpus);
  const memory = Deno.systemMemoryInfo().total / 2 ** 30;
  // What distributions append to a version names their build, not the kernel.
  const kernel = /^[\d.]+/.exec(Deno.osRelease())?.[0] ?? "";
  const [load = 0] = Deno.loadavg();
  return [
    `${model}, ${navigator.hardwareConcurrency} cores${
      hypervisor ? " of a virtual machine" : ""
    }, ${Math.round(memory)} GiB`,
    `Linux ${kernel}, Deno ${Deno.version.deno} (V8 ${Deno.version.v8}), ${Deno.build.arch}`,
    `load before the run ${
      load.toFixed(1)
    }: above 0.5 other work was disturbing it, and maxima are not to be trusted`,
    new Date().toISOString().slice(0, 10),
  ];
}
