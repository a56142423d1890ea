/**
 * The rights that are shipped: the manifests of `docs/permissions.md`.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";

/** A rule of a role. */
export interface RoleRule {
  /** API groups; empty for the core group. */
  readonly apiGroups: readonly string[];
  /** Resources, `services/status` for a subresource. */
  readonly resources: readonly string[];
  /** What may be done with them. */
  readonly verbs: readonly string[];
  /** The only objects it is about, by name; absent: all. */
  readonly resourceNames?: readonly string[];
}

/** A ClusterRole or a Role. */
export interface ShippedRole {
  /** `ClusterRole` or `Role`. */
  readonly kind: string;
  /** What it allows. */
  readonly rules: readonly RoleRule[];
}

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

/** The page that has the manifests. */
export const PERMISSIONS_PAGE: string = Deno.readTextFileSync(
  new URL("../../docs/permissions.md", import.meta.url),
);

/**
 * The roles of a page.
 *
 * @param page Markdown with blocks of YAML.
 */
export function shippedRoles(
  page: string = PERMISSIONS_PAGE,
): readonly ShippedRole[] {
  const blocks = [...page.matchAll(/^```yaml\n(.*?)^```/gms)];
  return blocks.flatMap(([, yaml = ""]) =>
    parseAllDocuments(yaml).map((document) => document.toJS())
  ).filter(({ rules }) => Array.isArray(rules));
}

/**
 * The rights of roles, one by one.
 *
 * @param roles The roles.
 */
export function rightsOf(
  roles: readonly ShippedRole[],
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
): readonly RoleRule[] {
  return rights.filter((right) => right.kind === kind).map((
    { group, resource, verb, resourceNames },
  ) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [verb],
    ...(resourceNames === undefined ? {} : { resourceNames }),
  }));
}
