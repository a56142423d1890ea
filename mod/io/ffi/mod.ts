/**
 * The kernel's own interfaces, reached by the C library: Ethernet frames,
 * interfaces and addresses, timers, wake-ups and waiting on all of them.
 *
 * Linux with glibc on x86_64 or aarch64; RFC 3549 (netlink), RFC 3493 §5.2
 * (groups), packet(7), epoll(7), timerfd_create(2), eventfd(2). Needs Deno's
 * `--allow-ffi`, and CAP_NET_RAW for packet sockets. Not done: rings
 * (PACKET_RX_RING), eBPF, other C libraries.
 *
 * @module
 */

export * from "./clocks.ts";
export * from "./epoll.ts";
export * from "./eventfd.ts";
export * from "./fd_count.ts";
export * from "./kernel_network.ts";
export * from "./libc.ts";
export * from "./link_table.ts";
export * from "./link_watcher.ts";
export * from "./machine.ts";
export * from "./multicast_groups.ts";
export * from "./native_heap.ts";
export * from "./netlink.ts";
export * from "./netlink_events.ts";
export * from "./netlink_message.ts";
export * from "./os_error.ts";
export * from "./packet_batch.ts";
export * from "./packet_socket.ts";
export * from "./reactor.ts";
export * from "./scheduler.ts";
export * from "./socket_address.ts";
export * from "./standard_input.ts";
export * from "./symbols.ts";
export * from "./sysctl.ts";
export * from "./tcp_counters.ts";
export * from "./tcp_socket.ts";
export * from "./timerfd.ts";
export * from "./udp_socket.ts";
