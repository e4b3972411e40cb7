/* TestU01 (L'Ecuyer and Simard 2007) on the words that stand on standard input, as `stream` writes them.
 *
 *   stream reading=words key=0,1 | testu01 smallcrush
 *
 * It prints TestU01's own report, without the pages on each test; run.py reads it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <TestU01.h>

static uint32_t words[1 << 16];
static size_t held, next;

static unsigned int word(void) {
    if (next == held) {
        held = fread(words, sizeof words[0], sizeof words / sizeof words[0], stdin);
        next = 0;
        if (!held) {
            fputs("testu01: the words ran out\n", stderr);
            exit(3);
        }
    }
    return words[next++];
}

int main(int argc, char **argv) {
    unif01_Gen *generator;
    if (argc != 2 || (strcmp(argv[1], "smallcrush") && strcmp(argv[1], "crush"))) {
        fputs("usage: testu01 smallcrush|crush < words\n", stderr);
        return 2;
    }
    swrite_Basic = FALSE;
    generator = unif01_CreateExternGenBits("words on standard input", word);
    if (argv[1][0] == 's')
        bbattery_SmallCrush(generator);
    else
        bbattery_Crush(generator);
    unif01_DeleteExternGenBits(generator);
    return 0;
}
