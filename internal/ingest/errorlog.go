package ingest

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"regexp"
)

// address matches what net/http writes about clients: IPv4 and bracketed IPv6 addresses with their ports.
var address = regexp.MustCompile(`(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.%]+\])(:\d+)?`)

// maskedLog is net/http's own error log without the addresses of clients, which are personal data. Its lines are for debugging: a
// delivery that fails has an outcome of its own.
func maskedLog(to *slog.Logger) *log.Logger { return log.New(masked{to}, "", 0) }

type masked struct{ log *slog.Logger }

func (m masked) Write(line []byte) (int, error) {
	m.log.DebugContext(context.Background(), "http server", "detail", string(address.ReplaceAll(bytes.TrimSpace(line), []byte("[address]"))))
	return len(line), nil
}
