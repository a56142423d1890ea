import { strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { projectService, type Service } from "@/api/mod.ts";
import { REWRITES_MAX, RewriteWatch } from "./rewrite_watch.ts";

const OURS = ["192.0.2.91"].flatMap((text) => parseIpAddr(text) ?? []);
const OTHERS = ["192.0.2.92"].flatMap((text) => parseIpAddr(text) ?? []);

Deno.test("RewriteWatch names who rewrites, once that was too often", () => {
  const watch = new RewriteWatch();
  watch.wrote("d/web", OURS);
  for (let i = 1; i <= REWRITES_MAX; i++) {
    strictEqual(
      watch.see("d/web", service(i, "198.51.100.1", "cilium"), OURS),
      undefined,
    );
    watch.wrote("d/web", OURS);
  }
  const last = service(9, "198.51.100.1", "cilium");
  strictEqual(watch.see("d/web", last, OURS), "cilium");
  strictEqual(watch.see("d/web", last, OURS), "cilium");
});

Deno.test("RewriteWatch has a name for who leaves none", () => {
  const watch = new RewriteWatch();
  watch.wrote("d/web", OURS);
  let named: string | undefined;
  for (let i = 1; i <= REWRITES_MAX + 1; i++) {
    named = watch.see("d/web", service(i, ""), OURS);
  }
  strictEqual(named, "Another controller");
});

Deno.test("RewriteWatch counts a rewrite once, however often it is looked at", () => {
  const watch = new RewriteWatch();
  watch.wrote("d/web", OURS);
  for (let i = 0; i < 20; i++) {
    strictEqual(
      watch.see("d/web", service(5, "198.51.100.1"), OURS),
      undefined,
    );
    // An older version that comes late is no other rewrite.
    strictEqual(
      watch.see("d/web", service(4, "198.51.100.1"), OURS),
      undefined,
    );
  }
});

Deno.test("RewriteWatch does not take for a rewrite what we never wrote, or write anew", () => {
  const watch = new RewriteWatch();
  for (let i = 1; i <= 9; i++) {
    strictEqual(
      watch.see("d/web", service(i, "198.51.100.1"), OURS),
      undefined,
    );
  }
  watch.wrote("d/web", OURS);
  for (let i = 10; i <= 19; i++) {
    strictEqual(watch.see("d/web", service(i, "192.0.2.91"), OURS), undefined);
    strictEqual(
      watch.see("d/web", service(i, "192.0.2.91"), OTHERS),
      undefined,
    );
    strictEqual(watch.see("d/web", service(i, ""), []), undefined);
  }
});

Deno.test("RewriteWatch begins anew with another address, and when the Service is forgotten", () => {
  const watch = new RewriteWatch();
  watch.wrote("d/web", OURS);
  for (let i = 1; i <= REWRITES_MAX; i++) {
    watch.see("d/web", service(i, "198.51.100.1"), OURS);
  }
  watch.wrote("d/web", OTHERS);
  strictEqual(
    watch.see("d/web", service(20, "198.51.100.1"), OTHERS),
    undefined,
  );
  for (let i = 21; i < 21 + REWRITES_MAX; i++) {
    watch.see("d/web", service(i, "198.51.100.1"), OTHERS);
  }
  watch.forget("d/web");
  strictEqual(
    watch.see("d/web", service(40, "198.51.100.1"), OTHERS),
    undefined,
  );
});

function service(version: number, ip: string, manager?: string): Service {
  const projected = projectService({
    metadata: {
      name: "web",
      namespace: "d",
      resourceVersion: `${version}`,
      ...(manager === undefined ? {} : {
        managedFields: [{
          manager,
          fieldsV1: { "f:status": { "f:loadBalancer": {} } },
        }],
      }),
    },
    spec: { type: "LoadBalancer" },
    status: { loadBalancer: { ingress: ip === "" ? [] : [{ ip }] } },
  });
  if (!projected.ok) throw new Error(projected.error);
  return projected.value;
}
