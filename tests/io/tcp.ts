/**
 * TCP as a BGP speaker needs it, between hosts on veth pairs; run by
 * `mod/io/tcp/kernel_tcp_test.ts`.
 *
 * @module
 */

import {
  deepStrictEqual as deepEqual,
  match,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { SystemClock } from "@/io/clock.ts";
import { KernelTcp } from "@/io/tcp/kernel_tcp.ts";
import { doubtOf } from "@/node/connection_doubt.ts";
import type { TcpHops, TcpTarget } from "@/port/tcp.ts";
import { ip, ownDescriptors, runCase } from "./private_network.ts";
import {
  addr,
  birdOn,
  bytes,
  down,
  Ear,
  key,
  openMessage,
  settle,
  Stage,
  until,
  up,
} from "./tcp_stage.ts";

await runCase({
  async "carries bytes both ways"() {
    await using stage = await Stage.make();
    stage.listen();
    for (const peer of ["10.0.0.2", "2001:db8::2", "fe80::2%va"]) {
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      const [near, far] = await stage.pair(peer);
      const [nearEar, farEar] = [new Ear(near), new Ear(far)];
      equal(near.write(bytes("hello")), 5);
      equal(far.write(bytes("you too")), 7);
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      await until(() => nearEar.bytes === 7 && farEar.bytes === 5);
      deepEqual([nearEar.chunks, farEar.chunks], [["you too"], ["hello"]]);
      const [address = "", zone] = peer.split("%");
      deepEqual(near.peer, {
        address,
        port: 179,
        ...(zone === undefined ? {} : { zone }),
      });
      deepEqual([far.peer.address, far.peer.port], [
        near.local.address,
        near.local.port,
      ]);
      equal(far.local.address, address);
      near.close();
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      await until(() => farEar.end !== undefined);
      deepEqual(farEar.end, { kind: "finished" });
      equal(nearEar.end, undefined);
      equal(near.write(bytes("late")), 0);
    }
  },

  async "waits for a peer that does not read"() {
    await using stage = await Stage.make();
    stage.listen();
    const [near, far] = await stage.pair();
    const farEar = new Ear(far);
    far.pause();
    const chunk = new Uint8Array(1 << 20);
    const total = 64 << 20;
    let written = 0;
    const fill = (): void => {
      while (written < total) {
        const taken = near.write(chunk.subarray(0, total - written));
        written += taken;
        if (taken < chunk.length) return;
      }
    };
    const nearEar = new Ear(near, fill);
    fill();
    equal(near.write(chunk), 0);
    ok(near.unacknowledgedBytes() > 0);
    await settle();
    // A window is all that a paused end takes, and nothing of it is told.
    equal(farEar.bytes, 0);
    ok(written < total / 2, `${written} bytes were taken`);
    far.resume();
    await until(() => farEar.bytes === total);
    ok(nearEar.writable > 0);
    near.close();
    await until(() => farEar.end !== undefined);
    deepEqual(farEar.end, { kind: "finished" });
  },

  async "breaks a connection, and hears of it"() {
    await using stage = await Stage.make();
    stage.listen();
    const [near, far] = await stage.pair();
    const ear = new Ear(near);
    far.close("reset");
    await until(() => ear.end !== undefined);
    deepEqual(ear.end, { kind: "reset" });
    equal(near.write(bytes("x")), 0);
    near.close();
    const [second, broken] = await stage.pair();
    const paused = new Ear(second);
    second.pause();
    broken.close("reset");
    await settle();
    // Not asked to read: it tells by the next write, at the latest.
    second.write(bytes("x"));
    second.write(bytes("x"));
    await until(() => paused.end !== undefined);
    deepEqual(paused.end, { kind: "reset" });
  },

  async "has its last words arrive although bytes wait unread"() {
    await using stage = await Stage.make();
    stage.listen();
    const [near, far] = await stage.pair();
    // Nobody reads on the far end: a plain close would break the connection.
    near.write(bytes("a table that nobody wants"));
    await settle();
    const ear = new Ear(near);
    far.write(bytes("cease"));
    far.close();
    await until(() => ear.end !== undefined);
    deepEqual([ear.chunks, ear.end], [["cease"], { kind: "finished" }]);
  },

  async "tells why a peer is not reached"() {
    await using stage = await Stage.make();
    const kinds = async (
      peer: string,
      options: Partial<TcpTarget> = {},
    ): Promise<readonly string[]> => {
      const failure = down(await stage.dial(peer, options));
      return [failure.kind, failure.message];
    };
    deepEqual(await kinds("10.0.0.2"), [
      "refused",
      "Cannot dial 10.0.0.2 port 179: ECONNREFUSED, nobody listens there",
    ]);
    deepEqual(await kinds("203.0.113.1"), [
      "unreachable",
      "Cannot dial 203.0.113.1 port 179: ENETUNREACH, there is no route",
    ]);
    deepEqual(await kinds("10.0.0.2", { source: addr("10.0.0.9") }), [
      "address-unavailable",
      "Cannot dial 10.0.0.2 port 179 from 10.0.0.9: EADDRNOTAVAIL, no interface has this address",
    ]);
    deepEqual(await kinds("fe80::2%eth9"), [
      "address-unavailable",
      'Cannot dial fe80::2%eth9 port 179: ENODEV, there is no interface "eth9"',
    ]);
    deepEqual(await kinds("10.0.0.2", { device: "eth9" }), [
      "address-unavailable",
      'Cannot dial 10.0.0.2 port 179: ENODEV, there is no interface "eth9"',
    ]);
    equal((await kinds("fe80::2"))[0], "failed");
    equal((await kinds("10.0.0.2", { source: addr("::1") }))[0], "failed");
    // Nobody has this address: ARP takes three seconds to say so.
    const beganMs = performance.now();
    const silent = await kinds("10.0.0.99", { timeoutMs: 400 });
    deepEqual(silent, [
      "timed-out",
      "Cannot dial 10.0.0.99 port 179: no answer in 400 ms",
    ]);
    const tookMs = performance.now() - beganMs;
    ok(tookMs >= 400 && tookMs < 900, `it took ${tookMs} ms`);
  },

  async "dials from a source address, and by an interface"() {
    await using stage = await Stage.make();
    stage.listen();
    ip("addr add 10.0.0.7/32 dev lo");
    stage.peer.run("ip route add 10.0.0.7/32 dev vb via 10.0.0.1");
    const source = addr("10.0.0.7");
    const [, far] = await stage.pair("10.0.0.2", { source, device: "va" });
    equal(far.peer.address, "10.0.0.7");
    // The peer is not behind this one, whatever the routes say.
    const astray = down(
      await stage.dial("10.0.0.2", { device: "lo", timeoutMs: 300 }),
    );
    ok(["timed-out", "unreachable"].includes(astray.kind), astray.kind);
  },

  async "listens on several addresses, and names one that is not here"() {
    await using stage = await Stage.make();
    const listener = stage.listen({
      addresses: ["10.0.0.2", "10.0.0.44", "2001:db8::2"].map((text) => ({
        address: addr(text),
      })),
    });
    deepEqual(listener.endpoints, [
      { address: "10.0.0.2", port: 179 },
      { address: "2001:db8::2", port: 179 },
    ]);
    deepEqual(listener.failures, [{
      message:
        "Cannot listen on 10.0.0.44 port 179: EADDRNOTAVAIL, no interface has this address",
      errnoName: "EADDRNOTAVAIL",
    }]);
    await stage.pair("10.0.0.2");
    await stage.pair("2001:db8::2");
    equal(down(await stage.dial("10.0.0.3")).kind, "refused");
    const [taken] = stage.listen({ addresses: [{ address: addr("10.0.0.2") }] })
      .failures;
    match(taken?.message ?? "", /EADDRINUSE, another program listens there/);
    // A link-local address, and a port of the kernel's choice.
    const local = stage.listen({
      port: 0,
      addresses: [{ address: addr("fe80::2"), zone: "vb" }],
    });
    const [endpoint] = stage.peer.on(() => local.endpoints);
    ok((endpoint?.port ?? 0) > 0);
    listener.close();
    equal(down(await stage.dial("10.0.0.2")).kind, "refused");
  },

  async "connects with the same password only"() {
    await using stage = await Stage.make();
    stage.listen({ keys: [key("10.0.0.1/32"), key("2001:db8::/64")] });
    const [near, far] = await stage.pair("10.0.0.2", { md5Key: "s3cr3t" });
    const ear = new Ear(far);
    near.write(bytes("signed"));
    await until(() => ear.bytes === 6);
    await stage.pair("2001:db8::2", { md5Key: "s3cr3t" });
    const accepted = stage.accepted.length;
    for (const md5Key of ["another", undefined]) {
      const options = md5Key === undefined ? {} : { md5Key };
      // deno-lint-ignore no-await-in-loop -- one after the other
      const doubt = await stage.doubt("10.0.0.2", options);
      // Our segments were dropped there: here is nothing but silence.
      deepEqual([doubt?.reason, doubt?.sure], ["silent", false]);
    }
    equal(stage.accepted.length, accepted);
  },

  async "reads from the kernel's counts that a password differs or is missing"() {
    await using stage = await Stage.make();
    // The peer dials, as routers do; what it sends is dropped, and counted, here.
    const listener = stage.tcp.listen(
      { port: 179, addresses: [], keys: [key("10.0.0.2/32")] },
      (connection) => stage.accepted.push(connection),
    );
    let keyed = true;
    const dialBack = async (md5Key?: string): Promise<string | undefined> => {
      const before = stage.tcp.dropCounts();
      const options = md5Key === undefined ? {} : { md5Key };
      const outcome = await stage.peer.on(() =>
        stage.dial("10.0.0.1", { ...options, timeoutMs: 700 })
      );
      equal(outcome.ok, false);
      return doubtOf(before, stage.tcp.dropCounts(), {
        outcome: "waiting",
        signed: keyed,
        droppedSegments: 0,
      })?.reason;
    };
    equal(await dialBack("another"), "password-differs");
    equal(await dialBack(), "password-missing-there");
    deepEqual(listener.setKeys([]), []);
    keyed = false;
    equal(await dialBack("s3cr3t"), "password-missing-here");
    equal(stage.accepted.length, 0);
  },

  async "changes keys while it listens"() {
    await using stage = await Stage.make();
    const listener = stage.listen();
    await stage.pair("10.0.0.2");
    deepEqual(listener.setKeys([key("10.0.0.0/24")]), []);
    const signed = { md5Key: "s3cr3t", timeoutMs: 500 };
    const plain = { timeoutMs: 500 };
    await stage.pair("10.0.0.2", signed);
    equal(down(await stage.dial("10.0.0.2", plain)).kind, "timed-out");
    // The longer prefix wins, and another key replaces the first.
    const own = key("10.0.0.1/32", "own");
    deepEqual(listener.setKeys([key("10.0.0.0/24"), own]), []);
    equal(down(await stage.dial("10.0.0.2", signed)).kind, "timed-out");
    await stage.pair("10.0.0.2", { md5Key: "own" });
    deepEqual(listener.setKeys([]), []);
    await stage.pair("10.0.0.2");
    // A key that cannot be set lets nobody in who was to have it.
    const [failure] = listener.setKeys([key("10.0.0.1/32", "x".repeat(81))]);
    match(failure?.message ?? "", /10\.0\.0\.1\/32 .*1 to 80 bytes/);
    // It is broken as soon as it is up, before the dial is over or after.
    const outcome = await stage.dial("10.0.0.2");
    if (!outcome.ok) return equal(outcome.error.kind, "refused");
    const ear = new Ear(outcome.value);
    await until(() => ear.end !== undefined);
    deepEqual(ear.end, { kind: "reset" });
  },

  async "takes segments of near peers only"() {
    await using stage = await Stage.make();
    const gtsm: TcpHops = { kind: "gtsm", hopsMax: 1 };
    const near = { hops: gtsm };
    const listener = stage.listen();
    for (const peer of ["10.0.0.2", "2001:db8::2", "fe80::2%va"]) {
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      const [mine, theirs] = await stage.pair(peer, near);
      theirs.setHops(gtsm);
      const ear = new Ear(theirs);
      mine.write(bytes("near"));
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      await until(() => ear.bytes === 4);
    }
    listener.close();
    // A peer that sends with the system's TTL: its answers are dropped here.
    stage.listen({ hops: { kind: "system" } });
    for (const peer of ["10.0.0.2", "2001:db8::2"]) {
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      const doubt = await stage.doubt(peer, near, 1);
      deepEqual([doubt?.reason, doubt?.sure], ["too-far", true]);
      match(doubt?.message ?? "", /^The peer is further away than GTSM/);
    }
    // What was accepted is confined, too: the peer here sends with 64.
    const [mine, theirs] = await stage.pair("10.0.0.2");
    theirs.setHops(gtsm);
    const ear = new Ear(theirs);
    mine.write(bytes("from afar"));
    await until(() => theirs.droppedSegments() > 0);
    equal(ear.bytes, 0);
  },

  async "reaches over a router as far as it is told"() {
    await using stage = await Stage.make();
    const router = stage.peer;
    const far = await stage.host();
    router.run(
      `ip link add vc type veth peer name vd netns ${far.pid}; ` +
        "ip addr add 10.0.1.1/24 dev vc; ip link set vc up; " +
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
    );
    far.run(
      "ip addr add 10.0.1.2/24 dev vd; ip link set vd up; " +
        "ip route add default via 10.0.1.1",
    );
    ip("route add 10.0.1.0/24 via 10.0.0.2");
    stage.listen({}, far);
    const hops = (hops: TcpHops): Partial<TcpTarget> => ({
      hops,
      timeoutMs: 1_300,
    });
    await stage.pair("10.0.1.2", hops({ kind: "limit", hops: 2 }));
    await stage.pair("10.0.1.2", hops({ kind: "gtsm", hopsMax: 2 }));
    await stage.pair("10.0.1.2", {
      ...hops({ kind: "system" }),
      source: addr("10.0.0.1"),
    });
    const short = hops({ kind: "limit", hops: 1 });
    const failure = down(await stage.dial("10.0.1.2", short));
    ok(["unreachable", "timed-out"].includes(failure.kind), failure.kind);
    const near = hops({ kind: "gtsm", hopsMax: 1 });
    equal((await stage.doubt("10.0.1.2", near, 1))?.reason, "too-far");
  },

  async "speaks to bird, signed and from next door"() {
    await using stage = await Stage.make();
    await using bird = birdOn(stage.peer);
    const near: Partial<TcpTarget> = {
      hops: { kind: "gtsm", hopsMax: 1 },
      md5Key: "s3cr3t",
      source: addr("10.0.0.1"),
    };
    await until(() => bird.control("show status").includes("up and running"));
    const before = stage.tcp.dropCounts();
    const connection = up(await stage.dial("10.0.0.2", near));
    let heard = "";
    connection.start({
      onData: (chunk) => heard += chunk.toHex(),
      onWritable: () => {},
      onEnd: () => {},
    });
    equal(connection.write(openMessage()), 29);
    // Its OPEN comes back, and the KEEPALIVE that takes ours.
    await until(() => /^f{32}....01.*f{32}001304$/.test(heard));
    match(bird.control("show protocols all up"), /OpenConfirm/);
    connection.close();
    // What is wrong is dropped there, in silence; and here, when bird is far.
    const wrong = { ...near, md5Key: "another" };
    equal((await stage.doubt("10.0.0.2", wrong, 1))?.reason, "silent");
    deepEqual(stage.tcp.dropCounts(), before);
  },

  async "leaves no descriptor"() {
    await using stage = await Stage.make();
    // What is made once for all is there from here on.
    down(await stage.dial("10.0.0.2"));
    const before = ownDescriptors();
    const refused = await Promise.all(
      Array.from({ length: 200 }, () => stage.dial("10.0.0.2")),
    );
    ok(refused.every((outcome) => down(outcome).kind === "refused"));
    deepEqual(ownDescriptors(), before);
    const listener = stage.listen();
    const dialed = await Promise.all(
      Array.from({ length: 200 }, () => stage.dial("10.0.0.2")),
    );
    await until(() => stage.accepted.length === 200);
    const ears = stage.accepted.map((connection) => new Ear(connection));
    for (const [i, outcome] of dialed.entries()) {
      up(outcome).close(i % 2 === 0 ? "finish" : "reset");
    }
    await until(() => ears.every(({ end }) => end !== undefined));
    deepEqual(
      new Set(ears.map(({ end }) => end?.kind)),
      new Set(["finished", "reset"]),
    );
    listener.close();
    const target: TcpTarget = {
      peer: { address: addr("10.0.0.98"), port: 179 },
      hops: { kind: "system" },
      timeoutMs: 60_000,
    };
    for (let i = 0; i < 50; i++) {
      stage.tcp.dial(target, () => ok(false, "It was cancelled")).cancel();
    }
    await Promise.all(
      Array.from(
        { length: 20 },
        () => stage.dial("10.0.0.99", { timeoutMs: 100 }),
      ),
    );
    await until(() => ownDescriptors().length === before.length);
    deepEqual(ownDescriptors(), before);
  },

  async "ends with its port"() {
    await using stage = await Stage.make();
    stage.listen();
    const [near, far] = await stage.pair();
    const ear = new Ear(near);
    const before = ownDescriptors().length;
    const other = new KernelTcp(stage.reactor, new SystemClock());
    stage.peer.on(() =>
      other.listen({ port: 180, addresses: [], keys: [] }, () => {})
    );
    other.close();
    equal(ownDescriptors().length, before);
    far.close();
    await until(() => ear.end !== undefined);
    equal(near.unacknowledgedBytes(), 0);
  },
});
