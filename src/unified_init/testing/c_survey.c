/*
The compiled statistics of an audit: sums, counts and correlations of the values of one tensor.

``survey.py`` explains what is computed; ``figures.py``, ``dependence.py`` and ``power_sums.py`` compute it in
NumPy, under the names that it has here. The build (``hatch_build.py``) compiles this file once for each instruction set that the processor's
family has, into the library of the C runner, and ``c_survey.py`` chooses one when it loads the library.

Sums of floats go to LANES accumulators, which compilers keep in vector registers without being allowed to
reorder anything: the results are the same for every instruction set.
*/

#include <math.h>
#include <stdint.h>
#include <string.h>

#define JOINED(name, variant) name##_##variant
#define NAMED(name, variant) JOINED(name, variant)
#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

enum { LANES = 16, BLOCK = 4096, TILE = 16, SHORT = 6, CHOOSING = 3 };
enum { FLOAT32, BFLOAT16, FLOAT16, CODES }; /* what the values are; codes are cells already, int32 */
enum { AXES = 64 }; /* at most */

static const uint32_t SHORT_MULTIPLIER = UINT32_C(0x9E3779B1);
static const uint32_t NEGATIVE_ZERO = UINT32_C(0x80000000);
static const uint32_t EMPTY = UINT32_C(0xFFFFFFFF); /* NaN, of which there is none */

/* A tensor and the cells of its law; ``c_survey.Survey`` is its mirror image. */
typedef struct {
    const void *values;
    int64_t kind, size;
    const int64_t *shape;
    int64_t rank;
    const int64_t *ranks; /* the cell of each bit pattern of a narrow type */
    double offset, factor; /* a float32 is in the cell (value - offset) * factor; both are float32 */
    int64_t cells;
    const float *grades;                          /* of each cell */
    const double *below, *first, *both, *second; /* as in ``Cells`` */
    int64_t lags;
    int32_t *counts;      /* scratch: one of each cell */
    float *centred;       /* scratch: one of each value */
    double *rest;         /* scratch: one of each value in a slice of the first axis */
    double *goodness;     /* results: the distance and the integral */
    double *serial;       /* of each lag, the sum of products */
    double *neighbors;    /* of each axis longer than 1 but the last, the sum of products */
    double *spreads;      /* of each axis longer than 1, the squared deviations of its slices' sums */
} Survey;

static inline float of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The value of a float16: its exponent is rebiased by a product with 2**112, which is exact. */
static inline float from_float16(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7FFF) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    float scaled = of_bits(magnitude) * 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    bits = magnitude >= UINT32_C(0x0F800000) ? magnitude | UINT32_C(0x7F800000) : bits; /* not finite */
    return of_bits(bits | sign);
}

static const float *floats(const void *values, int64_t kind, int64_t start, int64_t count, float *scratch) {
    if (kind == FLOAT32) return (const float *)values + start;
    const uint16_t *narrow = (const uint16_t *)values + start;
    if (kind == BFLOAT16) {
        for (int64_t i = 0; i < count; i++) scratch[i] = of_bits((uint32_t)narrow[i] << 16);
    } else {
        for (int64_t i = 0; i < count; i++) scratch[i] = from_float16(narrow[i]);
    }
    return scratch;
}

static double total(const float *lanes) {
    double sum = 0.0;
    for (int j = 0; j < LANES; j++) sum += lanes[j];
    return sum;
}

/* The sum of products, of at most some thousand values at a time in float32. */
static double product(const float *restrict a, const float *restrict b, int64_t count) {
    double sum = 0.0;
    while (count > 0) {
        int64_t part = count < BLOCK ? count : BLOCK, i = 0;
        float lanes[LANES] = {0};
        for (; i + LANES <= part; i += LANES)
            for (int j = 0; j < LANES; j++) lanes[j] += a[i + j] * b[i + j];
        for (int j = 0; i < part; i++, j++) lanes[j] += a[i] * b[i];
        sum += total(lanes);
        a += part, b += part, count -= part;
    }
    return sum;
}

EXPORTED void NAMED(head, VARIANT)(const void *values, int64_t kind, int64_t size, double *out);

/* The mean of some values, and their mean squared deviation from it. */
void NAMED(head, VARIANT)(const void *values, int64_t kind, int64_t size, double *out) {
    float scratch[BLOCK];
    double mean = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        double lanes[LANES] = {0}, sum = 0.0;
        for (int64_t start = 0; start < size; start += BLOCK) {
            int64_t count = size - start < BLOCK ? size - start : BLOCK, i = 0;
            const float *value = floats(values, kind, start, count, scratch);
            for (; i + LANES <= count; i += LANES)
                for (int j = 0; j < LANES; j++) {
                    double deviation = (double)value[i + j] - mean;
                    lanes[j] += pass ? deviation * deviation : deviation;
                }
            for (int j = 0; i < count; i++, j++) {
                double deviation = (double)value[i] - mean;
                lanes[j] += pass ? deviation * deviation : deviation;
            }
        }
        for (int j = 0; j < LANES; j++) sum += lanes[j];
        out[pass] = sum / (double)size;
        mean = out[0];
    }
}

EXPORTED void NAMED(moments, VARIANT)(
    const void *values, int64_t kind, int64_t size, float middle, float inverse, double *out);

/* The smallest and the largest value, and the sums of the first four powers of (value - middle) * inverse.
   What is not finite makes the second sum so. */
void NAMED(moments, VARIANT)(
    const void *values, int64_t kind, int64_t size, float middle, float inverse, double *out) {
    float scratch[BLOCK];
    float lows[LANES], highs[LANES];
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    for (int j = 0; j < LANES; j++) lows[j] = INFINITY, highs[j] = -INFINITY;
    for (int64_t start = 0; start < size; start += BLOCK) {
        int64_t count = size - start < BLOCK ? size - start : BLOCK, i = 0;
        const float *value = floats(values, kind, start, count, scratch);
        float first[LANES] = {0}, second[LANES] = {0}, third[LANES] = {0}, fourth[LANES] = {0};
        for (; i + LANES <= count; i += LANES)
            for (int j = 0; j < LANES; j++) {
                float x = value[i + j];
                lows[j] = x < lows[j] ? x : lows[j];
                highs[j] = x > highs[j] ? x : highs[j];
                float standard = (x - middle) * inverse, square = standard * standard;
                first[j] += standard;
                second[j] += square;
                third[j] += square * standard;
                fourth[j] += square * square;
            }
        for (int j = 0; i < count; i++, j++) {
            float x = value[i], standard = (x - middle) * inverse, square = standard * standard;
            lows[j] = x < lows[j] ? x : lows[j];
            highs[j] = x > highs[j] ? x : highs[j];
            first[j] += standard;
            second[j] += square;
            third[j] += square * standard;
            fourth[j] += square * square;
        }
        sums[0] += total(first), sums[1] += total(second), sums[2] += total(third), sums[3] += total(fourth);
    }
    out[0] = lows[0], out[1] = highs[0];
    for (int j = 1; j < LANES; j++) {
        out[0] = lows[j] < out[0] ? lows[j] : out[0];
        out[1] = highs[j] > out[1] ? highs[j] : out[1];
    }
    memcpy(out + 2, sums, sizeof sums);
}

/* The cell of each value: its count, and its grade. */
static void graded(const Survey *survey) {
    int32_t *counts = survey->counts;
    const float *grades = survey->grades;
    float *centred = survey->centred;
    float offset = (float)survey->offset, factor = (float)survey->factor, last = (float)(survey->cells - 1);
    int32_t codes[BLOCK];
    memset(counts, 0, (size_t)survey->cells * sizeof *counts);
    for (int64_t start = 0; start < survey->size; start += BLOCK) {
        int64_t count = survey->size - start < BLOCK ? survey->size - start : BLOCK;
        if (survey->kind == FLOAT32) {
            const float *value = (const float *)survey->values + start;
            for (int64_t i = 0; i < count; i++) {
                float place = (value[i] - offset) * factor;
                place = place > 0.0f ? place : 0.0f;
                codes[i] = (int32_t)(place < last ? place : last);
            }
        } else if (survey->kind == CODES) {
            memcpy(codes, (const int32_t *)survey->values + start, (size_t)count * sizeof *codes);
        } else {
            const uint16_t *pattern = (const uint16_t *)survey->values + start;
            for (int64_t i = 0; i < count; i++) codes[i] = (int32_t)survey->ranks[pattern[i]];
        }
        for (int64_t i = 0; i < count; i++) {
            counts[codes[i]]++;
            centred[start + i] = grades[codes[i]];
        }
    }
}

static void goodness(const Survey *survey) {
    double highs[LANES] = {0}, lows[LANES] = {0}, sums[LANES] = {0}, gaps[BLOCK / 4 + 1];
    double share = 1.0 / (double)survey->size, statistic = 0.0;
    int64_t counted = 0;
    gaps[0] = -survey->below[0];
    for (int64_t start = 0; start < survey->cells; start += BLOCK / 4) {
        int64_t count = survey->cells - start < BLOCK / 4 ? survey->cells - start : BLOCK / 4, i = 0;
        const double *first = survey->first + start, *both = survey->both + start;
        const double *second = survey->second + start;
        for (int64_t cell = 0; cell < count; cell++) {
            counted += survey->counts[start + cell];
            gaps[cell + 1] = (double)counted * share - survey->below[start + cell + 1];
        }
        for (int64_t width = LANES; i < count; i += width) {
            width = count - i < LANES ? count - i : LANES;
            for (int64_t j = 0; j < width; j++) {
                double before = gaps[i + j], after = gaps[i + j + 1];
                highs[j] = after > highs[j] ? after : highs[j];
                lows[j] = after < lows[j] ? after : lows[j];
                sums[j] += (first[i + j] * before + both[i + j] * after) * before
                           + second[i + j] * after * after;
            }
        }
        gaps[0] = gaps[count];
    }
    double distance = 0.0;
    for (int j = 0; j < LANES; j++) {
        distance = highs[j] > distance ? highs[j] : distance;
        distance = -lows[j] > distance ? -lows[j] : distance;
        statistic += sums[j];
    }
    survey->goodness[0] = distance;
    survey->goodness[1] = statistic;
}

/* Products with the values 1, 2, 4, ... positions later, block by block: most are still in the cache. */
static void serial(const Survey *survey) {
    const float *centred = survey->centred;
    for (int64_t lag = 0; lag < survey->lags; lag++) survey->serial[lag] = 0.0;
    for (int64_t start = 0; start < survey->size; start += BLOCK)
        for (int64_t lag = 0; lag < survey->lags; lag++) {
            int64_t distance = (int64_t)1 << lag, count = survey->size - distance - start;
            count = count < BLOCK ? count : BLOCK;
            if (count > 0) survey->serial[lag] += product(centred + start, centred + start + distance, count);
        }
}

/* Neighbors along one axis: the values ``inner`` positions later within each of its slices. */
static double along(const float *centred, int64_t outer, int64_t length, int64_t inner) {
    double sum = 0.0;
    int64_t count = (length - 1) * inner;
    for (int64_t index = 0; index < outer; index++, centred += length * inner)
        sum += product(centred, centred + inner, count);
    return sum;
}

/* The sums of the slices of an array along its first axis (their squared deviations are returned), and in
   ``rest`` those over it; ``rest`` may be the array. */
static double spread(const float *floats, double *rest, int64_t length, int64_t inner) {
    double mean = 0.0, squares = 0.0;
    for (int64_t index = 0; index < length; index++) {
        double lanes[LANES] = {0}, sum = 0.0;
        int64_t i = 0;
        if (floats != NULL) {
            const float *row = floats + index * inner;
            if (index == 0) memset(rest, 0, (size_t)inner * sizeof *rest);
            for (; i + LANES <= inner; i += LANES)
                for (int j = 0; j < LANES; j++) lanes[j] += row[i + j], rest[i + j] += row[i + j];
            for (; i < inner; i++) sum += row[i], rest[i] += row[i];
        } else {
            const double *row = rest + index * inner;
            for (; i < inner; i++) {
                sum += row[i];
                if (index > 0) rest[i] += row[i];
            }
        }
        for (int j = 0; j < LANES; j++) sum += lanes[j];
        double step = sum - mean; /* Welford's */
        mean += step / (double)(index + 1);
        squares += step * (sum - mean);
    }
    return squares;
}

static void axes(const Survey *survey) {
    int64_t outer = 1, left = survey->size, number = 0, last = survey->rank - 1;
    while (last >= 0 && survey->shape[last] == 1) last--;
    for (int64_t axis = 0; axis <= last; axis++) {
        int64_t length = survey->shape[axis], inner = left / length;
        if (length > 1) {
            if (axis < last)
                survey->neighbors[number] = along(survey->centred, outer, length, inner);
            survey->spreads[number] = spread(number ? NULL : survey->centred, survey->rest, length, inner);
            number++;
        }
        outer *= length, left = inner;
    }
}

EXPORTED void NAMED(survey, VARIANT)(const Survey *survey);

void NAMED(survey, VARIANT)(const Survey *survey) {
    graded(survey);
    goodness(survey);
    serial(survey);
    axes(survey);
}

/* The positions, increasing, of all cells that occur twice, to ``shared``; their number is returned. There
   are 2**bits cells, and two sets of as many bits as scratch. No branch depends on the values. */
static int64_t sharing(const uint32_t *cells, int64_t size, int64_t bits, uint64_t *sets, uint32_t *shared) {
    size_t words = (size_t)1 << (bits - 6);
    uint64_t *seen = sets, *twice = sets + words;
    int64_t number = 0, count = 0;
    memset(seen, 0, words * sizeof *seen);
    for (int64_t i = 0; i < size; i++) {
        uint32_t cell = cells[i];
        uint64_t word = seen[cell >> 6];
        shared[number] = cell;
        number += word >> (cell & 63) & 1;
        seen[cell >> 6] = word | UINT64_C(1) << (cell & 63);
    }
    if (number == 0) return 0;
    memset(twice, 0, words * sizeof *twice);
    for (int64_t i = 0; i < number; i++) twice[shared[i] >> 6] |= UINT64_C(1) << (shared[i] & 63);
    for (int64_t i = 0; i < size; i++) {
        shared[count] = (uint32_t)i;
        count += twice[cells[i] >> 6] >> (cells[i] & 63) & 1;
    }
    return count;
}

/* Bits of a table for so many entries, of which at most half is used. */
static int64_t table_bits(int64_t entries) {
    int64_t bits = 1;
    while ((int64_t)1 << bits < 2 * entries) bits++;
    return bits;
}

EXPORTED int64_t NAMED(twice, VARIANT)(
    const uint32_t *words, int64_t size, int64_t first, int64_t bits, uint64_t *sets, uint32_t *scratch,
    uint32_t *positions, int64_t *different);

/* The positions, increasing, of float32 values that are there twice, and of few others: their number is
   returned. ``different`` is how many of the first ones differ, exactly. None is NaN; 0.0 and -0.0 are one.
   Scratch is two sets of 2**bits bits, and five words of each value; ``positions`` one word of each value. */
int64_t NAMED(twice, VARIANT)(
    const uint32_t *words, int64_t size, int64_t first, int64_t bits, uint64_t *sets, uint32_t *scratch,
    uint32_t *positions, int64_t *different) {
    uint32_t *cells = scratch, *table = scratch + size;
    for (int64_t i = 0; i < size; i++)
        cells[i] = (words[i] == NEGATIVE_ZERO ? 0 : words[i]) * SHORT_MULTIPLIER >> (32 - bits);
    int64_t count = sharing(cells, size, bits, sets, positions), wide = table_bits(count), again = 0;
    memset(table, 0xFF, sizeof *table << wide);
    for (int64_t i = 0; i < count && positions[i] < first; i++) {
        uint32_t word = words[positions[i]] == NEGATIVE_ZERO ? 0 : words[positions[i]];
        uint32_t mixed = word * SHORT_MULTIPLIER, mask = ((uint32_t)1 << wide) - 1;
        uint32_t place = (mixed ^ mixed >> 16) * SHORT_MULTIPLIER >> (32 - wide);
        while (table[place] != word && table[place] != EMPTY) place = (place + 1) & mask;
        again += table[place] == word;
        table[place] = word;
    }
    *different = (size < first ? size : first) - again;
    return count;
}

EXPORTED int64_t NAMED(different16, VARIANT)(const uint16_t *patterns, int64_t size);

/* How many bit patterns of a narrow type differ; those of 0.0 and -0.0 are one. */
int64_t NAMED(different16, VARIANT)(const uint16_t *patterns, int64_t size) {
    uint8_t is_there[1 << 16];
    int64_t number = 0;
    memset(is_there, 0, sizeof is_there);
    for (int64_t i = 0; i < size; i++) is_there[patterns[i]] = 1;
    is_there[0] |= is_there[0x8000];
    is_there[0x8000] = 0;
    for (int64_t i = 0; i < 1 << 16; i++) number += is_there[i];
    return number;
}

static inline uint32_t word_at(const void *words, int64_t bytes, uint32_t zero, int64_t index) {
    uint32_t word = bytes == 4 ? ((const uint32_t *)words)[index] : ((const uint16_t *)words)[index];
    return word == zero ? 0 : word;
}

EXPORTED void NAMED(words, VARIANT)(
    const void *words, int64_t bytes, uint32_t zero, const int64_t *shape, int64_t rank, uint32_t *out);

/* Bit patterns of 2 or 4 bytes with the axes reversed, tile by tile in the first and the last; the pattern
   ``zero`` becomes 0. */
void NAMED(words, VARIANT)(
    const void *words, int64_t bytes, uint32_t zero, const int64_t *shape, int64_t rank, uint32_t *out) {
    int64_t rows = shape[0], columns = rank > 1 ? shape[rank - 1] : 1, middle = 1, index[AXES] = {0};
    for (int64_t axis = 1; axis < rank - 1; axis++) middle *= shape[axis];
    if (middle * columns == 1) {
        for (int64_t row = 0; row < rows; row++) out[row] = word_at(words, bytes, zero, row);
        return;
    }
    for (int64_t number = 0; number < middle; number++) {
        int64_t mirrored = 0;
        for (int64_t axis = rank - 2; axis > 0; axis--) mirrored = mirrored * shape[axis] + index[axis];
        for (int64_t top = 0; top < rows; top += TILE)
            for (int64_t start = 0; start < columns; start += TILE) {
                int64_t bottom = top + TILE < rows ? top + TILE : rows;
                int64_t end = start + TILE < columns ? start + TILE : columns;
                for (int64_t column = start; column < end; column++)
                    for (int64_t row = top; row < bottom; row++)
                        out[(column * middle + mirrored) * rows + row] =
                            word_at(words, bytes, zero, (row * middle + number) * columns + column);
            }
        for (int64_t axis = rank - 2; axis > 0; axis--) {
            if (++index[axis] < shape[axis]) break;
            index[axis] = 0;
        }
    }
}

/* How many runs equal an earlier one, of those that begin at the given places, with their hashes. The table
   is scratch, of four words of each run. */
static int64_t equal_runs(
    const uint32_t *words, int64_t length, const uint32_t *starts, const uint32_t *hashes, int64_t count,
    uint32_t *table) {
    int64_t wide = table_bits(count), again = 0;
    uint32_t mask = ((uint32_t)1 << wide) - 1;
    memset(table, 0xFF, sizeof *table << wide);
    for (int64_t i = 0; i < count; i++) {
        const uint32_t *run = words + starts[i];
        uint32_t place = hashes[i] * SHORT_MULTIPLIER >> (32 - wide);
        while (table[place] != EMPTY
               && (hashes[table[place]] != hashes[i]
                   || memcmp(run, words + starts[table[place]], (size_t)length * sizeof *run) != 0))
            place = (place + 1) & mask;
        if (table[place] != EMPTY) again++;
        else table[place] = (uint32_t)i;
    }
    return again;
}

/* Hashes of all runs from the first on; each word is mixed before the next, so that signs do not cancel. */
static void hashed(const uint32_t *words, int64_t count, int64_t length, uint32_t *restrict hashes) {
    for (int64_t i = 0; i < count; i++) hashes[i] = words[i] * SHORT_MULTIPLIER;
    for (int64_t later = 1; later < length; later++)
        for (int64_t i = 0; i < count; i++)
            hashes[i] = ((hashes[i] ^ hashes[i] >> 15) + words[i + later]) * SHORT_MULTIPLIER;
}

/* The starts and the hashes of the runs that are compared: those whose first values have a mark below
   ``limit``, or are two equal ones; all of them where it is 2**32. */
static int64_t chosen(
    const uint32_t *words, int64_t runs, int64_t length, uint64_t limit, uint32_t *starts, uint32_t *hashes) {
    int64_t number = 0, marked = length <= SHORT ? 1 : CHOOSING;
    uint32_t least = (uint32_t)limit, all = (uint32_t)(limit >> 32), marks[BLOCK], codes[BLOCK];
    for (int64_t start = 0; start < runs; start += BLOCK) {
        int64_t count = runs - start < BLOCK ? runs - start : BLOCK;
        const uint32_t *word = words + start;
        hashed(word, count, length, codes);
        for (int64_t i = 0; i < count; i++) marks[i] = word[i] * SHORT_MULTIPLIER;
        for (int64_t later = 1; later < marked; later++)
            for (int64_t i = 0; i < count; i++) marks[i] = (marks[i] + word[i + later]) * SHORT_MULTIPLIER;
        for (int64_t i = 0; i < count; i++) marks[i] = (marks[i] < least) | (word[i] == word[i + 1]) | all;
        for (int64_t i = 0; i < count; i++) {
            starts[number] = (uint32_t)(start + i);
            hashes[number] = codes[i];
            number += marks[i];
        }
    }
    return number;
}

EXPORTED int64_t NAMED(repeated, VARIANT)(
    const uint32_t *words, int64_t size, int64_t length, uint64_t limit, int64_t bits, uint64_t *sets,
    uint32_t *scratch);

/* How many of the chosen runs of a length equal an earlier one. Scratch is two sets of 2**bits bits, and
   eight words of each value. */
int64_t NAMED(repeated, VARIANT)(
    const uint32_t *words, int64_t size, int64_t length, uint64_t limit, int64_t bits, uint64_t *sets,
    uint32_t *scratch) {
    uint32_t *starts = scratch, *hashes = starts + size, *cells = hashes + size, *shared = cells + size;
    int64_t number = chosen(words, size - length + 1, length, limit, starts, hashes);
    for (int64_t i = 0; i < number; i++) cells[i] = hashes[i] >> (32 - bits);
    int64_t count = sharing(cells, number, bits, sets, shared);
    for (int64_t i = 0; i < count; i++) {
        starts[i] = starts[shared[i]];
        hashes[i] = hashes[shared[i]];
    }
    return equal_runs(words, length, starts, hashes, count, cells);
}

/* The place that an index into the reversed axes has in the order of storage, and the other way round with
   the sizes reversed. */
static uint32_t mirrored(uint32_t index, const int64_t *shape, int64_t rank) {
    uint32_t place = 0;
    for (int64_t axis = 0; axis < rank; axis++) {
        uint32_t length = (uint32_t)shape[axis], rest = index / length;
        place = place * length + (index - rest * length);
        index = rest;
    }
    return place;
}

EXPORTED int64_t NAMED(repeated_at, VARIANT)(
    const uint32_t *words, const int64_t *shape, int64_t rank, int64_t length, const uint32_t *positions,
    int64_t count, uint64_t *set, uint32_t *scratch);

/* How many runs of a length equal an earlier one, in the order of the axes reversed: all values of a run
   that occurs twice are at the positions, which are in the order of storage. The set has one bit of each
   value, and ``length`` more; scratch is eight words of each value, and ``length`` more. */
int64_t NAMED(repeated_at, VARIANT)(
    const uint32_t *words, const int64_t *shape, int64_t rank, int64_t length, const uint32_t *positions,
    int64_t count, uint64_t *set, uint32_t *scratch) {
    int64_t size = 1, backward[AXES], number = 0;
    for (int64_t axis = 0; axis < rank; axis++) {
        size *= shape[axis];
        backward[rank - 1 - axis] = shape[axis];
    }
    uint32_t *starts = scratch, *hashes = starts + size, *plain = hashes + size;
    uint32_t *table = plain + size + length;
    memset(set, 0, (size_t)((size + length) / 64 + 1) * sizeof *set);
    for (int64_t i = 0; i < count; i++) {
        uint32_t place = rank > 1 ? mirrored(positions[i], backward, rank) : positions[i];
        starts[i] = place;
        set[place >> 6] |= UINT64_C(1) << (place & 63);
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t start = starts[i], end = start;
        while (end < start + length && set[end >> 6] >> (end & 63) & 1) end++;
        starts[number] = (uint32_t)start;
        number += end == start + length;
    }
    /* Hardly any is left, except where much is repeated. */
    for (int64_t i = 0; i < number; i++) {
        for (uint32_t j = starts[i]; j < starts[i] + length; j++) {
            uint32_t word = words[rank > 1 ? mirrored(j, shape, rank) : j];
            plain[j] = word == NEGATIVE_ZERO ? 0 : word;
        }
        hashed(plain + starts[i], 1, length, hashes + i);
    }
    return equal_runs(plain, length, starts, hashes, number, table);
}

#ifdef IS_BASELINE /* what is there once */

/* Of this file as it was compiled, by which an older library is known. */
EXPORTED extern const char survey_digest[];
const char survey_digest[] = SOURCE_DIGEST;

#endif
