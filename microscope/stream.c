/* The words of the stream threefry-1, in one of several orders ("readings"), endlessly, as raw bytes.
 *
 *   stream reading=words key=0,1 [reversed=1] [first=0] [count=0] [rounds=20] [keys=FILE]
 *
 * Word i of a key is Threefry-2x32 (Salmon et al. 2011) on the counter (i >> 32, i mod 2**32), its two
 * output words XORed. Written apart from the library, from the paper, for speed and as a second opinion:
 * run.py compares the two before anything is measured. Plain C99; words leave in the machine's byte order.
 *
 * Position p of a reading is one word of one key:
 *
 *   words    word p
 *   pairs    both output words of counter p / 2, the first at even p: what 64-bit and complex draws take
 *   strided  matrices of ROWS x COLUMNS, one after another, each walked down its columns
 *   shard    the first BLOCK of every 8 * BLOCK words: one device's columns of 8
 *   names    word p / n of key p mod n, for the n keys in FILE (pairs of 32-bit words)
 *   seeds    word p / 2**32 of the seed p mod 2**32, no name: keys that differ in a bit or two
 *   weyl     no generator at all: p times an odd constant, for a microscope that must see something
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 2048 /* words made at a time: five arrays of this size fit the first cache */
#define ROWS 65536u
#define COLUMNS 4099u
#define BLOCK 512u

enum reading { WORDS, PAIRS, STRIDED, SHARD, NAMES, SEEDS, WEYL, READINGS };
static const char *const NAME[READINGS] = {"words", "pairs", "strided", "shard", "names", "seeds", "weyl"};

static uint32_t key0[SIZE], key1[SIZE], x0[SIZE], x1[SIZE], out[SIZE];
static uint32_t *keys;  /* of the reading "names": n pairs */
static uint64_t n_keys;

static void stop(const char *message, const char *detail) {
    fprintf(stderr, "stream: %s: %s\n", message, detail);
    exit(2);
}

#define ROUND(r)                        \
    do {                                \
        a += b;                         \
        b = (b << r | b >> (32 - r)) ^ a; \
    } while (0)

/* Four rounds on x0, x1 in place, and the key words that follow them. */
static inline void four_rounds(uint32_t group) {
    for (int e = 0; e < SIZE; e++) {
        const uint32_t k[3] = {key0[e], key1[e], key0[e] ^ key1[e] ^ 0x1BD11BDAu};
        uint32_t a = x0[e], b = x1[e];
        if (group % 2) {
            ROUND(13);
            ROUND(15);
            ROUND(26);
            ROUND(6);
        } else {
            ROUND(17);
            ROUND(29);
            ROUND(16);
            ROUND(24);
        }
        x0[e] = a + k[group % 3];
        x1[e] = b + k[(group + 1) % 3] + group;
    }
}

/* The block function on x0, x1 in place, under key0, key1: 20 rounds are the stream's. */
static void threefry(int rounds) {
    for (int e = 0; e < SIZE; e++) {
        x0[e] += key0[e];
        x1[e] += key1[e];
    }
    if (rounds == 20) { /* the numbers of the groups as constants: five times as fast */
        four_rounds(1);
        four_rounds(2);
        four_rounds(3);
        four_rounds(4);
        four_rounds(5);
    } else {
        for (int group = 1; group <= rounds / 4; group++) four_rounds((uint32_t)group);
    }
}

static void set_counter(int e, uint64_t i) {
    x0[e] = (uint32_t)(i >> 32);
    x1[e] = (uint32_t)i;
}

/* Fill key0, key1 and the counters x0, x1 for the positions from p on. */
static void walk(enum reading reading, uint64_t p, const uint32_t key[2]) {
    const uint64_t matrix = (uint64_t)ROWS * COLUMNS;
    for (int e = 0; e < SIZE; e++) {
        key0[e] = key[0];
        key1[e] = key[1];
    }
    if (reading == WORDS || reading == WEYL) {
        for (int e = 0; e < SIZE; e++) set_counter(e, p + (uint64_t)e);
    } else if (reading == PAIRS) {
        for (int e = 0; e < SIZE; e++) set_counter(e, (p + (uint64_t)e) / 2);
    } else if (reading == STRIDED) {
        for (int e = 0; e < SIZE; e++) {
            const uint64_t at = (p + (uint64_t)e) % matrix, base = p + (uint64_t)e - at;
            set_counter(e, base + at % ROWS * COLUMNS + at / ROWS);
        }
    } else if (reading == SHARD) {
        for (int e = 0; e < SIZE; e++) {
            const uint64_t q = p + (uint64_t)e;
            set_counter(e, q / BLOCK * (8 * BLOCK) + q % BLOCK);
        }
    } else if (reading == NAMES) {
        uint64_t word = p / n_keys, name = p % n_keys;
        for (int e = 0; e < SIZE; e++) {
            key0[e] = keys[2 * name];
            key1[e] = keys[2 * name + 1];
            set_counter(e, word);
            if (++name == n_keys) {
                name = 0;
                word++;
            }
        }
    } else {
        for (int e = 0; e < SIZE; e++) { /* the root key of a seed below 2**32 is (0, seed) */
            key0[e] = 0;
            key1[e] = (uint32_t)(p + (uint64_t)e);
            set_counter(e, (p + (uint64_t)e) >> 32);
        }
    }
}

static void fold(enum reading reading, uint64_t p) {
    if (reading == WEYL) {
        for (int e = 0; e < SIZE; e++) out[e] = (uint32_t)(p + (uint64_t)e) * 2654435769u;
    } else if (reading == PAIRS) {
        for (int e = 0; e < SIZE; e++) out[e] = (p + (uint64_t)e) % 2 == 0 ? x0[e] : x1[e];
    } else {
        for (int e = 0; e < SIZE; e++) out[e] = x0[e] ^ x1[e];
    }
}

static void reverse_bits(void) {
    for (int e = 0; e < SIZE; e++) {
        uint32_t w = out[e];
        w = (w & 0x55555555u) << 1 | (w >> 1 & 0x55555555u);
        w = (w & 0x33333333u) << 2 | (w >> 2 & 0x33333333u);
        w = (w & 0x0F0F0F0Fu) << 4 | (w >> 4 & 0x0F0F0F0Fu);
        w = (w & 0x00FF00FFu) << 8 | (w >> 8 & 0x00FF00FFu);
        out[e] = w << 16 | w >> 16;
    }
}

static void read_keys(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) stop("cannot open the keys", path);
    fseek(file, 0, SEEK_END);
    n_keys = (uint64_t)ftell(file) / 8;
    rewind(file);
    keys = malloc(n_keys * 8 + 1);
    if (!n_keys || !keys || fread(keys, 8, n_keys, file) != n_keys) stop("cannot read the keys", path);
    fclose(file);
}

static uint64_t number(const char *text) {
    char *end;
    const uint64_t value = strtoull(text, &end, 0);
    if (end == text || *end) stop("not a number", text);
    return value;
}

int main(int argc, char **argv) {
    uint64_t first = 0, count = 0;
    uint32_t key[2] = {0, 0};
    int reversed = 0, rounds = 20;
    enum reading reading = READINGS;
    for (int a = 1; a < argc; a++) {
        const char *value = strchr(argv[a], '=');
        if (!value++) stop("not option=value", argv[a]);
        if (!strncmp(argv[a], "reading=", 8)) {
            for (int r = 0; r < READINGS; r++)
                if (!strcmp(value, NAME[r])) reading = (enum reading)r;
        } else if (!strncmp(argv[a], "key=", 4)) {
            if (sscanf(value, "%" SCNu32 ",%" SCNu32, &key[0], &key[1]) != 2) stop("not two words", value);
        } else if (!strncmp(argv[a], "keys=", 5)) {
            read_keys(value);
        } else if (!strncmp(argv[a], "reversed=", 9)) {
            reversed = (int)number(value);
        } else if (!strncmp(argv[a], "first=", 6)) {
            first = number(value);
        } else if (!strncmp(argv[a], "count=", 6)) {
            count = number(value); /* 0: until the reader has had enough */
        } else if (!strncmp(argv[a], "rounds=", 7)) {
            rounds = (int)number(value);
            if (rounds % 4 != 0) stop("not a multiple of 4", value);
        } else {
            stop("no such option", argv[a]);
        }
    }
    if (reading == READINGS) stop("reading= is none of", "words pairs strided shard names seeds weyl");
    if (reading == NAMES && !keys) stop("the reading names needs", "keys=FILE");
    for (uint64_t p = first, left = count; !count || left; p += SIZE) {
        walk(reading, p, key);
        if (reading != WEYL) threefry(rounds);
        fold(reading, p);
        if (reversed) reverse_bits();
        const size_t n = count && left < SIZE ? (size_t)left : SIZE;
        if (fwrite(out, 4, n, stdout) != n) { /* the reader is gone: say how much it could have had */
            fprintf(stderr, "%" PRIu64 "\n", p - first);
            return 0;
        }
        left -= count ? n : 0;
    }
    return fflush(stdout) != 0;
}
