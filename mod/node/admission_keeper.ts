/**
 * Keeps the webhook's certificate: on the elected agent, so that one agent makes
 * it and all serve it.
 *
 * ```text
 *  configuration there? ──no──▶ nothing is wanted
 *          │ yes
 *  certificate usable, for our names, not in its last third? ──no──▶ renew
 *          │ yes
 *  caBundle of every webhook that of the Secret? ──no──▶ patch the configuration
 * ```
 *
 * The configuration is read every {@linkcode CONFIGURATION_INTERVAL_MS} by the
 * one who leads, not watched by all: a right to one object by name does.
 *
 * @module
 */

import {
  ADMISSION_SECRET_NAME,
  type AdmissionSecret,
  projectWebhookConfiguration,
  WEBHOOK_NAME,
  type WebhookConfiguration,
  webhookNames,
} from "@/api/mod.ts";
import { earliest, type PlannedWrite } from "@/reconcile/mod.ts";
import type { WriteOutcome } from "@/reconcile/mod.ts";
import type { Instant, WatchNews } from "./main_events.ts";

/** What the watch of the Secret tells. */
export type AdmissionSecretNews = Extract<
  WatchNews,
  { readonly watched: "certificate" }
>["news"];

/** A certificate to be made and put into the Secret. */
export interface CertificateOrder {
  /** The DNS names it is for. */
  readonly names: readonly string[];
}

/** What the keeper asks for. */
export interface KeeperOrders {
  /** Requests to the API server. */
  readonly writes: readonly PlannedWrite[];
  /** A certificate to be made; undefined: none. */
  readonly order: CertificateOrder | undefined;
  /** Why it is made, for the log. */
  readonly why: string | undefined;
}

/** Keeps the certificate. */
export class AdmissionKeeper {
  readonly #names: readonly string[];
  /** The Secret; `null`: there is none; undefined: not known yet. */
  #secret: AdmissionSecret | null | undefined;
  /** The configuration; undefined: there is none, or it is not known. */
  #configuration: WebhookConfiguration | undefined;
  #leads = false;
  /** What waits for its answer. */
  readonly #waits = new Set<"configuration" | "caBundle" | "certificate">();
  #configurationDueMs = -Infinity;
  #orderDueMs = -Infinity;
  /** Whether the Secret was deleted since it was looked at last. */
  #wasDeleted = false;
  /** When the configuration was read last. */
  #readMs = -Infinity;
  /** When it may be read again at the earliest. */
  #readAgainMs = -Infinity;
  /** When `caBundle` may be written again at the earliest. */
  #patchMs = -Infinity;
  /** When a certificate that is wanted is due; undefined: none is, or it is due. */
  #pendingMs: number | undefined;

  /**
   * A keeper that knows nothing yet.
   *
   * @param namespace Namespace of the Service and the Secret.
   */
  constructor(namespace: string) {
    this.#names = webhookNames(namespace);
  }

  /** The certificate that all agents serve, as far as it is known. */
  get secret(): AdmissionSecret | undefined {
    return this.#secret ?? undefined;
  }

  /** Takes what the watch of the Secret tells. */
  take(news: AdmissionSecretNews): void {
    switch (news.kind) {
      case "listed":
        this.#secret = news.objects[0] ?? null;
        break;
      case "changed":
        this.#secret = news.object;
        break;
      case "deleted":
        this.#secret = null;
        // An installation that is taken away takes its configuration a moment later.
        this.#wasDeleted = true;
        break;
      case "alive":
      case "lost":
      case "unprojectable":
        break;
    }
  }

  /**
   * What there is to do now.
   *
   * @param leads Whether this agent is the elected one.
   * @param at The time.
   */
  look(leads: boolean, at: Instant): KeeperOrders {
    if (leads && !this.#leads) this.#configurationDueMs = -Infinity;
    this.#leads = leads;
    if (!leads) {
      this.#configuration = undefined;
      return NOTHING;
    }
    const writes: PlannedWrite[] = [];
    if (this.#wasDeleted) this.#orderDueMs = at.nowMs + RETRY_MS;
    this.#wasDeleted = false;
    const why = this.#renewalReason(at);
    const isDue = why !== undefined && at.nowMs >= this.#orderDueMs &&
      !this.#waits.has("certificate");
    // None is made for a configuration that may be gone by now.
    const isFresh = at.nowMs - this.#readMs <= FRESH_MS;
    if (isDue && !isFresh) this.#configurationDueMs = this.#readAgainMs;
    // A certificate that is wanted and not yet to be made is a reason to wake.
    this.#pendingMs = why !== undefined && !isDue
      ? this.#orderDueMs
      : undefined;
    if (
      !this.#waits.has("configuration") && at.nowMs >= this.#configurationDueMs
    ) {
      this.#waits.add("configuration");
      writes.push(READ_CONFIGURATION);
    }
    if (why !== undefined) {
      if (!isDue || !isFresh) return { ...NOTHING, writes };
      this.#waits.add("certificate");
      return { writes, order: { names: this.#names }, why };
    }
    const patch = this.#bundlePatch();
    const mayPatch = !this.#waits.has("caBundle") && at.nowMs >= this.#patchMs;
    if (patch !== undefined && mayPatch) {
      this.#waits.add("caBundle");
      writes.push(patch);
    }
    return { ...NOTHING, writes };
  }

  /** Takes the answer to one of its requests. */
  written(write: PlannedWrite, outcome: WriteOutcome, at: Instant): void {
    const isRead = write.id === READ_CONFIGURATION.id;
    // Whoever else writes it is not fought at the speed of the network.
    if (!isRead) this.#patchMs = at.nowMs + RETRY_MS;
    this.#waits.delete(isRead ? "configuration" : "caBundle");
    this.#configurationDueMs = at.nowMs + CONFIGURATION_INTERVAL_MS;
    this.#readAgainMs = at.nowMs + RETRY_MS;
    if (outcome.kind === "written") {
      this.#readAgainMs = at.nowMs;
      this.#readMs = at.nowMs;
      const read = projectWebhookConfiguration(outcome.object);
      this.#configuration = read.ok ? read.value : undefined;
    } else if (isRead) {
      if (outcome.reason === "not-found") this.#configuration = undefined;
      // During an outage it is still there; nothing can be written then anyway.
      else this.#configurationDueMs = at.nowMs + RETRY_MS;
    } else {
      // Another one was first, or it is gone: it is read again, then decided.
      this.#configuration = undefined;
      this.#configurationDueMs = at.nowMs + RETRY_MS;
    }
  }

  /** Takes the answer to an order. */
  ordered(at: Instant): void {
    this.#waits.delete("certificate");
    // Also after success: until its watch has told of it, the old one is known.
    this.#orderDueMs = at.nowMs + RETRY_MS;
  }

  /** When to look again, or undefined. */
  deadlineMs(): number | undefined {
    if (!this.#leads) return undefined;
    return earliest([
      this.#waits.has("configuration") ? undefined : this.#configurationDueMs,
      this.#waits.has("certificate") ? undefined : this.#pendingMs,
    ]);
  }

  /** Why a certificate is to be made; undefined: it is not, or it is not known yet. */
  #renewalReason({ nowIso }: Instant): string | undefined {
    const secret = this.#secret;
    if (this.#configuration === undefined || secret === undefined) {
      return undefined;
    }
    if (secret === null) return "there is none";
    const { certificate, problem } = secret;
    if (certificate === undefined) return problem ?? "there is none";
    const missing = this.#names.find((name) =>
      !certificate.names.includes(name)
    );
    if (missing !== undefined) return `it is not for ${missing}`;
    const nowMs = Date.parse(nowIso);
    const { notBeforeMs, notAfterMs, authorityNotAfterMs } = certificate;
    if (nowMs < notBeforeMs) return "it is not valid yet";
    const endMs = Math.min(notAfterMs, authorityNotAfterMs);
    const lastThirdMs = endMs - (endMs - notBeforeMs) / 3;
    return nowMs < lastThirdMs
      ? undefined
      : `it is valid until ${new Date(endMs).toISOString()} only`;
  }

  #bundlePatch(): PlannedWrite | undefined {
    const wanted = this.#secret?.certificate?.caBundle;
    const configuration = this.#configuration;
    if (wanted === undefined || configuration === undefined) return undefined;
    const { caBundles, resourceVersion } = configuration;
    const wrong = [...caBundles.keys()].filter((i) => caBundles[i] !== wanted);
    if (wrong.length === 0) return undefined;
    return {
      id: "admission-cabundle",
      method: "PATCH",
      path: CONFIGURATION_PATH,
      contentType: "application/json-patch+json",
      body: [
        // A list is replaced as a whole by a merge patch: only this field is ours.
        {
          op: "test",
          path: "/metadata/resourceVersion",
          value: resourceVersion,
        },
        ...wrong.map((i) => ({
          op: "add",
          path: `/webhooks/${i}/clientConfig/caBundle`,
          value: wanted,
        })),
      ],
    };
  }
}

/** Whether a request is one of an {@linkcode AdmissionKeeper}. */
export function isAdmissionWrite({ id }: PlannedWrite): boolean {
  return id.startsWith("admission-");
}

/** What an order is called where rights are counted. */
export const CERTIFICATE_ATTEMPT: string = `PATCH ${ADMISSION_SECRET_NAME}`;

/** How often the configuration is read: so long it may go without `caBundle` after it was replaced. */
export const CONFIGURATION_INTERVAL_MS = 30_000;

/** How long after a failure it is tried again, and after the Secret was deleted. */
const RETRY_MS = 5_000;

/** How old what is known of the configuration may be when a certificate is made for it. */
const FRESH_MS = 1_000;

const CONFIGURATION_PATH =
  `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${WEBHOOK_NAME}`;

const READ_CONFIGURATION: PlannedWrite = {
  id: "admission-configuration",
  method: "GET",
  path: CONFIGURATION_PATH,
  contentType: "application/json",
  body: undefined,
};

const NOTHING: KeeperOrders = {
  writes: [],
  order: undefined,
  why: undefined,
};
