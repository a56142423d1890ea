/**
 * The webhook of an agent: its listener, its certificate, and what it counts.
 *
 * @module
 */

import type {
  AdmissionRequest,
  AdmissionSecret,
  AdmissionVerdict,
} from "@/api/mod.ts";
import { AdmissionServer, type ServerCertificate } from "@/http/mod.ts";
import { AdmissionCertificates } from "@/io/pki/mod.ts";
import type { Result } from "@/lang/result.ts";
import type { MetricSample } from "@/obs/mod.ts";
import type { ClusterApi } from "@/port/cluster_api.ts";
import type { LogSink } from "@/port/log_sink.ts";
import type { CertificateDesk } from "@/port/node_ports.ts";
import { UsageError } from "./usage_error.ts";

/** What the webhook stands on. */
export interface AdmissionOptions {
  /** Port to listen on, on every address. */
  readonly port: number;
  /** Namespace of the Secret with the certificate. */
  readonly namespace: string;
  /** The Kubernetes API. */
  readonly api: ClusterApi;
  /** Tells the wall-clock time in milliseconds. */
  readonly wallMs: () => number;
  /** Logs. */
  readonly logs: LogSink;
  /** The answer; undefined: too little is known yet. */
  readonly review: (request: AdmissionRequest) => AdmissionVerdict | undefined;
  /** Told of each certificate that is to be served, the first one too. */
  readonly onCertificate?: (pair: ServerCertificate) => void;
}

/** The webhook of an agent. */
export class Admission {
  readonly #server: AdmissionServer;
  readonly #certificates: AdmissionCertificates;
  readonly #answers = new Map<string, MetricSample & { value: number }>();

  /** It listens once its certificate was read. */
  constructor(options: AdmissionOptions) {
    const { api, namespace, wallMs, logs, port } = options;
    this.#server = new AdmissionServer({ port }, {
      review: options.review,
      answered: (kind, verdict) => this.#count(kind, verdict),
      logs,
    });
    this.#certificates = new AdmissionCertificates({
      ...{ api, namespace, wallMs },
      onPair: (pair) => {
        this.#server.use(pair);
        options.onCertificate?.(pair);
      },
    });
  }

  /** Makes certificates. */
  get desk(): CertificateDesk {
    return this.#certificates;
  }

  /** Reads the Secret, and serves what is in it from here on. */
  readonly readSecret = (raw: unknown): Result<AdmissionSecret, string> =>
    this.#certificates.project(raw);

  /** What was answered since start. */
  samples(): readonly MetricSample[] {
    return [...this.#answers.values()].map((sample) => ({ ...sample }));
  }

  /** Ends it. */
  async close(): Promise<void> {
    await this.#server.close();
  }

  #count(asked: string, verdict: string): void {
    const kind = KINDS.has(asked) ? asked : "other";
    const key = `${kind} ${verdict}`;
    const known = this.#answers.get(key);
    if (known !== undefined) known.value++;
    else {
      this.#answers.set(key, {
        name: "foghorn_admission_reviews_total",
        labels: { kind, verdict },
        value: 1,
      });
    }
  }
}

/**
 * Reads `--webhook-port`.
 *
 * @param text As it was written.
 * @returns The port; undefined for 0: no webhook is served.
 * @throws {UsageError} When it is no port.
 */
export function webhookPort(text: string): number | undefined {
  return portOf("--webhook-port", text, "0 for no webhook");
}

/**
 * Reads `--metrics-secure-port`.
 *
 * @param text As it was written.
 * @param webhook What `--webhook-port` is, whose certificate is served.
 * @returns The port; undefined for 0: metrics are plain, and for everybody.
 * @throws {UsageError} When it is no port, or there is no certificate.
 */
export function metricsSecurePort(
  text: string,
  webhook: number | undefined,
): number | undefined {
  const flag = "--metrics-secure-port";
  const port = portOf(flag, text, "0 for metrics without TLS");
  if (port !== undefined && webhook === undefined) {
    throw new UsageError(
      `Cannot use ${flag} "${text}" without a webhook, whose certificate it serves: leave --webhook-port 0 out`,
    );
  }
  return port;
}

function portOf(
  flag: string,
  text: string,
  instead: string,
): number | undefined {
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) {
    throw new UsageError(
      `Cannot use ${flag} "${text}": write a port, 1 to 65535, or ${instead}`,
    );
  }
  return port === 0 ? undefined : port;
}

// What a stranger asks for becomes no label.
const KINDS: ReadonlySet<string> = new Set(["Eip", "BgpConf", "BgpPeer"]);
