/**
 * What is in an image or an archive, as a software bill of materials: SPDX 2.3
 * in JSON. Debian's packages come from the lists that `dpkg` leaves, those of
 * JavaScript from `deno.lock`, as far as the program reaches them.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** A package of Debian in a root file system. */
export interface DebianPackage {
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Its architecture; `all` for one that fits all. */
  readonly arch: string;
  /** The source package it is made from. */
  readonly source: string;
}

/** A package of JavaScript in a bundle. */
export interface ScriptPackage {
  /** Where it is from. */
  readonly registry: "npm" | "jsr";
  /** Its name, with its scope. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Its hash as `deno.lock` has it: `sha512-` and Base64, or of jsr hexadecimal SHA-256. */
  readonly integrity: string;
}

/** `deno.lock`, as far as it is read. */
export interface LockFile {
  /** Packages of npm by `name@version`. */
  readonly npm?: Readonly<Record<string, { readonly integrity?: string }>>;
  /** Packages of jsr by `name@version`. */
  readonly jsr?: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** The module graph, as far as `deno info --json` is read. */
export interface ModuleGraph {
  /** The modules; those of npm name their package. */
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** Every package of npm in the lock by its id, also those that no module reaches. */
  readonly npmPackages?: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly dependencies: readonly string[];
    }>
  >;
  /** Packages of jsr that modules reach, by what was asked for. */
  readonly packages?: Readonly<Record<string, string>>;
}

/** What a bill is about. */
export interface BillOptions {
  /** What it is about, such as `foghorn-0.1.0-amd64`. */
  readonly subject: string;
  /** Foghorn's version. */
  readonly version: string;
  /** Deno's program. */
  readonly deno: {
    readonly version: string;
    readonly npmPackage: string;
    /** SHA-256, hexadecimal. */
    readonly sha256: string;
  };
  /** Debian's packages; none in an archive. */
  readonly debian: readonly DebianPackage[];
  /** The version of Debian, such as `12`. */
  readonly debianVersion?: string;
  /** Packages in the bundles. */
  readonly scripts: readonly ScriptPackage[];
  /** Seconds since 1970. */
  readonly dateSeconds: number;
}

/** A package as SPDX has it. */
export interface SpdxPackage {
  /** Its id in the document. */
  readonly SPDXID: string;
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly versionInfo: string;
  /** Where it is from: not said, as each machine has its own registry. */
  readonly downloadLocation: "NOASSERTION";
  /** Its files are not listed. */
  readonly filesAnalyzed: false;
  /** The licence somebody found out. */
  readonly licenseConcluded: "NOASSERTION";
  /** The licence it says it has. */
  readonly licenseDeclared: string;
  /** Its copyright notice. */
  readonly copyrightText: "NOASSERTION";
  /** What it is for. */
  readonly primaryPackagePurpose?: "APPLICATION";
  /** Its hashes. */
  readonly checksums?: readonly {
    readonly algorithm: "SHA256" | "SHA512";
    readonly checksumValue: string;
  }[];
  /** Its name in the world. */
  readonly externalRefs: readonly {
    readonly referenceCategory: "PACKAGE-MANAGER";
    readonly referenceType: "purl";
    readonly referenceLocator: string;
  }[];
}

/** The document. */
export interface SpdxDocument {
  /** Version of the specification. */
  readonly spdxVersion: "SPDX-2.3";
  /** Licence of the document itself. */
  readonly dataLicense: "CC0-1.0";
  /** Its id. */
  readonly SPDXID: "SPDXRef-DOCUMENT";
  /** Its name. */
  readonly name: string;
  /** A name that no other document has. */
  readonly documentNamespace: string;
  /** Who made it, and when. */
  readonly creationInfo: {
    readonly created: string;
    readonly creators: readonly string[];
  };
  /** The packages, Foghorn first. */
  readonly packages: readonly SpdxPackage[];
  /** Foghorn contains the others. */
  readonly relationships: readonly {
    readonly spdxElementId: string;
    readonly relationshipType: "DESCRIBES" | "CONTAINS";
    readonly relatedSpdxElement: string;
  }[];
}

/**
 * Reads what `dpkg` notes of a package.
 *
 * @param text Fields as in `var/lib/dpkg/status`, of one package.
 * @throws {Error} When a field is missing.
 */
export function parseDebianPackage(text: string): DebianPackage {
  const fields = new Map(
    text.split("\n").flatMap((line) => {
      const [, name, value] = /^([\w-]+): (.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
  const field = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) {
      throw new Error(`Cannot read a package of Debian: it has no ${name}`);
    }
    return value;
  };
  const name = field("Package");
  return {
    name,
    version: field("Version"),
    arch: field("Architecture"),
    // The version of the source may follow in brackets.
    source: fields.get("Source")?.split(" ")[0] ?? name,
  };
}

/**
 * The packages that the program reaches, with the hashes of the lock.
 *
 * @param graph Its modules.
 * @param lock The lock.
 * @returns In the order of their names.
 * @throws {Error} When the lock lacks one.
 */
export function scriptPackages(
  graph: ModuleGraph,
  lock: LockFile,
): readonly ScriptPackage[] {
  const reached = new Set(
    graph.modules.flatMap(({ npmPackage }) => npmPackage ?? []),
  );
  const npm = [];
  // What is added meanwhile is visited, too.
  for (const id of reached) {
    const found = graph.npmPackages?.[id];
    if (found === undefined) {
      throw new Error(`Cannot list ${id}: it is unknown`);
    }
    found.dependencies.forEach((other) => reached.add(other));
    const { name, version } = found;
    npm.push({ registry: "npm" as const, name, version });
  }
  const jsr = Object.values(graph.packages ?? {}).map((id) => ({
    registry: "jsr" as const,
    name: id.slice(0, id.lastIndexOf("@")),
    version: id.slice(id.lastIndexOf("@") + 1),
  }));
  return [...npm, ...jsr].map((found) => {
    const id = `${found.name}@${found.version}`;
    // The lock tells apart by peers what is the same package.
    const locked = Object.entries(lock[found.registry] ?? {})
      .find(([key]) => key === id || key.startsWith(`${id}_`));
    const integrity = locked?.[1].integrity;
    if (integrity === undefined) {
      throw new Error(`Cannot list ${id}: deno.lock has no hash of it`);
    }
    return { ...found, integrity };
  }).toSorted((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * Makes the bill.
 *
 * @param options What it is about.
 */
export function billOf(options: BillOptions): SpdxDocument {
  const { debian, scripts, deno, version } = options;
  const root: SpdxPackage = {
    ...packageOf(
      "foghorn",
      version,
      `pkg:github/foghorn-lb/foghorn@v${version}`,
    ),
    licenseDeclared: "Apache-2.0",
    primaryPackagePurpose: "APPLICATION",
  };
  const parts: readonly SpdxPackage[] = [
    denoPackageOf(deno),
    ...debian.map((part) => debianPackageOf(part, options.debianVersion)),
    ...scripts.map(scriptPackageOf),
  ];
  const packages = [root, ...parts];
  const hash = createHash("sha256").update(JSON.stringify(packages))
    .digest("hex");
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: options.subject,
    documentNamespace:
      `https://github.com/foghorn-lb/foghorn/sbom/${options.subject}-${hash}`,
    creationInfo: {
      // SPDX 2.3 §6.9: to the second.
      created: new Date(options.dateSeconds * 1000).toISOString()
        .replace(".000Z", "Z"),
      creators: ["Tool: foghorn-tools"],
    },
    packages,
    relationships: [
      {
        spdxElementId: "SPDXRef-DOCUMENT",
        relationshipType: "DESCRIBES",
        relatedSpdxElement: root.SPDXID,
      },
      ...parts.map(({ SPDXID }) => ({
        spdxElementId: root.SPDXID,
        relationshipType: "CONTAINS" as const,
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

function denoPackageOf(
  { version, npmPackage, sha256 }: BillOptions["deno"],
): SpdxPackage {
  return {
    ...packageOf("deno", version, npmPurl(npmPackage, version)),
    licenseDeclared: "MIT",
    checksums: [{ algorithm: "SHA256", checksumValue: sha256 }],
  };
}

function debianPackageOf(
  { name, version, arch, source }: DebianPackage,
  release: string | undefined,
): SpdxPackage {
  const qualifiers = [
    `arch=${arch}`,
    ...(release === undefined ? [] : [`distro=debian-${release}`]),
    ...(source === name ? [] : [`upstream=${encodeURIComponent(source)}`]),
  ];
  const at = `${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
  const purl = `pkg:deb/debian/${at}?${qualifiers.join("&")}`;
  return packageOf(name, version, purl);
}

function scriptPackageOf(
  { registry, name, version, integrity }: ScriptPackage,
): SpdxPackage {
  if (registry === "jsr") {
    const purl = `pkg:generic/${
      encodeURIComponent(name)
    }@${version}?registry=jsr`;
    return {
      ...packageOf(name, version, purl),
      // jsr's hash is that of the list of a version's files.
      checksums: [{ algorithm: "SHA256", checksumValue: integrity }],
    };
  }
  const base64 = integrity.replace(/^sha512-/, "");
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return {
    ...packageOf(name, version, npmPurl(name, version)),
    checksums: [{ algorithm: "SHA512", checksumValue: bytes.toHex() }],
  };
}

function npmPurl(name: string, version: string): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

function packageOf(
  name: string,
  versionInfo: string,
  purl: string,
): SpdxPackage {
  return {
    // SPDX 2.3 §3.2: letters, digits, dots and hyphens.
    SPDXID: `SPDXRef-${
      purl.replace(/[?].*$/, "").replace(/[^A-Za-z0-9.-]+/g, "-")
    }`,
    name,
    versionInfo,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: "NOASSERTION",
    copyrightText: "NOASSERTION",
    externalRefs: [{
      referenceCategory: "PACKAGE-MANAGER",
      referenceType: "purl",
      referenceLocator: purl,
    }],
  };
}
