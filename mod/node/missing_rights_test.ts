import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  MissingRights,
  missingRightSentence,
  parseMissingRight,
  REFUSAL_REMEMBERED_MS,
  SETTLE_MS,
  WATCH_SETTLE_MS,
} from "./missing_rights.ts";

const USER = "system:serviceaccount:openelb-system:foghorn";
// As kube-apiserver 1.37 words it.
const LIST =
  `Cannot GET /api/v1/services: 403 services is forbidden: User "${USER}" cannot list resource "services" in API group "" at the cluster scope`;
const PATCH =
  `Cannot PATCH /apis/coordination.k8s.io/v1/namespaces/openelb-system/leases/foghorn-node-n1: 403 leases.coordination.k8s.io "foghorn-node-n1" is forbidden: User "${USER}" cannot patch resource "leases" in API group "coordination.k8s.io" in the namespace "openelb-system"`;

Deno.test("parseMissingRight() reads a refusal", () => {
  deepStrictEqual(parseMissingRight(LIST), {
    user: USER,
    verb: "list",
    resource: "services",
    group: "",
  });
  deepStrictEqual(parseMissingRight(PATCH), {
    user: USER,
    verb: "patch",
    resource: "leases",
    group: "coordination.k8s.io",
    namespace: "openelb-system",
  });
});

Deno.test.each([
  { message: "" },
  { message: "Cannot GET /x: 403 Forbidden" },
  {
    message:
      'Cannot POST /x: 403 events "a" is forbidden: unable to create new content in namespace x because it is being terminated',
  },
  { message: 'Cannot POST /x: 403 events "a" is forbidden: exceeded quota: q' },
])("parseMissingRight() takes '$message' for something else", ({ message }) => {
  strictEqual(parseMissingRight(message), undefined);
});

Deno.test("missingRightSentence() says who lacks what, and where it stands", () => {
  deepStrictEqual(sentences(LIST, PATCH), [
    `The API server does not let ${USER} list services: add the verb to the role bound to that user, docs/permissions.md has them all`,
    `The API server does not let ${USER} patch leases of coordination.k8s.io in namespace openelb-system: add the verb to the role bound to that user, docs/permissions.md has them all`,
  ]);
});

Deno.test("MissingRights takes no refusal of a write for a want just after other trouble", () => {
  const rights = new MissingRights();
  const at = (nowMs: number) =>
    rights.takeAnswer("lease", PATCH, instant(nowMs));
  // The server is away, starts again, and has not read the roles yet.
  rights.takeNews("service", lost("the watch broke off"), instant(0));
  rights.takeAnswer("lease", "the server is away", instant(60_000));
  deepStrictEqual(at(60_000 + SETTLE_MS - 1), { fresh: undefined });
  deepStrictEqual(rights.missing(instant(60_000 + SETTLE_MS)), []);
  // Later it is one.
  strictEqual(at(60_000 + SETTLE_MS)?.fresh?.verb, "patch");
  strictEqual(rights.missing(instant(60_000 + SETTLE_MS)).length, 1);
});

Deno.test("MissingRights tells of a watch's right once, until it is granted", () => {
  const rights = new MissingRights();
  strictEqual(
    rights.takeNews("service", lost("the server is away"), instant(0)),
    undefined,
  );
  // The server has just started, however long it was away, and may not have read the roles yet.
  const askedMs = 10 * SETTLE_MS;
  const dueMs = askedMs + WATCH_SETTLE_MS;
  const ask = () => rights.takeNews("service", lost(LIST), instant(askedMs));
  strictEqual(ask(), undefined);
  deepStrictEqual(verbs(rights, dueMs), []);
  strictEqual(rights.deadlineMs(), dueMs);
  deepStrictEqual(rights.takeDue(instant(dueMs - 1)), []);
  const due = rights.takeDue(instant(dueMs));
  deepStrictEqual(due.map(({ verb }) => verb), ["list"]);
  strictEqual(rights.deadlineMs(), undefined);
  // A watch that was not lost before is told at once, if it is news.
  strictEqual(
    rights.takeNews("node", lost(LIST), instant(dueMs)),
    undefined,
  );
  rights.takeNews("node", { kind: "alive" }, instant(0));
  rights.takeNews(
    "service",
    { kind: "unprojectable", reason: "bad" },
    instant(0),
  );
  rights.takeNews("service", lost("the server is away"), instant(0));
  deepStrictEqual(verbs(rights, 1e9), ["list services"]);
  rights.takeNews("service", { kind: "listed" }, instant(0));
  deepStrictEqual(verbs(rights, 0), []);
});

Deno.test("MissingRights forgets a refusal just after other trouble when the watch is let in", () => {
  const rights = new MissingRights();
  rights.takeNews("service", lost("the server is away"), instant(0));
  rights.takeNews("service", lost(LIST), instant(100));
  rights.takeNews("service", { kind: "listed" }, instant(200));
  strictEqual(rights.deadlineMs(), undefined);
  deepStrictEqual(rights.takeDue(instant(SETTLE_MS)), []);
});

Deno.test("MissingRights names a right once, whatever was refused for it", () => {
  const rights = new MissingRights();
  rights.takeAnswer("PATCH lease", PATCH, instant(0));
  rights.takeAnswer("PATCH other lease", PATCH, instant(0));
  deepStrictEqual(verbs(rights, 0), ["patch leases"]);
});

Deno.test("MissingRights forgets a write's right when it is granted, or not asked for any more", () => {
  const rights = new MissingRights();
  const first = rights.takeAnswer("PATCH lease", PATCH, instant(0));
  strictEqual(first?.fresh?.verb, "patch");
  const again = rights.takeAnswer("PATCH lease", PATCH, instant(1_000));
  deepStrictEqual(again, { fresh: undefined });
  strictEqual(
    rights.takeAnswer("PATCH lease", "timeout", instant(1_000)),
    undefined,
  );
  deepStrictEqual(verbs(rights, 1_000), ["patch leases"]);
  deepStrictEqual(verbs(rights, 1_000 + REFUSAL_REMEMBERED_MS), []);
  rights.takeAnswer("PATCH lease", undefined, instant(2_000));
  deepStrictEqual(verbs(rights, 2_000), []);
  const anew = rights.takeAnswer("PATCH lease", PATCH, instant(12_000));
  strictEqual(anew?.fresh?.verb, "patch");
});

function lost(reason: string): {
  readonly kind: string;
  readonly reason: string;
} {
  return { kind: "lost", reason };
}

function instant(nowMs: number): {
  readonly nowMs: number;
  readonly nowIso: string;
} {
  return { nowMs, nowIso: new Date(nowMs).toISOString() };
}

function verbs(rights: MissingRights, nowMs: number): readonly string[] {
  return rights.missing(instant(nowMs)).map(({ verb, resource }) =>
    `${verb} ${resource}`
  );
}

function sentences(...messages: readonly string[]): readonly string[] {
  return messages.flatMap((message) => {
    const right = parseMissingRight(message);
    return right === undefined ? [] : [missingRightSentence(right)];
  });
}
