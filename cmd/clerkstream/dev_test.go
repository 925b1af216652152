package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// script is an executable that dev can run.
func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDevRunsProgramsBesideTheStackAndEndsThemWithIt(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	stays := script(t, "gateway", `
trap 'echo "bye"; exit 0' TERM
env | grep -E '^(CLERK|NATS_URL|LISTEN_ADDR|[A-Z]*DATABASE_URL|GATEWAY_URL|ORDERS_URL|[A-Z]*_DATABASE_URL)'
echo ready
while :; do sleep 0.05; done`)
	goes := script(t, "orders", `echo cannot >&2; exit 7`)
	dev := start(t, "dev", "--listen-addr", taken.Addr().String(), "--sim-addr", "127.0.0.1:0", "--run", stays, "--run", goes)

	dev.line(t, "gateway  | ready")
	dev.line(t, "orders   | ended: exit status 7")
	sim := strings.TrimSuffix(strings.Fields(dev.line(t, "Clerk's keys"))[0], "/.well-known/jwks.json,")
	told := map[string]string{}
	for line := range strings.Lines(dev.printed()) {
		if rest, ok := strings.CutPrefix(line, "gateway  | "); ok {
			name, value, _ := strings.Cut(strings.TrimSpace(rest), "=")
			told[name] = value
		}
	}
	for name, want := range map[string]string{
		"CLERK_ISSUER": "https://", "CLERK_JWKS_URL": sim, "CLERK_AUTHORIZED_PARTIES": "http://", "CLERK_INSTANCE": "default", "NATS_URL": "nats://",
		"DATABASE_URL": "postgres://orders_api:", "READER_DATABASE_URL": "postgres://orders_reader:", "OWNER_DATABASE_URL": "postgres://orders_owner:",
		"GATEWAY_URL": "http://" + told["LISTEN_ADDR"], "ORDERS_URL": "http://127.0.0.1:", "LISTEN_ADDR": "127.0.0.1:",
	} {
		if !strings.HasPrefix(told[name], want) {
			t.Errorf("%s is %q, want %s…", name, told[name], want)
		}
	}
	claims := verify(t, told["CLERK_JWKS_URL"], tokenOf(t, sim, "--role", "org:admin", "--version", "1"))
	if permissions := claims["org_permissions"].([]any); len(permissions) != 1 || permissions[0] != "org:orders:manage" {
		t.Errorf("%v", claims)
	}

	if err := dev.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := dev.end(t); code != 0 || !strings.Contains(dev.printed(), "gateway  | bye\ngateway  | ended: exit status 0\n") {
		t.Errorf("exit %d:\n%s", code, dev.printed())
	}
}

func TestDevSaysWhichProgramCannotRun(t *testing.T) {
	t.Parallel()
	if out, code := command(t, "dev", "--run", filepath.Join(t.TempDir(), "nothing")); code != 2 || !strings.Contains(out, "nothing") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestLinesOfProgramsDoNotMix(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var out bytes.Buffer
	a, b := &lines{mu: &mu, out: &out, prefix: "a| "}, &lines{mu: &mu, out: &out, prefix: "b| "}
	for _, part := range []struct {
		to   *lines
		text string
	}{{a, "one"}, {b, "two\nthree"}, {a, " and a half\n\n"}, {b, ""}, {a, strings.Repeat("x", longestLine)}} {
		if n, err := part.to.Write([]byte(part.text)); n != len(part.text) || err != nil {
			t.Fatal(n, err)
		}
	}
	b.flush()
	a.flush()
	want := strings.Join([]string{"b| two", "a| one and a half", "a| ", "a| " + strings.Repeat("x", longestLine), "b| three", ""}, "\n")
	if out.String() != want {
		t.Errorf("%.200q", out.String())
	}
	if len(a.rest)+len(b.rest) > 0 {
		t.Error("something is left")
	}
}
