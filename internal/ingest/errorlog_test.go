package ingest

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestMaskedLogHidesAddresses(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"http: panic serving 203.0.113.9:51234: boom":                 "http: panic serving [address]: boom",
		"http: TLS handshake error from [2001:db8::7]:443: EOF":       "http: TLS handshake error from [address]: EOF",
		"http: Accept error: too many open files; retrying in 5ms":    "http: Accept error: too many open files; retrying in 5ms",
		"http: superfluous response.WriteHeader call from a.go:1:2:3": "http: superfluous response.WriteHeader call from a.go:1:2:3",
	} {
		var out bytes.Buffer
		maskedLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).Print(line)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q became %s", line, out.String())
		}
	}
}
