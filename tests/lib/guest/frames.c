// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * frames: traffic between two network interfaces of one test guest that are on one
 * wire, without addresses or protocols.
 *
 *	frames SENDER RECEIVER COUNT BYTES
 *
 * Sends COUNT Ethernet frames of BYTES in bursts, each burst received before the
 * next, checks their contents, prints how many came, fails if one did not.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define FRAME_TYPE	0x88b5	/* for local experiments */
#define BURST		32

static int open_interface(const char *name, struct sockaddr_ll *address)
{
	const struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(FRAME_TYPE));

	memset(address, 0, sizeof(*address));
	address->sll_family = AF_PACKET;
	address->sll_protocol = htons(FRAME_TYPE);
	address->sll_ifindex = if_nametoindex(name);
	if (fd < 0 || !address->sll_ifindex ||
	    bind(fd, (struct sockaddr *)address, sizeof(*address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience))) {
		perror(name);
		exit(1);
	}
	return fd;
}

static void fill(unsigned char *frame, size_t bytes, unsigned int nr)
{
	size_t i;

	memset(frame, 0xff, ETH_ALEN);
	memset(frame + ETH_ALEN, 0x02, ETH_ALEN);
	frame[12] = FRAME_TYPE >> 8;
	frame[13] = FRAME_TYPE & 0xff;
	for (i = ETH_HLEN; i < bytes; i++)
		frame[i] = i * 7 + nr;
}

int main(int argc, char **argv)
{
	static unsigned char sent[ETH_FRAME_LEN], received[ETH_FRAME_LEN];
	unsigned int count, nr, burst_nr = 0, good = 0;
	struct sockaddr_ll from, to;
	int sender, receiver;
	size_t bytes;

	if (argc != 5) {
		fprintf(stderr, "usage: frames SENDER RECEIVER COUNT BYTES\n");
		return 2;
	}
	sender = open_interface(argv[1], &from);
	receiver = open_interface(argv[2], &to);
	count = strtoul(argv[3], NULL, 0);
	bytes = strtoul(argv[4], NULL, 0);
	if (bytes < ETH_ZLEN || bytes > sizeof(sent)) {
		fprintf(stderr, "frames: %zu bytes, not within %d and %zu\n", bytes, ETH_ZLEN,
			sizeof(sent));
		return 2;
	}
	for (nr = 0; nr < count; nr++) {
		fill(sent, bytes, nr);
		if (send(sender, sent, bytes, 0) < 0) {
			perror("frames: send");
			break;
		}
		if ((nr + 1) % BURST && nr + 1 != count)
			continue;
		for (; burst_nr <= nr; burst_nr++) {
			fill(sent, bytes, burst_nr);
			if (recv(receiver, received, sizeof(received), 0) == (ssize_t)bytes &&
			    !memcmp(sent, received, bytes))
				good++;
		}
	}
	printf("%u\n", good);
	return good == count ? 0 : 1;
}
