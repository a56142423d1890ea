import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { EventLog, REPEAT_MS } from "./event_log.ts";

const SOURCE = { component: "OpenELBController", node: "n1" };
const WEB = {
  apiVersion: "v1",
  kind: "Service",
  name: "web",
  namespace: "shop",
  uid: "u1",
};
const TEXT = {
  type: "Normal",
  reason: "AssignIP",
  message: "success to assign ip: 192.0.2.91",
} as const;

type Body = Readonly<Record<string, unknown>>;

Deno.test("EventLog writes an Event as the API server takes it", () => {
  const write = new EventLog(SOURCE).say(WEB, TEXT, at(0));
  strictEqual(write?.method, "POST");
  strictEqual(write?.path, "/api/v1/namespaces/shop/events");
  const { metadata, ...event } = write?.body as Body;
  deepStrictEqual(event, {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: WEB,
    ...TEXT,
    source: { component: "OpenELBController", host: "n1" },
    reportingComponent: "OpenELBController",
    reportingInstance: "n1",
    firstTimestamp: "2026-01-01T00:00:00Z",
    lastTimestamp: "2026-01-01T00:00:00Z",
    count: 1,
  });
  strictEqual((metadata as Body)["namespace"], "shop");
});

Deno.test("EventLog says the same of the same object once in a while", () => {
  const log = new EventLog(SOURCE);
  ok(log.say(WEB, TEXT, at(0)) !== undefined);
  strictEqual(log.say(WEB, TEXT, at(REPEAT_MS - 1)), undefined);
  ok(log.say(WEB, TEXT, at(REPEAT_MS)) !== undefined);
  ok(log.say({ ...WEB, uid: "u2" }, TEXT, at(REPEAT_MS)) !== undefined);
  ok(
    log.say(WEB, { ...TEXT, message: "another" }, at(REPEAT_MS)) !== undefined,
  );
  ok(log.say(WEB, { ...TEXT, reason: "Other" }, at(REPEAT_MS)) !== undefined);
});

Deno.test("EventLog repeats sooner what is to be repeated sooner", () => {
  const log = new EventLog(SOURCE);
  const text = { ...TEXT, repeatMs: 1_000 };
  ok(log.say(WEB, text, at(0)) !== undefined);
  strictEqual(log.say(WEB, text, at(999)), undefined);
  ok(log.say(WEB, text, at(1_000)) !== undefined);
});

Deno.test("EventLog keeps Events about Eips in the namespace default", () => {
  const eip = { ...WEB, kind: "Eip", name: "pool", namespace: "" };
  const write = new EventLog(SOURCE).say(eip, TEXT, at(0));
  strictEqual(write?.path, "/api/v1/namespaces/default/events");
  const { involvedObject } = write?.body as Body;
  strictEqual(Object.hasOwn(involvedObject as Body, "namespace"), false);
});

Deno.test("EventLog gives no two Events of one moment the same name, and every name is one", () => {
  const log = new EventLog({ ...SOURCE, node: "n".repeat(80) });
  const long = { ...WEB, name: "a".repeat(240) };
  const names = ["one", "two", "three"].map((message) => {
    const write = log.say(long, { ...TEXT, message }, at(0));
    const { metadata } = write?.body as Body;
    return `${(metadata as Body)["name"]}`;
  });
  strictEqual(new Set(names).size, 3);
  for (const name of names) {
    ok(name.length <= 253, `${name.length}`);
    match(name, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
  }
});

Deno.test("EventLog cuts a message the API server would refuse", () => {
  const message = "x".repeat(3_000);
  const write = new EventLog(SOURCE).say(WEB, { ...TEXT, message }, at(0));
  strictEqual(`${(write?.body as Body)["message"]}`.length, 1024);
});

Deno.test("EventLog does not remember for ever", () => {
  const log = new EventLog(SOURCE);
  for (let i = 0; i <= 20_000; i++) {
    log.say({ ...WEB, uid: `u${i}` }, TEXT, at(0));
  }
  // The first was forgotten, the last was not.
  ok(log.say({ ...WEB, uid: "u0" }, TEXT, at(1)) !== undefined);
  strictEqual(log.say({ ...WEB, uid: "u20000" }, TEXT, at(1)), undefined);
});

function at(nowMs: number) {
  return { nowMs, nowIso: "2026-01-01T00:00:00.000Z" };
}

Deno.test("EventLog shares no name with the log of another component of its node", () => {
  const names = ["OpenELBController", "speakerManager", "EIPController"].map(
    (component) => {
      const write = new EventLog({ component, node: "n1" }).say(
        WEB,
        TEXT,
        at(0),
      );
      const { metadata } = write?.body as Body;
      return (metadata as Body)["name"];
    },
  );
  strictEqual(new Set(names).size, 3);
});
