import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type {
  ApiRequest,
  ApiResponse,
  ClusterApi,
} from "@/port/cluster_api.ts";
import { uninstall } from "./uninstall.ts";

Deno.test("uninstall() does not begin to take marks off while an agent renews its Lease", async () => {
  const cluster = new Cluster();
  cluster.renews = true;
  await rejects(
    uninstall({ namespace: "lb" }, cluster.ports()),
    (error) => {
      strictEqual(
        String(error),
        "ClusterError: Cannot uninstall: agents still run on n1, stop them first",
      );
      return true;
    },
  );
  ok(cluster.nowMs >= 60_000);
  // The webhook and the DaemonSets went; Services were not even looked at.
  deepStrictEqual(
    cluster.asked.filter((line) => !line.includes("/leases")),
    [
      "DELETE /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/foghorn-admission",
      "DELETE /apis/apps/v1/namespaces/lb/daemonsets/foghorn",
      "DELETE /apis/apps/v1/namespaces/lb/deployments/foghorn",
    ],
  );
});

Deno.test("uninstall() goes on once the Lease of an agent that died has run out", async () => {
  const cluster = new Cluster();
  await uninstall({ namespace: "lb" }, cluster.ports());
  ok(cluster.nowMs >= 10_000 && cluster.nowMs < 15_000, `${cluster.nowMs}`);
  const at = (part: string): number =>
    cluster.asked.findIndex((line) => line.includes(part));
  ok(at("GET /api/v1/services") < at("DELETE /apis/coordination"));
  ok(at("DELETE /apis/coordination") < at("DELETE /apis/rbac"));
  ok(cluster.asked.includes(`DELETE ${LEASES}/foghorn-node-n1`));
  // Held by an OpenELB, by its looks.
  ok(!cluster.asked.includes(`DELETE ${LEASES}/openelb-controller`));
  ok(!cluster.asked.some((line) => line.includes("customresource")));
  ok(cluster.said.at(-1)?.includes("--with-crds"));
});

Deno.test("uninstall() says what the API server refuses", async () => {
  const cluster = new Cluster();
  cluster.refuses = true;
  await rejects(
    uninstall({ namespace: "lb" }, cluster.ports()),
    /ClusterError: You may not/,
  );
});

const LEASES = "/apis/coordination.k8s.io/v1/namespaces/lb/leases";

/** A cluster with the Lease of one agent, and none of our objects. */
class Cluster {
  readonly asked: string[] = [];
  readonly said: string[] = [];
  renews = false;
  refuses = false;
  nowMs = 0;

  ports(): Parameters<typeof uninstall>[1] {
    const api: ClusterApi = {
      watch: () => ({ close: () => {} }),
      request: (request) => Promise.resolve(this.#answer(request)),
    };
    return {
      api,
      print: (line) => this.said.push(line),
      pass: (durationMs) => {
        this.nowMs += durationMs;
        return Promise.resolve();
      },
      nowMs: () => this.nowMs,
    };
  }

  #answer({ method, path }: ApiRequest): ApiResponse {
    this.asked.push(`${method} ${path}`);
    if (this.refuses) {
      return {
        ok: false,
        error: { reason: "forbidden", message: "You may not" },
      };
    }
    if (method === "GET" && path === LEASES) {
      const resourceVersion = this.renews ? `${this.nowMs}` : "1";
      return found({
        items: [{
          metadata: { name: "foghorn-node-n1", resourceVersion },
          spec: { holderIdentity: "m_1", leaseDurationSeconds: 10 },
        }],
      });
    }
    if (method === "GET" && path === `${LEASES}/openelb-controller`) {
      return found({ spec: { holderIdentity: "controller-0_8f2c" } });
    }
    return {
      ok: false,
      error: { reason: "not-found", message: "There is none" },
    };
  }
}

function found(body: unknown): ApiResponse {
  return { ok: true, value: { status: 200, body } };
}
