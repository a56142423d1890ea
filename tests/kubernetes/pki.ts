/**
 * The certificates of a control plane, made by openssl: one authority for all,
 * as a small cluster has it.
 *
 * @module
 */

import { must } from "@/lab/command.ts";

/** Where the certificates and keys lie, as PEM files. */
export interface ControlPlanePki {
  /** Certificate of the authority. */
  readonly ca: string;
  /** Certificate and key of the API server. */
  readonly server: PemPair;
  /** The user who may do everything: group `system:masters`. */
  readonly admin: PemPair;
  /** The user `system:kube-controller-manager`. */
  readonly controllerManager: PemPair;
  /** The user `system:kube-proxy`. */
  readonly proxy: PemPair;
  /** What ServiceAccount tokens are signed by. */
  readonly serviceAccount: {
    /** The private key. */
    readonly key: string;
    /** The public key. */
    readonly publicKey: string;
  };
}

/** Files with a certificate and its key. */
export interface PemPair {
  /** The certificate. */
  readonly cert: string;
  /** Its private key. */
  readonly key: string;
}

/**
 * Makes them; about a quarter of a second.
 *
 * @param folder Where to put them.
 * @param addresses Addresses of the API server, beside those every cluster has.
 */
export async function makeControlPlanePki(
  folder: string,
  addresses: readonly string[],
): Promise<ControlPlanePki> {
  await Deno.mkdir(folder, { recursive: true });
  const names = [
    ...["kubernetes", "kubernetes.default.svc", "localhost"].map((name) =>
      `DNS:${name}`
    ),
    ...addresses.map((address) => `IP:${address}`),
  ];
  await must("sh", ["-ec", SCRIPT, "sh", folder, names.join(",")]);
  const file = (name: string): string => `${folder}/${name}`;
  const pair = (name: string): PemPair => ({
    cert: file(`${name}.crt`),
    key: file(`${name}.key`),
  });
  return {
    ca: file("ca.crt"),
    server: pair("server"),
    admin: pair("admin"),
    controllerManager: pair("controller-manager"),
    proxy: pair("proxy"),
    serviceAccount: { key: file("sa.key"), publicKey: file("sa.pub") },
  };
}

// $1: the folder, $2: the names of the API server.
const SCRIPT = `
cd "$1"
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -days 30 -subj /CN=lab \\
  -addext basicConstraints=critical,CA:TRUE -out ca.crt
printf 'subjectAltName=%s\\n' "$2" > names
pair() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.sec1"
  openssl pkcs8 -topk8 -nocrypt -in "$1.sec1" -out "$1.key"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial \\
    -days 30 -extfile names -out "$1.crt"
}
{
  pair server /CN=kube-apiserver
  pair admin /O=system:masters/CN=admin
  pair controller-manager /CN=system:kube-controller-manager
  pair proxy /CN=system:kube-proxy
  openssl ecparam -name prime256v1 -genkey -noout -out sa.key
  openssl ec -in sa.key -pubout -out sa.pub
} 2>&1
`;
