/*
 * The program that every launcher in the bench supervises: small, quick to start, and it stamps what happens to it.
 *
 * child EVENTS NAME [--port P] [--ready-after MS] [--ignore] [--hard]
 *
 * Appends "KIND NAME PID MONOTONIC_NS REALTIME_MS" to EVENTS: S started, R would answer 200 from now on, T was asked to
 * end, X ends, W begins to write lines, D has written them, H a hard descendant is in place. On its port it answers
 * GET /health (503, then 200), /crash (ends with 3) and /spew/N (N lines of 100 bytes on stdout).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *events, *name;
static char **arguments;
static size_t argument_bytes;
extern char **environ;

static long long nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void stamp(char kind) {
  char line[160];
  int length = snprintf(line, sizeof line, "%c %s %d %lld %lld\n", kind, name, (int)getpid(),
                        nanoseconds(CLOCK_MONOTONIC), nanoseconds(CLOCK_REALTIME) / 1000000);
  int file = open(events, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || write(file, line, length) != length) _exit(9);
  close(file);
}

static void on_end(int signal) {
  (void)signal;
  stamp('T');
  stamp('X');
  _exit(0);
}

static void on_ignored(int signal) {
  (void)signal;
  stamp('T');
}

/* As setproctitle does it: over the arguments, and over the environment behind them. */
static void rename_to(const char *title, int wipe_environment) {
  prctl(PR_SET_NAME, title);
  memset(arguments[0], 0, argument_bytes);
  strncpy(arguments[0], title, argument_bytes - 1);
  for (char **each = environ; wipe_environment && *each; each++) memset(*each, 0, strlen(*each));
}

static void close_all(void) {
  for (int file = 0; file < 256; file++) close(file);
}

static void stay(const char *label) {
  name = label;
  stamp('H');
  for (;;) pause();
}

/* The child of fork() goes on in the body of the `if`; of fork_twice() it has lost its parent after `linger` ms. */
static int fork_twice(int new_session, int linger_ms) {
  if (fork() != 0) return 0;
  if (new_session) setsid();
  if (fork() != 0) {
    usleep(linger_ms * 1000);
    _exit(0);
  }
  return 1;
}

/* The path is copied, as renaming overwrites the arguments. */
static void start_hard_ones(const char *self) {
  signal(SIGCHLD, SIG_IGN);
  if (fork() == 0) stay("grandchild");
  if (fork() == 0) setsid(), stay("session");
  if (fork_twice(0, 0)) stay("orphan");
  if (fork_twice(1, 0)) stay("daemon");
  if (fork() == 0) rename_to("kworker/u8:2", 0), stay("renamed");
  if (fork() == 0) setsid(), rename_to("scheduler", 1), stay("wiped");
  if (fork() == 0) {
    setsid();
    char *argv[] = {(char *)"sleeper", (char *)events, (char *)"bare", (char *)"--stay", NULL}, *empty[] = {NULL};
    execve(self, argv, empty);
    _exit(9);
  }
  if (fork() == 0) setsid(), close_all(), stay("quiet");
  if (fork_twice(0, 0)) setpgid(0, 0), rename_to("python3", 0), stay("group");
  /* Leaves no mark at all. Like a program that loads before it becomes a daemon, it has a parent for half a second. */
  if (fork_twice(1, 500)) rename_to("sh", 1), close_all(), stay("ghost");
}

static void spew(long count) {
  static char block[100 * 512];
  stamp('W');
  for (long line = 0; line < count;) {
    size_t used = 0;
    for (; line < count && used < sizeof block; line++, used += 100) {
      char *at = block + used;
      long rest = line;
      for (int digit = 11; digit >= 0; digit--, rest /= 10) at[digit] = '0' + rest % 10;
      at[12] = ' ';
      memset(at + 13, 'x', 86);
      at[99] = '\n';
    }
    for (size_t done = 0; done < used;) {
      ssize_t written = write(1, block + done, used - done);
      if (written < 0 && errno != EINTR && errno != EAGAIN) _exit(8);
      if (written > 0) done += written;
    }
  }
  stamp('D');
}

static int listen_on(int port) {
  int on = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* A second copy must be seen as one, not end because of the first. */
  setsockopt(server, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 64) < 0) _exit(7);
  return server;
}

/* Keeps the connection as upstream's servers do: in HTTP 1.1, unless the client asks to close it. False when it is closed. */
static int answer(int client, int ready) {
  char question[2048], reply[160];
  ssize_t length = read(client, question, sizeof question - 1);
  question[length > 0 ? length : 0] = 0;
  int keep = length > 0 && strstr(question, "HTTP/1.1") && !strcasestr(question, "connection: close");
  int size = snprintf(reply, sizeof reply, "HTTP/1.1 %s\r\n%sContent-Length: 2\r\n\r\n%s",
                      ready ? "200 OK" : "503 Loading", keep ? "" : "Connection: close\r\n", ready ? "ok" : "no");
  if (length > 0 && write(client, reply, size) < 0) keep = 0;
  if (!keep) {
    shutdown(client, SHUT_RDWR);
    close(client);
  }
  if (strncmp(question, "GET /crash", 10) == 0) {
    stamp('X');
    _exit(3);
  }
  if (strncmp(question, "GET /spew/", 10) == 0) spew(atol(question + 10));
  return keep;
}

int main(int argc, char **argv) {
  if (argc < 3) return 64;
  events = strdup(argv[1]);
  name = strdup(argv[2]);
  char self[4096];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  self[length > 0 ? length : 0] = 0;
  arguments = argv;
  argument_bytes = argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0];
  int port = 0, ignore = 0, hard = 0;
  long ready_after = 0;
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "--stay") == 0) stay(name);
    if (strcmp(argv[i], "--port") == 0) port = atoi(argv[++i]);
    else if (strcmp(argv[i], "--ready-after") == 0) ready_after = atol(argv[++i]);
    else if (strcmp(argv[i], "--ignore") == 0) ignore = 1;
    else if (strcmp(argv[i], "--hard") == 0) hard = 1;
  }
  stamp('S');
  if (hard) start_hard_ones(self);
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < 3; i++) signal((int[]){SIGTERM, SIGINT, SIGHUP}[i], ignore ? on_ignored : on_end);
  int server = port ? listen_on(port) : -1, ready = ready_after == 0;
  long long ready_at = nanoseconds(CLOCK_MONOTONIC) + ready_after * 1000000;
  if (ready) stamp('R');
  /* The server, then its clients. */
  struct pollfd wait[33] = {{.fd = server, .events = POLLIN}};
  int count = 1;
  for (;;) {
    long long left_ms = (ready_at - nanoseconds(CLOCK_MONOTONIC) + 999999) / 1000000;
    int got = poll(wait, count, ready ? -1 : left_ms > 0 ? (int)left_ms : 0);
    if (!ready && nanoseconds(CLOCK_MONOTONIC) >= ready_at) ready = 1, stamp('R');
    for (int i = count - 1; got > 0 && i > 0; i--)
      if (wait[i].revents && !answer(wait[i].fd, ready)) wait[i] = wait[--count];
    if (got <= 0 || !wait[0].revents) continue;
    int client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) continue;
    if (count < 33) wait[count++] = (struct pollfd){.fd = client, .events = POLLIN};
    else close(client);
  }
}
