import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { command, testNeeding } from "../../tests/support/needs.ts";
import { output, ownPlatform } from "../platforms.ts";
import { hashOf, type ImageOptions, writeImage } from "./oci_image.ts";

testNeeding(
  [command("umoci")],
  "writeImage() writes what another program unpacks",
  async () => {
    await inFolder(async (folder) => {
      await writeImage(`${folder}/image`, await optionsIn(folder));
      const image = `--image=${folder}/image:v1.2.3`;
      await output("umoci", [
        ...["unpack", ...(Deno.uid() === 0 ? [] : ["--rootless"])],
        ...[image, `${folder}/bundle`],
      ]);
      const root = `${folder}/bundle/rootfs`;
      // The upper layer hides what the lower one has.
      strictEqual(await Deno.readTextFile(`${root}/etc/name`), "upper");
      strictEqual(await Deno.readTextFile(`${root}/usr/lib/only`), "lower");
      strictEqual(await Deno.readLink(`${root}/lib`), "usr/lib");
      strictEqual((await Deno.stat(`${root}/etc/name`)).mtime?.getTime(), 1000);
      const { process } = JSON.parse(
        await Deno.readTextFile(`${folder}/bundle/config.json`),
      );
      deepStrictEqual(process.args, ["/bin/program", "--flag"]);
      strictEqual(process.env.includes("NAME=a value"), true);
      strictEqual(process.user.uid, 0);
    });
  },
);

Deno.test("writeImage() names every blob by its hash, and makes the same of the same", async () => {
  await inFolder(async (folder) => {
    const options = await optionsIn(folder);
    const digest = await writeImage(`${folder}/one`, options);
    strictEqual(await writeImage(`${folder}/two`, options), digest);
    const blobs = `${folder}/one/blobs/sha256`;
    for await (const { name } of Deno.readDir(blobs)) {
      strictEqual(await hashOf(`${blobs}/${name}`), `sha256:${name}`);
    }
    // Another file, other bytes.
    await Deno.writeTextFile(`${folder}/upper/etc/name`, "other");
    strictEqual(await writeImage(`${folder}/three`, options) === digest, false);
  });
});

async function optionsIn(folder: string): Promise<ImageOptions> {
  await Deno.mkdir(`${folder}/lower/usr/lib`, { recursive: true });
  await Deno.mkdir(`${folder}/lower/etc`);
  await Deno.symlink("usr/lib", `${folder}/lower/lib`);
  await Deno.writeTextFile(`${folder}/lower/usr/lib/only`, "lower");
  await Deno.writeTextFile(`${folder}/lower/etc/name`, "lower");
  await Deno.mkdir(`${folder}/upper/etc`, { recursive: true });
  await Deno.writeTextFile(`${folder}/upper/etc/name`, "upper");
  return {
    platform: ownPlatform(),
    name: "registry.example/program:v1.2.3",
    layers: ["lower", "upper"].map((name) => ({
      name,
      folder: `${folder}/${name}`,
    })),
    entrypoint: ["/bin/program", "--flag"],
    environment: [["NAME", "a value"]],
    labels: [["title", "Program"]],
    dateSeconds: 1,
  };
}

async function inFolder(
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
