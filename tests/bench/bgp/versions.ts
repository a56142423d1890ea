/**
 * Versions of the daemons that are measured.
 *
 * @module
 */

/**
 * What daemons say of themselves.
 *
 * @param names Their commands.
 * @returns One phrase, such as `bird 2.0.12, gobgpd 3.10.0`.
 */
export async function daemonVersions(
  names: readonly string[],
): Promise<readonly string[]> {
  const versions = await Promise.all(names.map(async (name) => {
    const { stdout, stderr } = await new Deno.Command(name, {
      args: ["--version"],
    }).output();
    const text = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    ).join("\n");
    return `${name} ${/\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? "?"}`;
  }));
  return [versions.join(", ")];
}
