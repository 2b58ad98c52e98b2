/* What spandsp's DTMF receiver takes for the samples on standard input (16 bits, this machine's byte order), fed 20 ms at
 * a time, as often as the first argument says. Prints seconds of processor time, then the digits of the last time. */
#include <spandsp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FRAME = 160 };

int main(int argc, char **argv)
{
    long times = argc > 1 ? atol(argv[1]) : 1;
    size_t room = 1 << 20, count = 0, got;
    int16_t *samples = malloc(room * sizeof *samples);
    while (samples && (got = fread(samples + count, sizeof *samples, room - count, stdin)) > 0)
        if ((count += got) == room)
            samples = realloc(samples, (room *= 2) * sizeof *samples);
    if (!samples)
        return 1;

    clock_t begun = clock();
    dtmf_rx_state_t *receiver = NULL;
    for (long time = 0; time < times; time++) {
        if (receiver)
            dtmf_rx_free(receiver);
        receiver = dtmf_rx_init(NULL, NULL, NULL);
        for (size_t at = 0; at < count; at += FRAME)
            dtmf_rx(receiver, samples + at, (int) (count - at < FRAME ? count - at : FRAME));
    }
    printf("%.6f\n", (double) (clock() - begun) / CLOCKS_PER_SEC);

    char digits[MAX_DTMF_DIGITS + 1];
    if (receiver && dtmf_rx_get(receiver, digits, MAX_DTMF_DIGITS) > 0)
        printf("%s\n", digits);
    return 0;
}
