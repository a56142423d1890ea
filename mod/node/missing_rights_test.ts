import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  API_START_MS,
  MissingRights,
  missingRightSentence,
  parseMissingRight,
  REFUSAL_REMEMBERED_MS,
  REFUSAL_SETTLE_MS,
  SETTLE_MS,
} from "./missing_rights.ts";

const USER = "system:serviceaccount:openelb-system:foghorn";
// As kube-apiserver 1.37 words it.
const LIST =
  `Cannot GET /api/v1/services: 403 services is forbidden: User "${USER}" cannot list resource "services" in API group "" at the cluster scope`;
const PATCH =
  `Cannot PATCH /apis/coordination.k8s.io/v1/namespaces/openelb-system/leases/foghorn-node-n1: 403 leases.coordination.k8s.io "foghorn-node-n1" is forbidden: User "${USER}" cannot patch resource "leases" in API group "coordination.k8s.io" in the namespace "openelb-system"`;
const EVENT =
  `Cannot POST /api/v1/namespaces/default/events: 403 events is forbidden: User "${USER}" cannot create resource "events" in API group "" in the namespace "default"`;

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
  const rights = letIn();
  const at = (nowMs: number) =>
    rights.takeAnswer("lease", PATCH, instant(nowMs));
  rights.takeAnswer("lease", "the server is away", instant(60_000));
  deepStrictEqual(at(60_000 + SETTLE_MS - 1), { fresh: undefined });
  deepStrictEqual(verbs(rights, 60_000 + SETTLE_MS), []);
  // Later it is one.
  strictEqual(at(60_000 + SETTLE_MS)?.fresh?.verb, "patch");
  deepStrictEqual(verbs(rights, 60_000 + SETTLE_MS), ["patch leases"]);
});

Deno.test.each([
  { name: "has not let us in yet", watches: [] },
  { name: "has read the ClusterRoles alone", watches: ["service"] },
  { name: "has read the Roles alone", watches: ["lease"] },
])(
  "MissingRights believes one refusal of a server no more that $name",
  ({ watches }) => {
    const rights = new MissingRights();
    for (const watched of watches) {
      rights.takeNews(watched, { kind: "listed" }, instant(0));
    }
    deepStrictEqual(rights.takeAnswer("lease", PATCH, instant(0)), {
      fresh: undefined,
    });
    strictEqual(rights.takeNews("node", lost(LIST), instant(0)), undefined);
    deepStrictEqual(verbs(rights, 0), []);
    // But one that goes on refusing.
    const early = instant(REFUSAL_SETTLE_MS - 1);
    deepStrictEqual(rights.takeAnswer("lease", PATCH, early), {
      fresh: undefined,
    });
    strictEqual(rights.takeNews("node", again(LIST), early), undefined);
    const late = instant(REFUSAL_SETTLE_MS);
    strictEqual(rights.takeAnswer("lease", PATCH, late)?.fresh?.verb, "patch");
    strictEqual(rights.takeNews("node", again(LIST), late)?.verb, "list");
    strictEqual(rights.takeNews("node", again(LIST), late), undefined);
    deepStrictEqual(verbs(rights, late.nowMs), [
      "patch leases",
      "list services",
    ]);
  },
);

Deno.test("MissingRights believes no refusal of a server that took the place of one that let us in", () => {
  const rights = letIn();
  // It ends, and its watches with it; nothing else is tried for long.
  for (const watched of ["service", "lease", "node"]) {
    rights.takeNews(watched, lost("the watch broke off"), instant(0));
  }
  const at = instant(60_000);
  deepStrictEqual(rights.takeAnswer("lease", PATCH, at), { fresh: undefined });
  strictEqual(rights.takeNews("service", lost(LIST), at), undefined);
  deepStrictEqual(verbs(rights, at.nowMs), []);
  for (const watched of ["service", "lease"]) {
    rights.takeNews(watched, { kind: "alive" }, instant(61_000));
  }
  strictEqual(
    rights.takeAnswer("event", EVENT, instant(61_000))?.fresh?.verb,
    "create",
  );
  // What was asked before it let others in may be answered after that.
  strictEqual(rights.takeNews("node", lost(LIST), instant(61_000)), undefined);
});

Deno.test.each<{ readonly name: string; readonly trouble: Trouble }>([
  {
    name: "is away again",
    trouble: (rights, at) => rights.takeNews("service", lost("gone"), at),
  },
  {
    name: "does not answer a write",
    trouble: (rights, at) => rights.takeAnswer("lease", "timeout", at),
  },
  {
    name: "was out of sight, as the process stood still",
    trouble: (rights, at) => rights.notePause(API_START_MS, at),
  },
])(
  "MissingRights adds up no refusals between which the server $name",
  ({ trouble }) => {
    const rights = new MissingRights();
    const ask = (nowMs: number) => {
      const write = rights.takeAnswer("lease", PATCH, instant(nowMs));
      const watch = rights.takeNews("service", lost(LIST), instant(nowMs));
      return [write?.fresh?.verb, watch?.verb];
    };
    deepStrictEqual(ask(0), [undefined, undefined]);
    trouble(rights, instant(5_000));
    deepStrictEqual(ask(REFUSAL_SETTLE_MS), [undefined, undefined]);
    deepStrictEqual(ask(2 * REFUSAL_SETTLE_MS - 1), [undefined, undefined]);
    deepStrictEqual(verbs(rights, 2 * REFUSAL_SETTLE_MS - 1), []);
    deepStrictEqual(ask(2 * REFUSAL_SETTLE_MS), ["patch", "list"]);
  },
);

Deno.test("MissingRights adds up refusals between which the process stood still for less than a server takes to start", () => {
  const rights = new MissingRights();
  rights.takeAnswer("lease", PATCH, instant(0));
  rights.notePause(API_START_MS - 1, instant(5_000));
  const answer = rights.takeAnswer("lease", PATCH, instant(REFUSAL_SETTLE_MS));
  strictEqual(answer?.fresh?.verb, "patch");
});

Deno.test("MissingRights says nothing as long as nothing more is refused, however late it is asked", () => {
  const rights = new MissingRights();
  rights.takeNews("service", lost(LIST), instant(0));
  deepStrictEqual(verbs(rights, REFUSAL_SETTLE_MS), []);
  // Too long ago to belong together.
  const lateMs = REFUSAL_REMEMBERED_MS;
  strictEqual(
    rights.takeNews("service", again(LIST), instant(lateMs)),
    undefined,
  );
  strictEqual(
    rights.takeNews(
      "service",
      again(LIST),
      instant(lateMs + REFUSAL_SETTLE_MS),
    )?.verb,
    "list",
  );
});

Deno.test("MissingRights tells of a watch's right once, until it is granted", () => {
  const rights = letIn();
  strictEqual(rights.takeNews("node", lost(LIST), instant(0))?.verb, "list");
  strictEqual(rights.takeNews("node", again(LIST), instant(0)), undefined);
  // Another that wants the same.
  strictEqual(rights.takeNews("eip", lost(LIST), instant(0)), undefined);
  rights.takeNews("eip", { kind: "alive" }, instant(0));
  rights.takeNews("node", { kind: "unprojectable", reason: "bad" }, instant(0));
  rights.takeNews("node", lost("the server is away"), instant(0));
  deepStrictEqual(verbs(rights, 1e9), ["list services"]);
  rights.takeNews("node", { kind: "listed" }, instant(0));
  deepStrictEqual(verbs(rights, 0), []);
});

Deno.test("MissingRights forgets a refusal when the watch is let in", () => {
  const rights = new MissingRights();
  rights.takeNews("service", lost("the server is away"), instant(0));
  rights.takeNews("service", lost(LIST), instant(100));
  rights.takeNews("service", { kind: "listed" }, instant(200));
  strictEqual(
    rights.takeNews("service", lost(LIST), instant(100 + REFUSAL_SETTLE_MS)),
    undefined,
  );
});

Deno.test("MissingRights names a right once, whatever was refused for it", () => {
  const rights = letIn();
  rights.takeAnswer("PATCH lease", PATCH, instant(0));
  rights.takeAnswer("PATCH other lease", PATCH, instant(0));
  deepStrictEqual(verbs(rights, 0), ["patch leases"]);
});

Deno.test("MissingRights forgets a write's right when it is granted, or not asked for any more", () => {
  const rights = letIn();
  const first = rights.takeAnswer("PATCH lease", PATCH, instant(0));
  strictEqual(first?.fresh?.verb, "patch");
  const next = rights.takeAnswer("PATCH lease", PATCH, instant(1_000));
  deepStrictEqual(next, { fresh: undefined });
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

type Trouble = (
  rights: MissingRights,
  at: ReturnType<typeof instant>,
) => unknown;

Deno.test("MissingRights forgets a watch of a single object that has ended, and takes it for one of the Role", () => {
  const rights = new MissingRights();
  for (const watched of ["service", "password/a"]) {
    rights.takeNews(watched, { kind: "listed" }, instant(0));
  }
  const words =
    `secrets "b" is forbidden: User "${USER}" cannot list resource "secrets" in API group "" in the namespace "openelb-system"`;
  strictEqual(
    rights.takeNews("password/b", lost(words), instant(SETTLE_MS))?.verb,
    "list",
  );
  // Another one that is let in does not grant it.
  rights.takeNews("password/a", { kind: "alive" }, instant(SETTLE_MS));
  deepStrictEqual(verbs(rights, SETTLE_MS), ["list secrets"]);
  rights.forget("password/b");
  deepStrictEqual(verbs(rights, SETTLE_MS), []);
});

/** Of an agent that an API server lets in. */
function letIn(): MissingRights {
  const rights = new MissingRights();
  for (const watched of ["service", "lease"]) {
    rights.takeNews(watched, { kind: "listed" }, instant(0));
  }
  return rights;
}

function lost(reason: string): {
  readonly kind: string;
  readonly reason: string;
  readonly isAgain?: true;
} {
  return { kind: "lost", reason };
}

function again(reason: string): ReturnType<typeof lost> {
  return { ...lost(reason), isAgain: true };
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
