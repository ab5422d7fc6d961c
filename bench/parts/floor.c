/* The least that recording over RTSP can take: one thread receives what has gathered, strips the RTP headers, hashes and appends.

   floor FOLDER FD...: each FD is a connected socket on which interleaved RTP (RFC 2326 section 10.12) comes on channel 0. Every 200 ms it takes what is
   there; every 0.9 s it writes each camera's payload with one write and one fdatasync. No pictures, no index, no times, no limits: nobody could use it.
   Ends at SIGTERM, and prints how many bytes of payload it wrote. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (8u << 20)

struct camera {
    int socket, file;
    void *hash;
    uint8_t *in, *out;
    size_t in_size, out_size;
};

static volatile sig_atomic_t stopped;
static int (*update)(void *, const void *, size_t);

static void stop(int number) { stopped = number; }

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void take(struct camera *one) {
    size_t at = 0;
    while (one->in_size - at >= 4) {
        uint8_t *packet = one->in + at;
        if (*packet != '$') { /* the answer to a sign of life: to the next packet */
            uint8_t *next = memchr(packet, '$', one->in_size - at);
            at = next ? (size_t)(next - one->in) : one->in_size;
            continue;
        }
        size_t length = packet[2] << 8 | packet[3];
        if (one->in_size - at < 4 + length)
            break;
        size_t head = 12 + 4 * (packet[4] & 15);
        if (packet[1] == 0 && length > head && one->out_size + length < ROOM) {
            memcpy(one->out + one->out_size, packet + 4 + head, length - head);
            one->out_size += length - head;
        }
        at += 4 + length;
    }
    memmove(one->in, one->in + at, one->in_size - at);
    one->in_size -= at;
}

int main(int count, char **words) {
    void *library = dlopen("libcrypto.so.3", RTLD_NOW);
    if (!library || count < 3)
        return 2;
    void *(*make)(void) = (void *(*)(void))dlsym(library, "EVP_MD_CTX_new");
    const void *(*sha256)(void) = (const void *(*)(void))dlsym(library, "EVP_sha256");
    int (*begin)(void *, const void *, void *) = (int (*)(void *, const void *, void *))dlsym(library, "EVP_DigestInit_ex");
    update = (int (*)(void *, const void *, size_t))dlsym(library, "EVP_DigestUpdate");
    int cameras = count - 2;
    struct camera *all = calloc(cameras, sizeof *all);
    for (int number = 0; number < cameras; number++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%03d.bin", words[1], number);
        all[number] = (struct camera){atoi(words[number + 2]), open(path, O_CREAT | O_WRONLY | O_APPEND, 0600), make(), malloc(ROOM), malloc(ROOM), 0, 0};
        if (all[number].file < 0)
            return 1;
        begin(all[number].hash, sha256(), NULL);
    }
    signal(SIGTERM, stop);
    double written_s = now_s();
    unsigned long long written = 0;
    while (!stopped) {
        for (int number = 0; number < cameras; number++) {
            struct camera *one = all + number;
            ssize_t got = recv(one->socket, one->in + one->in_size, ROOM - one->in_size, MSG_DONTWAIT);
            if (got > 0) {
                one->in_size += got;
                take(one);
            }
        }
        if (now_s() - written_s >= 0.9) {
            written_s = now_s();
            for (int number = 0; number < cameras; number++) {
                struct camera *one = all + number;
                update(one->hash, one->out, one->out_size);
                if (write(one->file, one->out, one->out_size) != (ssize_t)one->out_size)
                    return 1;
                written += one->out_size;
                one->out_size = 0;
                fdatasync(one->file);
            }
        }
        usleep(200000);
    }
    printf("%llu\n", written);
    return 0;
}
