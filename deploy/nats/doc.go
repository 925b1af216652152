// Package broker is the broker as data: the nats-server configurations with their
// accounts and permissions, and the settings of the stream, embedded, so that what
// an operator applies by hand and what `clerkstream provision` applies is one text.
//
// It also asks a running broker the two questions that decide what a PubAck is
// worth: is the stream what we think it is (Check), and where are the bytes when
// the append is acknowledged (Durability).
package broker
