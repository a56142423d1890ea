import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { projectNamespace } from "@/api/mod.ts";
import type { WatchNews } from "./main_events.ts";
import { Unreadable, UNREADABLE_MAX } from "./unreadable.ts";

Deno.test("Unreadable keeps what cannot be read, until it can be, is gone, or is listed anew", () => {
  const unreadable = new Unreadable();
  for (const key of ["a", "b", "c"]) unreadable.take(broken("eip", key));
  unreadable.take(broken("namespace", "shop"));
  const keys = () => unreadable.objects.map(({ key }) => key);
  deepStrictEqual(keys(), ["a", "b", "c", "shop"]);
  unreadable.take({ watched: "eip", news: { kind: "deleted", key: "b" } });
  unreadable.take({ watched: "eip", news: { kind: "alive" } });
  deepStrictEqual(keys(), ["a", "c", "shop"]);
  const object = projectNamespace({ metadata: { name: "shop" } });
  if (!object.ok) throw new Error(object.error);
  unreadable.take({
    watched: "namespace",
    news: { kind: "changed", object: object.value },
  });
  deepStrictEqual(keys(), ["a", "c"]);
  const news = { kind: "listed", objects: [], resourceVersion: "1" } as const;
  unreadable.take({ watched: "service", news });
  deepStrictEqual(keys(), ["a", "c"]);
  unreadable.take({ watched: "eip", news });
  deepStrictEqual(keys(), []);
});

Deno.test("Unreadable keeps so many and no more", () => {
  const unreadable = new Unreadable();
  for (let i = 0; i < 2 * UNREADABLE_MAX; i++) {
    unreadable.take(broken("service", `d/s${i}`));
  }
  strictEqual(unreadable.objects.length, UNREADABLE_MAX);
});

function broken(
  watched: "eip" | "namespace" | "service",
  key: string,
): WatchNews {
  const news = { kind: "unprojectable", key, reason: "odd" } as const;
  return { watched, news };
}
