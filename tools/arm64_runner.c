/* Runs the C runner's arm64 code on plans that a file holds, and prints how many values differ.

   ``tools/arm64.py`` writes the file, with what the reference draws, and runs this program under qemu. The file
   holds for each case, in int64: the plan's numbers, the start, the count, both words of the key, the bytes of a
   value; then the lengths of rows, pattern and table in bytes, and these; then the values. */

#define VARIANT baseline
#define IS_BASELINE
#define SOURCE_DIGEST ""
#include "../src/unified_init/stream/c_runner.c"

#include <stdio.h>
#include <stdlib.h>

static void *block_of(FILE *file, int64_t size) {
    void *memory = malloc((size_t)size + 64);
    if (!memory || fread(memory, 1, (size_t)size, file) != (size_t)size) exit(3);
    return memory;
}

int main(int count, char **words) {
    FILE *file = count > 1 ? fopen(words[1], "rb") : NULL;
    if (!file) return 2;
    Plan plan;
    int64_t head[8], cases = 0, values = 0, wrong = 0;
    while (fread(&plan, sizeof plan, 1, file) == 1) {
        if (fread(head, sizeof head, 1, file) != 1) return 3;
        int64_t size = head[1] * head[4];
        int64_t *rows = block_of(file, head[5]), *pattern = block_of(file, head[6]);
        void *table = block_of(file, head[7]);
        char *expected = block_of(file, size), *drawn = malloc((size_t)size + 64);
        plan.rows = rows, plan.pattern = head[6] ? pattern : NULL, plan.table = table;
        fill_baseline(&plan, drawn, head[0], head[1], (uint32_t)head[2], (uint32_t)head[3]);
        for (int64_t j = 0; j < head[1]; j++) wrong += memcmp(drawn + j * head[4], expected + j * head[4], (size_t)head[4]) != 0;
        cases++, values += head[1];
        free(rows), free(pattern), free(table), free(expected), free(drawn);
    }
    printf("%lld cases, %lld values, %lld differ\n", (long long)cases, (long long)values, (long long)wrong);
    return wrong || !cases;
}
