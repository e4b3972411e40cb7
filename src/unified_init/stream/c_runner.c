/*
The compiled runner: executes a table's program on the host.

``table.py`` explains the arithmetic, with an example; the names here are those of ``numpy_runner.py``. One
exported function, ``fill``, does all. The build (``hatch_build.py``) compiles this file once for each
instruction set that the processor's family has, with VARIANT as the end of the exported names, and
``c_runner.py`` chooses one of them when it loads the library.

The same bits everywhere: integers have fixed widths, every sum that may wrap is of unsigned ones, and no
function of a libm is called. Of floating point there are conversions of an integer, which round once,
products with a power of two, and one sum. The build forbids contraction, though nothing could be contracted.

Loops are short and separate where a longer one would not vectorize: one block of values after another, so
that all scratch stays in the innermost cache.
*/

#include <stdint.h>
#include <string.h>
#if defined(IS_BASELINE) && defined(__x86_64__)
#include <cpuid.h>
#endif

#define JOINED(name, variant) name##_##variant
#define NAMED(name, variant) JOINED(name, variant)
#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif
/* A loop is vectorized only where what it calls is part of it. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { BLOCK = 1024 };

/* One half of a line (``line.py``). */
typedef struct {
    int64_t knot, slope, first, step, upward, rise, start;
} Half;

/* All that does not depend on the key; ``c_runner.Plan`` is its mirror image. Only int64, double and
   pointers, so that no compiler pads it. */
typedef struct {
    int64_t length, stride; /* of the walk */
    const int64_t *rows;
    const int64_t *pattern; /* or NULL: then the stride says it */
    const void *table;      /* int32 (n, 2), or int64 (n, 4) */
    int64_t tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift, least, most;
    double unit;    /* 2**exponent, with the sign of the values */
    int64_t format; /* one of those below */
    int64_t is_line, drop;
    Half lower, upper;
    const void *units; /* float32 or float64, one for each row; or NULL: then the unit is that of all */
} Plan;

enum { FLOAT32, FLOAT16, BFLOAT16, FLOAT64, COMPLEX64 };

typedef struct {
    int32_t base, slope;
} Row;

/* Arithmetic shifts of negative numbers: every compiler shifts the sign in, though C leaves it open. */
_Static_assert((-2 >> 1) == -1, "the shift of a negative integer must keep its sign");

static inline uint32_t rotated(uint32_t x, int distance) { return x << distance | x >> (32 - distance); }

#define ROUND(distance) \
    x0 += x1;           \
    x1 = rotated(x1, distance) ^ x0;
#define FIRST_FOUR ROUND(13) ROUND(15) ROUND(26) ROUND(6)
#define LAST_FOUR ROUND(17) ROUND(29) ROUND(16) ROUND(24)

/* Threefry-2x32, 20 rounds: after every four, two words of the key schedule and the number of the injection. */
ALWAYS_INLINE void threefry(uint32_t *high, uint32_t *low, uint32_t k0, uint32_t k1, uint32_t k2) {
    uint32_t x0 = *high + k0, x1 = *low + k1;
    FIRST_FOUR x0 += k1, x1 += k2 + 1;
    LAST_FOUR x0 += k2, x1 += k0 + 2;
    FIRST_FOUR x0 += k0, x1 += k1 + 3;
    LAST_FOUR x0 += k1, x1 += k2 + 4;
    FIRST_FOUR *high = x0 + k2, *low = x1 + k0 + 5;
}

static const uint32_t PARITY = 0x1BD11BDA;

/* High and low words of the logical indices at ``count`` flat positions from ``start``. */
static void counters(const Plan *plan, int64_t start, int64_t count, uint32_t *high, uint32_t *low) {
    int64_t row = start / plan->length, column = start % plan->length;
    while (count > 0) { /* one row of the walk after another */
        int64_t size = plan->length - column < count ? plan->length - column : count;
        uint64_t offset = (uint64_t)plan->rows[row];
        if (plan->pattern) {
            const int64_t *inner = plan->pattern + column;
            for (int64_t j = 0; j < size; j++) {
                uint64_t logical = offset + (uint64_t)inner[j];
                high[j] = (uint32_t)(logical >> 32);
                low[j] = (uint32_t)logical;
            }
        } else {
            uint64_t step = (uint64_t)plan->stride, logical = offset + (uint64_t)column * step;
            for (int64_t j = 0; j < size; j++) {
                high[j] = (uint32_t)(logical >> 32);
                low[j] = (uint32_t)logical;
                logical += step; /* a sum of 64 bits vectorizes, a product does not */
            }
        }
        high += size, low += size, count -= size, column = 0, row += 1;
    }
}

/* Both words, in place of the counters. */
static void both_words(
    uint32_t *restrict high, uint32_t *restrict low, int64_t count, uint32_t k0, uint32_t k1
) {
    uint32_t k2 = k0 ^ k1 ^ PARITY;
    for (int64_t j = 0; j < count; j++) threefry(high + j, low + j, k0, k1, k2);
}

/* Both words XORed, at counters with one high word whose low words are an arithmetic progression. */
static void progression_words(
    uint32_t high, uint32_t low, uint32_t step, uint32_t *restrict out, int64_t count, uint32_t k0, uint32_t k1
) {
    uint32_t k2 = k0 ^ k1 ^ PARITY;
    for (int64_t j = 0; j < count; j++) {
        uint32_t x0 = high, x1 = low;
        threefry(&x0, &x1, k0, k1, k2);
        out[j] = x0 ^ x1;
        low += step;
    }
}

/* Both words XORed, at ``count`` flat positions from ``start``, by way of an array of counters. */
static void counted_words(
    const Plan *plan, int64_t start, int64_t count, uint32_t k0, uint32_t k1, uint32_t *out, uint32_t *scratch
) {
    counters(plan, start, count, out, scratch);
    both_words(out, scratch, count, k0, k1);
    for (int64_t j = 0; j < count; j++) out[j] ^= scratch[j];
}

/* Both words XORed, at ``count`` flat positions from ``start``. */
static void mixed_words(
    const Plan *plan, int64_t start, int64_t count, uint32_t k0, uint32_t k1, uint32_t *out, uint32_t *scratch
) {
    if (plan->pattern) {
        counted_words(plan, start, count, k0, k1, out, scratch);
        return;
    }
    int64_t row = start / plan->length, column = start % plan->length;
    while (count > 0) { /* one row of the walk after another: each is an arithmetic progression */
        int64_t size = plan->length - column < count ? plan->length - column : count;
        uint64_t stride = (uint64_t)plan->stride;
        uint64_t first = (uint64_t)plan->rows[row] + (uint64_t)column * stride;
        uint64_t last = first + (uint64_t)(size - 1) * stride;
        if (first >> 32 == last >> 32) { /* with one high word it needs no array of counters */
            progression_words((uint32_t)(first >> 32), (uint32_t)first, (uint32_t)stride, out, size, k0, k1);
        } else {
            counted_words(plan, start, size, k0, k1, out, scratch);
        }
        out += size, start += size, count -= size, column = 0, row += 1;
    }
}

/* The interpolated value, mirrored in the upper half, where ``upper`` has all bits set (else none). */
static inline float value32(
    int32_t base, int32_t slope, uint32_t fraction, int slope_shift, uint32_t upper, uint32_t upper_xor,
    uint32_t upper_add, float unit
) {
    int32_t rise = (int32_t)((uint32_t)slope * fraction) >> slope_shift;
    uint32_t interpolated = (uint32_t)base + (uint32_t)rise;
    int32_t mirrored = (int32_t)((interpolated ^ (upper & upper_xor)) + (upper & upper_add));
    return (float)mirrored * unit; /* the only rounding, then a power of two */
}

/* Values by the rows of a table. In three loops, so that only the look-up does not vectorize. */
static void looked_up(const Plan *plan, const uint32_t *restrict word, int64_t count, float *restrict out) {
    const Row *table = plan->table;
    int tail_shift = (int)plan->tail_shift, slope_shift = (int)plan->slope_shift;
    int32_t tail_or = (int32_t)plan->tail_or, bias = (int32_t)plan->bias;
    uint32_t upper_rows = (uint32_t)plan->upper_rows;
    uint32_t upper_xor = (uint32_t)plan->upper_xor, upper_add = (uint32_t)plan->upper_add;
    float unit = (float)plan->unit;
    uint32_t pattern[BLOCK], row[BLOCK];
    Row entry[BLOCK];
    for (int64_t j = 0; j < count; j++) {
        /* The tail is the word without its top bit; the pattern of its float selects the row. */
        float tail = (float)((int32_t)(word[j] & 0x7FFFFFFF) >> tail_shift | tail_or);
        memcpy(pattern + j, &tail, sizeof tail);
        int32_t half_row = (int32_t)(pattern[j] >> 13) - bias; /* 13 fraction bits */
        uint32_t upper = (uint32_t)~((int32_t)word[j] >> 31);
        row[j] = (uint32_t)(half_row > 0 ? half_row : 0) + (upper & upper_rows);
    }
    for (int64_t j = 0; j < count; j++) entry[j] = table[row[j]];
    for (int64_t j = 0; j < count; j++) {
        uint32_t upper = (uint32_t)~((int32_t)word[j] >> 31); /* -1 in the upper half, 0 in the lower */
        out[j] = value32(
            entry[j].base, entry[j].slope, pattern[j] & 8191, slope_shift, upper, upper_xor, upper_add, unit
        );
    }
    const float *units = plan->units;
    if (units) {
        for (int64_t j = 0; j < count; j++) out[j] *= units[row[j]]; /* the unit of all is 1 */
    }
}

/* Values by a line (``line.py``), which computes what a row holds: nothing is looked up.

   A uniform law keeps the 23 highest bits of the tail: word bits 30 to 21 are the row, 20 to 8 the fraction. */
static void on_line(const Plan *plan, const uint32_t *restrict word, int64_t count, float *restrict out) {
    int slope_shift = (int)plan->slope_shift, drop = (int)plan->drop;
    uint32_t upper_xor = (uint32_t)plan->upper_xor, upper_add = (uint32_t)plan->upper_add;
    float unit = (float)plan->unit;
    Half lower = plan->lower, upper = plan->upper;
    for (int64_t j = 0; j < count; j++) {
        uint32_t is_upper = (uint32_t)~((int32_t)word[j] >> 31);
        uint32_t row = word[j] >> 21 & 1023;
        /* A line's numbers may be past 32 bits: they wrap here, and the sums wrap back. */
#define OF_HALF(number) ((is_upper & (uint32_t)upper.number) | (~is_upper & (uint32_t)lower.number))
        uint32_t step = OF_HALF(step), rise = OF_HALF(rise);
        /* The excess of this row and of the next: their whole units, above 21 bits of fraction. */
        uint32_t height = row * rise + OF_HALF(start);
        uint32_t excess = height >> 21, next_excess = (height + rise) >> 21;
        uint32_t base = OF_HALF(first) + row * step + excess;
        uint32_t slope = (uint32_t)((int32_t)(step + next_excess - excess + OF_HALF(upward)) >> drop);
        /* Row 0 is stored as it is. */
        uint32_t stored = (uint32_t)-(int32_t)(row == 0);
        slope = (stored & OF_HALF(slope)) | (~stored & slope);
        base = (stored & OF_HALF(knot)) | (~stored & base);
#undef OF_HALF
        out[j] = value32(
            (int32_t)base, (int32_t)slope, word[j] >> 8 & 8191, slope_shift, is_upper, upper_xor, upper_add, unit
        );
    }
}

static void values_of(const Plan *plan, const uint32_t *word, int64_t count, float *out) {
    if (plan->is_line) {
        on_line(plan, word, count, out);
    } else {
        looked_up(plan, word, count, out);
    }
}

/* As in numpy_runner.values64, which explains the numbers: 43 fraction bits, four products. Factors of 32 bits
   are cast, since a product of two of them vectorizes where one of 64 bits does not. */
static void values64(
    const Plan *plan, const uint32_t *restrict high, const uint32_t *restrict low, int64_t count,
    double *restrict out
) {
    const int64_t *table = plan->table;
    int tail_shift = (int)plan->tail_shift;
    uint64_t upper_rows = (uint64_t)plan->upper_rows;
    uint64_t upper_xor = (uint64_t)plan->upper_xor, upper_add = (uint64_t)plan->upper_add;
    double unit = plan->unit;
    int64_t tail_or = plan->tail_or, bias = plan->bias, least = plan->least, most = plan->most;
    int64_t signs[BLOCK], fractions[BLOCK], c0[BLOCK], c1[BLOCK], c2[BLOCK], c3[BLOCK];
    uint64_t rows[BLOCK];
    for (int64_t j = 0; j < count; j++) {
        uint64_t word = (uint64_t)high[j] << 32 | low[j], pattern;
        double tail = (double)((int64_t)(word & INT64_MAX) >> tail_shift | tail_or);
        memcpy(&pattern, &tail, sizeof tail);
        uint64_t upper = (uint64_t)~((int64_t)word >> 63);
        int64_t half_row = (int64_t)(pattern >> 43) - bias;
        rows[j] = (uint64_t)(half_row > 0 ? half_row : 0) + (upper & upper_rows);
        fractions[j] = (int64_t)(pattern & ((UINT64_C(1) << 43) - 1));
        signs[j] = (int64_t)upper;
    }
    for (int64_t j = 0; j < count; j++) {
        const int64_t *c = table + 4 * rows[j];
        c0[j] = c[0], c1[j] = c[1], c2[j] = c[2], c3[j] = c[3];
    }
    for (int64_t j = 0; j < count; j++) {
        int64_t d = fractions[j];
        uint64_t upper = (uint64_t)signs[j];
        int64_t d31 = d >> 12, d_high = d >> 22, d_low = d & 0x3FFFFF;
        int64_t bend = c2[j] + (((int64_t)(int32_t)c3[j] * (int32_t)d31) >> 31);
        int64_t curvature = (bend * d31) >> 31;
        int64_t slope = c1[j] + (int64_t)((uint64_t)curvature << 12);
        int32_t s_high = (int32_t)(slope >> 31);
        uint32_t s_low = (uint32_t)slope & 0x7FFFFFFF;
        uint64_t value = (uint64_t)c0[j] + ((uint64_t)((int64_t)s_high * (int32_t)d_high) << 10);
        value += (uint64_t)(((int64_t)s_high * (int32_t)d_low) >> 12);
        value += ((uint64_t)s_low * (uint32_t)d_high) >> 21;
        value += ((uint64_t)s_low * (uint32_t)d_low) >> 43;
        int64_t mirrored = (int64_t)((value ^ (upper & upper_xor)) + (upper & upper_add));
        mirrored = mirrored < least ? least : mirrored > most ? most : mirrored;
        out[j] = (double)mirrored * unit;
    }
    const double *units = plan->units;
    if (units) {
        for (int64_t j = 0; j < count; j++) out[j] *= units[rows[j]];
    }
}

/* The upper halves of the patterns, rounded to nearest even; none of the values is NaN.

   Adding just under half of the last kept bit (0x7FFF of 0x10000), or half of it where that bit is odd,
   carries into it exactly where rounding to nearest even goes up. */
static void as_bfloat16(const float *restrict value, int64_t count, uint16_t *restrict out) {
    for (int64_t j = 0; j < count; j++) {
        uint32_t bits;
        memcpy(&bits, value + j, sizeof bits);
        out[j] = (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }
}

/* Rounded to nearest even; none of the values is NaN or rounds past the largest float16. */
static void as_float16(const float *restrict value, int64_t count, uint16_t *restrict out) {
    for (int64_t j = 0; j < count; j++) {
        uint32_t bits, shifted_bits;
        memcpy(&bits, value + j, sizeof bits);
        uint32_t pattern = bits & 0x7FFFFFFF;
        float magnitude;
        memcpy(&magnitude, &pattern, sizeof magnitude);
        /* Below 2**-14 float16 has steps of 2**-24, as float32 has from 1/2 to 1: this sum rounds to them. */
        float shifted = magnitude + 0.5f;
        memcpy(&shifted_bits, &shifted, sizeof shifted_bits);
        /* 23 mantissa bits become 10: 13 are rounded away, as in as_bfloat16. The exponent bias becomes 15
           from 127, hence 112. */
        uint32_t normal = (pattern + 0xFFF + (pattern >> 13 & 1) - (UINT32_C(112) << 23)) >> 13;
        /* The sum's pattern less that of 1/2 counts steps of 2**-24: it is the pattern of the subnormal. */
        uint32_t subnormal = shifted_bits - 0x3F000000;
        uint32_t narrow = pattern < UINT32_C(113) << 23 ? subnormal : normal; /* 2**-14 is 2**(113 - 127) */
        out[j] = (uint16_t)(narrow | (bits >> 16 & 0x8000));                  /* and the sign */
    }
}

/* Write ``count`` values at the flat positions from ``start``, in the plan's format. */
EXPORTED void NAMED(fill, VARIANT)(
    const Plan *plan, void *out, int64_t start, int64_t count, uint32_t k0, uint32_t k1
);
void NAMED(fill, VARIANT)(
    const Plan *plan, void *out, int64_t start, int64_t count, uint32_t k0, uint32_t k1
) {
    uint32_t x0[BLOCK], x1[BLOCK];
    float real[BLOCK], imaginary[BLOCK];
    for (int64_t begin = 0; begin < count; begin += BLOCK) {
        int64_t size = count - begin < BLOCK ? count - begin : BLOCK;
        if (plan->format == FLOAT64) {
            counters(plan, start + begin, size, x0, x1);
            both_words(x0, x1, size, k0, k1);
            values64(plan, x0, x1, size, (double *)out + begin);
        } else if (plan->format == COMPLEX64) { /* pairs of float32, one from each word */
            counters(plan, start + begin, size, x0, x1);
            both_words(x0, x1, size, k0, k1);
            values_of(plan, x0, size, real);
            values_of(plan, x1, size, imaginary);
            float *pairs = (float *)out + 2 * begin;
            for (int64_t j = 0; j < size; j++) {
                pairs[2 * j] = real[j];
                pairs[2 * j + 1] = imaginary[j];
            }
        } else {
            mixed_words(plan, start + begin, size, k0, k1, x0, x1);
            if (plan->format == FLOAT32) {
                values_of(plan, x0, size, (float *)out + begin);
            } else {
                values_of(plan, x0, size, real);
                if (plan->format == FLOAT16) {
                    as_float16(real, size, (uint16_t *)out + begin);
                } else {
                    as_bfloat16(real, size, (uint16_t *)out + begin);
                }
            }
        }
    }
}

EXPORTED void NAMED(draw, VARIANT)(
    const Plan *plan, void *out, int64_t count, uint64_t seed, const unsigned char *digest
);

/* The first ``count`` values of a seed and a name, whose SHA-256 is ``digest``: there is none of the empty name. */
void NAMED(draw, VARIANT)(
    const Plan *plan, void *out, int64_t count, uint64_t seed, const unsigned char *digest
) {
    uint32_t k0 = (uint32_t)(seed >> 32), k1 = (uint32_t)seed;
    if (digest != NULL) {
        uint32_t word[2] = {0, 0};
        for (int j = 0; j < 8; j++) word[j / 4] = word[j / 4] << 8 | digest[j];
        threefry(&word[0], &word[1], k0, k1, k0 ^ k1 ^ PARITY);
        k0 = word[0], k1 = word[1];
    }
    NAMED(fill, VARIANT)(plan, out, 0, count, k0, k1);
}

EXPORTED void NAMED(values, VARIANT)(const Plan *plan, const uint32_t *word, int64_t count, float *out);

/* The float32 values of ``count`` words, whatever the plan's format: with it every word can be tried. */
void NAMED(values, VARIANT)(const Plan *plan, const uint32_t *word, int64_t count, float *out) {
    for (int64_t begin = 0; begin < count; begin += BLOCK) {
        int64_t size = count - begin < BLOCK ? count - begin : BLOCK;
        values_of(plan, word + begin, size, out + begin);
    }
}

#ifdef IS_BASELINE /* what is there once */

/* Of this file as it was compiled, by which an older library is known. */
EXPORTED extern const char source_digest[];
const char source_digest[] = SOURCE_DIGEST;

EXPORTED uint64_t block(uint32_t k0, uint32_t k1, uint32_t high, uint32_t low);

/* Both words of one counter, the first in the upper half. */
uint64_t block(uint32_t k0, uint32_t k1, uint32_t high, uint32_t low) {
    threefry(&high, &low, k0, k1, k0 ^ k1 ^ PARITY);
    return (uint64_t)high << 32 | low;
}

EXPORTED int widest_set(void);

/* How many of the instruction sets beyond the baseline the processor and its operating system have. */
int widest_set(void) {
#ifdef __x86_64__
    uint32_t a, b, c, d, enabled, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return 0; /* the system saves no wide registers */
    __asm__("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
    if ((enabled & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (!(b >> 5 & 1)) return 0; /* AVX2 */
    /* AVX-512 F, DQ, BW and VL, and its registers. */
    uint32_t wanted = UINT32_C(1) << 16 | UINT32_C(1) << 17 | UINT32_C(1) << 30 | UINT32_C(1) << 31;
    return (b & wanted) == wanted && (enabled & 0xE6) == 0xE6 ? 2 : 1;
#else
    return 0;
#endif
}

#endif
