/* SPDX-License-Identifier: BSD-2-Clause
 *
 * wire.h - the numbers of the protocol. doc/protocol.md explains them; they never change their meaning, for hubs are
 * never updated.
 */
#ifndef WIRE_H
#define WIRE_H

#define WIRE_PROLOGUE "restunnel/1"
#define WIRE_ATTEMPT 16 /* bytes of an attempt id, behind the text in the prologue; zero where there was no knock */

/* A knock: its MAC, then the message of Noise_X. */
#define WIRE_KNOCK 192
#define WIRE_MAC1 16
#define WIRE_KNOCK_LABEL "restunnel/1 knock" /* the prologue; and from it and the hub's public key, the key of mac1 */

/* No clock gets there: a counter that does is damage, or meant to lock its device out. */
#define WIRE_COUNTER_END (UINT64_C(1) << 62)

/* Handshake messages have one size each, padding included. */
#define WIRE_MESSAGE_1 256
#define WIRE_MESSAGE_2 256

/* A record: its length (u16, big endian), then that many bytes of a Noise transport message. */
#define WIRE_LENGTH 2
#define WIRE_TAG 16
#define WIRE_RECORD_MAX 65535 /* of ciphertext with its tag */
#define WIRE_PLAIN_MAX (WIRE_RECORD_MAX - WIRE_TAG)

/* A frame in a record: type u8, zero u8, length u16, stream u32, payload. */
#define WIRE_FRAME 8
#define WIRE_PAYLOAD_MAX (WIRE_PLAIN_MAX - WIRE_FRAME)

/* Frame types. Unknown ones below 0x80 end the connection, those from 0x80 on are ignored. */
#define FRAME_CONNECT 0x01
#define FRAME_OK 0x02
#define FRAME_FAIL 0x03
#define FRAME_DATA 0x04
#define FRAME_FIN 0x05
#define FRAME_RESET 0x06
#define FRAME_CREDIT 0x07
#define FRAME_PING 0x08
#define FRAME_PONG 0x09
#define FRAME_CLOSE 0x0a
#define FRAME_INFO 0x0b
#define FRAME_ENROLL 0x0c
#define FRAME_ENROLLED 0x0d
#define FRAME_REKEY_1 0x0e
#define FRAME_REKEY_2 0x0f
#define FRAME_REKEY_3 0x10
#define FRAME_IGNORED 0x80

/* TLVs of the payloads of handshakes and knocks */
#define TLV_SESSION 1  /* 16 random bytes: connections of one tunnel */
#define TLV_INDEX 2    /* u8: which of them this is */
#define TLV_COUNT 3    /* u8: how many there will be */
#define TLV_COUNTER 4  /* u64: strictly rising for a device; below WIRE_COUNTER_END */
#define TLV_WINDOW 5   /* u32: bytes that the sender of this takes of a new stream before it gives credit */
#define TLV_VERSION 6  /* text: the program's version */
#define TLV_OBSERVED 7 /* the address that the hub sees: 4 or 16 bytes */
#define TLV_ATTEMPT 8  /* 16 bytes: what a knock and the message 1 after it have in common */
#define TLV_TOKEN 9    /* 16 bytes: T_id of the token that the node wants to enrol with */
#define TLV_PROTOCOLS 10 /* u8 each: what a node takes in TLV_PROTOCOL */

/* TLVs of CONNECT, OK, FAIL, RESET, CLOSE, INFO */
#define TLV_IPV4 1
#define TLV_IPV6 2
#define TLV_NAME 3
#define TLV_PORT 4
#define TLV_REASON 5 /* u8 */
#define TLV_TEXT 6
#define TLV_PORT_LOOKS 7   /* u8: enum look of probe.h */
#define TLV_PORTS_BESIDE 8 /* u8 */
#define TLV_SPREAD 9       /* u32, ms: over so long a hub wants its nodes to come back when it was away */
#define TLV_PROTOCOL 10    /* u8: what CONNECT asks for, as in IP headers; absent: TCP */
#define TLV_UPTIME 11      /* u32, s: report.h has these */
#define TLV_RTT 12         /* u32, µs */
#define TLV_STREAMS 13     /* u64 */
#define TLV_DENIED 14      /* u64 */
#define TLV_BATTERY 15     /* u8: percent */
#define TLV_POWER 16       /* u8: enum machine_power of machine.h */
#define TLV_NETWORK 17     /* u8: enum machine_network */

#define WIRE_TCP 6
#define WIRE_UDP 17 /* no target: the stream is one of datagrams, each with its own (restunnel/datagram.h) */

/* TLVs of ENROLL and ENROLLED */
#define TLV_DEVICE_NAME 1

/* What a stream may be sent before credit comes, where the other end's handshake does not say. */
#define WIRE_WINDOW 262144U
/* Credit and window together never exceed this. */
#define WIRE_CREDIT_MAX 0x7fffffffU

#endif
