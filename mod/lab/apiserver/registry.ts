/**
 * Which resources are served at the moment: the built-in ones and those that
 * CustomResourceDefinitions define.
 *
 * @module
 */

import { definedType, versionOrder } from "./definition.ts";
import type { JsonObject } from "./json.ts";
import { stringAt } from "./json.ts";
import type { ApiVersion, ResourceType } from "./resource_type.ts";

/** A resource in one of its versions. */
export interface ServedResource {
  /** The resource. */
  readonly type: ResourceType;
  /** The version. */
  readonly version: ApiVersion;
}

/** The resources that are served. */
export class Registry {
  readonly #types = new Map<string, ResourceType>();

  /**
   * @param types The built-in resources.
   */
  constructor(types: readonly ResourceType[]) {
    for (const type of types) {
      this.#types.set(idOf(type.group, type.plural), type);
    }
  }

  /** Every resource. */
  types(): ResourceType[] {
    return [...this.#types.values()];
  }

  /** Finds a resource by its names in a path. */
  find(
    group: string,
    version: string,
    plural: string,
  ): ServedResource | undefined {
    const type = this.#types.get(idOf(group, plural));
    const found = type?.versions.get(version);
    return type === undefined || found === undefined
      ? undefined
      : { type, version: found };
  }

  /** Whether a group, or one version of it, is served. */
  serves(group: string, version?: string): boolean {
    return this.versionsOf(group).some((name) =>
      version === undefined || name === version
    );
  }

  /** Groups that are served; the core group is the empty one. */
  groups(): string[] {
    return [...new Set(this.types().map((type) => type.group))];
  }

  /** Versions of a group that are served, preferred first. */
  versionsOf(group: string): string[] {
    const names = this.types().filter((type) => type.group === group)
      .flatMap((type) => [...type.versions.keys()]);
    return [...new Set(names)].sort((a, b) => versionOrder(b, a));
  }

  /**
   * Takes up, changes or drops what a CustomResourceDefinition defines.
   *
   * @param definition The definition; `undefined` when it is gone.
   * @param previous What it was before, if it was.
   */
  define(
    definition: JsonObject | undefined,
    previous: JsonObject | undefined,
  ): void {
    if (previous !== undefined) this.#types.delete(definedId(previous));
    if (definition !== undefined) {
      this.#types.set(definedId(definition), definedType(definition));
    }
  }
}

function definedId(definition: JsonObject): string {
  return idOf(
    stringAt(definition, "spec", "group"),
    stringAt(definition, "spec", "names", "plural"),
  );
}

function idOf(group: string, plural: string): string {
  return `${group}/${plural}`;
}
