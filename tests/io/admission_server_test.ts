import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { AdmissionVerdict } from "@/api/mod.ts";
import { connect } from "node:tls";
import {
  type CertificatePair,
  makeAuthority,
  makeServerCertificate,
} from "@/io/pki/mod.ts";
import { AdmissionServer } from "@/http/mod.ts";

const HOST = "127.0.0.1";
const PATH = "/validate-network-kubesphere-io-v1alpha2-eip";
const ALLOWED: AdmissionVerdict = { kind: "allowed", warnings: [] };
const REVIEW = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "u1",
    kind: { group: "network.kubesphere.io", version: "v1alpha2", kind: "Eip" },
    operation: "CREATE",
    object: { metadata: { name: "b" }, spec: { address: "192.0.2.1" } },
    oldObject: null,
  },
};

const REFUSED: AdmissionVerdict = {
  kind: "denied",
  reason: "AddressOverlap",
  message: "eip address overlap with a",
};

Deno.test("AdmissionServer answers what its source says", async () => {
  await using stage = await Stage.open(() => REFUSED);
  const { status, body } = await stage.ask(REVIEW);
  strictEqual(status, 200);
  deepStrictEqual(JSON.parse(body), {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: {
      uid: "u1",
      allowed: false,
      status: {
        code: 403,
        reason: "Forbidden",
        message: REFUSED.message,
        details: {
          causes: [{ reason: REFUSED.reason, message: REFUSED.message }],
        },
      },
    },
  });
  deepStrictEqual(stage.answers, ["Eip denied"]);
});

Deno.test.each([
  {
    name: "too little is known yet",
    body: JSON.stringify(REVIEW),
    status: 503,
  },
  { name: "the question is no JSON", body: "{", status: 400 },
  {
    name: "the question is of v1beta1",
    body: JSON.stringify({
      ...REVIEW,
      apiVersion: "admission.k8s.io/v1beta1",
    }),
    status: 400,
  },
  {
    name: "the question has no uid",
    body: JSON.stringify({
      ...REVIEW,
      request: { ...REVIEW.request, uid: "" },
    }),
    status: 400,
  },
  {
    name: "the question is longer than any object",
    body: " ".repeat(8 * 1024 * 1024 + 1),
    status: 413,
  },
])(
  "AdmissionServer answers no verdict when $name",
  async ({ body, status }) => {
    await using stage = await Stage.open(() => undefined);
    strictEqual((await stage.post(body)).status, status);
  },
);

Deno.test("AdmissionServer has a path for each kind, and no other", async () => {
  await using stage = await Stage.open(() => REFUSED);
  for (const kind of ["eip", "bgpconf", "bgppeer"]) {
    const path = PATH.replace("eip", kind);
    // deno-lint-ignore no-await-in-loop -- one after the other
    strictEqual((await stage.post(JSON.stringify(REVIEW), path)).status, 200);
  }
  strictEqual((await stage.post("{}", "/metrics")).status, 404);
  strictEqual((await stage.get(PATH)).status, 404);
});

Deno.test("AdmissionServer speaks no plain HTTP, and goes on after it", async () => {
  await using stage = await Stage.open(() => ALLOWED);
  const plain = await Deno.connect({ hostname: HOST, port: stage.port });
  await plain.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  const buffer = new Uint8Array(64);
  const text = new TextDecoder().decode(
    buffer.subarray(0, await plain.read(buffer) ?? 0),
  );
  strictEqual(text.includes("HTTP"), false);
  plain.close();
  strictEqual((await stage.ask(REVIEW)).status, 200);
});

Deno.test("AdmissionServer takes a new certificate under load without losing a question", async () => {
  await using stage = await Stage.open(() => ALLOWED);
  const before = await stage.served();
  let running = true;
  const load = Promise.all([
    ...Array.from({ length: 12 }, () => stage.load(() => running, false)),
    ...Array.from({ length: 4 }, () => stage.load(() => running, true)),
  ]);
  const renewals = 40;
  const seen = new Set([before]);
  for (let i = 0; i < renewals; i++) {
    // deno-lint-ignore no-await-in-loop -- one renewal after the other
    stage.server.use(await stage.newPair());
    // deno-lint-ignore no-await-in-loop -- each is to be seen
    seen.add(await stage.served());
  }
  running = false;
  const counts = await load;
  const asked = counts.reduce((sum, count) => sum + count, 0);
  ok(asked > renewals, `${asked} questions`);
  strictEqual(stage.answers.length, asked);
  strictEqual(seen.size, renewals + 1);
});

Deno.test("AdmissionServer goes on with connections made before a renewal", async () => {
  await using stage = await Stage.open(() => ALLOWED);
  using client = stage.newClient();
  strictEqual((await stage.ask(REVIEW, client)).status, 200);
  stage.server.use(await stage.foreignPair());
  // A new connection would not be believed.
  await rejects(stage.ask(REVIEW));
  strictEqual((await stage.ask(REVIEW, client)).status, 200);
});

Deno.test("AdmissionServer logs a defect of ours, and goes on", async () => {
  let isBroken = true;
  await using stage = await Stage.open(() => {
    if (isBroken) throw new Error("A defect");
    return ALLOWED;
  });
  await rejects(stage.ask(REVIEW));
  deepStrictEqual(stage.logged, ["The webhook could not answer"]);
  isBroken = false;
  strictEqual((await stage.ask(REVIEW)).status, 200);
});

Deno.test("AdmissionServer logs nothing of a client that goes in the midst of its question", async () => {
  await using stage = await Stage.open(() => ALLOWED);
  await stage.hangUp();
  strictEqual((await stage.ask(REVIEW)).status, 200);
  deepStrictEqual(stage.logged, []);
});

Deno.test("AdmissionServer says that its port is taken, and the agent goes on", async () => {
  await using first = await Stage.open(() => ALLOWED);
  const logged: string[] = [];
  const second = new AdmissionServer({ hostname: HOST, port: first.port }, {
    review: () => ALLOWED,
    answered: () => {},
    logs: {
      log: ({ message }) => {
        logged.push(message);
        failed.resolve();
      },
    },
  });
  const failed = Promise.withResolvers<void>();
  second.use(await first.newPair());
  await failed.promise;
  await second.close();
  deepStrictEqual(logged, ["The webhook cannot listen, trying again"]);
  strictEqual(second.port, undefined);
});

/** A server with a certificate, and clients that believe its authority. */
class Stage implements AsyncDisposable {
  readonly server: AdmissionServer;
  readonly answers: string[] = [];
  /** What was logged but for that it listens. */
  readonly logged: string[] = [];
  readonly #authority: CertificatePair;
  readonly #validity: {
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
  };

  private constructor(
    authority: CertificatePair,
    validity: { readonly notBeforeMs: number; readonly notAfterMs: number },
    review: () => AdmissionVerdict | undefined,
    listening: () => void,
  ) {
    this.#authority = authority;
    this.#validity = validity;
    this.server = new AdmissionServer({ hostname: HOST, port: 0 }, {
      review,
      answered: (kind, outcome) => this.answers.push(`${kind} ${outcome}`),
      logs: {
        log: ({ message }) => {
          if (message === "The webhook listens") listening();
          else this.logged.push(message);
        },
      },
    });
  }

  static async open(
    review: () => AdmissionVerdict | undefined,
  ): Promise<Stage> {
    const validity = {
      notBeforeMs: Date.now() - 3_600_000,
      notAfterMs: Date.now() + 3_600_000,
    };
    const authority = await makeAuthority("lab", validity);
    const listening = Promise.withResolvers<void>();
    const stage = new Stage(authority, validity, review, listening.resolve);
    stage.server.use(await stage.newPair());
    await listening.promise;
    return stage;
  }

  get port(): number {
    return this.server.port ?? 0;
  }

  newPair(): Promise<CertificatePair> {
    return makeServerCertificate(this.#authority, {
      ...this.#validity,
      names: ["localhost"],
    });
  }

  /** Of an authority that no client believes. */
  async foreignPair(): Promise<CertificatePair> {
    return await makeServerCertificate(
      await makeAuthority("foreign", this.#validity),
      { ...this.#validity, names: ["localhost"] },
    );
  }

  /** Sends half of a question, and goes. */
  async hangUp(): Promise<void> {
    const socket = connect({
      host: HOST,
      port: this.port,
      servername: "localhost",
      ca: this.#authority.cert,
    });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    const head =
      `POST ${PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{`;
    await new Promise((resolve) => socket.write(head, resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.destroy();
    await closed;
  }

  newClient(isKept = true): Deno.HttpClient {
    return Deno.createHttpClient({
      caCerts: [this.#authority.cert],
      ...(isKept ? {} : { poolMaxIdlePerHost: 0 }),
    });
  }

  async ask(
    review: unknown,
    client?: Deno.HttpClient,
  ): Promise<{ readonly status: number; readonly body: string }> {
    return await this.post(
      JSON.stringify(review),
      `${PATH}?timeout=3s`,
      client,
    );
  }

  async post(
    body: string,
    path: string = PATH,
    client: Deno.HttpClient | undefined = undefined,
  ): Promise<{ readonly status: number; readonly body: string }> {
    return await this.#fetch(path, { method: "POST", body }, client);
  }

  async get(
    path: string,
  ): Promise<{ readonly status: number; readonly body: string }> {
    return await this.#fetch(path, {});
  }

  /** Asks until told to stop, on one connection or on a new one for each question; how often. */
  async load(isWanted: () => boolean, isKept: boolean): Promise<number> {
    let asked = 0;
    using kept = this.newClient();
    while (isWanted()) {
      using fresh = isKept ? undefined : this.newClient(false);
      // deno-lint-ignore no-await-in-loop -- one question after the other
      const { status } = await this.ask(REVIEW, fresh ?? kept);
      strictEqual(status, 200);
      asked++;
    }
    return asked;
  }

  /** The fingerprint of the certificate that a new connection is shown. */
  served(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: HOST,
        port: this.port,
        servername: "localhost",
        ca: this.#authority.cert,
      }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  }

  async #fetch(
    path: string,
    init: RequestInit,
    client?: Deno.HttpClient,
  ): Promise<{ readonly status: number; readonly body: string }> {
    using own = client === undefined ? this.newClient() : undefined;
    const response = await fetch(`https://localhost:${this.port}${path}`, {
      ...init,
      client: client ?? own,
    } as RequestInit);
    return { status: response.status, body: await response.text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}
