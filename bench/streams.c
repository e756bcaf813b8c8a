// Load client: epoll, one thread. usage: streams PORT PATH BODYFILE [-c conns][-n max requests][-d seconds][-w
// warm s][-r rate][-H hdr]... [-ramp conns/s][-slow bytes/s]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
typedef struct {
    int fd, state, inhdr, hl, chunked, status, got, tl, cll;
    long cl, body;
    long long t0;
    char tail[8];
    char carry[32];
    char hdr[8192];
    long out;
    int first;
    long stamps;
} C;
static long long now() {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static int ep;
static char *req;
static long reqlen;
static int port;
static long slow;
static float *lat, *ttfb, *dly;
static long nlat, nttfb, ndly, capd = 8000000;
static long done, errs, stamps, bytes, reconn;
static long long wstart, tend;
static C *cs;
static int nc;
static int cmp(const void *a, const void *b) {
    float x = *(float *)a, y = *(float *)b;
    return x < y ? -1 : x > y;
}
static void rep(const char *k, float *a, long n, int last) {
    if (!n) {
        printf("\"%s\":null%s", k, last ? "" : ",");
        return;
    }
    qsort(a, n, sizeof(float), cmp);
    double s = 0;
    for (long i = 0; i < n; i++)
        s += a[i];
    printf("\"%s\":{\"n\":%ld,\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}%s", k, n,
           s / n, a[n / 2], a[(long)(n * .9)], a[(long)(n * .99)], a[n - 1], last ? "" : ",");
}
static void arm(C *c) {
    struct epoll_event e = {.events = EPOLLIN | (c->out < reqlen ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static void start(C *c) {
    c->state = 1;
    c->inhdr = 1;
    c->hl = 0;
    c->chunked = 0;
    c->cl = -1;
    c->body = 0;
    c->tl = 0;
    c->cll = 0;
    c->out = 0;
    c->first = 1;
    c->stamps = 0;
    c->t0 = now();
    if (c->fd >= 0) {
        long k = send(c->fd, req, reqlen, MSG_NOSIGNAL);
        if (k > 0)
            c->out = k;
        if (c->out < reqlen)
            arm(c);
    }
}
static void conn(C *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (slow) {
        int rb = 4096;
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rb, sizeof rb);
    }
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(c->fd, (void *)&a, sizeof a);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
    c->state = 3;
}
static void finish(C *c, int ok) {
    long long t = now();
    if (ok && c->status == 200)
        done++;
    else {
        errs++;
        if (errs < 4)
            fprintf(stderr, "err status=%d hl=%d %.300s\n", c->status, c->hl, c->hdr);
    }
    if (c->t0 >= wstart)
        if (nlat < capd)
            lat[nlat++] = (t - c->t0) / 1e6;
    c->state = 0;
}
static int onbody(C *c, char *p, int n, long long t) { // 1 when the response ended
    c->body += n;
    // stamps: search carry+p
    static char tmp[300000];
    memcpy(tmp, c->carry, c->cll);
    memcpy(tmp + c->cll, p, n);
    int m = c->cll + n;
    char *q = tmp, *e = tmp + m;
    char *lastend = tmp;
    while ((q = memmem(q, e - q, " t=", 3))) {
        if (e - q < 19)
            break;
        char sv = q[19];
        q[19] = 0;
        long long ts = atoll(q + 3);
        q[19] = sv;
        if (c->first) {
            c->first = 0;
            if (nttfb < capd && t >= wstart)
                ttfb[nttfb++] = (t - c->t0) / 1e6;
        }
        if (t >= wstart) {
            stamps++;
            if (ndly < capd)
                dly[ndly++] = (t - ts) / 1e6;
        }
        c->stamps++;
        q += 19;
        lastend = q;
    }
    int keep = q ? (int)(e - q) : 0;
    if (!q) {
        keep = e - lastend < 2 ? (int)(e - lastend) : 2;
    }
    memmove(c->carry, e - keep, keep);
    c->cll = keep;
    if (c->chunked) {
        char x[16];
        int k = c->tl;
        memcpy(x, c->tail, k);
        int take = n < 8 ? n : 8;
        memcpy(x + k, p + n - take, take);
        k += take;
        char *s = x;
        if (k > 7) {
            s = x + k - 7;
            k = 7;
        }
        memmove(c->tail, s, k);
        c->tl = k;
        return (k >= 7 && !memcmp(c->tail, "\r\n0\r\n\r\n", 7)) ||
               (c->body == 5 && k >= 5 && !memcmp(c->tail + k - 5, "0\r\n\r\n", 5));
    }
    return c->cl >= 0 && c->body >= c->cl;
}
static int ondata(C *c, char *p, int n) {
    long long t = now();
    bytes += n;
    if (c->inhdr) {
        int o = c->hl;
        int cp = n;
        if (c->hl + n > 8100)
            cp = 8100 - c->hl;
        memcpy(c->hdr + c->hl, p, cp);
        c->hl += cp;
        c->hdr[c->hl] = 0;
        char *e = strstr(c->hdr, "\r\n\r\n");
        if (!e) {
            if (c->hl >= 8100)
                return -1;
            return 0;
        }
        c->inhdr = 0;
        int h = e - c->hdr + 4;
        c->status = atoi(c->hdr + 9);
        e[2] = 0;
        c->hl = h;
        char *q = strcasestr(c->hdr, "\r\ncontent-length:");
        if (q)
            c->cl = atol(q + 17);
        c->chunked = strcasestr(c->hdr, "\r\ntransfer-encoding: chunked") != 0;
        e[2] = '\r';
        int used = h - o;
        if (n - used > 0)
            return onbody(c, p + used, n - used, t);
        return c->cl == 0;
    }
    return onbody(c, p, n, t);
}
int main(int ac, char **av) {
    port = atoi(av[1]);
    char *path = av[2];
    FILE *f = fopen(av[3], "rb");
    static char b[4 << 20];
    long bl = fread(b, 1, sizeof b, f);
    fclose(f);
    int n = 10;
    long maxr = 1000000000;
    double d = 5, w = 0, rate = 0, ramp = 0;
    char hdrs[4096] = "";
    for (int i = 4; i < ac; i++) {
        if (!strcmp(av[i], "-c"))
            n = atoi(av[++i]);
        else if (!strcmp(av[i], "-n"))
            maxr = atol(av[++i]);
        else if (!strcmp(av[i], "-d"))
            d = atof(av[++i]);
        else if (!strcmp(av[i], "-w"))
            w = atof(av[++i]);
        else if (!strcmp(av[i], "-r"))
            rate = atof(av[++i]);
        else if (!strcmp(av[i], "-ramp"))
            ramp = atof(av[++i]);
        else if (!strcmp(av[i], "-slow"))
            slow = atol(av[++i]);
        else if (!strcmp(av[i], "-H")) {
            strcat(hdrs, av[++i]);
            strcat(hdrs, "\r\n");
        }
    }
    req = malloc(bl + 8192);
    reqlen = sprintf(
        req,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
        "User-Agent: streams/1\r\nAccept: */*\r\n%sContent-Length: %ld\r\n\r\n",
        path, port, hdrs, bl);
    memcpy(req + reqlen, b, bl);
    reqlen += bl;
    lat = malloc(capd * 4);
    ttfb = malloc(capd * 4);
    dly = malloc(capd * 4);
    cs = calloc(n, sizeof(C));
    nc = n;
    ep = epoll_create1(0);
    long long t0 = now();
    tend = t0 + (long long)(d * 1e9);
    wstart = t0 + (long long)(w * 1e9);
    long started = 0;
    int opened = 0;
    long ticks = 0;
    struct epoll_event evs[512];
    long long lastslow = now();
    static char buf[262144];
    for (;;) {
        long long t = now();
        if (t >= tend)
            break;
        if (done + errs >= maxr)
            break;
        int want = n;
        if (ramp) {
            double x = (t - t0) / 1e9 * ramp + 1;
            if (x < n)
                want = (int)x;
        }
        while (opened < want) {
            C *c = &cs[opened++];
            conn(c);
        }
        if (rate) {
            while (ticks < (t - t0) / 1e9 * rate) {
                int ok = 0;
                for (int i = 0; i < opened; i++)
                    if (cs[i].state == 0 && cs[i].fd >= 0) {
                        start(&cs[i]);
                        started++;
                        ok = 1;
                        break;
                    }
                ticks++;
                if (!ok)
                    errs++;
            }
        }
        int k = epoll_wait(ep, evs, 512, (rate || ramp) && 1 ? 1 : 20);
        for (int i = 0; i < k; i++) {
            C *c = evs[i].data.ptr;
            if (c->state == 3) {
                int er = 0;
                socklen_t l = sizeof er;
                getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &er, &l);
                if (er) {
                    errs++;
                    close(c->fd);
                    conn(c);
                    if (errs > 1000) {
                        fprintf(stderr, "connect failed\n");
                        return 1;
                    }
                    continue;
                }
                if (rate) {
                    c->state = 0;
                    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
                    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
                } else if (started < maxr) {
                    started++;
                    start(c);
                    arm(c);
                } else {
                    c->state = 0;
                    epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, 0);
                }
                continue;
            }
            if (evs[i].events & EPOLLOUT && c->state == 1 && c->out < reqlen) {
                long s = send(c->fd, req + c->out, reqlen - c->out, MSG_NOSIGNAL);
                if (s > 0)
                    c->out += s;
                if (c->out >= reqlen)
                    arm(c);
            }
            if (evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                int want_n = sizeof buf;
                if (slow) {
                    want_n = slow / 50;
                    if (want_n < 1)
                        want_n = 1;
                }
                int r = recv(c->fd, buf, want_n, 0);
                if (r < 0 && errno == EAGAIN)
                    continue;
                if (r <= 0) {
                    int live = c->state == 1;
                    if (live) {
                        if (!c->inhdr && !c->chunked && c->cl < 0 && r == 0)
                            finish(c, 1);
                        else
                            finish(c, 0);
                    }
                    close(c->fd);
                    reconn++;
                    conn(c);
                    continue;
                }
                if (c->state == 1) {
                    int z = ondata(c, buf, r);
                    if (z < 0) {
                        finish(c, 0);
                        close(c->fd);
                        conn(c);
                        continue;
                    }
                    if (z) {
                        finish(c, 1);
                        if (strcasestr(c->hdr, "\r\nconnection: close")) {
                            close(c->fd);
                            reconn++;
                            conn(c);
                            continue;
                        }
                        if (!rate && started < maxr) {
                            started++;
                            start(c);
                        }
                    }
                }
            }
        }
        if (slow)
            usleep(20000);
    }
    double el = (now() - (wstart > t0 ? wstart : t0)) / 1e9;
    int live = 0;
    for (int i = 0; i < opened; i++)
        if (cs[i].state == 1)
            live++;
    printf("{\"elapsed\":%.2f,\"done\":%ld,\"errs\":%ld,\"live\":%d,\"reconn\":%ld,\"rps\":%.1f,\"chunks\":%"
           "ld,\"cps\":%.0f,\"MBps\":%.1f,",
           el, done, errs, live, reconn, nlat / el, stamps, stamps / el, bytes / 1e6 / ((now() - t0) / 1e9));
    rep("lat", lat, nlat, 0);
    rep("ttfb", ttfb, nttfb, 0);
    rep("dly", dly, ndly, 1);
    printf("}\n");
}
