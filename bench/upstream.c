// A mock vendor, fast enough never to be what is measured: epoll, one thread.
//
//   upstream PORT
//
// Answers Chat Completions, and Messages on a path that says so. max_tokens says how a stream is to go: N + 100000 * pace is
// N events, that many milliseconds apart; with a pace of 0 as fast as the socket takes them.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int fd;
    char *in; // what has come of requests
    int in_size, in_room;
    int wanted; // bytes of the request that is coming, once its head is there
    char *out;  // what the socket has not taken yet
    int out_size, out_room;
    int streaming, messages;
    long left; // events of the stream
    int timer; // -1 without a pace
};

#define EVENTS_A_TURN 32
// epoll gives back a pointer; its lowest bit says that the timer is meant and not the socket.
#define TIMER 1

static int epoll;
static char chat_answer[2048], messages_answer[2048];

#define CHAT "\"id\":\"chatcmpl-0123456789abcdef0123\",\"created\":1790000000,\"model\":\"mock-model\""
static const char STREAM_HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                                  "x-request-id: req_0123456789abcdef\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char CHAT_END[] =
    "data: {\"object\":\"chat.completion.chunk\"," CHAT ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":200,\"total_tokens\":300}}\n\ndata: [DONE]\n\n";
static const char MESSAGES_BEGIN[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_0123456789abcdef\",\"type\":\"message\","
    "\"role\":\"assistant\",\"content\":[],\"model\":\"mock-model\",\"stop_reason\":null,\"stop_sequence\":null,"
    "\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
static const char MESSAGES_END[] =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
    "\"usage\":{\"output_tokens\":200}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void watch(struct connection *c, int writing) {
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.u64 = (uintptr_t)c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void stop_timer(struct connection *c) {
    if (c->timer >= 0)
        close(c->timer);
    c->timer = -1;
}

// What the socket does not take at once waits for it.
static void say(struct connection *c, const char *data, int size) {
    if (!c->out_size) {
        int sent = send(c->fd, data, size, MSG_NOSIGNAL);
        if (sent == size)
            return;
        if (sent > 0) {
            data += sent;
            size -= sent;
        }
    }
    if (c->out_size + size > c->out_room) {
        c->out_room = c->out_size + size + 4096;
        c->out = realloc(c->out, c->out_room);
    }
    memcpy(c->out + c->out_size, data, size);
    c->out_size += size;
    watch(c, 1);
}

static int chunk(char *out, const char *data) {
    return sprintf(out, "%zx\r\n%s\r\n", strlen(data), data);
}

// One event of the stream, or its end.
static void step(struct connection *c) {
    char event[1024], framed[2048];
    if (c->left-- > 0) {
        if (c->messages)
            sprintf(event,
                    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                    "\"delta\":{\"type\":\"text_delta\",\"text\":\" t=%016lld \"}}\n\n",
                    now());
        else
            sprintf(event,
                    "data: {\"object\":\"chat.completion.chunk\"," CHAT ",\"service_tier\":\"default\","
                    "\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" t=%016lld "
                    "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                    now());
        say(c, framed, chunk(framed, event));
        return;
    }
    c->streaming = 0;
    stop_timer(c);
    int size = chunk(framed, c->messages ? MESSAGES_END : CHAT_END);
    say(c, framed, size + sprintf(framed + size, "0\r\n\r\n"));
    watch(c, c->out_size > 0);
}

static void begin_stream(struct connection *c, long max_tokens) {
    char framed[2048];
    long pace = max_tokens / 100000;
    c->streaming = 1;
    c->left = max_tokens % 100000;
    say(c, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    if (c->messages)
        say(c, framed, chunk(framed, MESSAGES_BEGIN));
    if (!pace) {
        watch(c, 1);
        return;
    }
    // The first event comes somewhere within a pace, so that streams begun together do not beat together.
    struct timespec every = {pace / 1000, pace % 1000 * 1000000};
    struct itimerspec times = {every, {pace / 1000, 1 + rand() % 1000 * (pace % 1000) * 1000}};
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uintptr_t)c | TIMER};
    c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(c->timer, 0, &times, NULL);
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->timer, &event);
}

static int has(const char *data, long size, const char *text) {
    return memmem(data, size, text, strlen(text)) != NULL;
}

static void answer(struct connection *c, const char *head, int head_size, const char *body, long body_size) {
    const char *limit = memmem(body, body_size, "\"max_tokens\":", 13);
    c->messages = has(head, head_size, "/messages");
    if (has(body, body_size, "\"stream\":true") || has(body, body_size, "\"stream\": true"))
        begin_stream(c, limit ? atol(limit + 13) : 200);
    else if (c->messages)
        say(c, messages_answer, strlen(messages_answer));
    else
        say(c, chat_answer, strlen(chat_answer));
}

// Answer the requests that are whole, one after the other.
static void read_requests(struct connection *c) {
    while (!c->streaming && c->in_size > 0) {
        c->in[c->in_size] = 0;
        char *end = strstr(c->in, "\r\n\r\n");
        if (end == NULL)
            return;
        int head_size = end - c->in + 4;
        *end = 0;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        long body_size = length ? atol(length + strlen("\r\ncontent-length:")) : 0;
        *end = '\r';
        c->wanted = head_size + body_size;
        if (c->in_size < c->wanted)
            return;
        char after = c->in[c->wanted];
        c->in[c->wanted] = 0;
        answer(c, c->in, head_size, c->in + head_size, body_size);
        c->in[c->wanted] = after;
        c->in_size -= c->wanted;
        memmove(c->in, c->in + c->wanted, c->in_size);
        c->wanted = 0;
    }
}

static int readable(struct connection *c) {
    if (c->wanted > c->in_room || c->in_room - c->in_size < 4096) {
        c->in_room = (c->wanted > c->in_room ? c->wanted : 2 * c->in_room) + 4096;
        c->in = realloc(c->in, c->in_room + 1);
    }
    int size = recv(c->fd, c->in + c->in_size, c->in_room - c->in_size, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN))
        return 0;
    if (size > 0) {
        c->in_size += size;
        if (c->in_size >= c->wanted)
            read_requests(c);
    }
    return 1;
}

static int writable(struct connection *c) {
    if (c->out_size) {
        int sent = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        c->out_size -= sent;
        memmove(c->out, c->out + sent, c->out_size);
    }
    for (int i = 0; i < EVENTS_A_TURN && c->streaming && c->timer < 0 && !c->out_size; i++)
        step(c);
    if (!c->out_size && !(c->streaming && c->timer < 0))
        watch(c, 0);
    return 1;
}

static void timer_rang(struct connection *c) {
    uint64_t times;
    if (c->timer >= 0 && read(c->timer, &times, sizeof times) == sizeof times)
        while (times-- > 0 && c->streaming)
            step(c);
}

static void hang_up(struct connection *c) {
    stop_timer(c);
    close(c->fd);
    c->fd = -1;
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->timer = -1;
        c->in_room = 4096;
        c->in = malloc(c->in_room + 1);
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uintptr_t)c};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

// A JSON answer of some 1000 bytes: `before`, padding, `after`.
static void make_answer(char *out, const char *before, const char *after) {
    char body[1500];
    strcpy(body, before);
    while (strlen(body) < 760)
        strcat(body, "lorem ipsum dolor ");
    strcat(body, after);
    sprintf(out,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
            "x-request-id: req_0123456789abcdef\r\n\r\n%s",
            strlen(body), body);
}

int main(int count, char **words) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (count < 2)
        return 2;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    make_answer(chat_answer,
                "{\"object\":\"chat.completion\"," CHAT ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                "\"content\":\"",
                "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,"
                "\"completion_tokens\":200,\"total_tokens\":300},\"system_fingerprint\":\"fp_0123456789\"}");
    make_answer(messages_answer,
                "{\"id\":\"msg_0123456789abcdef\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock-model\","
                "\"content\":[{\"type\":\"text\",\"text\":\"",
                "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":100,"
                "\"output_tokens\":200}}");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&where, sizeof where) || listen(listener, 8192)) {
        perror("listen");
        return 1;
    }
    epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0}, events[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, 512, -1);
        struct connection *gone[512];
        int gone_count = 0;
        for (int i = 0; i < ready; i++) {
            uint64_t what = events[i].data.u64;
            struct connection *c = (struct connection *)(uintptr_t)(what & ~(uint64_t)TIMER);
            if (c == NULL) {
                accept_all(listener);
                continue;
            }
            if (c->fd < 0)
                continue;
            if (what & TIMER) {
                timer_rang(c);
                continue;
            }
            int alive = !(events[i].events & EPOLLOUT) || writable(c);
            if (alive && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                alive = readable(c);
            if (!alive) {
                hang_up(c);
                gone[gone_count++] = c;
            }
        }
        // Freed only now: a timer of theirs may have been among the events.
        for (int i = 0; i < gone_count; i++) {
            free(gone[i]->in);
            free(gone[i]->out);
            free(gone[i]);
        }
    }
}
