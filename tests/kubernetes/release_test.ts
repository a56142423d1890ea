/**
 * The last thing an agent does for an installation that goes: it lets go of its
 * account, its role and the binding by three requests at once, each of which
 * takes the right to the others along. On a real API server, again and again,
 * while others keep it busy: none of the three may stay.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one round after the other
import { deepStrictEqual } from "node:assert/strict";
import { CLEANUP_FINALIZER, NAMESPACE_DEFAULT } from "@/api/names.ts";
import { SystemClock } from "@/io/clock.ts";
import { KubeApi, loadClusterAccess } from "@/io/kube/mod.ts";
import { clusterRules } from "@/manifests/mod.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import { InstallStage } from "./_install_stage.ts";
import { testWithKubernetes } from "./_stage.ts";

testWithKubernetes(
  "an installation lets go of its rights, all three of them, every time",
  async (_, binaries) => {
    await using stage = await InstallStage.open(binaries);
    const { code, text } = await stage.kubectl(
      ...["create", "namespace", NAMESPACE_DEFAULT],
    );
    if (code !== 0) throw new Error(text);
    const busy = keepBusy(stage);
    const left: string[] = [];
    try {
      for (let round = 1; round <= ROUNDS; round++) {
        left.push(...await letGo(stage, `round-${round}`));
      }
    } finally {
      await busy.stop();
    }
    deepStrictEqual(left, []);
  },
);

/** Makes an account with its rights, deletes all three, and lets go of them by its token; what is left. */
async function letGo(
  stage: InstallStage,
  name: string,
): Promise<readonly string[]> {
  const paths = await create(stage, name);
  const token = await stage.plane.serviceAccountToken(NAMESPACE_DEFAULT, name);
  const kubeconfig = await Deno.makeTempFile();
  await Deno.writeTextFile(kubeconfig, stage.plane.kubeconfigFor(token));
  const access = await loadClusterAccess({ kubeconfig });
  const api = new KubeApi(access, {
    clock: new SystemClock(),
    userAgent: "release-test",
  });
  try {
    await stage.until("the account has its rights", async () => {
      const [, , binding = ""] = paths;
      return (await api.request({ method: "GET", path: binding })).ok;
    });
    for (const path of paths) await stage.plane.admin.must("DELETE", path);
    const body = {
      metadata: { "$deleteFromPrimitiveList/finalizers": [CLEANUP_FINALIZER] },
    };
    const contentType = "application/strategic-merge-patch+json";
    await Promise.all(
      paths.map((path) =>
        api.request({ method: "PATCH", path, contentType, body })
      ),
    );
    const left: string[] = [];
    for (const path of paths) if (await stage.isThere(path)) left.push(path);
    return left;
  } finally {
    await api.close();
    await Deno.remove(kubeconfig);
  }
}

/** Account, role and binding, as an agent holds them; their paths, in that order. */
async function create(
  stage: InstallStage,
  name: string,
): Promise<readonly string[]> {
  const metadata = { name, finalizers: [CLEANUP_FINALIZER] };
  const objects = [
    [ACCOUNTS, { metadata }],
    [`${RBAC}/clusterroles`, {
      metadata,
      rules: clusterRules({ role: name, account: name }),
    }],
    [`${RBAC}/clusterrolebindings`, {
      metadata,
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name,
      },
      subjects: [{
        kind: "ServiceAccount",
        name,
        namespace: NAMESPACE_DEFAULT,
      }],
    }],
  ] as const;
  for (const [collection, object] of objects) {
    const body: JsonObject = JSON.parse(JSON.stringify(object));
    await stage.plane.admin.must("POST", collection, body);
  }
  return objects.map(([collection]) => `${collection}/${name}`);
}

/** Lists and writes at the API server as fast as it answers. */
function keepBusy(stage: InstallStage): { stop(): Promise<void> } {
  let ended = false;
  const busy = async (worker: number): Promise<void> => {
    for (let i = 0; !ended; i++) {
      await stage.plane.request("GET", `${RBAC}/clusterroles`);
      await stage.plane.request("POST", ACCOUNTS, {
        metadata: { name: `busy-${worker}-${i}` },
      });
    }
  };
  const running = Promise.all([1, 2, 3, 4].map(busy));
  return {
    stop: async () => {
      ended = true;
      await running;
    },
  };
}

const ACCOUNTS = `/api/v1/namespaces/${NAMESPACE_DEFAULT}/serviceaccounts`;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ROUNDS = 30;
