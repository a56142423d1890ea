/**
 * What the agent relies on in an API server, checked against a kube-apiserver:
 * the cases of `tests/contract`, one control plane for all.
 *
 * @module
 */

import { valueAt } from "@/lab/apiserver/json.ts";
import { must } from "@/lab/command.ts";
import type { ContractTarget } from "../contract/api.ts";
import { CONTRACT_CASES, runCase } from "../contract/cases.ts";
import { command } from "../support/needs.ts";
import { stepsOf } from "../support/steps.ts";
import { testWithKubernetes } from "./_stage.ts";
import { ControlPlane } from "./control_plane.ts";

testWithKubernetes(
  "a kube-apiserver keeps to the contract",
  async (t, binaries) => {
    await using plane = await ControlPlane.start({
      binaries,
      folder: "/run/contract",
    });
    const token = await tokenOfAnybody(plane);
    using client = plane.clientFor(token);
    const target: ContractTarget = {
      baseUrl: plane.baseUrl,
      token,
      client: client.http,
      compact: () => forgetHistory(plane),
    };
    const step = stepsOf(t);
    for (const { name, run } of CONTRACT_CASES) {
      // deno-lint-ignore no-await-in-loop -- compaction would disturb the others
      await step(name, () => runCase(target, run));
    }
  },
  [command("etcdctl")],
);

/** The token of a ServiceAccount that may do everything. */
async function tokenOfAnybody(plane: ControlPlane): Promise<string> {
  const [namespace, name] = ["default", "contract"];
  await plane.admin.must(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts`,
    { metadata: { name } },
  );
  await plane.admin.must(
    "POST",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    {
      metadata: { name },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "cluster-admin",
      },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  );
  return await plane.serviceAccountToken(namespace, name);
}

/**
 * Makes etcd forget what was, and the API server too, whose cache remembers
 * more: it starts again, as it does in an upgrade.
 */
async function forgetHistory(plane: ControlPlane): Promise<void> {
  const list = await plane.admin.must("GET", "/api/v1/namespaces?limit=1");
  await must("etcdctl", [
    "compact",
    String(valueAt(list, "metadata", "resourceVersion")),
  ]);
  await plane.killApiserver();
  await plane.startApiserver();
}
