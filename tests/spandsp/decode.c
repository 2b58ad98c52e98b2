/* What another receiver makes of recordings: prints the DTMF digits that spandsp hears in 16-bit little-endian samples at
 * 8 kHz on standard input, one line for each recording; recordings are parted by their length, as a 32-bit number before each. */

#include <spandsp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void heard(void *unused, const char *digits, int count)
{
    (void) unused;
    fwrite(digits, 1, (size_t) count, stdout);
}

int main(void)
{
    uint32_t samples;
    while (fread(&samples, sizeof samples, 1, stdin) == 1) {
        int16_t *recording = calloc(samples + 1, sizeof *recording);
        dtmf_rx_state_t *receiver = dtmf_rx_init(NULL, heard, NULL);
        if (!recording || !receiver || fread(recording, sizeof *recording, samples, stdin) != samples)
            return EXIT_FAILURE;
        for (uint32_t at = 0; at < samples; at += 160)
            dtmf_rx(receiver, recording + at, samples - at < 160 ? (int) (samples - at) : 160);
        dtmf_rx_free(receiver);
        free(recording);
        putchar('\n');
    }
    return EXIT_SUCCESS;
}
