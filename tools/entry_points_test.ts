import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { bundleName, entryPoints, pointAtBundles } from "./entry_points.ts";

const SOURCES: Readonly<Record<string, string>> = {
  "main.ts": "",
  "mod/cli/agent.ts":
    'new Worker(\n  new URL("./wire_worker.ts", import.meta.url),\n);',
  "mod/cli/wire_worker.ts": 'new URL("./probe_worker.ts", import.meta.url)',
  "mod/cli/probe_worker.ts": 'new URL("../../main.ts", import.meta.url)',
};

const MODULES: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["main.ts", "mod/cli/agent.ts"],
};

const ENTRIES = [
  "main.ts",
  "mod/cli/wire_worker.ts",
  "mod/cli/probe_worker.ts",
];

Deno.test("entryPoints() follows a Worker of a Worker, and main once", async () => {
  const found = await entryPoints(
    (path) => Promise.resolve(MODULES[path] ?? [path]),
    (path) => Promise.resolve(SOURCES[path] ?? ""),
  );
  deepStrictEqual(found, ENTRIES);
});

Deno.test("pointAtBundles() points main and Workers at their bundles", () => {
  strictEqual(bundleName("main.ts"), "foghorn.js");
  strictEqual(
    pointAtBundles(
      'x(new URL("./wire_worker.ts",import.meta.url));y(new URL("../../main.ts", import.meta.url))',
      ENTRIES,
    ),
    'x(new URL("./wire_worker.js",import.meta.url));y(new URL("./foghorn.js",import.meta.url))',
  );
});

Deno.test("pointAtBundles() refuses a module that would be missing", () => {
  throws(
    () => pointAtBundles('new URL("./lost.ts",import.meta.url)', ENTRIES),
    /lost\.ts/,
  );
});
