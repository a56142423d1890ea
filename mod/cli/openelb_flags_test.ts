import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Command } from "commander";
import { addOpenelbFlags, givenOpenelbFlags } from "./openelb_flags.ts";

Deno.test("the arguments of OpenELB's manifests are accepted, and told of", () => {
  const given = parse([
    "--api-hosts=:50051",
    "--enable-keepalived-vip=false",
    "--enable-layer2=false",
    "--metrics-addr=:50052",
    "--leader-elect",
    "--v=5",
  ]);
  deepStrictEqual(given.map(({ flag }) => flag), [
    "--api-hosts",
    "--metrics-addr",
    "--enable-layer2",
    "--enable-keepalived-vip",
    "--leader-elect",
    "--v",
  ]);
  match(
    given.find(({ flag }) => flag === "--enable-layer2")?.instead ?? "",
    /^Layer 2 is always on/,
  );
});

Deno.test("without flags of OpenELB nothing is told, and help does not name them", () => {
  deepStrictEqual(parse([]), []);
  const command = new Command("agent");
  addOpenelbFlags(command);
  ok(!command.helpInformation().includes("--enable-layer2"));
  strictEqual(command.options.length, 19);
});

function parse(args: readonly string[]): ReturnType<typeof givenOpenelbFlags> {
  const command = new Command("agent").exitOverride();
  addOpenelbFlags(command);
  command.parse([...args], { from: "user" });
  return givenOpenelbFlags(command);
}
