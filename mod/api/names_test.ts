import { strictEqual } from "node:assert/strict";
import {
  LEASE_ANNOTATION_PREFIX,
  LEASE_CAN_REACH_ANNOTATION,
  LEASE_LEAVING_ANNOTATION,
  LEASE_LINKS_ANNOTATION,
  LEASE_PROBLEMS_ANNOTATION,
  nodeLeaseName,
  nodeOfLease,
} from "./names.ts";

Deno.test("nodeOfLease() reverses nodeLeaseName(), and knows foreign Leases", () => {
  strictEqual(nodeLeaseName("worker-p001"), "foghorn-node-worker-p001");
  strictEqual(nodeOfLease("foghorn-node-worker-p001"), "worker-p001");
  strictEqual(nodeOfLease("openelb-controller"), undefined);
  strictEqual(nodeOfLease("foghorn-node-"), undefined);
});

Deno.test("every annotation of ours on a node Lease carries our prefix", () => {
  for (
    const name of [
      LEASE_CAN_REACH_ANNOTATION,
      LEASE_LEAVING_ANNOTATION,
      LEASE_LINKS_ANNOTATION,
      LEASE_PROBLEMS_ANNOTATION,
    ]
  ) {
    strictEqual(name.startsWith(LEASE_ANNOTATION_PREFIX), true, name);
  }
});
