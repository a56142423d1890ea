import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { admissionReview, projectAdmissionReview } from "./admission_review.ts";
import { projectWebhookConfiguration } from "./webhook_configuration.ts";

const REQUEST = {
  uid: "u1",
  kind: { group: "network.kubesphere.io", version: "v1alpha2", kind: "Eip" },
  resource: { group: "network.kubesphere.io", resource: "eips" },
  operation: "UPDATE",
  object: { spec: {} },
  oldObject: { spec: {} },
};
const REVIEW = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: REQUEST,
};

Deno.test("projectAdmissionReview() reads a question", () => {
  deepStrictEqual(projectAdmissionReview(REVIEW), {
    ok: true,
    value: {
      uid: "u1",
      kind: "Eip",
      group: "network.kubesphere.io",
      operation: "UPDATE",
      object: { spec: {} },
      oldObject: { spec: {} },
    },
  });
});

Deno.test("projectAdmissionReview() takes a missing oldObject for null", () => {
  const { oldObject: _, ...request } = REQUEST;
  const review = projectAdmissionReview({ ...REVIEW, request });
  strictEqual(review.ok && review.value.oldObject, null);
});

Deno.test.each([
  { name: "nothing", raw: undefined, field: /it should be an object/ },
  {
    name: "another version",
    raw: { ...REVIEW, apiVersion: "admission.k8s.io/v1beta1" },
    field: /apiVersion should be admission\.k8s\.io\/v1, not "admission/,
  },
  {
    name: "no uid",
    raw: { ...REVIEW, request: { ...REQUEST, uid: "" } },
    field: /request\.uid/,
  },
  {
    name: "no kind",
    raw: { ...REVIEW, request: { ...REQUEST, kind: {} } },
    field: /request\.kind\.kind/,
  },
  {
    name: "an operation that is no text",
    raw: { ...REVIEW, request: { ...REQUEST, operation: 1 } },
    field: /request\.operation/,
  },
])("projectAdmissionReview() refuses $name", ({ raw, field }) => {
  const review = projectAdmissionReview(raw);
  match(review.ok ? "" : review.error, field);
});

Deno.test("admissionReview() carries warnings no longer than an API server takes", () => {
  const answer = admissionReview("u1", {
    kind: "allowed",
    warnings: ["short", "x".repeat(300)],
  });
  const { warnings } = answer["response"] as { readonly warnings: string[] };
  deepStrictEqual(warnings.map(({ length }) => length), [5, 256]);
});

Deno.test("projectWebhookConfiguration() reads the caBundle of each webhook", () => {
  const read = projectWebhookConfiguration({
    metadata: { name: "foghorn-admission", resourceVersion: "7" },
    webhooks: [{ clientConfig: { caBundle: "Q0E=" } }, { clientConfig: {} }],
  });
  deepStrictEqual(read, {
    ok: true,
    value: { resourceVersion: "7", caBundles: ["Q0E=", ""] },
  });
});
