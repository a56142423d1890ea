/**
 * The functions of the C library this program calls.
 *
 * Results are `i32` wherever the function sets `errno`: a 64-bit result becomes
 * a BigInt, and making one can run the garbage collector between the call and
 * the reading of `errno`. Sizes are passed as BigInt: a number costs the fast
 * path of the engine.
 *
 * @module
 */

/** Signatures as `Deno.dlopen` wants them. */
export const LIBC_SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "pointer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  closedir: { parameters: ["pointer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "pointer", "i32", "i32"], result: "i32" },
  // On a thread of the pool, where errno cannot be read: for waiting only.
  epoll_wait_elsewhere: {
    name: "epoll_wait",
    parameters: ["i32", "pointer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  if_indextoname: { parameters: ["u32", "buffer"], result: "pointer" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  // Variadic in C; a pointer is passed the same way on both architectures.
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  mmap: {
    parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
    result: "pointer",
  },
  malloc_trim: { parameters: ["usize"], result: "i32" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  opendir: { parameters: ["buffer"], result: "pointer" },
  read: { parameters: ["i32", "pointer", "usize"], result: "i32" },
  readdir: { parameters: ["pointer"], result: "pointer" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  recv: { parameters: ["i32", "pointer", "usize", "i32"], result: "i32" },
  recvmmsg: {
    parameters: ["i32", "pointer", "u32", "i32", "pointer"],
    result: "i32",
  },
  sched_setscheduler: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  sendmmsg: { parameters: ["i32", "pointer", "u32", "i32"], result: "i32" },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" },
  timerfd_settime: {
    parameters: ["i32", "i32", "buffer", "pointer"],
    result: "i32",
  },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
} as const;
