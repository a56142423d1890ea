/*
 * The least a C program needs to answer ARP requests and Neighbor Solicitations
 * for a run of addresses on one interface: epoll, recvmmsg, sendmmsg, a filter.
 * What our own responder is measured against; it checks less than ours does.
 *
 *   neighbor_responder LINK FIRST_IPV4 FIRST_IPV6 COUNT
 *
 * Prints "ready" and answers until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, SLOT_BYTES = 256, RECEIVE_BUFFER_BYTES = 8 << 20 };

static uint8_t own_mac[6];
static int link_index;
static uint32_t first4, count;
static uint8_t first6[16];

static uint8_t slots[BATCH][SLOT_BYTES];
static struct iovec rx_vectors[BATCH], tx_vectors[BATCH];
static struct mmsghdr rx_headers[BATCH], tx_headers[BATCH];

static void fail(const char *what) {
  fprintf(stderr, "neighbor_responder: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int open_socket(int ether_type, struct sock_filter *filter, size_t length) {
  struct sock_fprog program = {.len = length, .filter = filter};
  int bytes = RECEIVE_BUFFER_BYTES, s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
  if (s < 0) fail("socket");
  if (setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)) fail("filter");
  if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes)) {
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET,
      .sll_protocol = htons(ether_type),
      .sll_ifindex = link_index,
  };
  if (bind(s, (void *)&address, sizeof address)) fail("bind");
  return s;
}

static int open_arp(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 38),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first4, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first4 + count, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SLOT_BYTES),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  return open_socket(ETH_P_ARP, filter, sizeof filter / sizeof *filter);
}

static int open_ndp(void) {
  uint32_t last;
  memcpy(&last, first6 + 12, 4);
  last = ntohl(last);
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 18), /* length, next header, hop limit */
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xffff),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58 << 8 | 255, 0, 6),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 54),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135 << 8, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 74),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, last, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, last + count, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SLOT_BYTES),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  return open_socket(ETH_P_IPV6, filter, sizeof filter / sizeof *filter);
}

/* Turns a request into its answer in place; its length, 0 for none. */
static size_t answer_arp(uint8_t *f, unsigned length) {
  uint8_t vip[4];
  if (length < 42) return 0;
  memcpy(vip, f + 38, 4);
  memcpy(f, f + 22, 6);
  memcpy(f + 6, own_mac, 6);
  f[21] = 2;
  memcpy(f + 32, f + 22, 10);
  memcpy(f + 22, own_mac, 6);
  memcpy(f + 28, vip, 4);
  return 42;
}

static uint32_t sum16(const uint8_t *bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  return sum;
}

static size_t answer_ndp(uint8_t *f, unsigned length) {
  uint8_t *ip = f + 14, *icmp = f + 54;
  if (length < 86 || memcmp(icmp + 8, first6, 12)) return 0;
  uint32_t sum = sum16(ip + 8, 32) + sum16(icmp, 32) + 32 + 58;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  if (sum != 0xffff) return 0;
  memcpy(f, icmp + 26, 6);
  memcpy(f + 6, own_mac, 6);
  memcpy(ip + 24, ip + 8, 16);
  memcpy(ip + 8, icmp + 8, 16);
  icmp[0] = 136;
  icmp[2] = icmp[3] = 0;
  icmp[4] = 0x60; /* solicited, override */
  icmp[24] = 2;
  memcpy(icmp + 26, own_mac, 6);
  sum = sum16(ip + 8, 32) + sum16(icmp, 32) + 32 + 58;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  icmp[2] = ~sum >> 8;
  icmp[3] = ~sum;
  return 86;
}

static void serve(int s, size_t (*answer)(uint8_t *, unsigned)) {
  int received;
  do {
    received = recvmmsg(s, rx_headers, BATCH, 0, NULL);
    int answered = 0;
    for (int i = 0; i < received; i++) {
      size_t length = answer(slots[i], rx_headers[i].msg_len);
      if (length == 0) continue;
      tx_vectors[answered].iov_base = slots[i];
      tx_vectors[answered++].iov_len = length;
    }
    if (answered > 0) sendmmsg(s, tx_headers, answered, 0);
  } while (received == BATCH);
}

int main(int argc, char **argv) {
  struct in_addr address4;
  if (argc != 5 || inet_pton(AF_INET, argv[2], &address4) != 1 ||
      inet_pton(AF_INET6, argv[3], first6) != 1) {
    fprintf(stderr, "usage: neighbor_responder LINK FIRST_IPV4 FIRST_IPV6 COUNT\n");
    return 2;
  }
  first4 = ntohl(address4.s_addr);
  count = atoi(argv[4]);
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {0};
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  if (ioctl(s, SIOCGIFINDEX, &request)) fail(argv[1]);
  link_index = request.ifr_ifindex;
  if (ioctl(s, SIOCGIFHWADDR, &request)) fail(argv[1]);
  memcpy(own_mac, request.ifr_hwaddr.sa_data, 6);
  close(s);
  for (int i = 0; i < BATCH; i++) {
    rx_vectors[i] = (struct iovec){slots[i], SLOT_BYTES};
    rx_headers[i].msg_hdr.msg_iov = &rx_vectors[i];
    tx_headers[i].msg_hdr.msg_iov = &tx_vectors[i];
    rx_headers[i].msg_hdr.msg_iovlen = tx_headers[i].msg_hdr.msg_iovlen = 1;
  }
  int sockets[2] = {open_arp(), open_ndp()}, epoll = epoll_create1(0);
  for (int i = 0; i < 2; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &event)) fail("epoll_ctl");
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[2];
    int ready = epoll_wait(epoll, events, 2, -1);
    for (int i = 0; i < ready; i++) {
      int which = events[i].data.u32;
      serve(sockets[which], which == 0 ? answer_arp : answer_ndp);
    }
  }
}
