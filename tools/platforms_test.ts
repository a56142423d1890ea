import {
  deepStrictEqual,
  match,
  strictEqual,
  throws,
} from "node:assert/strict";
import {
  copyDeno,
  DENO_VERSION,
  elfMachineOf,
  integrityOf,
  ownPlatform,
  PLATFORMS,
  platformsOf,
} from "./platforms.ts";

Deno.test("platformsOf() reads names, and refuses others", () => {
  deepStrictEqual(platformsOf([]), PLATFORMS);
  deepStrictEqual(
    platformsOf(["--arch=arm64"]).map(({ machine }) => machine),
    ["aarch64"],
  );
  throws(() => platformsOf(["--arch=riscv64"]), /--arch=amd64 or --arch=arm64/);
});

Deno.test("elfMachineOf() knows files for this machine, and what is none", async () => {
  const own = await Deno.readFile("/proc/self/exe");
  strictEqual(elfMachineOf(own), ownPlatform().elfMachine);
  strictEqual(elfMachineOf(own.subarray(0, 19)), undefined);
  strictEqual(
    elfMachineOf(new TextEncoder().encode("#!/bin/sh\n# no program")),
    undefined,
  );
});

Deno.test("integrityOf() hashes as npm does", () => {
  // Nothing.
  strictEqual(
    integrityOf(new Uint8Array()),
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
  );
});

Deno.test("copyDeno() takes the Deno that runs, where it fits", async () => {
  const target = await Deno.makeTempFile();
  try {
    await copyDeno(ownPlatform(), target);
    const { stdout } = await new Deno.Command(target, { args: ["--version"] })
      .output();
    match(
      new TextDecoder().decode(stdout),
      new RegExp(`^deno ${DENO_VERSION} `),
    );
  } finally {
    await Deno.remove(target);
  }
});
