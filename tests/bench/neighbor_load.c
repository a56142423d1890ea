/*
 * The measuring side of the benchmarks: asks for addresses by ARP or Neighbor
 * Discovery on one interface and reports what came back, as one line of JSON.
 *
 *   neighbor_load latency LINK SOURCE FIRST COUNT SAMPLES GAP_US
 *   neighbor_load rate    LINK SOURCE FIRST COUNT PER_SECOND SECONDS
 *
 * SOURCE is the address asked from, FIRST the first of COUNT addresses asked
 * for in turn; their family decides the protocol. PER_SECOND 0 is a flood.
 *
 * latency: one request, one blocking recv() until its answer is here, a pause.
 * The time includes the wake-up of this process, as it does for every asker.
 *
 * rate: requests evenly spaced, sent past the queueing discipline. Answers are
 * counted by the kernel (PACKET_STATISTICS) behind a filter that takes nothing
 * but answers to us, so that a slow reader cannot be mistaken for a loss.
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
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  FRAMES_MAX = 1024,   /* prepared requests */
  BATCH_MAX = 16,      /* requests of one system call when behind schedule */
  FLOOD_BATCH = 32,
  FRAME_BYTES = 86,    /* the longer of the two: a Neighbor Solicitation */
  ANSWER_WAIT_MS = 500,
  DRAIN_MS = 200,
};

struct target {
  int family;
  uint8_t source[16];
  uint8_t first[16];
  unsigned count;
};

static uint8_t own_mac[6];
static int link_index;

static void fail(const char *what) {
  fprintf(stderr, "neighbor_load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_ns(int64_t ns) {
  struct timespec t = {ns / 1000000000, ns % 1000000000};
  nanosleep(&t, NULL);
}

/* The address `first + index`, counted in its last 32 bits. */
static void address_of(const struct target *target, unsigned index, uint8_t *out) {
  size_t bytes = target->family == AF_INET ? 4 : 16;
  uint32_t last;
  memcpy(out, target->first, bytes);
  memcpy(&last, out + bytes - 4, 4);
  last = htonl(ntohl(last) + index);
  memcpy(out + bytes - 4, &last, 4);
}

static size_t write_arp(const struct target *target, unsigned index, uint8_t *f) {
  static const uint8_t fixed[10] = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1};
  memset(f, 0xff, 6);
  memcpy(f + 6, own_mac, 6);
  memcpy(f + 12, fixed, 10);
  memcpy(f + 22, own_mac, 6);
  memcpy(f + 28, target->source, 4);
  memset(f + 32, 0, 6);
  address_of(target, index, f + 38);
  return 42;
}

static uint32_t sum16(const uint8_t *bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  return sum;
}

static size_t write_solicitation(const struct target *target, unsigned index, uint8_t *f) {
  static const uint8_t group[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  uint8_t *ip = f + 14, *icmp = f + 54;
  memset(f, 0, FRAME_BYTES);
  address_of(target, index, icmp + 8);
  memcpy(ip + 24, group, 13);
  memcpy(ip + 37, icmp + 21, 3);
  f[0] = f[1] = 0x33;
  memcpy(f + 2, ip + 36, 4);
  memcpy(f + 6, own_mac, 6);
  f[12] = 0x86;
  f[13] = 0xdd;
  ip[0] = 0x60;
  ip[5] = 32;
  ip[6] = 58;
  ip[7] = 255;
  memcpy(ip + 8, target->source, 16);
  icmp[0] = 135;
  icmp[24] = 1;
  icmp[25] = 1;
  memcpy(icmp + 26, own_mac, 6);
  uint32_t sum = sum16(ip + 8, 32) + sum16(icmp, 32) + 32 + 58;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  icmp[2] = ~sum >> 8;
  icmp[3] = ~sum;
  return 86;
}

static size_t write_request(const struct target *target, unsigned index, uint8_t *f) {
  return target->family == AF_INET ? write_arp(target, index, f)
                                   : write_solicitation(target, index, f);
}

/* Whether a frame answers for an address; the filter has checked the rest. */
static int answers(const struct target *target, const uint8_t *f, ssize_t length,
                   const uint8_t *wanted) {
  if (target->family == AF_INET) return length >= 42 && !memcmp(f + 28, wanted, 4);
  return length >= 78 && !memcmp(f + 62, wanted, 16);
}

/* A socket that takes answers to us and nothing else. */
static int open_receiver(const struct target *target, int buffer_bytes) {
  uint32_t mac_tail;
  memcpy(&mac_tail, own_mac + 2, 4);
  mac_tail = ntohl(mac_tail);
  struct sock_filter arp[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mac_tail, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 256),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_filter ndp[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mac_tail, 0, 5),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 3),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 256),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  int is_arp = target->family == AF_INET;
  struct sock_fprog program = {
      .len = is_arp ? sizeof arp / sizeof *arp : sizeof ndp / sizeof *ndp,
      .filter = is_arp ? arp : ndp,
  };
  int s = socket(AF_PACKET, SOCK_RAW, 0);
  if (s < 0) fail("socket");
  if (setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)) fail("filter");
  setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  struct timeval wait = {0, ANSWER_WAIT_MS * 1000};
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET,
      .sll_protocol = htons(is_arp ? ETH_P_ARP : ETH_P_IPV6),
      .sll_ifindex = link_index,
  };
  if (bind(s, (void *)&address, sizeof address)) fail("bind");
  return s;
}

static int open_sender(void) {
  int one = 1, s = socket(AF_PACKET, SOCK_RAW, 0);
  if (s < 0) fail("socket");
  setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = link_index};
  if (bind(s, (void *)&address, sizeof address)) fail("bind");
  return s;
}

static void measure_latency(const struct target *target, int samples, int gap_us) {
  int rx = open_receiver(target, 1 << 18), tx = open_sender(), lost = 0;
  uint8_t frame[FRAME_BYTES], answer[256], wanted[16];
  printf("{\"samplesNs\":[");
  const char *comma = "";
  for (int i = 0; i < samples; i++) {
    unsigned index = i % target->count;
    size_t length = write_request(target, index, frame);
    address_of(target, index, wanted);
    int64_t start = now_ns(), end = 0;
    if (send(tx, frame, length, 0) < 0) fail("send");
    for (;;) {
      ssize_t got = recv(rx, answer, sizeof answer, 0);
      if (got < 0) break;
      if (!answers(target, answer, got, wanted)) continue; /* one that came too late */
      end = now_ns();
      break;
    }
    if (end == 0) {
      lost++;
    } else {
      printf("%s%lld", comma, (long long)(end - start));
      comma = ",";
    }
    sleep_ns(gap_us * 1000LL);
  }
  printf("],\"lost\":%d}\n", lost);
}

static uint8_t frames[FRAMES_MAX][FRAME_BYTES];
static struct iovec vectors[FRAMES_MAX];
static struct mmsghdr headers[FRAMES_MAX];

static void prepare(const struct target *target, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    vectors[i].iov_base = frames[i];
    vectors[i].iov_len = write_request(target, i % target->count, frames[i]);
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
}

static void measure_rate(const struct target *target, double per_second, double seconds) {
  int rx = open_receiver(target, 2048), tx = open_sender();
  prepare(target, FRAMES_MAX);
  struct tpacket_stats stats;
  socklen_t size = sizeof stats;
  getsockopt(rx, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
  int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9), now;
  int64_t sent = 0;
  unsigned next = 0;
  while ((now = now_ns()) < end) {
    int64_t batch = FLOOD_BATCH;
    if (per_second > 0) {
      batch = (int64_t)((now - start) * 1e-9 * per_second) + 1 - sent;
      if (batch <= 0) {
        int64_t wait = start + (int64_t)(sent / per_second * 1e9) - now;
        if (wait > 100000) sleep_ns(wait - 60000); /* and spin the rest */
        continue;
      }
      if (batch > BATCH_MAX) batch = BATCH_MAX;
    }
    if (batch > FRAMES_MAX - next) batch = FRAMES_MAX - next;
    int taken = sendmmsg(tx, headers + next, batch, 0);
    if (taken < 0 && errno != ENOBUFS && errno != EAGAIN) fail("sendmmsg");
    if (taken < 0) continue;
    sent += taken;
    next = (next + taken) % FRAMES_MAX;
  }
  double took = (now - start) * 1e-9;
  sleep_ns(DRAIN_MS * 1000000LL);
  size = sizeof stats;
  getsockopt(rx, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
  printf("{\"sent\":%lld,\"answers\":%u,\"seconds\":%.6f}\n", (long long)sent,
         stats.tp_packets, took);
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: neighbor_load latency|rate LINK SOURCE FIRST COUNT ...\n");
    return 2;
  }
  struct target target = {.count = atoi(argv[5])};
  target.family = strchr(argv[3], ':') ? AF_INET6 : AF_INET;
  if (inet_pton(target.family, argv[3], target.source) != 1 ||
      inet_pton(target.family, argv[4], target.first) != 1 || target.count < 1) {
    fprintf(stderr, "neighbor_load: cannot read the addresses\n");
    return 2;
  }
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {0};
  strncpy(request.ifr_name, argv[2], IFNAMSIZ - 1);
  if (ioctl(s, SIOCGIFINDEX, &request)) fail(argv[2]);
  link_index = request.ifr_ifindex;
  if (ioctl(s, SIOCGIFHWADDR, &request)) fail(argv[2]);
  memcpy(own_mac, request.ifr_hwaddr.sa_data, 6);
  close(s);
  prctl(PR_SET_TIMERSLACK, 1); /* 50 us by default, as long as a gap at 20,000/s */
  if (!strcmp(argv[1], "latency")) {
    measure_latency(&target, atoi(argv[6]), atoi(argv[7]));
  } else {
    measure_rate(&target, atof(argv[6]), atof(argv[7]));
  }
  return 0;
}
