package ingest

import (
	"math/rand/v2"
	"net/http"
)

// traceParent carries a valid incoming W3C trace context on, and begins a new one otherwise, so that an event can be followed from its
// delivery to the rows it changed.
func traceParent(h http.Header) string {
	v := h["Traceparent"]
	if len(v) != 1 || !validTraceParent(v[0]) {
		return newTraceParent()
	}
	if version(v[0]) != known {
		// A later version is carried on as the one we know, as W3C Trace Context (§4.3) asks.
		return known + v[0][len(known):traceParentLen]
	}
	return v[0]
}

const (
	known          = "00" // the version of level 1 and 2
	traceParentLen = 55   // 00-<32>-<16>-<2>
)

func version(traceParent string) string { return traceParent[:len(known)] }

// validTraceParent checks the form. A version above 00 may have more at the end, behind a dash.
func validTraceParent(s string) bool {
	switch {
	case len(s) < traceParentLen || s[2] != '-' || s[35] != '-' || s[52] != '-':
		return false
	case version(s) == "ff" || version(s) == known && len(s) != traceParentLen || len(s) > traceParentLen && s[traceParentLen] != '-':
		return false
	case !lowerHex(s[:2]) || !lowerHex(s[3:35]) || !lowerHex(s[36:52]) || !lowerHex(s[53:55]):
		return false
	}
	return s[3:35] != "00000000000000000000000000000000" && s[36:52] != "0000000000000000"
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// newTraceParent leaves the sampled flag off, for we record no spans. nats-server pays for a set one: it takes each such message for one
// to be traced through the broker and copies all its headers (5 µs a message, msgtrace.go of 2.15.2). Ids need to be unique, not secret.
func newTraceParent() string {
	b := make([]byte, 0, traceParentLen)
	b = append(b, "00-"...)
	b = appendHex(b, rand.Uint64())
	b = appendHex(b, rand.Uint64()|1) // never all zero
	b = append(b, '-')
	b = appendHex(b, rand.Uint64()|1)
	return string(append(b, "-00"...))
}

func appendHex(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return b
}
