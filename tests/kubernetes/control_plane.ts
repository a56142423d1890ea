/**
 * A real control plane without containers: etcd, kube-apiserver and
 * kube-controller-manager as processes of this machine, with RBAC on.
 *
 * It belongs into a sandbox of `mod/lab`: its ports are fixed, and what is left
 * of it goes with the sandbox. etcd's data lie in a folder that is memory there.
 *
 * Left out: kube-scheduler and kubelets. Pods and Nodes are written by whoever
 * tests, with the status a kubelet would give them.
 *
 * @module
 */

import { type JsonObject, stringAt } from "@/lab/apiserver/json.ts";
import { LabProcess } from "@/lab/process.ts";
import { type KubeAnswer, KubeClient } from "./kube_client.ts";
import {
  type ControlPlanePki,
  makeControlPlanePki,
  type PemPair,
} from "./pki.ts";

/** Paths of the programs. */
export interface ControlPlaneBinaries {
  /** Their version: 25 of 1.25. */
  readonly minor: number;
  readonly apiserver: string;
  readonly controllerManager: string;
}

/** What control plane to start. */
export interface ControlPlaneOptions {
  /** The programs. */
  readonly binaries: ControlPlaneBinaries;
  /** Folder for data, certificates and logs; made when absent. */
  readonly folder: string;
  /** Address the API server is reached by; 127.0.0.1 when absent. */
  readonly address?: string;
  /** Further flags of the API server. */
  readonly apiserverFlags?: readonly string[];
  /** Controllers besides those that every test needs, such as `daemonset-controller`. */
  readonly controllers?: readonly string[];
}

/** A copy of etcd's data. */
export interface EtcdCopy {
  /** Where it lies. */
  readonly folder: string;
}

/** What a token is asked for. */
export interface TokenOptions {
  /** How long it is valid; an hour when absent. */
  readonly expirationSeconds?: number;
  /** Name and uid of a Secret; the token ends with it. */
  readonly boundTo?: { readonly name: string; readonly uid: string };
}

/** Programs that together are a control plane. */
export class ControlPlane implements AsyncDisposable {
  /** Certificates and keys, as files. */
  readonly pki: ControlPlanePki;
  /** URL of the API server, without a slash at the end. */
  readonly baseUrl: string;
  readonly #options: ControlPlaneOptions;
  readonly #caPem: string;
  #admin: KubeClient | undefined;
  #etcd: LabProcess | undefined;
  #apiserver: LabProcess | undefined;
  #controllerManager: LabProcess | undefined;
  #copies = 0;

  private constructor(
    options: ControlPlaneOptions,
    pki: ControlPlanePki,
    caPem: string,
  ) {
    this.#options = options;
    this.pki = pki;
    this.#caPem = caPem;
    this.baseUrl = `https://${options.address ?? LOOPBACK}:${API_PORT}`;
  }

  /**
   * Starts it, and waits until it is ready.
   *
   * @param options What to start.
   */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const { folder, address = LOOPBACK } = options;
    const pki = await makeControlPlanePki(`${folder}/pki`, [
      ...new Set([address, LOOPBACK, SERVICE_IP]),
    ]);
    const plane = new ControlPlane(
      options,
      pki,
      await Deno.readTextFile(pki.ca),
    );
    try {
      plane.#admin = new KubeClient(plane.baseUrl, {
        ca: plane.#caPem,
        pair: await readPair(pki.admin),
      });
      await plane.#startEtcd();
      await plane.startApiserver();
      await plane.#startControllerManager();
    } catch (error) {
      await plane[Symbol.asyncDispose]();
      throw error;
    }
    return plane;
  }

  /** Asks as the user who may do everything. */
  get admin(): KubeClient {
    if (this.#admin === undefined) throw new Error("It has been ended");
    return this.#admin;
  }

  /** The process of the API server, also one that has ended. */
  get apiserver(): LabProcess | undefined {
    return this.#apiserver;
  }

  /** File the API server logs each request to, as JSON lines. */
  get auditLog(): string {
    return `${this.#options.folder}/audit.jsonl`;
  }

  /** Asks once as the user who may do everything; the answer, also a refusal. */
  request(
    method: string,
    path: string,
    body?: JsonObject,
    contentType?: string,
  ): Promise<KubeAnswer> {
    return this.admin.request(method, path, body, contentType);
  }

  /** A kubeconfig of a user with a certificate, such as `pki.admin`. */
  kubeconfig(pair: PemPair): string {
    return this.#kubeconfig({
      "client-certificate": pair.cert,
      "client-key": pair.key,
    });
  }

  /** A kubeconfig with a token in it. */
  kubeconfigFor(token: string): string {
    return this.#kubeconfig({ token });
  }

  /** A kubeconfig that names a file with a token, as a Pod has it. */
  kubeconfigForFile(tokenFile: string): string {
    return this.#kubeconfig({ tokenFile });
  }

  /** Asks as the bearer of a token; to be disposed of. */
  clientFor(token: string): KubeClient {
    return new KubeClient(this.baseUrl, { ca: this.#caPem, token });
  }

  /**
   * A token of a ServiceAccount, by a TokenRequest.
   *
   * @param namespace Its namespace.
   * @param name Its name.
   * @param options How long it is valid.
   */
  async serviceAccountToken(
    namespace: string,
    name: string,
    options: TokenOptions = {},
  ): Promise<string> {
    const { expirationSeconds = 3600, boundTo } = options;
    const body = await this.admin.must(
      "POST",
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: {
          expirationSeconds,
          ...(boundTo === undefined ? {} : {
            boundObjectRef: { apiVersion: "v1", kind: "Secret", ...boundTo },
          }),
        },
      },
    );
    const token = stringAt(body, "status", "token");
    if (token === "") throw new Error("A TokenRequest gave no token");
    return token;
  }

  /** Kills the API server: connections end, nothing is tidied up. */
  async killApiserver(): Promise<void> {
    await this.#apiserver?.stop("SIGKILL");
  }

  /** Starts the API server, and waits until it is ready. */
  async startApiserver(): Promise<void> {
    this.#apiserver = this.#run("kube-apiserver", [
      this.#options.binaries.apiserver,
      ...this.#apiserverFlags(),
    ]);
    await this.#untilReady(this.#apiserver);
  }

  /** Stops etcd for a moment and copies its data. */
  async copyEtcd(): Promise<EtcdCopy> {
    const folder = `${this.#options.folder}/copy-${++this.#copies}`;
    await this.#etcd?.stop("SIGTERM");
    await copyFolder(this.#etcdFolder, folder);
    await this.#startEtcd();
    await this.#untilReady(this.#apiserver);
    return { folder };
  }

  /**
   * Puts old data back, as after a disaster: the API server is stopped
   * meanwhile, then nothing is left of what was written since.
   *
   * @param copy The data.
   */
  async restoreEtcd(copy: EtcdCopy): Promise<void> {
    await this.#apiserver?.stop("SIGKILL");
    await this.#controllerManager?.stop("SIGKILL");
    await this.#etcd?.stop("SIGKILL");
    await Deno.remove(this.#etcdFolder, { recursive: true });
    await copyFolder(copy.folder, this.#etcdFolder);
    await this.#startEtcd();
    await this.startApiserver();
    await this.#startControllerManager();
  }

  /** Bytes that were put into etcd since it was started (its own count of keys and values). */
  async etcdPutBytes(): Promise<number> {
    const response = await fetch(`${ETCD_URL}/metrics`);
    const page = await response.text();
    const line = /^etcd_debugging_mvcc_total_put_size_in_bytes (\S+)$/m;
    return Number(line.exec(page)?.[1]);
  }

  /** Ends everything; the folder stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#admin?.[Symbol.dispose]();
    this.#admin = undefined;
    // Each waits for the one it stands on: that one last.
    await this.#controllerManager?.stop("SIGKILL");
    await this.#apiserver?.stop("SIGKILL");
    await this.#etcd?.stop("SIGKILL");
  }

  get #etcdFolder(): string {
    return `${this.#options.folder}/etcd`;
  }

  async #startEtcd(): Promise<void> {
    this.#etcd = this.#run("etcd", [
      "etcd",
      `--data-dir=${this.#etcdFolder}`,
      `--listen-client-urls=${ETCD_URL}`,
      `--advertise-client-urls=${ETCD_URL}`,
      `--listen-peer-urls=${ETCD_PEER_URL}`,
      "--logger=zap",
      "--log-level=error",
      "--snapshot-count=100000",
      `--quota-backend-bytes=${2 ** 32}`,
    ]);
    const etcd = this.#etcd;
    await until(
      async () => (await answer(`${ETCD_URL}/health`))?.includes('"true"'),
      etcd,
    );
  }

  async #startControllerManager(): Promise<void> {
    const { folder, binaries, controllers = [] } = this.#options;
    const kubeconfig = `${folder}/controller-manager.kubeconfig`;
    const { controllerManager, ca, serviceAccount } = this.pki;
    await Deno.writeTextFile(kubeconfig, this.kubeconfig(controllerManager));
    this.#controllerManager = this.#run("kube-controller-manager", [
      binaries.controllerManager,
      `--kubeconfig=${kubeconfig}`,
      `--service-account-private-key-file=${serviceAccount.key}`,
      `--root-ca-file=${ca}`,
      "--leader-elect=false",
      // With its own user it lacks most rights; these have their bootstrap roles.
      "--use-service-account-credentials=true",
      `--bind-address=${LOOPBACK}`,
      `--controllers=${
        [
          ...(binaries.minor < 28 ? OLD_CONTROLLERS : CONTROLLERS),
          ...controllers,
        ].join(",")
      }`,
      // Half a second otherwise, which would be booked on the load balancer.
      "--endpointslice-updates-batch-period=0",
      "--endpoint-updates-batch-period=0",
      "--kube-api-qps=400",
      "--kube-api-burst=800",
      "--concurrent-service-endpoint-syncs=10",
      "--concurrent-endpoint-syncs=10",
    ]);
    // Other namespaces can be made at once; this one comes from the API server itself.
    await until(
      async () =>
        (await this.request("GET", "/api/v1/namespaces/default")).code === 200,
      this.#controllerManager,
    );
  }

  #apiserverFlags(): readonly string[] {
    const { ca, server, serviceAccount } = this.pki;
    const { folder, address = LOOPBACK, apiserverFlags = [] } = this.#options;
    const policy = `${folder}/audit-policy.json`;
    Deno.writeTextFileSync(policy, JSON.stringify(AUDIT_POLICY));
    return [
      `--etcd-servers=${ETCD_URL}`,
      `--advertise-address=${address === LOOPBACK ? ADVERTISED : address}`,
      `--secure-port=${API_PORT}`,
      `--tls-cert-file=${server.cert}`,
      `--tls-private-key-file=${server.key}`,
      `--client-ca-file=${ca}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${serviceAccount.publicKey}`,
      `--service-account-signing-key-file=${serviceAccount.key}`,
      "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
      "--authorization-mode=Node,RBAC",
      // Pods can be made before their namespace has its default account.
      "--disable-admission-plugins=ServiceAccount",
      "--allow-privileged=true",
      // No kube-proxy here: Services are dialled by their endpoints.
      "--enable-aggregator-routing=true",
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${this.auditLog}`,
      "--audit-log-mode=batch",
      "--shutdown-delay-duration=0s",
      ...apiserverFlags,
    ];
  }

  async #untilReady(apiserver: LabProcess | undefined): Promise<void> {
    if (apiserver === undefined) throw new Error("No API server was started");
    await until(async () => {
      try {
        return (await this.request("GET", "/readyz")).code === 200;
      } catch (error) {
        // Not yet there, or dropped while it started anew.
        if (error instanceof TypeError) return false;
        throw error;
      }
    }, apiserver);
  }

  #run(name: string, command: readonly string[]): LabProcess {
    const logFile = `${this.#options.folder}/${name}.log`;
    return new LabProcess("", command, { name, logFile });
  }

  #kubeconfig(user: JsonObject): string {
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "lab",
      clusters: [{
        name: "lab",
        cluster: {
          server: this.baseUrl,
          "certificate-authority": this.pki.ca,
        },
      }],
      contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
      users: [{ name: "lab", user }],
    });
  }
}

async function readPair(
  { cert, key }: PemPair,
): Promise<{ readonly cert: string; readonly key: string }> {
  return {
    cert: await Deno.readTextFile(cert),
    key: await Deno.readTextFile(key),
  };
}

async function answer(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url);
    return await response.text();
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

async function until(
  holds: () => Promise<boolean | undefined>,
  process: LabProcess,
): Promise<void> {
  const deadlineMs = performance.now() + START_MS_MAX;
  // deno-lint-ignore no-await-in-loop -- one question after the other
  while (await holds() !== true) {
    const tail = (): string => process.lines.slice(-10).join("\n");
    if (process.ended) throw new Error(`${process.name} has ended:\n${tail()}`);
    if (performance.now() > deadlineMs) {
      throw new Error(
        `${process.name} is not ready within ${START_MS_MAX} ms:\n${tail()}`,
      );
    }
    // deno-lint-ignore no-await-in-loop -- it cannot be watched
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`];
    if (entry.isDirectory) await copyFolder(source, target);
    else await Deno.copyFile(source, target);
  }
}

/** Port of the API server. */
export const API_PORT = 6443;

const LOOPBACK = "127.0.0.1";
// The API server refuses to advertise a loopback address; nobody dials this one.
const ADVERTISED = "192.0.2.1";
// The first of the range of Services is that of `kubernetes`.
const SERVICE_IP = "10.96.0.1";
const ETCD_URL = "http://127.0.0.1:2379";
const ETCD_PEER_URL = "http://127.0.0.1:2380";

// Without node-lifecycle-controller: nobody renews the Leases of Nodes here.
const CONTROLLERS: readonly string[] = [
  "endpoints-controller",
  "endpointslice-controller",
  "namespace-controller",
  "garbage-collector-controller",
  "serviceaccount-controller",
  "root-ca-certificate-publisher-controller",
  "clusterrole-aggregation-controller",
  "pod-garbage-collector-controller",
];

// The same under their names before 1.28.
const OLD_CONTROLLERS: readonly string[] = [
  "endpoint",
  "endpointslice",
  "namespace",
  "garbagecollector",
  "serviceaccount",
  "serviceaccount-token",
  "root-ca-cert-publisher",
  "clusterrole-aggregation",
  "podgc",
];

// Who asked what, once per request.
const AUDIT_POLICY: JsonObject = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  omitManagedFields: true,
  rules: [{ level: "Metadata" }],
};

// A cold start on a busy machine.
const START_MS_MAX = 120_000;
const POLL_MS = 25;
