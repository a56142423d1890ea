import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import {
  billOf,
  type BillOptions,
  parseDebianPackage,
  scriptPackages,
} from "./sbom.ts";

const LIBC = `Package: libc6
Source: glibc
Version: 2.36-9+deb12u14
Architecture: amd64
Description: GNU C Library: Shared libraries
 Contains the standard libraries: used by
 nearly all programs.
Status: install ok installed
`;

// SHA-512 of nothing.
const EMPTY_HEX =
  "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
const EMPTY_BASE64 = Uint8Array.fromHex(EMPTY_HEX).toBase64();

const OPTIONS: BillOptions = {
  subject: "foghorn-1.2.3-amd64",
  version: "1.2.3",
  deno: { version: "2.9.6", npmPackage: "@deno/linux-x64-glibc", sha256: "00" },
  debian: [parseDebianPackage(LIBC)],
  debianVersion: "12",
  scripts: [{
    registry: "npm",
    name: "@scope/one",
    version: "1.0.0",
    integrity: `sha512-${EMPTY_BASE64}`,
  }],
  dateSeconds: 1_700_000_000,
};

Deno.test("parseDebianPackage() reads fields, and the source package", () => {
  deepStrictEqual(parseDebianPackage(LIBC), {
    name: "libc6",
    version: "2.36-9+deb12u14",
    arch: "amd64",
    source: "glibc",
  });
  const own = "Package: a\nVersion: 1\nArchitecture: all\n";
  strictEqual(parseDebianPackage(own).source, "a");
  // A version of its own in brackets.
  const other = `${own}Source: b (2)\n`;
  strictEqual(parseDebianPackage(other).source, "b");
  throws(() => parseDebianPackage("Package: a\n"), /no Version/);
});

Deno.test("scriptPackages() lists what modules reach, with the hashes of the lock", () => {
  const packageOf = (name: string, ...dependencies: readonly string[]) => ({
    name,
    version: "1.0.0",
    dependencies,
  });
  const graph = {
    modules: [{}, { npmPackage: "b@1.0.0" }],
    npmPackages: {
      "b@1.0.0": packageOf("b", "a@1.0.0_c@1.0.0"),
      "a@1.0.0_c@1.0.0": packageOf("a", "b@1.0.0"),
      "tests@1.0.0": packageOf("tests"),
    },
    packages: { "jsr:@scope/j@^1": "@scope/j@1.5.0" },
  };
  const lock = {
    npm: {
      "a@1.0.0_c@1.0.0": { integrity: "sha512-a" },
      "b@1.0.0": { integrity: "sha512-b" },
      "tests@1.0.0": { integrity: "sha512-t" },
    },
    jsr: { "@scope/j@1.5.0": { integrity: "abc" } },
  };
  deepStrictEqual(
    scriptPackages(graph, lock).map(({ registry, name, integrity }) =>
      `${registry} ${name} ${integrity}`
    ),
    ["jsr @scope/j abc", "npm a sha512-a", "npm b sha512-b"],
  );
  throws(() => scriptPackages(graph, { npm: lock.npm }), /@scope\/j@1\.5\.0/);
  const unknown = { modules: [{ npmPackage: "x@1.0.0" }] };
  throws(() => scriptPackages(unknown, lock), /x@1\.0\.0/);
});

Deno.test("billOf() names every package as the world does (purl)", () => {
  deepStrictEqual(
    billOf(OPTIONS).packages.map(({ externalRefs: [ref] }) =>
      ref?.referenceLocator
    ),
    [
      "pkg:github/foghorn-lb/foghorn@v1.2.3",
      "pkg:npm/%40deno/linux-x64-glibc@2.9.6",
      "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12&upstream=glibc",
      "pkg:npm/%40scope/one@1.0.0",
    ],
  );
});

Deno.test("billOf() writes what SPDX 2.3 asks for", () => {
  const bill = billOf(OPTIONS);
  // §6: document; §6.9: a time to the second.
  strictEqual(bill.creationInfo.created, "2023-11-14T22:13:20Z");
  const ids = bill.packages.map(({ SPDXID }) => SPDXID);
  strictEqual(new Set(ids).size, ids.length);
  for (const id of ids) strictEqual(/^SPDXRef-[A-Za-z0-9.-]+$/.test(id), true);
  // §11: one describes, the others are contained.
  const [root, ...parts] = ids;
  deepStrictEqual(bill.relationships, [
    {
      spdxElementId: "SPDXRef-DOCUMENT",
      relationshipType: "DESCRIBES",
      relatedSpdxElement: root,
    },
    ...parts.map((part) => ({
      spdxElementId: root,
      relationshipType: "CONTAINS",
      relatedSpdxElement: part,
    })),
  ]);
  // §7.10: hexadecimal, which npm's are not.
  deepStrictEqual(bill.packages.at(-1)?.checksums, [
    { algorithm: "SHA512", checksumValue: EMPTY_HEX },
  ]);
});

Deno.test("billOf() gives other contents another name, and the same the same", () => {
  const nameOf = (options: BillOptions) => billOf(options).documentNamespace;
  strictEqual(nameOf(OPTIONS), nameOf({ ...OPTIONS, dateSeconds: 1 }));
  strictEqual(
    nameOf(OPTIONS) === nameOf({ ...OPTIONS, scripts: [] }),
    false,
  );
});
