/**
 * One router and our speaker, one process each, for all cases of a daemon.
 *
 * @module
 */

import type { BgpConfSpec, BgpPeerSpec } from "@/api/mod.ts";
import { ADDRESS, US } from "./_network.ts";
import { type Router, TERMS, type Terms } from "./_router.ts";
import { Speaker } from "./_speaker.ts";

/** A stage. */
export class Stage implements AsyncDisposable {
  readonly speaker: Speaker;
  readonly router: Router;

  private constructor(speaker: Speaker, router: Router) {
    this.speaker = speaker;
    this.router = router;
  }

  static async build(router: Router): Promise<Stage> {
    return new Stage(await Speaker.start(US, CONF), router);
  }

  /**
   * Brings a session up, another one than before.
   *
   * @param terms What the router has otherwise than {@linkcode TERMS}.
   * @param spec What our BgpPeer has besides address, AS and both families.
   */
  async session(
    terms: Partial<Terms> = {},
    spec: BgpPeerSpec = {},
  ): Promise<Terms> {
    const whole = { ...TERMS, ...terms };
    if (this.speaker.process.ended) await this.speaker.begin();
    await this.speaker.configure({});
    await this.router.begin(whole);
    const from = this.speaker.mark;
    await this.speaker.configure({ router: peerSpec(whole, spec) });
    await this.#up(whole.local, from);
    return whole;
  }

  /** Waits until the session is up anew, from a mark on. */
  async again(terms: Terms, from: number): Promise<void> {
    await this.#up(terms.local, from);
  }

  async #up(address: string, from: number): Promise<void> {
    try {
      await this.speaker.up(address, from);
    } catch (error) {
      const said = await this.router.diagnose();
      throw new Error(`${(error as Error).message}\n${said}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.speaker[Symbol.asyncDispose]();
    await this.router[Symbol.asyncDispose]();
  }
}

/** Our BgpPeer for a router. */
export function peerSpec(terms: Terms, spec: BgpPeerSpec = {}): BgpPeerSpec {
  const { local, localAs, password } = terms;
  return {
    timers: { config: { holdTime: "9", connectRetry: "2" } },
    afiSafis: BOTH_FAMILIES,
    ...spec,
    conf: {
      neighborAddress: local,
      peerAs: localAs,
      ...(password === undefined ? {} : { authPassword: password }),
      ...spec.conf,
    },
  };
}

/** IPv4 and IPv6 on one session. */
export const BOTH_FAMILIES: NonNullable<BgpPeerSpec["afiSafis"]> = familiesOf(
  {},
);

/** Both families, each with something more. */
export function familiesOf(
  more: Omit<NonNullable<BgpPeerSpec["afiSafis"]>[number], "config">,
): NonNullable<BgpPeerSpec["afiSafis"]> {
  return ["AFI_IP", "AFI_IP6"].map((afi) => ({
    config: { family: { afi, safi: "SAFI_UNICAST" } },
    ...more,
  }));
}

/** Our BgpConf. */
export const CONF: BgpConfSpec = { as: 65_001, routerId: ADDRESS.us4 };
