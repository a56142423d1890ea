import { match, strictEqual, throws } from "node:assert/strict";
import {
  command,
  hasUsers,
  lackOf,
  linkType,
  NAMESPACES,
  parsePackages,
  testNeeding,
} from "./needs.ts";

Deno.test("parsePackages() reads commands and packages, not comments", () => {
  const rows = parsePackages("# a comment\nip   iproute2  makes links\n\n");
  strictEqual(
    JSON.stringify(rows),
    '[{"command":"ip","debianPackage":"iproute2"}]',
  );
});

Deno.test("lackOf() finds a command that is there", () => {
  strictEqual(lackOf(command("unshare")), undefined);
});

Deno.test("lackOf() refuses a command that no list tells how to get", () => {
  throws(() => lackOf(command("foghorn-no-such-command")), /packages\.txt/);
});

Deno.test("hasUsers() tells root's sandbox from that of an ordinary user", () => {
  strictEqual(hasUsers("         0          0 4294967295\n"), true);
  strictEqual(hasUsers("         0       1000          1\n"), false);
  strictEqual(hasUsers("  0  1000  1\n  1  100000  65536\n"), true);
});

testNeeding(
  [NAMESPACES],
  "lackOf() names the link type the kernel has not",
  () => {
    strictEqual(lackOf(linkType("bridge")), undefined);
    match(
      lackOf(linkType("foghorn-no-such-type")) ?? "",
      /foghorn-no-such-type/,
    );
  },
);
