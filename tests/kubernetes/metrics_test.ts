/**
 * Metrics over TLS on a real API server: shown to a token that may read them,
 * and to nobody else.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { match, ok, strictEqual } from "node:assert/strict";
import { get } from "node:https";
import { printManifests } from "@/cli/manifests.ts";
import {
  METRICS_READER_NAME,
  METRICS_REVIEW_NAME,
  METRICS_SECURE_PORT,
  NAMESPACE_DEFAULT,
} from "@/api/names.ts";
import { objectAt, stringAt } from "@/lab/apiserver/json.ts";
import { SECURE_METRICS_ARG } from "@/manifests/mod.ts";
import { stepsOf } from "../support/steps.ts";
import { pass } from "../support/waiting.ts";
import { type InstalledAgent, InstallStage } from "./_install_stage.ts";
import { testWithKubernetes } from "./_stage.ts";

testWithKubernetes(
  "metrics over TLS are for tokens that may read them",
  async (t, binaries) => {
    await using stage = await InstallStage.open(binaries);
    const step = stepsOf(t);
    const file = await Deno.makeTempFile({ suffix: ".yaml" });
    await Deno.writeTextFile(
      file,
      printManifests({
        namespace: NAMESPACE_DEFAULT,
        sysNice: false,
        secureMetrics: true,
      }),
    );
    const applied = await stage.kubectl(
      "apply",
      "--validate=strict",
      "-f",
      file,
    );
    strictEqual(applied.code, 0, applied.text);
    const agent = await stage.startAgent([SECURE_METRICS_ARG]);
    const authority = await authorityOf(stage);
    const ask = (token?: string) => scrape(authority, token);
    await step("the plain port says where they are", async () => {
      const { status, text } = await agent.ask("/metrics");
      strictEqual(status, 403);
      match(text, new RegExp(`https port ${METRICS_SECURE_PORT}`));
    });
    await step("the token that comes with it reads them", async () => {
      const { status, text } = await ask(await readerToken(stage));
      strictEqual(status, 200, text);
      match(text, /^foghorn_leader 1$/m);
      const other = await scrape(authority, undefined, "/healthz");
      strictEqual(other.status, 404);
    });
    await step("no token and a wrong one do not", async () => {
      strictEqual((await ask()).status, 401);
      strictEqual((await ask("wrong")).status, 401);
    });
    await step("one without the right is told its name", async () => {
      const token = await stage.plane.serviceAccountToken("default", "default");
      const { status, text } = await ask(token);
      strictEqual(status, 403);
      match(text, /^system:serviceaccount:default:default may not read/);
    });
    await step(
      "an agent that may not ask shows them to nobody new",
      () => isClosed(stage, agent, ask),
    );
    await step("deleted with the rest, nothing is left", async () => {
      await isDeleted(stage, file);
      strictEqual(await agent.process.stop(), 0);
    });
    await Deno.remove(file);
  },
);

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function isClosed(
  stage: InstallStage,
  agent: InstalledAgent,
  ask: (token: string) => Promise<Answer>,
): Promise<void> {
  await stage.plane.admin.must("DELETE", `${BINDINGS}/${METRICS_REVIEW_NAME}`);
  let answer: Answer = { status: 0, text: "" };
  await stage.until("the right is gone", async () => {
    // A new token each time: verdicts are remembered.
    answer = await ask(
      await stage.plane.serviceAccountToken(
        NAMESPACE_DEFAULT,
        METRICS_READER_NAME,
      ),
    );
    return answer.status !== 200;
  });
  strictEqual(answer.status, 503, answer.text);
  match(answer.text, /system:auth-delegator/);
  const told = "Metrics are shown to nobody";
  ok(agent.process.lines.some((line) => line.includes(told)));
}

async function isDeleted(stage: InstallStage, file: string): Promise<void> {
  const { code, text } = await stage.kubectl(
    ...["delete", "-f", file, "--timeout=60s", "--ignore-not-found"],
  );
  strictEqual(code, 0, text);
  for (
    const path of [
      `${BINDINGS}/${METRICS_READER_NAME}`,
      `${RBAC}/clusterroles/${METRICS_READER_NAME}`,
      `/api/v1/namespaces/${NAMESPACE_DEFAULT}`,
    ]
  ) ok(!await stage.isThere(path), `${path} is left`);
}

/** What the authority of the webhook's certificate is, once an agent made it. */
async function authorityOf(stage: InstallStage): Promise<string> {
  const path =
    `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets/foghorn-admission-certificate`;
  await stage.until("there is a certificate", () => stage.isThere(path));
  const secret = await stage.plane.admin.must("GET", path);
  return atob(String(objectAt(secret, "data")["ca.crt"]));
}

/** The token that Kubernetes wrote into the Secret of the manifests. */
async function readerToken(stage: InstallStage): Promise<string> {
  const path =
    `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets/${METRICS_READER_NAME}`;
  let token = "";
  await stage.until("there is a token", async () => {
    const secret = await stage.plane.admin.must("GET", path);
    token = stringAt(secret, "data", "token");
    return token !== "";
  });
  return atob(token);
}

/** Asks as the PodMonitor of the manifests does; verifies the certificate. */
async function scrape(
  ca: string,
  token?: string,
  path = "/metrics",
): Promise<Answer> {
  const deadlineMs = performance.now() + LISTEN_MS_MAX;
  for (;;) {
    try {
      return await scrapeOnce(ca, token, path);
    } catch (error) {
      // It listens once the certificate has arrived.
      const isEarly = error instanceof Error &&
        error.message.includes("ECONNREFUSED");
      if (!isEarly || performance.now() > deadlineMs) throw error;
      await pass(LOOK_MS);
    }
  }
}

function scrapeOnce(
  ca: string,
  token: string | undefined,
  path: string,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  get({
    ...{ host: "127.0.0.1", port: METRICS_SECURE_PORT, path, ca },
    servername: `foghorn-admission.${NAMESPACE_DEFAULT}.svc`,
    agent: false,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => text += part);
    response.on(
      "end",
      () => resolve({ status: response.statusCode ?? 0, text }),
    );
  }).on("error", reject);
  return promise;
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const BINDINGS = `${RBAC}/clusterrolebindings`;
const LISTEN_MS_MAX = 30_000;
const LOOK_MS = 100;
