import { deepStrictEqual, ok } from "node:assert/strict";
import { parseSpeakerFile } from "@/cli/speaker_file.ts";
import { parsePolicy } from "@/bgp/mod.ts";

/** The YAML of the page that is a file for `foghorn speaker`. */
async function speakerFiles(): Promise<readonly string[]> {
  const page = new URL("../../docs/bgp.md", import.meta.url);
  const text = await Deno.readTextFile(page);
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)]
    .map(([, yaml = ""]) => yaml)
    .filter((yaml) => yaml.includes("kind: BgpConf"));
}

Deno.test("docs/bgp.md shows a file with a policy that works", async () => {
  const files = (await speakerFiles())
    .filter((yaml) => yaml.includes("kind: ConfigMap"));
  ok(files.length > 0, "there is an example");
  for (const yaml of files) {
    const file = parseSpeakerFile(yaml);
    ok(file.ok, file.ok ? "" : file.error.join("\n"));
    const policy = parsePolicy(file.value.policy ?? "");
    ok(policy.ok && policy.value.exporting.statements.length > 0);
    deepStrictEqual(policy.ok && policy.value.remarks, []);
  }
});
