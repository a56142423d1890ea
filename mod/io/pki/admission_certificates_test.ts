import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { AdmissionSecret } from "@/api/mod.ts";
import type { ApiRequest, ApiResponse } from "@/port/cluster_api.ts";
import { AdmissionCertificates } from "./admission_certificates.ts";
import {
  type CertificatePair,
  makeAuthority,
  makeServerCertificate,
  splitCertificates,
} from "./certificate.ts";

const NAMES = ["foghorn-admission.ours.svc"];
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 1);

Deno.test("AdmissionCertificates makes a Secret that it can read, and serves what is in it", async () => {
  const stage = new Stage();
  strictEqual(await stage.make(), undefined);
  const { certificate, problem } = stage.read();
  strictEqual(problem, undefined);
  deepStrictEqual(certificate?.names, NAMES);
  strictEqual(stage.pairs.length, 1);
  const { method, path, query, contentType } = stage.requests[0] ?? {};
  deepStrictEqual({ method, path, query, contentType }, {
    method: "PATCH",
    path: "/api/v1/namespaces/ours/secrets/foghorn-admission-certificate",
    query: { fieldManager: "foghorn", force: "true" },
    contentType: "application/apply-patch+yaml",
  });
});

Deno.test("AdmissionCertificates tells nobody the keys", async () => {
  const stage = new Stage();
  await stage.make();
  const told = JSON.stringify(stage.read());
  const data = stage.data();
  for (const field of ["ca.key", "tls.key"]) {
    const [, line = ""] = decoded(data[field] ?? "").split("\n");
    ok(line.length > 20);
    strictEqual(told.includes(line), false);
    strictEqual(told.includes(data[field] ?? "?"), false);
  }
});

Deno.test("AdmissionCertificates keeps its authority when it renews, so that no caBundle changes", async () => {
  const stage = new Stage();
  await stage.make();
  const first = stage.read();
  stage.nowMs += 60 * DAY_MS;
  await stage.make();
  const second = stage.read();
  strictEqual(second.certificate?.caBundle, first.certificate?.caBundle);
  ok(
    (second.certificate?.notAfterMs ?? 0) >
      (first.certificate?.notAfterMs ?? 0),
  );
  strictEqual(stage.pairs.length, 2);
});

Deno.test("AdmissionCertificates puts a new authority before the old one in its last year", async () => {
  const stage = new Stage();
  await stage.make();
  const [before] = stage.authorities();
  stage.read();
  stage.nowMs += 3_300 * DAY_MS;
  await stage.make();
  const after = stage.authorities();
  strictEqual(after.length, 2);
  strictEqual(after[1], before);
  strictEqual(stage.read().problem, undefined);
});

Deno.test("AdmissionCertificates makes a new authority for a Secret that was emptied, and the same for one that was deleted", async () => {
  const stage = new Stage();
  await stage.make();
  stage.read();
  const before = stage.authorities();
  // Nothing is read of one that is gone.
  await stage.make();
  deepStrictEqual(stage.authorities(), before);
  stage.store({});
  strictEqual(stage.read().problem, "it has no certificate");
  await stage.make();
  strictEqual(stage.authorities().length, 1);
  strictEqual(stage.authorities().includes(before[0] ?? ""), false);
});

Deno.test("AdmissionCertificates serves a certificate of a foreign authority, and replaces it with its own", async () => {
  const stage = new Stage();
  const validity = { notBeforeMs: START_MS, notAfterMs: START_MS + DAY_MS };
  const authority = await makeAuthority("theirs", validity);
  const pair = await makeServerCertificate(authority, {
    ...validity,
    names: NAMES,
  });
  stage.store({
    "ca.crt": authority.cert,
    "tls.crt": pair.cert,
    "tls.key": pair.key,
  });
  const { certificate } = stage.read();
  strictEqual(certificate?.notAfterMs, validity.notAfterMs);
  deepStrictEqual(stage.pairs, [pair]);
  await stage.make();
  strictEqual(stage.authorities().includes(authority.cert), false);
  strictEqual(stage.read().problem, undefined);
});

Deno.test.each([
  { name: "has no data", data: {}, problem: "it has no certificate" },
  {
    name: "has something else in it",
    data: { "tls.crt": "text", "tls.key": "text", "ca.crt": "text" },
    problem: "certificate and key cannot be read (Error)",
  },
])(
  "AdmissionCertificates says why it serves nothing of a Secret that $name",
  ({ data, problem }) => {
    const stage = new Stage();
    stage.store(data);
    strictEqual(stage.read().problem?.replace(/\(.*\)/, "(Error)"), problem);
    deepStrictEqual(stage.pairs, []);
  },
);

Deno.test("AdmissionCertificates says why a Secret could not be written", async () => {
  const stage = new Stage();
  const error = { reason: "forbidden", message: "no" } as const;
  stage.answer = { ok: false, error };
  deepStrictEqual(await stage.make(), error);
});

/** An API server with one Secret. */
class Stage {
  readonly requests: ApiRequest[] = [];
  readonly pairs: CertificatePair[] = [];
  nowMs = START_MS;
  answer: ApiResponse = { ok: true, value: { status: 200, body: {} } };
  #secret: Readonly<Record<string, string>> = {};
  readonly #certificates = new AdmissionCertificates({
    api: {
      watch: () => {
        throw new Error("Nothing is watched here");
      },
      request: (request) => {
        this.requests.push(request);
        const { data } = request.body as {
          readonly data: Readonly<Record<string, string>>;
        };
        this.#secret = data;
        return Promise.resolve(this.answer);
      },
    },
    namespace: "ours",
    wallMs: () => this.nowMs,
    onPair: (pair) => this.pairs.push(pair),
  });

  make(): Promise<unknown> {
    return this.#certificates.make({ names: NAMES });
  }

  read(): AdmissionSecret {
    const secret = this.#certificates.project({
      metadata: { name: "foghorn-admission-certificate", namespace: "ours" },
      data: this.#secret,
    });
    if (!secret.ok) throw new Error(secret.error);
    return secret.value;
  }

  store(texts: Readonly<Record<string, string>>): void {
    this.#secret = Object.fromEntries(
      Object.entries(texts).map(([field, text]) => [field, btoa(text)]),
    );
  }

  data(): Readonly<Record<string, string>> {
    return this.#secret;
  }

  authorities(): readonly string[] {
    return splitCertificates(decoded(this.#secret["ca.crt"] ?? ""));
  }
}

function decoded(base64: string): string {
  return atob(base64);
}
