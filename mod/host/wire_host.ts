/**
 * The loop of the wire isolate: it blocks until there are frames, commands or a
 * deadline, and lets the core answer.
 *
 * The clock is looked at before anything that was received: a process that was
 * stopped answers nothing from its full sockets.
 *
 * @module
 */

import type {
  WireCommand,
  WireEffect,
  WireLink,
  WireReport,
} from "@/node/mod.ts";
import type { WireCore } from "@/node/mod.ts";
import type { BfdPath } from "@/port/bfd.ts";
import type { PacketLink, WirePort } from "@/port/packet_link.ts";

/** Runs one wire core. */
export class WireHost {
  readonly #core: WireCore;
  readonly #port: WirePort<WireLink, WireCommand, WireReport>;
  readonly #links = new Map<number, PacketLink>();
  /** BFD sessions whose socket could not be opened. */
  readonly #unopened = new Map<string, BfdPath>();
  #stopped = false;

  /** A loop around a core, not yet started. */
  constructor(
    core: WireCore,
    port: WirePort<WireLink, WireCommand, WireReport>,
  ) {
    this.#core = core;
    this.#port = port;
  }

  /** Runs until told to stop. */
  run(): void {
    this.#port.report({ kind: "ready" });
    while (!this.#stopped) this.turn();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  /** Waits once and does what is due. */
  turn(): void {
    const dueMs = this.#core.deadlineMs();
    const ready = this.#port.wait(
      dueMs === undefined ? undefined : dueMs - this.#port.nowMs(),
    );
    const nowMs = this.#port.nowMs();
    this.#carryOut(this.#core.wake(nowMs));
    for (const command of this.#port.takeCommands()) {
      if (command.kind === "stop") this.#stopped = true;
      this.#carryOut(this.#core.step(command, nowMs));
    }
    // A peer's sign of life counts before its silence does.
    if (ready.includes(0)) this.#takeDatagrams(nowMs);
    // What agents say to each other comes first: a PROBE is answered before any other work.
    for (const tag of ready) this.#hear(tag, nowMs);
    for (const [tag, link] of this.#links) {
      if (this.#core.takeStale(tag)) link.discard();
    }
    for (const tag of ready) this.#receive(tag, nowMs);
    // Nobody waits for an address here: what may be a flood comes last.
    for (const tag of ready) this.#echo(tag, nowMs);
    this.#carryOut(this.#core.deadline(nowMs));
  }

  #takeDatagrams(nowMs: number): void {
    const datagrams = this.#port.bfd?.receive() ?? [];
    this.#carryOut(this.#core.takeDatagrams(datagrams, nowMs));
  }

  #hear(tag: number, nowMs: number): void {
    const link = this.#links.get(tag);
    if (link === undefined) return;
    for (let batch = 0; batch < FELLOW_BATCHES_PER_TURN_MAX; batch++) {
      const frames = link.receiveFellows();
      if (frames.length === 0) return;
      this.#carryOut(this.#core.takeFrames(tag, frames, nowMs));
    }
  }

  #receive(tag: number, nowMs: number): void {
    const link = this.#links.get(tag);
    if (link === undefined) return;
    for (let batch = 0; batch < BATCHES_PER_TURN_MAX; batch++) {
      const received = link.receive();
      if (received <= 0) return;
      const answers = this.#core.answer(tag, received);
      if (answers > 0) link.send(answers);
      const effects = this.#core.takeSightings(tag, nowMs);
      if (effects.length > 0) this.#carryOut(effects);
      if (received < link.rx.slots) return;
    }
  }

  #echo(tag: number, nowMs: number): void {
    const link = this.#links.get(tag);
    if (link === undefined) return;
    for (let batch = 0; batch < ECHO_BATCHES_PER_TURN_MAX; batch++) {
      const frames = link.receiveEchoes();
      if (frames.length === 0) return;
      this.#carryOut(this.#core.takeEchoes(tag, frames, nowMs));
    }
  }

  #carryOut(effects: readonly WireEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "open":
          this.#open(effect.link, effect.tag);
          break;
        case "close":
          this.#links.get(effect.tag)?.close();
          this.#links.delete(effect.tag);
          break;
        case "send":
          this.#links.get(effect.tag)?.sendFrame(effect.frame);
          break;
        case "filter":
          this.#filter(effect);
          break;
        case "echo-filter":
          this.#filterEchoes(effect);
          break;
        case "group":
          this.#links.get(effect.tag)?.setGroup(effect.group, effect.wanted);
          break;
        case "count-overruns":
          this.#core.setOverruns(
            effect.tag,
            this.#links.get(effect.tag)?.overruns() ?? 0,
          );
          break;
        case "report":
          this.#port.report(effect.report);
          break;
        case "bfd-open":
          this.#openBfd(effect.path);
          break;
        case "bfd-send":
          this.#sendBfd(effect.id, effect.bytes);
          break;
        case "bfd-close":
          this.#unopened.delete(effect.id);
          this.#port.bfd?.close(effect.id);
          break;
      }
    }
  }

  #openBfd(path: BfdPath): void {
    const { id } = path;
    try {
      this.#port.bfd?.open(path);
      this.#unopened.delete(id);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Said once; an address may come later than the session that uses it.
      if (!this.#unopened.has(id)) {
        this.#port.report({ kind: "bfd-failed", id, message });
      }
      this.#unopened.set(id, path);
    }
  }

  #sendBfd(id: string, bytes: Uint8Array<ArrayBuffer>): void {
    const unopened = this.#unopened.get(id);
    if (unopened !== undefined) this.#openBfd(unopened);
    this.#port.bfd?.send(id, bytes);
  }

  #open(link: WireLink, tag: number): void {
    try {
      const opened = this.#port.open(link, tag);
      this.#links.set(tag, opened);
      this.#carryOut(
        this.#core.opened(
          tag,
          { rx: opened.rx, tx: opened.tx },
          this.#port.nowMs(),
        ),
      );
    } catch (error) {
      // The world said no (no capability, the interface is gone): a report,
      // not the end of the other links.
      const message = error instanceof Error ? error.message : String(error);
      this.#port.report({ kind: "link-failed", link: link.name, message });
    }
  }

  #filterEchoes(effect: WireEffect & { readonly kind: "echo-filter" }): void {
    const { tag, link, programs } = effect;
    try {
      if (this.#links.get(tag)?.setEchoFilters(programs) !== false) return;
      const message =
        "The kernel has no room for the filter of ping's requests";
      this.#port.report({ kind: "ping-failed", link, message });
    } catch (error) {
      // The interface is gone, or the system has no descriptor left.
      const message = error instanceof Error ? error.message : String(error);
      this.#port.report({ kind: "ping-failed", link, message });
    }
  }

  #filter(effect: WireEffect & { readonly kind: "filter" }): void {
    const link = this.#links.get(effect.tag);
    if (link === undefined) return;
    let exact = effect.exact;
    const { fellow } = effect.programs;
    if (fellow !== undefined) link.setFilter("fellow", fellow);
    for (const protocol of ["arp", "ndp"] as const) {
      if (link.setFilter(protocol, effect.programs[protocol])) continue;
      // The kernel had no room for the long one: it lets more pass.
      link.setFilter(protocol, effect.fallbacks[protocol]);
      exact = false;
    }
    this.#port.report({
      kind: "link-ready",
      link: effect.link,
      filter: exact ? "exact" : "plain",
    });
  }
}

/** The same of echo requests, of which the kernel throws away what there is no time for. */
const ECHO_BATCHES_PER_TURN_MAX = 4;
/** Batches of one link before the other links and commands have their turn. */
const BATCHES_PER_TURN_MAX = 16;
/** The same of what agents say: a minute's worth of many of them is read before anything is answered. */
const FELLOW_BATCHES_PER_TURN_MAX = 256;
