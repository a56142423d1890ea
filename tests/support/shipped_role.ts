/**
 * The rights that are shipped: the roles of `foghorn manifests`, which
 * `deploy/foghorn.yaml` holds.
 *
 * @module
 */

import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import {
  type BindingManifest,
  type PlainManifest,
  type PolicyRule,
  rbacObjects,
  type RoleManifest,
} from "@/manifests/mod.ts";

/** One verb on one resource. */
export interface ShippedRight {
  /** `ClusterRole`: everywhere; `Role`: in the agent's namespace. */
  readonly kind: string;
  /** API group; empty for the core group. */
  readonly group: string;
  /** Resource, `services/status` for a subresource. */
  readonly resource: string;
  /** The verb. */
  readonly verb: string;
  /** The only objects it is about, by name; absent: all. */
  readonly resourceNames?: readonly string[];
}

/** The page that explains them. */
export const PERMISSIONS_PAGE: string = Deno.readTextFileSync(
  new URL("../../docs/permissions.md", import.meta.url),
);

/** The ServiceAccount, its roles and their bindings, as shipped. */
export function shippedRbac(): readonly (
  | PlainManifest
  | RoleManifest
  | BindingManifest
)[] {
  return rbacObjects(NAMESPACE_DEFAULT);
}

/** The roles as shipped. */
export function shippedRoles(): readonly RoleManifest[] {
  return shippedRbac().filter((object) => "rules" in object);
}

/**
 * The rights of roles, one by one.
 *
 * @param roles The roles.
 */
export function rightsOf(
  roles: readonly RoleManifest[],
): readonly ShippedRight[] {
  return roles.flatMap(({ kind, rules }) =>
    rules.flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => ({
            kind,
            group,
            resource,
            verb,
            ...(resourceNames === undefined ? {} : { resourceNames }),
          }))
        )
      )
    )
  );
}

/** A right as people say it: `patch services/status`. */
export function rightName({ verb, resource }: ShippedRight): string {
  return `${verb} ${resource}`;
}

/**
 * The rules of one kind of role that allow some rights.
 *
 * @param rights The rights.
 * @param kind `ClusterRole` or `Role`.
 */
export function rulesFor(
  rights: readonly ShippedRight[],
  kind: string,
): readonly PolicyRule[] {
  return rights.filter((right) => right.kind === kind).map((
    { group, resource, verb, resourceNames },
  ) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [verb],
    ...(resourceNames === undefined ? {} : { resourceNames }),
  }));
}
