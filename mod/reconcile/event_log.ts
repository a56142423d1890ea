/**
 * Kubernetes Events: what is said to whom, and not said twice.
 *
 * @module
 */

import type { PlannedWrite } from "./planned_write.ts";

/** The object an Event is about. */
export interface EventSubject {
  /** `v1`, or `network.kubesphere.io/v1alpha2`. */
  readonly apiVersion: string;
  /** `Service` or `Eip`. */
  readonly kind: string;
  /** Its name. */
  readonly name: string;
  /** Its namespace; empty when cluster-scoped. */
  readonly namespace: string;
  /** Its uid. */
  readonly uid: string;
}

/** One Event. */
export interface EventText {
  /** Normal or Warning. */
  readonly type: "Normal" | "Warning";
  /** Reason, as OpenELB spells it where it has one. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
  /** The same is not said again sooner, in milliseconds; {@linkcode REPEAT_MS} when absent. */
  readonly repeatMs?: number;
}

/** Who reports, and when. */
export interface EventSource {
  /** `OpenELBController` and the like. */
  readonly component: string;
  /** The reporting node. */
  readonly node: string;
}

/** Remembers what was said, so that the same is not said again within {@linkcode REPEAT_MS}. */
export class EventLog {
  readonly #said = new Map<string, number>();
  readonly #source: EventSource;
  #serial = 0;

  /** A log of one reporter. */
  constructor(source: EventSource) {
    this.#source = source;
  }

  /**
   * The write that records an Event.
   *
   * @param subject What it is about.
   * @param text What is said.
   * @param now The time, on the monotonic clock and as text.
   * @returns The write, or undefined when the same was said a short while ago.
   */
  say(
    subject: EventSubject,
    text: EventText,
    now: { readonly nowMs: number; readonly nowIso: string },
  ): PlannedWrite | undefined {
    const said = `${subject.uid}/${text.reason}/${text.message}`;
    const lastMs = this.#said.get(said);
    if (
      lastMs !== undefined && now.nowMs - lastMs < (text.repeatMs ?? REPEAT_MS)
    ) {
      return undefined;
    }
    this.#said.delete(said);
    this.#said.set(said, now.nowMs);
    if (this.#said.size > REMEMBERED_MAX) {
      const oldest = this.#said.keys().next();
      if (oldest.done !== true) this.#said.delete(oldest.value);
    }
    const namespace = subject.namespace === "" ? "default" : subject.namespace;
    const second = now.nowIso.replace(/\.[0-9]+Z$/, "Z");
    this.#serial++;
    return {
      id: `event/${said}`,
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/events`,
      contentType: "application/json",
      body: {
        apiVersion: "v1",
        kind: "Event",
        metadata: {
          namespace,
          name: eventName(
            subject.name,
            this.#nameEnd(now.nowIso),
          ),
        },
        involvedObject: {
          apiVersion: subject.apiVersion,
          kind: subject.kind,
          name: subject.name,
          uid: subject.uid,
          ...(subject.namespace === "" ? {} : { namespace: subject.namespace }),
        },
        type: text.type,
        reason: text.reason,
        message: text.message.slice(0, MESSAGE_CHARACTERS_MAX),
        source: { component: this.#source.component, host: this.#source.node },
        reportingComponent: this.#source.component,
        reportingInstance: this.#source.node,
        firstTimestamp: second,
        lastTimestamp: second,
        count: 1,
      },
    };
  }

  /** What tells an Event apart: the logs of one agent count each for themselves, so the component is part of it. */
  #nameEnd(nowIso: string): string {
    const { component, node } = this.#source;
    const suffix = eventSuffix(nowIso, this.#serial);
    return `${suffix}.${component.toLowerCase()}.${node}`;
  }
}

/** The name of an Event; what tells it apart from others is never cut off. */
function eventName(subject: string, suffix: string): string {
  const end = cut(suffix, EVENT_SUFFIX_MAX);
  return `${cut(subject, EVENT_NAME_MAX - 1 - end.length)}.${end}`;
}

/** A part of a name, at most so long; ends in a letter or digit. */
function cut(text: string, charactersMax: number): string {
  return text.slice(0, charactersMax).replace(/[^a-z0-9]+$/, "");
}

/** A name part that two Events of one log never share. */
function eventSuffix(nowIso: string, serial: number): string {
  return `${nowIso.replace(/[^0-9]/g, "")}${serial.toString(36)}`;
}

/** The same sentence about the same object is not repeated sooner, in milliseconds. */
export const REPEAT_MS = 600_000;
/** Sentences remembered; the oldest is forgotten first. */
const REMEMBERED_MAX = 20_000;
/** The API server's bound of an Event's message, in characters. */
const MESSAGE_CHARACTERS_MAX = 1024;
/** Of the part of an Event's name that tells it apart. */
const EVENT_SUFFIX_MAX = 80;
/** The API server's bound of an object's name. */
const EVENT_NAME_MAX = 253;
