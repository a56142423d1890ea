/**
 * Commands of the machine that are run to their end.
 *
 * @module
 */

/**
 * Runs a command to its end.
 *
 * @param tool The program.
 * @param args Its arguments.
 * @param input What it reads on stdin; nothing when absent.
 * @returns What it printed on stdout.
 * @throws {Error} With what it printed on stderr, when it fails.
 */
export async function must(
  tool: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const child = new Deno.Command(tool, {
    args: [...args],
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ success, stdout, stderr }] = await Promise.all([
    child.output(),
    input === undefined ? undefined : feed(child.stdin, input),
  ]);
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(
      `Cannot run "${tool} ${args.join(" ")}": ${
        decoder.decode(stderr).trim()
      }`,
    );
  }
  return decoder.decode(stdout);
}

/**
 * Whether a command can be run and succeeds.
 *
 * @param tool The program.
 * @param args Its arguments.
 */
export async function succeeds(
  tool: string,
  args: readonly string[],
): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(tool, {
      args: [...args],
      stdout: "null",
      stderr: "null",
      stdin: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Runs many commands of `ip` in one process.
 *
 * @param host The host, or "" for the sandbox itself.
 * @param lines The commands, without the word `ip`.
 * @throws {Error} At the first that fails.
 */
export async function ipBatch(
  host: string,
  lines: readonly string[],
): Promise<void> {
  const args = host === "" ? ["-batch", "-"] : ["-n", host, "-batch", "-"];
  await must("ip", args, `${lines.join("\n")}\n`);
}

async function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  input: string,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  } catch (error) {
    // It has ended without reading all of it; its exit code tells the rest.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
