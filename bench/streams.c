// Clients of streams: epoll, one thread.
//
//   streams PORT PATH BODYFILE [-c CONNECTIONS] [-n REQUESTS] [-d SECONDS] [-ramp CONNECTIONS/S] [-slow BYTES/S] [-H HEADER]
//
// Each connection posts the body and reads the answer, again and again, until so many requests were made or so much time has
// passed. With -slow it reads at that rate at most, with a small socket buffer. Prints {"done":..., "errs":..., "bytes":...}.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum state { CONNECTING, IDLE, WAITING };

struct client {
    int fd;
    enum state state;
    long sent;        // bytes of the request
    char head[8192];  // of the answer
    int head_size;
    int in_head;
    int status;
    long left; // of a body with a length; -1 for a chunked one
    char tail[5];
};

#define SLOW_TURNS 50 // a second
static const char LAST_CHUNK[] = "0\r\n\r\n";

static int epoll, port;
static char *request;
static long request_size, most_requests = 1000000000, started, done, errors;
static long long bytes;
static long slow;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void watch(struct client *c, int writing) {
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void open_connection(struct client *c) {
    int one = 1, small = 4096;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (slow)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    connect(c->fd, (struct sockaddr *)&where, sizeof where);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    c->state = CONNECTING;
}

static void reopen(struct client *c) {
    close(c->fd);
    open_connection(c);
}

static void send_more(struct client *c) {
    long sent = send(c->fd, request + c->sent, request_size - c->sent, MSG_NOSIGNAL);
    if (sent > 0)
        c->sent += sent;
    watch(c, c->sent < request_size);
}

static void next_request(struct client *c) {
    c->state = IDLE;
    if (started >= most_requests) {
        watch(c, 0);
        return;
    }
    started++;
    c->state = WAITING;
    c->sent = 0;
    c->in_head = 1;
    c->head_size = 0;
    memset(c->tail, 0, sizeof c->tail);
    send_more(c);
}

// Take in part of a body; 1 when it is over.
static int read_body(struct client *c, const char *data, int size) {
    if (c->left >= 0) {
        c->left -= size;
        return c->left <= 0;
    }
    int keep = size < 5 ? 5 - size : 0;
    memmove(c->tail, c->tail + 5 - keep, keep);
    memcpy(c->tail + keep, data + size - (5 - keep), 5 - keep);
    return !memcmp(c->tail, LAST_CHUNK, 5);
}

// Take in part of an answer: 1 when it is over, -1 when it cannot be read.
static int read_answer(struct client *c, const char *data, int size) {
    if (!c->in_head)
        return read_body(c, data, size);
    int before = c->head_size, room = (int)sizeof c->head - 1 - before;
    int taken = size < room ? size : room;
    memcpy(c->head + before, data, taken);
    c->head_size += taken;
    c->head[c->head_size] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (end == NULL)
        return taken < size ? -1 : 0;
    *end = 0;
    c->in_head = 0;
    c->status = atoi(c->head + strlen("HTTP/1.1 "));
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->left = length ? atol(length + strlen("\r\ncontent-length:")) : -1;
    int used = (int)(end + 4 - c->head) - before;
    return size > used ? read_body(c, data + used, size - used) : c->left == 0;
}

static void readable(struct client *c) {
    static char buffer[262144];
    long most = slow ? slow / SLOW_TURNS : (long)sizeof buffer;
    int size = recv(c->fd, buffer, most > 0 ? most : 1, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        errors += c->state == WAITING;
        reopen(c);
        return;
    }
    bytes += size;
    if (c->state != WAITING)
        return;
    int over = read_answer(c, buffer, size);
    if (over == 0)
        return;
    if (over < 0 || c->status != 200) {
        errors++;
        fprintf(stderr, "status %d: %.300s\n", c->status, c->head);
        reopen(c);
        return;
    }
    done++;
    next_request(c);
}

static void connected(struct client *c) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (!error) {
        next_request(c);
        return;
    }
    if (++errors > 1000) {
        fprintf(stderr, "cannot connect: %s\n", strerror(error));
        exit(1);
    }
    reopen(c);
}

static void make_request(const char *path, const char *body_file, const char *headers) {
    static char body[4 << 20];
    FILE *file = fopen(body_file, "rb");
    if (file == NULL) {
        perror(body_file);
        exit(1);
    }
    long size = fread(body, 1, sizeof body, file);
    fclose(file);
    request = malloc(size + 8192);
    request_size = sprintf(request,
                           "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n%s"
                           "Content-Length: %ld\r\n\r\n",
                           path, port, headers, size);
    memcpy(request + request_size, body, size);
    request_size += size;
}

int main(int count, char **words) {
    int connections = 10, opened = 0;
    double seconds = 5, ramp = 0;
    char headers[4096] = "";
    if (count < 4)
        return 2;
    port = atoi(words[1]);
    for (int i = 4; i + 1 < count; i += 2) {
        const char *option = words[i], *value = words[i + 1];
        if (!strcmp(option, "-c"))
            connections = atoi(value);
        else if (!strcmp(option, "-n"))
            most_requests = atol(value);
        else if (!strcmp(option, "-d"))
            seconds = atof(value);
        else if (!strcmp(option, "-ramp"))
            ramp = atof(value);
        else if (!strcmp(option, "-slow"))
            slow = atol(value);
        else if (!strcmp(option, "-H"))
            snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "%s\r\n", value);
    }
    make_request(words[2], words[3], headers);
    struct client *clients = calloc(connections, sizeof *clients);
    struct epoll_event events[512];
    epoll = epoll_create1(0);
    double began = now();
    while (now() - began < seconds && done + errors < most_requests) {
        double wanted = ramp ? (now() - began) * ramp + 1 : connections;
        while (opened < connections && opened < wanted)
            open_connection(&clients[opened++]);
        int ready = epoll_wait(epoll, events, 512, 10);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            if (c->state == CONNECTING)
                connected(c);
            else if (events[i].events & EPOLLOUT)
                send_more(c);
            else
                readable(c);
        }
        if (slow)
            usleep(1000000 / SLOW_TURNS);
    }
    printf("{\"done\": %ld, \"errs\": %ld, \"bytes\": %lld}\n", done, errors, bytes);
}
