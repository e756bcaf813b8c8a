// Fast mock LLM upstream: epoll, one thread. usage: upstream PORT
// max_tokens in the body = N + pace_ms*100000  (pace 0 = back to back)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
typedef struct conn {
    int fd;
    char *buf;
    int len, cap;
    int streaming, anth;
    long left, sent;
    long pace;
    long long next;
    char *out;
    int outlen, outcap;
    int blocked;
    int idx;
    int inlist;
    int hi;
    int closing;
    int bodyneed;
} conn;
static int ep;
static conn *list[70000];
static int nlist;
static conn *heap[70000];
static int nheap;
static long long now() {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static char json_resp[2048];
static int json_resp_len;
static char anth_resp[2048];
static int anth_resp_len;
static void hswap(int a, int b) {
    conn *t = heap[a];
    heap[a] = heap[b];
    heap[b] = t;
    heap[a]->hi = a;
    heap[b]->hi = b;
}
static void hup(int i) {
    while (i > 0 && heap[(i - 1) / 2]->next > heap[i]->next) {
        hswap(i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}
static void hdown(int i) {
    for (;;) {
        int m = i, l = 2 * i + 1, r = l + 1;
        if (l < nheap && heap[l]->next < heap[m]->next)
            m = l;
        if (r < nheap && heap[r]->next < heap[m]->next)
            m = r;
        if (m == i)
            return;
        hswap(i, m);
        i = m;
    }
}
static void hpush(conn *c) {
    c->hi = nheap;
    heap[nheap++] = c;
    hup(c->hi);
}
static void hdel(conn *c) {
    if (c->hi < 0)
        return;
    int i = c->hi;
    nheap--;
    if (i != nheap) {
        hswap(i, nheap);
        c->hi = -1;
        hup(i);
        hdown(i);
    }
    c->hi = -1;
}
static void ladd(conn *c) {
    if (c->inlist)
        return;
    c->idx = nlist;
    list[nlist++] = c;
    c->inlist = 1;
}
static void ldel(conn *c) {
    if (!c->inlist)
        return;
    nlist--;
    list[c->idx] = list[nlist];
    list[c->idx]->idx = c->idx;
    c->inlist = 0;
}
static void cclose(conn *c) {
    ldel(c);
    hdel(c);
    close(c->fd);
    free(c->buf);
    free(c->out);
    free(c);
}
static void mod(conn *c, int w) {
    struct epoll_event e = {.events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static int csend(conn *c, const char *p, int n) { // 0 ok, 1 blocked, -1 err
    if (c->outlen) {
        goto q;
    }
    {
        ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
        if (k == n)
            return 0;
        if (k < 0) {
            if (errno != EAGAIN)
                return -1;
            k = 0;
        }
        p += k;
        n -= k;
    }
q:
    if (c->outlen + n > c->outcap) {
        c->outcap = c->outlen + n + 4096;
        c->out = realloc(c->out, c->outcap);
    }
    memcpy(c->out + c->outlen, p, n);
    c->outlen += n;
    if (!c->blocked) {
        c->blocked = 1;
        mod(c, 1);
    }
    return 1;
}
static int chunk(char *o, const char *p, int n) {
    int k = sprintf(o, "%x\r\n", n);
    memcpy(o + k, p, n);
    memcpy(o + k + n, "\r\n", 2);
    return k + n + 2;
}
static int ev(conn *c, char *o) {
    char t[1024];
    int n;
    if (c->anth)
        n = sprintf(t,
                    "event: content_block_delta\ndata: "
                    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
                    "\"text\":\" t=%016lld \"}}\n\n",
                    now());
    else
        n = sprintf(t,
                    "data: "
                    "{\"id\":\"chatcmpl-0123456789abcdef0123\",\"object\":\"chat.completion.chunk\","
                    "\"created\":1790000000,\"model\":\"mock-model\",\"service_tier\":\"default\",\"system_"
                    "fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" "
                    "t=%016lld \"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                    now());
    return chunk(o, t, n);
}
static int tail(conn *c, char *o) {
    const char *t;
    if (c->anth)
        t = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: "
            "message_delta\ndata: "
            "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
            "\"usage\":{\"output_tokens\":200}}\n\nevent: message_stop\ndata: "
            "{\"type\":\"message_stop\"}\n\n";
    else
        t = "data: "
            "{\"id\":\"chatcmpl-0123456789abcdef0123\",\"object\":\"chat.completion.chunk\",\"created\":"
            "1790000000,\"model\":\"mock-model\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
            "\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":200,\"total_tokens\":300}}"
            "\n\ndata: [DONE]\n\n";
    int n = chunk(o, t, strlen(t));
    memcpy(o + n, "0\r\n\r\n", 5);
    return n + 5;
}
static int step(conn *c) {
    char o[2048];
    int r; // one event; returns -1 err
    if (c->left > 0) {
        int n = ev(c, o);
        c->left--;
        return csend(c, o, n);
    }
    int n = tail(c, o);
    c->streaming = 0;
    ldel(c);
    hdel(c);
    r = csend(c, o, n);
    return r;
}
static void pump(conn *c) { // back to back: up to 32 events a turn
    for (int i = 0; i < 32 && c->streaming && !c->blocked; i++)
        if (step(c) < 0) {
            cclose(c);
            return;
        }
    if (c->blocked)
        ldel(c);
}
static int process(conn *c) { // returns -1 closed
    while (!c->streaming && c->len > 0) {
        c->buf[c->len] = 0;
        char *h = strstr(c->buf, "\r\n\r\n");
        if (!h)
            return 0;
        int hl = h - c->buf + 4;
        *h = 0;
        long cl = 0;
        char *p = strcasestr(c->buf, "\r\ncontent-length:");
        int total;
        if (p) {
            cl = atol(p + 17);
            total = hl + cl;
        } else if ((p = strcasestr(c->buf, "\r\ntransfer-encoding: chunked"))) {
            *h = '\r';
            char *e = strstr(c->buf + hl - 2, "\r\n0\r\n\r\n");
            if (!e)
                return 0;
            total = e - c->buf + 7;
            cl = total - hl;
        } else
            total = hl;
        *h = '\r';
        if (c->len < total) {
            c->bodyneed = total;
            return 0;
        }
        c->bodyneed = 0;
        char save = c->buf[total];
        c->buf[total] = 0;
        char *b = c->buf + hl;
        int anth = memmem(c->buf, hl, "/messages", 9) != NULL;
        int isget = !strncmp(c->buf, "GET", 3);
        // stream flag/max_tokens are searched from either end of the body
        int st = memmem(b, cl, "\"stream\":true", 13) || memmem(b, cl, "\"stream\": true", 14);
        long mt = 200;
        char *m = memmem(b, cl, "\"max_tokens\":", 13);
        if (!m)
            m = memmem(b, cl, "\"max_completion_tokens\":", 24);
        if (m) {
            m = strchr(m + 1, ':');
            mt = atol(m + 1);
        }
        c->buf[total] = save;
        memmove(c->buf, c->buf + total, c->len - total);
        c->len -= total;
        c->anth = anth;
        if (isget) {
            const char *r = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                            "90\r\n\r\n{\"object\":\"list\",\"data\":[{\"id\":\"mock-model\",\"object\":"
                            "\"model\",\"created\":1,\"owned_by\":\"m\"}]}";
            if (csend(c, r, strlen(r)) < 0) {
                cclose(c);
                return -1;
            }
            continue;
        }
        if (!st) {
            if (csend(c, anth ? anth_resp : json_resp, anth ? anth_resp_len : json_resp_len) < 0) {
                cclose(c);
                return -1;
            }
            continue;
        }
        c->streaming = 1;
        c->left = mt % 100000;
        c->pace = mt / 100000;
        const char *hd =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nx-request-id: "
            "req_0123456789abcdef\r\nTransfer-Encoding: chunked\r\n\r\n";
        if (csend(c, hd, strlen(hd)) < 0) {
            cclose(c);
            return -1;
        }
        if (anth) {
            char o[1024];
            const char *t = "event: message_start\ndata: "
                            "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_0123456789abcdef\","
                            "\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"mock-"
                            "model\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":"
                            "100,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: "
                            "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
                            "\"text\",\"text\":\"\"}}\n\n";
            int n = chunk(o, t, strlen(t));
            csend(c, o, n);
        }
        if (c->pace) {
            c->next = now() + c->pace * 1000000LL * (rand() % 1000) / 1000;
            hpush(c);
        } else
            ladd(c);
    }
    return 0;
}
int main(int ac, char **av) {
    int port = atoi(av[1]);
    signal(SIGPIPE, SIG_IGN);
    char body[1200];
    int n = sprintf(body, "{\"id\":\"chatcmpl-0123456789abcdef0123\",\"object\":\"chat.completion\","
                          "\"created\":1790000000,\"model\":\"mock-model\",\"choices\":[{\"index\":0,"
                          "\"message\":{\"role\":\"assistant\",\"content\":\"");
    while (n < 760)
        n += sprintf(body + n, "lorem ipsum dolor ");
    n += sprintf(
        body + n,
        "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":"
        "100,\"completion_tokens\":200,\"total_tokens\":300},\"system_fingerprint\":\"fp_0123456789\"}");
    json_resp_len = sprintf(json_resp,
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                            "%d\r\nx-request-id: req_0123456789abcdef\r\n\r\n%s",
                            n, body);
    n = sprintf(body, "{\"id\":\"msg_0123456789abcdef\",\"type\":\"message\",\"role\":\"assistant\","
                      "\"model\":\"mock-model\",\"content\":[{\"type\":\"text\",\"text\":\"");
    while (n < 760)
        n += sprintf(body + n, "lorem ipsum dolor ");
    n += sprintf(body + n, "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_"
                           "tokens\":100,\"output_tokens\":200}}");
    anth_resp_len =
        sprintf(anth_resp,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, body);
    int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(ls, (void *)&a, sizeof a) || listen(ls, 8192)) {
        perror("bind");
        return 1;
    }
    ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    struct epoll_event evs[512];
    for (;;) {
        int to = -1;
        if (nlist)
            to = 0;
        else if (nheap) {
            long long d = heap[0]->next - now();
            to = d <= 0 ? 0 : (d / 1000000 + (d % 1000000 ? 1 : 0));
        }
        int k = epoll_wait(ep, evs, 512, to);
        for (int i = 0; i < k; i++) {
            conn *c = evs[i].data.ptr;
            if (!c) {
                for (;;) {
                    int fd = accept4(ls, 0, 0, SOCK_NONBLOCK);
                    if (fd < 0)
                        break;
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    c = calloc(1, sizeof *c);
                    c->fd = fd;
                    c->hi = -1;
                    c->cap = 4096;
                    c->buf = malloc(c->cap + 1);
                    struct epoll_event e2 = {.events = EPOLLIN, .data.ptr = c};
                    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e2);
                }
                continue;
            }
            if (evs[i].events & EPOLLOUT && c->outlen) {
                ssize_t s = send(c->fd, c->out, c->outlen, MSG_NOSIGNAL);
                if (s < 0 && errno != EAGAIN) {
                    cclose(c);
                    continue;
                }
                if (s > 0) {
                    memmove(c->out, c->out + s, c->outlen - s);
                    c->outlen -= s;
                }
                if (!c->outlen) {
                    c->blocked = 0;
                    mod(c, 0);
                    if (c->streaming && !c->pace)
                        ladd(c);
                }
            }
            if (evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                if (c->bodyneed > c->cap || c->cap - c->len < 4096) {
                    int need = c->bodyneed > c->cap ? c->bodyneed : c->cap * 2;
                    c->cap = need + 4096;
                    c->buf = realloc(c->buf, c->cap + 1);
                }
                ssize_t r = recv(c->fd, c->buf + c->len, c->cap - c->len, 0);
                if (r == 0 || (r < 0 && errno != EAGAIN)) {
                    cclose(c);
                    continue;
                }
                if (r > 0) {
                    c->len += r;
                    if (!c->bodyneed || c->len >= c->bodyneed) {
                        if (process(c) < 0)
                            continue;
                    }
                }
            }
        }
        if (nheap) {
            long long t = now();
            int guard = 0;
            while (nheap && heap[0]->next <= t && guard++ < 2000) {
                conn *c = heap[0];
                int r = step(c);
                if (r < 0) {
                    cclose(c);
                    continue;
                }
                if (c->streaming) {
                    c->next += c->pace * 1000000LL;
                    if (c->next < t - 1000000000LL)
                        c->next = t;
                    hdown(0);
                }
            }
        }
        for (int i = nlist - 1; i >= 0; i--)
            if (i < nlist)
                pump(list[i]);
    }
}
