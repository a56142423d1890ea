/**
 * Time that a process and all its threads spend on a processor.
 *
 * @module
 */

/**
 * The share of one core that a process uses while something else goes on.
 *
 * @param pid The process.
 * @param during What goes on meanwhile.
 * @returns Percent of one core; threads that end meanwhile are not seen.
 */
export async function cpuPercent(
  pid: number,
  during: () => Promise<unknown>,
): Promise<number> {
  const startMs = performance.now();
  const before = await onCpuNs(pid);
  await during();
  const spentNs = await onCpuNs(pid) - before;
  return spentNs / 1e6 / (performance.now() - startMs) * 100;
}

/** Nanoseconds that the threads of a process spent on a processor (schedstat). */
async function onCpuNs(pid: number): Promise<number> {
  let totalNs = 0;
  for await (const thread of Deno.readDir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${thread.name}/schedstat`;
    // A thread may end between the two reads.
    const text = await Deno.readTextFile(path).catch(() => "0");
    totalNs += Number(text.split(" ")[0]);
  }
  return totalNs;
}

/**
 * Memory of a process that is in RAM (VmRSS).
 *
 * @param pid The process.
 * @returns MiB.
 */
export async function residentMib(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
