import { strictEqual as equal, throws } from "node:assert/strict";
import { arpIgnore, readSysctl } from "./sysctl.ts";

Deno.test("readSysctl() reads what Deno reads where everything is allowed", () => {
  for (
    const path of ["kernel/ostype", "net/ipv4/ip_forward", "kernel/random/uuid"]
  ) {
    const value = readSysctl(path);
    equal(typeof value, "string");
    if (path === "kernel/random/uuid") equal(value?.length, 36);
    else equal(`${value}\n`, Deno.readTextFileSync(`/proc/sys/${path}`));
  }
});

Deno.test("readSysctl() knows what is not there from what cannot be read", () => {
  equal(readSysctl("net/ipv4/conf/no-such-link/arp_ignore"), undefined);
  equal(readSysctl("kernel/ostype/deeper"), undefined);
  throws(
    () => readSysctl("net"),
    /^OsError: Cannot read \/proc\/sys\/net: EISDIR$/,
  );
});

Deno.test("arpIgnore() of an interface that is not there is that of all", () => {
  equal(
    String(arpIgnore("no-such-link")),
    readSysctl("net/ipv4/conf/all/arp_ignore"),
  );
});
